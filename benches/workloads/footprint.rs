//! W5: how long until it is ready, and what it takes of memory and disk.

use std::time::Duration;

use crate::backend::Bench;
use crate::load::mib;
use crate::process::{How, Server};
use crate::raw::quantile;
use crate::report::Goal;
use crate::sequence;

/// How long it is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);

/// How often it is started.
const STARTS: usize = 9;

pub async fn run(bench: &mut Bench) {
    starts(bench).await;
    let on = bench.backend.title();
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_stepwell")).unwrap().len();
    bench.report.row(on, "W5", "size of the binary", mib(size / 1024), "MiB", None);
    under_load(bench).await;
}

/// The `stepwell` binary, on a database that is not there yet and on one that is.
async fn starts(bench: &mut Bench) {
    let on = bench.backend.title();
    let binary = How { binary: true, ..How::default() };
    let stand = bench.stand(&[]).await;
    let first = Server::start_as(&stand, binary.clone()).await;
    let made = first.ready.as_secs_f64() * 1e3;
    tokio::time::sleep(IDLE).await;
    let idle = mib(first.resident_kib());
    first.stop();
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start_as(&stand, binary.clone()).await;
        times.push(server.ready.as_secs_f64() * 1e3);
        server.stop();
    }
    let goal = Goal::AtMost(bench.backend.either(100.0, 300.0));
    bench.report.row(on, "W5", "ready, median", quantile(&mut times, 0.5), "ms", Some(goal));
    bench.report.row(on, "W5", "ready, with the tables of a new database to make", made, "ms", None);
    let goal = Goal::AtMost(bench.backend.either(30.0, 40.0));
    bench.report.row(on, "W5", "resident when idle", idle, "MiB", Some(goal));
}

/// W1 for a while: memory at its peak, and the bytes that each step is on disk.
#[allow(clippy::cast_precision_loss, reason = "a size")]
async fn under_load(bench: &mut Bench) {
    let on = bench.backend.title();
    let stand = sequence::stand(bench).await;
    let server = Server::start(&stand).await;
    let empty = stand.bytes().await;
    let mut ended = 0;
    for in_flight in [64, 512] {
        let load = sequence::steps(&server, in_flight, bench.options.short()).await;
        let goal = Goal::AtMost(bench.backend.either(150.0, 200.0));
        let what = format!("resident at most, under W1 with {in_flight} in flight");
        bench.report.row(on, "W5", what, mib(load.peak_kib), "MiB", Some(goal));
        ended += load.done;
    }
    server.stop();
    sequence::counted(bench, &stand, "W5", ended).await;
    let bytes = stand.bytes().await.saturating_sub(empty) as f64 / ended as f64;
    bench.report.row(on, "W5", "on disk for each step, indexes and executions included", bytes, "bytes", None);
}
