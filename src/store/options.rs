//! How a database is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::OpenError;

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is: `sqlite://path`, or `postgres://user:password@host/database?sslmode=require`.
    pub url: String,
    /// The most connections that read at once; writers have a few of their own.
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may take (PostgreSQL).
    pub statement_timeout: Duration,
    /// Whether this process serves the database: a SQLite file is then its own for life.
    pub exclusive: bool,
}

impl Options {
    /// The defaults for the database at `url`: ten readers, ten seconds for a connection, thirty for a statement; exclusive.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            exclusive: true,
        }
    }
}

/// Which database an address means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A server, and the address as the driver takes it.
    Postgres(String),
}

impl Address {
    /// Reads an address.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        if let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) {
            return Ok(Self::Postgres(format!("postgres://{rest}")));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path.map(|path| path.split_once('?').map_or(path, |(path, _)| path)) {
            Some("" | ":memory:") | None => Err(OpenError::Address(scheme_of(url).to_owned())),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
        }
    }

    /// The database as messages call it: without a user or a password.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("`{}`", path.display()),
            Self::Postgres(url) => {
                let rest = url.trim_start_matches("postgres://");
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                format!("`postgres://{}`", host.split_once('?').map_or(host, |(host, _)| host))
            }
        }
    }
}

/// What of a wrong address is safe to show.
fn scheme_of(url: &str) -> &str {
    url.split_once("://").map_or(url, |(scheme, _)| scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_an_address_are_read() {
        assert_eq!(Address::parse("sqlite://a/b.db").unwrap(), Address::Sqlite("a/b.db".into()));
        assert_eq!(Address::parse("sqlite:/tmp/b.db?mode=rwc").unwrap(), Address::Sqlite("/tmp/b.db".into()));
        assert_eq!(Address::parse("postgresql://h/d").unwrap(), Address::Postgres("postgres://h/d".into()));
    }

    #[test]
    fn a_wrong_address_is_named_without_its_secrets() {
        let error = Address::parse("mysql://root:secret@host/db").unwrap_err();
        assert_eq!(error.to_string(), "`mysql` is not the address of a database");
        assert!(Address::parse("sqlite::memory:").is_err());
    }

    #[test]
    fn the_name_of_a_server_holds_no_password() {
        let address = Address::parse("postgres://me:secret@host:5432/db?sslmode=require").unwrap();
        assert_eq!(address.name(), "`postgres://host:5432/db`");
    }
}
