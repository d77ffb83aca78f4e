//! Errors of the database as the ports know them.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

use crate::service::ports::StoreError;

/// Why a database could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one of a database that is understood. It is not shown whole: it may hold a password.
    #[error("`{0}` is not the address of a database")]
    Address(String),
    /// Another process owns it.
    #[error("another process serves {0}")]
    Owned(String),
    /// It does not answer, or can't be read.
    #[error("can't open {name}: {reason}")]
    Connect {
        /// The database, without secrets.
        name: String,
        /// What the database or the system said.
        reason: String,
    },
    /// Its tables could not be brought up to date.
    #[error("can't bring the tables of {name} up to date: {reason}")]
    Migrate {
        /// The database, without secrets.
        name: String,
        /// What the database said.
        reason: String,
    },
}

impl OpenError {
    /// The way out.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Address(_) => "write `sqlite://stepwell.db` or `postgres://user@host/database`",
            Self::Owned(_) => {
                "one `serve` at a time owns a SQLite file: stop the other one, or name another database; several share PostgreSQL"
            }
            Self::Connect { .. } => "see that the database runs, and that the address and the permissions are right",
            Self::Migrate { .. } => "a newer release may have written these tables; nothing was changed",
        }
    }
}

impl From<DbErr> for StoreError {
    /// A unique name or key that is taken is a conflict; a value of the wrong kind is corrupt; of everything else it is not
    /// known whether it was done.
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(what) | SqlErr::ForeignKeyConstraintViolation(what)) => {
                Self::Conflict(what)
            }
            _ if matches!(error, DbErr::RecordNotUpdated) => Self::Conflict("the row is gone".to_owned()),
            _ if is_decoding(&error) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether a value was read that is not of its column's type.
fn is_decoding(error: &DbErr) -> bool {
    match error {
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) => {
            matches!(**error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        }
        _ => false,
    }
}
