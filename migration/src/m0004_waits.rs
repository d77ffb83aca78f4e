//! What a wait is found by, and how far an execution's undoing is.

pub const STATEMENTS: &[&str] = &[
    "ALTER TABLE workflow_executions ADD COLUMN compensation {text} NOT NULL DEFAULT 'none'",
    // Of a `wait` the event's type, of an `approve` the group.
    "ALTER TABLE step_executions ADD COLUMN waits_for {text}",
    // Holds what waits and nothing else, so that it is as small as that.
    "CREATE INDEX step_executions_waits ON step_executions (waits_for, task_type, created_at)
        WHERE waits_for IS NOT NULL AND status = 'waiting'",
];
