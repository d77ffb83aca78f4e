//! A process of workers alone.
//!
//! Invariant: it needs Redis, and neither has nor wants a database.

use crate::config::Config;
use crate::queue::RedisSource;
use crate::service::{Handlers, TaskHandler};
use crate::worker::Pool;

use super::core::{handlers, install_tls_provider, pool_options, redis_options, wanted, worker_name};
use super::{ServeError, Telemetry, stop_signal};

/// Workers over Redis: they claim tasks, run their handlers and send the outcomes back.
pub struct Worker {
    config: Config,
    handlers: Handlers,
}

impl Worker {
    /// Workers with these settings.
    pub fn new(config: Config) -> Self {
        Self { config, handlers: Handlers::default() }
    }

    /// Adds a handler of one's own.
    #[must_use]
    pub fn handler(mut self, handler: impl TaskHandler) -> Self {
        self.handlers.register(handler);
        self
    }

    /// Works until SIGTERM or SIGINT, then drains.
    ///
    /// # Errors
    /// Why it could not start.
    pub async fn run(self) -> Result<(), ServeError> {
        install_tls_provider();
        let telemetry = Telemetry::start(&self.config).map_err(ServeError::Telemetry)?;
        let worked = self.work().await;
        telemetry.stop().await;
        worked
    }

    async fn work(self) -> Result<(), ServeError> {
        let Self { config, handlers: own } = self;
        let redis = redis_options(&config)?;
        let Some(options) = &redis else { return Err(ServeError::NoRedis) };
        if config.workers.concurrency == 0 {
            return Err(ServeError::NoWorkers);
        }
        let name = worker_name();
        let handlers = handlers(&config, own);
        let source = RedisSource::connect(options, wanted(&config, &handlers)?, &name).await?;
        let pool = Pool::start(source, handlers, pool_options(&config, &redis));
        super::tell::worker(&config, &name);
        let signal = stop_signal().await.map_err(ServeError::Signal)?;
        tracing::info!(signal, "stopping: what is running may finish");
        pool.drain(config.drain).await;
        tracing::info!("stopped");
        Ok(())
    }
}
