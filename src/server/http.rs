//! The API on the network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::{Endpoint, IntoEndpoint};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::api;
use crate::config::Config;

use super::tls::{self, Tls};
use super::{Core, ServeError, meters};

/// How long connections may stay when everything else has stopped.
const GOODBYE: Duration = Duration::from_secs(2);

/// A socket that is listened on, before anything answers there.
pub(super) struct Http {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Http {
    /// Listens as the settings say.
    pub async fn bind(config: &Config) -> Result<Self, ServeError> {
        let address = config.listen;
        if !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::Public(address));
        }
        super::core::install_tls_provider();
        let tls = match (&config.tls.cert, &config.tls.key) {
            (Some(cert), Some(key)) => Some(tls::config(cert, key).map_err(ServeError::Tls)?),
            _ => None,
        };
        let told = |error: std::io::Error| ServeError::Listen { address, reason: error.to_string() };
        let listener = TcpListener::bind(address).await.map_err(told)?;
        let address = listener.local_addr().map_err(told)?;
        Ok(Self { listener, address, tls })
    }

    /// Where it listens: the port that was free, where any would do.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers.
    pub fn serve(self, config: &Config, core: &Core) -> Result<Serving, ServeError> {
        let address = self.address;
        let told = |error: std::io::Error| ServeError::Listen { address, reason: error.to_string() };
        let meters = meters::start();
        let upkeep = meters.clone().map(|handle| AbortOnDropHandle::new(tokio::spawn(meters::upkeep(handle))));
        let app = api::app(parts(config, core, meters));
        let stop = CancellationToken::new();
        let task = match self.tls {
            Some(tls) => run(Tls::new(self.listener, tls).map_err(told)?, app, stop.clone()),
            None => {
                let listener = self.listener.into_std().map_err(told)?;
                run(TcpAcceptor::from_std(listener).map_err(told)?, app, stop.clone())
            }
        };
        Ok(Serving { address, stop, task, _upkeep: upkeep })
    }
}

fn parts(config: &Config, core: &Core, meters: Option<PrometheusHandle>) -> api::Parts {
    let queue = core.queue().clone();
    api::Parts {
        service: core.service().clone(),
        redis: config.redis.url.is_some().then(|| queue.clone()),
        metrics: Arc::new(move || {
            let (meters, queue) = (meters.clone(), queue.clone());
            async move {
                match &meters {
                    Some(handle) => meters::render(handle, &queue).await,
                    None => String::new(),
                }
            }
            .boxed()
        }),
        demo: config.demo,
        allowed_hosts: Some(config.allowed_hosts.clone()),
        body_bytes: usize::try_from(config.limits.body_bytes).unwrap_or(usize::MAX),
    }
}

fn run<A, E>(acceptor: A, app: E, stop: CancellationToken) -> JoinHandle<()>
where
    A: Acceptor + 'static,
    E: IntoEndpoint,
    E::Endpoint: Endpoint + 'static,
{
    let server = poem::Server::new_with_acceptor(acceptor);
    let stopped = async move { stop.cancelled().await };
    let app = app.into_endpoint();
    tokio::spawn(async move {
        if let Err(error) = server.run_with_graceful_shutdown(app, stopped, Some(GOODBYE)).await {
            tracing::error!(%error, "the API has stopped");
        }
    })
}

/// The API while it answers.
pub(super) struct Serving {
    /// Where.
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _upkeep: Option<AbortOnDropHandle<()>>,
}

impl Serving {
    /// Takes no more connections, and lets requests that are under way finish, for a moment.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}
