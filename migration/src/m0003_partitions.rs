//! Who owns which partition, and under which epoch. A row is made when a partition is first taken.

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

const STATEMENTS: &[&str] = &["CREATE TABLE partitions (
        id {small} NOT NULL PRIMARY KEY,
        epoch {int} NOT NULL,
        owner {text} NOT NULL,
        taken_at {int} NOT NULL
    )"];
