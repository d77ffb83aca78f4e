//! A whole process: what `stepwell serve` and `stepwell worker` are made of, also for programs with handlers of their own.

mod commits;
mod core;
mod error;
mod http;
mod meters;
mod metric;
mod stop;
mod telemetry;
mod tell;
mod tls;
mod worker;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, Watch};
use crate::service::{Handlers, TaskHandler};
use crate::watch::{self, Watcher};

pub use core::Core;
pub use error::ServeError;
pub use stop::stop_signal;
pub use telemetry::Telemetry;
pub use worker::Worker;

use http::Http;

/// A server: engine, workers, watcher and API in one process.
///
/// ```no_run
/// # async fn main_() -> Result<(), stepwell::ServeError> {
/// let config = stepwell::config::Config::default();
/// stepwell::Server::new(config).serve().await
/// # }
/// ```
pub struct Server {
    config: Config,
    handlers: Handlers,
}

impl Server {
    /// A server with these settings.
    pub fn new(config: Config) -> Self {
        Self { config, handlers: Handlers::default() }
    }

    /// Adds a handler of one's own: steps of its task type can be written from then on.
    #[must_use]
    pub fn handler(mut self, handler: impl TaskHandler) -> Self {
        self.handlers.register(handler);
        self
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    ///
    /// # Errors
    /// Why it could not start.
    pub async fn serve(self) -> Result<(), ServeError> {
        let telemetry = Telemetry::start(&self.config).map_err(ServeError::Telemetry)?;
        let served = self.serve_until_told().await;
        telemetry.stop().await;
        served
    }

    async fn serve_until_told(self) -> Result<(), ServeError> {
        let running = self.start().await?;
        tell::server(&running.config, &running.core, running.address());
        let node = running.core.node().clone();
        let told = tokio::select! {
            signal = stop_signal() => signal.map_err(ServeError::Signal),
            _ = node.fenced() => Err(ServeError::Fenced),
        };
        if let Ok(signal) = &told {
            tracing::info!(signal, "stopping: what is running may finish");
        }
        running.stop().await;
        tracing::info!("stopped");
        told.map(|_| ())
    }

    /// Starts everything and returns once it is ready: the files of workflows are applied, and the API answers.
    ///
    /// # Errors
    /// Why it could not start.
    pub async fn start(self) -> Result<Running, ServeError> {
        let Self { mut config, handlers } = self;
        // Before the database: a process that can't listen leaves nothing behind.
        let http = Http::bind(&config).await?;
        if config.demo {
            config.settings.demo_url = Some(tell::demo(&config, http.address()));
        }
        // Before anything that counts.
        meters::start();
        let core = Core::start(&config, handlers).await?;
        let watcher = watcher(&config, &core).await;
        let http = http.serve(&config, &core)?;
        Ok(Running { config, core, watcher, http })
    }
}

async fn watcher(config: &Config, core: &Core) -> Option<Watcher> {
    if config.workflows == Path::new("") {
        return None;
    }
    let Watch { poll, debounce } = config.watch.clone();
    let options = watch::Options { dir: config.workflows.clone(), poll, debounce };
    Some(Watcher::start(options, Arc::clone(core.service())).await)
}

/// A server that runs.
pub struct Running {
    config: Config,
    core: Core,
    watcher: Option<Watcher>,
    http: http::Serving,
}

impl Running {
    /// Where the API answers.
    pub fn address(&self) -> SocketAddr {
        self.http.address
    }

    /// Engine, workers and use cases.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Drains and stops.
    pub async fn stop(self) {
        if let Some(watcher) = self.watcher {
            watcher.stop().await;
        }
        // The API answers until the end: what is still running can be looked at, and new starts are told to come again.
        self.core.stop(self.config.drain).await;
        self.http.stop().await;
    }
}
