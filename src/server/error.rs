//! Why a process could not start.

use std::net::SocketAddr;

use crate::runtime::StartError;
use crate::service::ports::{QueueError, StoreError};
use crate::store::OpenError;

/// Why a process could not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is one that others can reach, and nothing would keep them out.
    #[error("`{0}` is not a loopback address, and the API has no keys that would keep others out")]
    Public(SocketAddr),
    /// The address can't be listened on.
    #[error("can't listen on `{address}`: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The certificate or its key can't be used.
    #[error("{0}")]
    Tls(String),
    /// The database can't be opened.
    #[error("{0}")]
    Database(#[from] OpenError),
    /// The database does not tell the time.
    #[error("the database's clock can't be read: {0}")]
    Clock(StoreError),
    /// Redis can't be reached.
    #[error("{0}")]
    Queue(#[from] QueueError),
    /// Workers of their own need Redis.
    #[error("workers of their own get their tasks over Redis, and none is named")]
    NoRedis,
    /// Workers of their own have to work.
    #[error("`workers.concurrency` is 0, so that nothing would be done")]
    NoWorkers,
    /// The queues of the workers, or their weights, are none.
    #[error("`workers.queues`: {0}")]
    Queues(String),
    /// A handler can't be registered.
    #[error("{0}")]
    Handler(String),
    /// The system gives no thread.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
    /// The engine can't start.
    #[error("{0}")]
    Engine(#[from] StartError),
    /// The log or the export of spans can't start.
    #[error("{0}")]
    Telemetry(String),
    /// A file that a setting names can't be read.
    #[error("{0}")]
    File(String),
    /// The system does not tell us of signals.
    #[error("can't listen for signals: {0}")]
    Signal(std::io::Error),
    /// Another process has taken over the executions of this one.
    #[error("another process has taken over; this one no longer acts")]
    Fenced,
}

impl ServeError {
    /// The way out, where there is one to be named.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Public(address) => format!(
                "listen on `127.0.0.1:{}`, and let a proxy that knows its users stand before it",
                address.port()
            ),
            Self::Listen { address, .. } => {
                format!(
                    "another program may listen there: stop it, or give `--listen {}:0` for a free port",
                    address.ip()
                )
            }
            Self::Database(error) => error.help().to_owned(),
            Self::Queue(_) => "see that Redis runs, and that `redis.url` is right".to_owned(),
            Self::NoRedis => "give `--redis redis://127.0.0.1:6379`, the one that `serve` was given".to_owned(),
            Self::Fenced => "one `serve` at a time owns a SQLite file".to_owned(),
            _ => return None,
        })
    }
}
