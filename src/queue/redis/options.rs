//! How Redis is reached.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, TlsCertificates};

use crate::service::ports::QueueError;

/// How long an answer may take. The client's own limit of 500 ms is less than a large batch may need.
const RESPONSE: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How Redis is reached, and what the queue's keys and times are.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host:port[/database]`; `rediss://` for TLS.
    pub url: String,
    /// The certificate authority that signed the server's certificate, as PEM; the usual ones where there is none.
    pub ca: Option<Vec<u8>>,
    /// What every key begins with.
    pub prefix: String,
    /// How long a claim lives without a heartbeat. The same for owners and workers.
    pub lease: Duration,
}

impl RedisOptions {
    /// The usual options for this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// How often a worker is to say that it is alive.
    pub fn heartbeat(&self) -> Duration {
        self.lease / 3
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            ca: None,
            prefix: "stepwell".to_owned(),
            lease: Duration::from_secs(15),
        }
    }
}

impl fmt::Debug for RedisOptions {
    /// Without the URL's credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, ca, prefix, lease } = self;
        let host = url.rsplit('@').next().unwrap_or_default();
        let ca = ca.as_ref().map(Vec::len);
        f.debug_struct("RedisOptions")
            .field("host", &host)
            .field("ca", &ca)
            .field("prefix", prefix)
            .field("lease", lease)
            .finish()
    }
}

/// An error of Redis as the ports have it.
pub(super) fn unavailable(error: redis::RedisError) -> QueueError {
    QueueError(error.to_string())
}

/// A client; nothing is connected yet.
pub(super) fn client(options: &RedisOptions) -> Result<Client, QueueError> {
    match &options.ca {
        Some(ca) if options.url.starts_with("rediss:") => {
            let tls = TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) };
            Client::build_with_tls(options.url.as_str(), tls)
        }
        _ => Client::open(options.url.as_str()),
    }
    .map_err(|_| QueueError("the URL is none of Redis: `redis://host:port` or `rediss://host:port`".to_owned()))
}

/// A connection that many calls share and that is made again when it breaks.
pub(super) async fn shared(client: &Client) -> Result<ConnectionManager, QueueError> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(2)
        .set_min_delay(Duration::from_millis(50))
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(RESPONSE));
    ConnectionManager::new_with_config(client.clone(), config).await.map_err(unavailable)
}

/// A connection of its own for calls that block for up to `block`: behind them nothing else moves.
pub(super) async fn blocking(client: &Client, block: Duration) -> redis::RedisResult<MultiplexedConnection> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(block + RESPONSE));
    client.get_multiplexed_async_connection_with_config(&config).await
}
