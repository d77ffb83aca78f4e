//! What every migration is: statements that run in their order, and never back.

use sea_orm_migration::prelude::*;

use crate::dialect;

/// A migration.
pub struct Forward {
    /// What it is called in the table of applied migrations. It never changes.
    pub name: &'static str,
    /// The statements, in the words of `dialect`.
    pub statements: &'static [&'static str],
}

impl MigrationName for Forward {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Forward {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, self.statements).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("migrations go forward only; to go back, restore a backup".to_owned()))
    }
}
