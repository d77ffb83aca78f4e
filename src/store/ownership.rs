//! Who serves a database: one process at a time, for its whole life.
//!
//! The lock is the operating system's or the server's, so that it goes with the process, whatever ends it. It keeps a second
//! `serve` away; what keeps a process from writing that lost it unnoticed is the epoch (`commit`).

use std::fs::{File, TryLockError};
use std::path::Path;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::OpenError;

/// The key of the advisory lock of the process that serves a PostgreSQL database.
const SERVE_LOCK: i64 = 0x5354_4550_5745_4C01;

/// The lock, held until this is dropped.
pub(super) enum Ownership {
    /// A locked file beside a SQLite database.
    File(#[allow(dead_code, reason = "held, not read")] File),
    /// A session of its own that holds an advisory lock.
    Session(#[allow(dead_code, reason = "held, not read")] DatabaseConnection),
}

impl Ownership {
    /// Takes the file lock beside the database at `path`.
    pub fn of_file(path: &Path, name: &str) -> Result<Self, OpenError> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let connect = |error: std::io::Error| OpenError::Connect { name: name.to_owned(), reason: error.to_string() };
        let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(connect)?;
        match file.try_lock() {
            Ok(()) => Ok(Self::File(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Owned(name.to_owned())),
            Err(TryLockError::Error(error)) => Err(connect(error)),
        }
    }

    /// Takes the advisory lock in `session`, a pool of one connection that lives as long as this.
    pub async fn of_session(session: DatabaseConnection, name: &str) -> Result<Self, OpenError> {
        let sql = "SELECT pg_try_advisory_lock($1) AS taken";
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [SERVE_LOCK.into()]);
        let answer = session.query_one_raw(statement).await.and_then(|row| match row {
            Some(row) => row.try_get::<bool>("", "taken"),
            None => Ok(false),
        });
        match answer {
            Ok(true) => Ok(Self::Session(session)),
            Ok(false) => Err(OpenError::Owned(name.to_owned())),
            Err(error) => Err(OpenError::Connect { name: name.to_owned(), reason: error.to_string() }),
        }
    }
}
