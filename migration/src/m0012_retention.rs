//! What is past its retention, found by when it ended.
//!
//! `bare` tells of an execution that ended that nothing hangs on it any more: its row is left for the sake of its idempotency
//! key. So a sweep reads what it is to take away, and not again what it took away before.

pub const STATEMENTS: &[&str] = &[
    "ALTER TABLE workflow_executions ADD COLUMN bare {bool} NOT NULL DEFAULT FALSE",
    "CREATE INDEX workflow_executions_ended ON workflow_executions (bare, status, completed_at, id)
        WHERE completed_at IS NOT NULL",
];
