//! W1 and W2: sequences of ten tasks, many at once and one at a time.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::backend::{Bench, Stand};
use crate::flows::{STEPS, payload, sequence};
use crate::http::Client;
use crate::load::{Load, closed_loop, run_to_end, start_request};
use crate::process::Server;
use crate::raw::{quantile, single_commit};
use crate::report::Goal;

/// W1.
pub async fn throughput(bench: &mut Bench) {
    let stand = stand(bench).await;
    let server = Server::start(&stand).await;
    let on = bench.backend.title();
    let mut ended = 0;
    for (in_flight, goal) in [(64, bench.backend.either(30e3, 12e3)), (512, bench.backend.either(60e3, 25e3))] {
        let load = steps(&server, in_flight, bench.options.time).await;
        let what = format!("steps/s, {in_flight} in flight");
        bench.report.row(on, "W1", what, load.per_second(), "steps/s", Some(Goal::AtLeast(goal)));
        bench.report.note(on, "W1", format!("{in_flight} in flight: {}", load.note("steps")));
        ended += load.done;
    }
    server.stop();
    counted(bench, &stand, "W1", ended).await;
}

/// W2.
pub async fn latency(bench: &mut Bench) {
    let raw_stand = bench.stand(&[]).await;
    let commit_us = single_commit(&raw_stand).await;
    let stand = stand(bench).await;
    let server = Server::start(&stand).await;
    let mut client = Client::connect(server.address).await.unwrap();
    let start = start_request("ten", &json!({ "payload": payload() }));
    let (warm, count) = (5, 100);
    let mut times = Vec::new();
    for _ in 0..warm + count {
        let began = Instant::now();
        run_to_end(&mut client, &start).await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    server.stop();
    counted(bench, &stand, "W2", (warm + count) * STEPS as u64).await;
    let mut times = times.split_off(usize::try_from(warm).unwrap());
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let goal = Goal::AtMost(bench.backend.either(1.3, 2.5));
    let on = bench.backend.title();
    bench.report.row(on, "W2", "median for ten steps, one at a time", median, "ms", None);
    bench.report.row(on, "W2", "p99", p99, "ms", None);
    let against = median * 1e3 / (11.0 * commit_us);
    bench.report.row(on, "W2", "median against eleven single commits", against, "times", Some(goal));
    bench.report.note(on, "W2", format!("a single commit took {commit_us:.0} us just before"));
}

/// A database and the workflow.
pub async fn stand(bench: &Bench) -> Stand {
    bench.stand(&[("ten", &sequence("ten", STEPS))]).await
}

/// The load of W1; its rate is one of steps.
pub async fn steps(server: &Server, in_flight: usize, time: Duration) -> Load {
    let start = start_request("ten", &json!({ "payload": payload() }));
    let work = async |client: &mut Client| run_to_end(client, &start).await.map(|_| STEPS as u64);
    closed_loop(server, in_flight, time, work).await
}

/// Holds that every step that was acknowledged is a row.
pub async fn counted(bench: &mut Bench, stand: &Stand, workload: &'static str, ended: u64) {
    let counted = stand.completed_steps().await;
    assert_eq!(counted, ended, "every step that was acknowledged is a row");
    let note = format!("{counted} completed steps counted in the database afterwards: all that were acknowledged");
    bench.report.note(bench.backend.title(), workload, note);
}
