//! What a process says on standard output when it is ready.
//!
//! Invariant: a reader that has gone away stops nothing.

use std::io::Write;
use std::net::SocketAddr;

use crate::config::{Config, masked_url};
use crate::service::{Service, SourceState};

use super::Core;

/// Where everything is, and that it is ready.
pub(super) fn server(config: &Config, core: &Core, address: SocketAddr) {
    let base = base(config, address);
    let mut rows = vec![
        ("API", format!("{base}/api/v1")),
        ("docs", format!("{base}/docs")),
        ("database", masked_url(&config.database.url)),
        ("queue", queue(config)),
    ];
    if config.workflows.as_os_str() != "" {
        rows.push(("workflows", workflows(config, core.service())));
    }
    if config.demo {
        rows.push(("demo", demo(config, address)));
    }
    say(&rows);
}

/// Where the stub endpoints are.
pub(super) fn demo(config: &Config, address: SocketAddr) -> String {
    format!("{}/demo", base(config, address))
}

fn base(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.tls.cert.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// What a process of workers does.
pub(super) fn worker(config: &Config, name: &str) {
    let queues = match &config.workers.queues[..] {
        [] => "all".to_owned(),
        names => names.join(", "),
    };
    let url = config.redis.url.as_deref().map(masked_url).unwrap_or_default();
    let attempts = config.workers.concurrency.to_string();
    say(&[("worker", name.to_owned()), ("redis", url), ("queues", queues), ("at once", attempts)]);
}

fn queue(config: &Config) -> String {
    let place = config.redis.url.as_deref().map_or_else(|| "in the process".to_owned(), masked_url);
    match config.workers.concurrency {
        0 => format!("{place}, no workers here"),
        number => format!("{place}, {number} steps at once here"),
    }
}

fn workflows(config: &Config, service: &Service) -> String {
    let files = service.sources().list();
    let failed = files.iter().filter(|file| file.state == SourceState::Failed).count();
    let dir = config.workflows.display();
    match (config.workflows.is_dir(), failed) {
        (false, _) => format!("{dir} (not there yet)"),
        (true, 0) if files.len() == 1 => format!("{dir} (1 file)"),
        (true, 0) => format!("{dir} ({} files)", files.len()),
        (true, failed) => format!("{dir} ({failed} of {} files not applied: see the log)", files.len()),
    }
}

fn say(rows: &[(&str, String)]) {
    let mut text = format!("stepwell {}\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in rows {
        text.push_str(&format!("  {name:9}  {value}\n"));
    }
    text.push_str("ready\n");
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
