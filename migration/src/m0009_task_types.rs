//! Task types that workers elsewhere register.

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
    // The definition is JSON: schemas, defaults and words, read and written whole.
    "CREATE TABLE task_types (
        name {text} NOT NULL PRIMARY KEY,
        definition {text} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL
    )",
];
