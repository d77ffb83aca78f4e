//! Limits: which executions count against each other, outputs that are kept, and how often was dispatched.

pub const STATEMENTS: &[&str] = &[
    "ALTER TABLE workflow_executions ADD COLUMN concurrency_key {text}",
    // Who runs and who waits, oldest first. It holds live executions with a key alone.
    "CREATE INDEX workflow_executions_slots ON workflow_executions (workflow_id, concurrency_key, created_at, id)
        WHERE concurrency_key IS NOT NULL AND status NOT IN ('completed', 'failed', 'cancelled')",
    "CREATE TABLE step_cache (
        key {text} NOT NULL PRIMARY KEY,
        output {text} NOT NULL,
        created_at {int} NOT NULL,
        expires_at {int} NOT NULL
    )",
    "CREATE INDEX step_cache_expiry ON step_cache (expires_at)",
    // The times of the last dispatches under a limit, as a JSON list: never more than the limit's count.
    "CREATE TABLE rate_limits (
        name {text} NOT NULL PRIMARY KEY,
        times {text} NOT NULL
    )",
];
