//! The workloads W1 to W10 and two curves, over the real server and its HTTP API. The server is a process of its own (this program, told to
//! serve, since it brings a handler; W5 starts the `stepwell` binary itself); on PostgreSQL with Redis the worker is one too.
//!
//! `cargo bench --bench workloads -- [NAME…] [--sqlite] [--postgres] [--seconds 30] [--scale 1] [--json FILE]`
//! runs those that are named, or all of them. `--scale 0.01` makes every large number a hundredth. `soak [--minutes 10]` runs
//! where it is named alone.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run says so")]

mod backend;
mod curves;
mod dag;
mod fanout;
mod flows;
mod footprint;
mod history;
mod http;
mod live;
mod load;
mod options;
mod process;
mod pure;
mod raw;
mod report;
mod sequence;
mod server;
mod soak;
mod starts;
mod timers;

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/support/redis.rs"]
mod redis;

use backend::{Backend, Bench};
use options::Options;
use report::Report;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let _ = rustls::crypto::ring::default_provider().install_default();
    match args.first().map(String::as_str) {
        Some("--serve") => tokio::runtime::Runtime::new().unwrap().block_on(server::serve()),
        Some("--work") => tokio::runtime::Runtime::new().unwrap().block_on(server::work()),
        // One thread for the load: it takes the less from those that are measured.
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure(&args)),
    }
}

async fn measure(args: &[String]) {
    let options = Options::parse(args).unwrap_or_else(|wrong| {
        eprintln!("{wrong}");
        std::process::exit(2)
    });
    let mut report = Report::default();
    for backend in options.backends.clone() {
        let mut bench = Bench::prepare(backend, options.clone(), report);
        run(&mut bench).await;
        report = bench.report;
    }
    report.print(&options);
    if let Some(path) = &options.json {
        std::fs::write(path, report.json(&options)).unwrap();
    }
}

async fn run(bench: &mut Bench) {
    raw::report(bench).await;
    for name in bench.options.names.clone() {
        eprintln!("{}: {name}", bench.backend.title());
        match name {
            "w1" => sequence::throughput(bench).await,
            "w2" => sequence::latency(bench).await,
            "w3" => fanout::run(bench).await,
            "w4" => starts::run(bench).await,
            "w5" => footprint::run(bench).await,
            "w6" => pure::run(bench).await,
            "w7" => live::run(bench).await,
            "w8" => history::run(bench).await,
            "w9" => dag::run(bench).await,
            "w10" => timers::run(bench).await,
            "plans" => curves::plans(bench).await,
            "soak" => soak::run(bench).await,
            "cores" => curves::cores(bench).await,
            _ => unreachable!("the options know the names"),
        }
    }
}

impl Backend {
    /// What holds on SQLite, and what on PostgreSQL.
    fn either<T>(self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}
