//! Who serves a SQLite file: one process at a time, for its whole life.
//!
//! The lock is the operating system's, so that it goes with the process, whatever ends it. Processes that serve one PostgreSQL
//! database share its partitions (`leases`).

use std::fs::{File, TryLockError};
use std::path::Path;

use super::OpenError;

/// A locked file beside a SQLite database, until this is dropped.
pub(super) struct FileLock(#[allow(dead_code, reason = "held, not read")] File);

impl FileLock {
    /// Takes the lock beside the database at `path`.
    pub fn take(path: &Path, name: &str) -> Result<Self, OpenError> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let connect = |error: std::io::Error| OpenError::Connect { name: name.to_owned(), reason: error.to_string() };
        let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(connect)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Owned(name.to_owned())),
            Err(TryLockError::Error(error)) => Err(connect(error)),
        }
    }
}
