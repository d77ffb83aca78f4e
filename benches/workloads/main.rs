//! The workloads, over the real server and its HTTP API: W1 throughput, W2 latency. The server is a process of its own
//! (this program, told to serve); on PostgreSQL with Redis the worker is one too.
//!
//! `cargo bench --bench workloads -- [--seconds 30] [--backend sqlite|postgres] [--json FILE]`

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run says so")]

mod backend;
mod load;
mod raw;
mod report;

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/support/redis.rs"]
mod redis;

use std::time::Duration;

use backend::{Backend, Server};
use report::{Report, Row};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // The load speaks HTTP alone, but its client wants to know what it would do about TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match args.get(1).map(String::as_str) {
        Some("--serve") => runtime.block_on(backend::serve()),
        Some("--work") => runtime.block_on(backend::work()),
        _ => runtime.block_on(measure(&args)),
    }
}

fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1).map(String::as_str)
}

async fn measure(args: &[String]) {
    let seconds = option(args, "--seconds").map_or(30, |seconds| seconds.parse().unwrap());
    let only = option(args, "--backend");
    let mut report = Report::default();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        if only.is_none_or(|only| only == backend.name()) {
            one(backend, Duration::from_secs(seconds), &mut report).await;
        }
    }
    report.print();
    if let Some(path) = option(args, "--json") {
        std::fs::write(path, report.json()).unwrap();
    }
}

async fn one(backend: Backend, time: Duration, report: &mut Report) {
    let stand = backend::Stand::prepare(backend).await;
    let name = backend.title();
    let raw = raw::measure(&stand).await;
    report
        .note(name, &format!("fdatasync of 4 KiB {:.0} us, a commit of one row {:.0} us", raw.sync_us, raw.commit_us));

    let server = Server::start(&stand).await;
    let alone = load::latency(&server, 100).await;
    let goal = if backend == Backend::Sqlite { Some(8_000.0) } else { None };
    let eleven = 11.0 * raw.commit_us;
    report.row(
        Row::new(name, "W2 ten steps, one at a time: median", alone.median_us / 1e3, "ms")
            .at_most(goal.map(|us| us / 1e3)),
    );
    report.row(Row::new(name, "W2 p99", alone.p99_us / 1e3, "ms"));
    report.row(Row::new(name, "W2 median against eleven single commits", alone.median_us / eleven, "times"));

    for in_flight in [64, 512] {
        let before = server.usage();
        let run = load::throughput(&server, in_flight, time).await;
        let after = server.usage();
        let goal = match (backend, in_flight) {
            (Backend::Sqlite, 64) => Some(10_000.0),
            (Backend::Postgres, 64) => Some(4_000.0),
            _ => None,
        };
        let title = format!("W1 steps/s, {in_flight} in flight");
        report.row(Row::new(name, &title, run.steps_per_second(), "steps/s").at_least(goal));
        report.note(name, &format!(
            "W1 {in_flight}: {} executions in {:.1} s, p50 {:.1} ms, p99 {:.1} ms; CPU of the load {:.2} cores, of the server{} {:.2} cores, {} MiB resident",
            run.executions, run.seconds, run.p50_ms, run.p99_ms, run.load_cores,
            if backend == Backend::Postgres { " and worker" } else { "" },
            (after.cpu_seconds - before.cpu_seconds) / run.seconds, after.rss_mib,
        ));
        report.started(run.executions);
    }
    server.stop();
    let counted = stand.completed_steps().await;
    let expected = report.take_started() * 10 + 100 * 10;
    assert_eq!(counted, expected, "every step that was acknowledged is a row");
    report.note(
        name,
        &format!("{counted} completed steps counted in the database afterwards, all that were acknowledged"),
    );
}
