//! `/health` and `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::payload::{Json, PlainText};
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::service::Service;
use crate::service::ports::Dispatcher;

use super::{MetricsRenderer, Tag};

/// How long the queue has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The endpoints of health and metrics.
pub struct Health {
    /// The use cases.
    pub service: Arc<Service>,
    /// The task queue, where it is outside this process.
    pub redis: Option<Arc<dyn Dispatcher>>,
    /// What gives the metrics as text.
    pub metrics: MetricsRenderer,
}

/// Whether the server can work.
#[derive(Debug, Object)]
#[oai(rename = "Health", example)]
pub struct HealthDto {
    /// `ok` or `unavailable`.
    pub status: String,
    /// `ok` or `down`.
    pub database: String,
    /// `ok` or `down`, or `off` where the queue is in this process.
    pub redis: String,
    /// What is wrong with each that is down.
    #[oai(skip_serializing_if_is_none)]
    pub detail: Option<String>,
    /// The version of the program.
    pub version: String,
}

impl Example for HealthDto {
    fn example() -> Self {
        Self {
            status: "ok".to_owned(),
            database: "ok".to_owned(),
            redis: "off".to_owned(),
            detail: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

#[derive(ApiResponse)]
enum HealthAnswer {
    /// All of it works.
    #[oai(status = 200)]
    Ok(Json<HealthDto>),
    /// Something does not answer.
    #[oai(status = 503)]
    Unavailable(Json<HealthDto>),
}

impl Health {
    async fn check(&self) -> HealthAnswer {
        let (database, redis) = futures::join!(self.service.health_database(), self.redis_health());
        let well = database.is_ok() && redis.as_ref().is_none_or(Result::is_ok);
        let told = |answer: &Result<(), String>| if answer.is_ok() { "ok" } else { "down" }.to_owned();
        let wrong: Vec<&str> = [Some(&database), redis.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|it| it.as_ref().err())
            .map(|it| &**it)
            .collect();
        let health = HealthDto {
            status: if well { "ok" } else { "unavailable" }.to_owned(),
            database: told(&database),
            redis: redis.as_ref().map_or_else(|| "off".to_owned(), told),
            detail: (!well).then(|| wrong.join("; ")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if well { HealthAnswer::Ok(Json(health)) } else { HealthAnswer::Unavailable(Json(health)) }
    }

    async fn redis_health(&self) -> Option<Result<(), String>> {
        let queue = self.redis.as_ref()?;
        Some(match tokio::time::timeout(PATIENCE, queue.ping()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("the queue did not answer within {} s", PATIENCE.as_secs())),
        })
    }
}

#[OpenApi(tag = "Tag::Operations")]
impl Health {
    /// Health
    ///
    /// Whether the database and, where it is used, Redis answer.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> HealthAnswer {
        self.check().await
    }

    /// Liveness
    ///
    /// Whether the process answers at all: restart it where it does not.
    #[oai(path = "/health/live", method = "get", operation_id = "health_live")]
    async fn live(&self) -> PlainText<String> {
        PlainText("ok".to_owned())
    }

    /// Readiness
    ///
    /// Whether requests should be sent here: as `/health`.
    #[oai(path = "/health/ready", method = "get", operation_id = "health_ready")]
    async fn ready(&self) -> HealthAnswer {
        self.check().await
    }

    /// Metrics
    ///
    /// In the text format of Prometheus.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self) -> PlainText<String> {
        PlainText((self.metrics)().await)
    }
}
