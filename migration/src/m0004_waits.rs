//! What a wait is found by, and how far an execution's undoing is.

use sea_orm_migration::prelude::*;

use crate::dialect;

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, STATEMENTS).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::forward_only()
    }
}

const STATEMENTS: &[&str] = &[
    "ALTER TABLE workflow_executions ADD COLUMN compensation {text} NOT NULL DEFAULT 'none'",
    // Of a `wait` the event's type, of an `approve` the group.
    "ALTER TABLE step_executions ADD COLUMN waits_for {text}",
    // Holds what waits and nothing else, so that it is as small as that.
    "CREATE INDEX step_executions_waits ON step_executions (waits_for, task_type, created_at)
        WHERE waits_for IS NOT NULL AND status = 'waiting'",
];
