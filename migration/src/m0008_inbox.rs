//! Messages from one node to the owner of a partition, and the replies to them.

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
    // Done once it has an answer, or is gone.
    "CREATE TABLE inbox (
        id {serial},
        partition {small} NOT NULL,
        body {text} NOT NULL,
        answer {text},
        created_at {int} NOT NULL
    )",
    "CREATE INDEX inbox_open ON inbox (partition, id) WHERE answer IS NULL",
    "CREATE INDEX inbox_answered ON inbox (created_at) WHERE answer IS NOT NULL",
];
