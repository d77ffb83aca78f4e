//! The process's metrics, as Prometheus reads them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::runtime::measure_queue;
use crate::service::ports::Dispatcher;

use super::metric::{Kind, METRICS, Metric};

/// Upper ends of the buckets of times, in seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
    86_400.0,
];

/// Upper ends of the buckets of numbers of rows and events.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 16_384.0];

/// How often what was measured is gathered, whether anybody asks or not: else it grows.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts measuring; once in a process, whatever is served in it. None where the program has a recorder of its own.
pub(super) fn start() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(|| builder()?.install_recorder().ok().inspect(|_| describe())).clone()
}

/// Gathers now and then, until the task is dropped.
pub(super) async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

/// What `/metrics` shows, with the queue's depth as it is now.
pub(super) async fn render(handle: &PrometheusHandle, queue: &Arc<dyn Dispatcher>) -> String {
    // A queue that does not answer leaves the last numbers; `/health` tells of it.
    queue.depths().await.unwrap_or_default().iter().for_each(measure_queue);
    handle.render()
}

fn builder() -> Option<PrometheusBuilder> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), COUNTS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), COUNTS))
        .ok()
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, help(metric)),
            Kind::Gauge => metrics::describe_gauge!(metric.name, help(metric)),
            Kind::Histogram => metrics::describe_histogram!(metric.name, help(metric)),
        }
    }
}

/// What a metric is, and by what it is told apart.
fn help(metric: &Metric) -> String {
    let by = if metric.labels.is_empty() { "" } else { ", by " };
    format!("{}{by}{}", metric.what, metric.labels.join(" and "))
}
