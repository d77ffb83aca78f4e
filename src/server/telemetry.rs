//! The log and the export of spans.
//!
//! Invariant: a log that nobody reads, or a collector that does not answer, never stops or slows a step.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Config, LogFormat};

/// How long the last spans may take to be sent.
const FLUSH: Duration = Duration::from_secs(5);

/// The log and the export of spans of a process.
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts both as the settings say. Must be called within a tokio runtime. Where a log was started already, by the
    /// program that this is a part of, that one stays.
    ///
    /// # Errors
    /// A level that is none, or a collector's address that is none.
    pub fn start(config: &Config) -> Result<Self, String> {
        // The sender of spans is an HTTP client, and comes before whatever else needs TLS.
        super::core::install_tls_provider();
        let level = EnvFilter::try_new(directives(&config.log.level))
            .map_err(|error| format!("`log.level` is no level and no list of directives: {error}"))?;
        let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
        let lines = match config.log.format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Text => lines.with_ansi(color()).with_target(false).boxed(),
        };
        let spans = config.otlp.endpoint.as_deref().map(exporter).transpose()?;
        let exported = spans.as_ref().map(|spans| {
            // What is exported does not hang on what is logged.
            let ours = Targets::new().with_target("stepwell", tracing::Level::INFO);
            tracing_opentelemetry::layer().with_tracer(spans.tracer("stepwell")).with_filter(ours)
        });
        let _ = tracing_subscriber::registry().with(exported).with(lines.with_filter(level)).try_init();
        Ok(Self { spans })
    }

    /// Sends the spans that are still here.
    pub async fn stop(self) {
        let Some(spans) = self.spans else { return };
        let flushed = tokio::task::spawn_blocking(move || spans.shutdown_with_timeout(FLUSH)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// A plain level is for what is ours: what libraries say below a warning is theirs, but for those who debug.
fn directives(level: &str) -> String {
    match level {
        "info" => "warn,stepwell=info".to_owned(),
        other => other.to_owned(),
    }
}

fn color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
}

fn exporter(endpoint: &str) -> Result<SdkTracerProvider, String> {
    let told = |error: &dyn std::fmt::Display| format!("can't export spans to `{endpoint}`: {error}");
    let address = match endpoint.trim_end_matches('/') {
        whole if whole.ends_with("/v1/traces") => whole.to_owned(),
        base => format!("{base}/v1/traces"),
    };
    let sender = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(address)
        .build()
        .map_err(|error| told(&error))?;
    let runtime = Handle::try_current().map_err(|error| told(&error))?;
    let resource = Resource::builder().with_service_name("stepwell").build();
    let exporter = OnRuntime { sender: Arc::new(sender), runtime };
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Sends spans on the runtime: the thread that gathers them has none, and the HTTP client needs one.
#[derive(Debug)]
struct OnRuntime {
    sender: Arc<opentelemetry_otlp::SpanExporter>,
    runtime: Handle,
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sender = self.sender.clone();
        let sent = self.runtime.spawn(async move { sender.export(batch).await }).await;
        sent.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.sender.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Nothing else holds it before the first batch.
        if let Some(sender) = Arc::get_mut(&mut self.sender) {
            sender.set_resource(resource);
        }
    }
}
