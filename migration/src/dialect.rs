//! What differs between the databases in the SQL of a migration.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// What each open name stands for: (name, SQLite, PostgreSQL).
const NAMES: &[(&str, &str, &str)] = &[
    ("{uuid}", "BLOB", "UUID"),
    ("{int}", "INTEGER", "BIGINT"),
    ("{small}", "INTEGER", "SMALLINT"),
    ("{bool}", "BOOLEAN", "BOOLEAN"),
    ("{text}", "TEXT", "TEXT COLLATE \"C\""),
    ("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("{clustered}", " WITHOUT ROWID", ""),
];

/// Runs statements, one after the other, in the words of this database.
pub async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
    for statement in statements {
        let sql = NAMES.iter().fold((*statement).to_owned(), |sql, (name, in_sqlite, in_postgres)| {
            sql.replace(name, if sqlite { in_sqlite } else { in_postgres })
        });
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
