//! What lists of executions are found by.
//!
//! By state and time, alone and under the workflow; a list over all states is merged from these. The two indexes that had no
//! state are not needed any more: there is one fewer to write, and the state of one workflow is found at once.

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
    "CREATE INDEX workflow_executions_workflow_status ON workflow_executions (workflow_id, status, created_at, id)",
    "DROP INDEX workflow_executions_created",
    "DROP INDEX workflow_executions_workflow",
];
