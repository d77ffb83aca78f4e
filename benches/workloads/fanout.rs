//! W3: many tasks of one execution at once, and a join.

use std::time::Instant;

use serde_json::{Value, json};

use crate::backend::Bench;
use crate::flows::{FAN, payload};
use crate::http::Client;
use crate::load::{mib, run_to_end, start_request};
use crate::process::Server;
use crate::raw::quantile;
use crate::report::Goal;

/// How wide, how often, and the goals in milliseconds.
const RUNS: [(usize, usize, f64, f64); 3] =
    [(1_000, 20, 30.0, 100.0), (10_000, 5, 250.0, 800.0), (100_000, 3, 3_000.0, 8_000.0)];

pub async fn run(bench: &mut Bench) {
    let stand = bench.stand(&[("fan", FAN)]).await;
    let server = Server::start(&stand).await;
    let on = bench.backend.title();
    let mut tasks = 0;
    for (width, times, sqlite, postgres) in RUNS {
        let wide = bench.options.scaled(width);
        server.forget_peak();
        let mut took = Vec::new();
        for _ in 0..times {
            took.push(one(&server, wide).await);
            tasks += wide as u64;
        }
        let goal = Goal::AtMost(bench.backend.either(sqlite, postgres));
        let what = format!("{wide} parallel steps and a join, median of {times}");
        bench.report.row(on, "W3", what, quantile(&mut took, 0.5), "ms", Some(goal));
        bench.report.note(on, "W3", format!("{wide} wide: {:.0} MiB resident at most", mib(server.peak_kib())));
    }
    server.stop();
    assert_eq!(stand.completed_steps().await, tasks, "every task is a row");
}

/// How long it takes from the request to the answer that tells of the end, in milliseconds.
async fn one(server: &Server, wide: usize) -> f64 {
    let mut client = Client::connect(server.address).await.unwrap();
    let start = start_request("fan", &json!({ "n": wide, "payload": payload() }));
    let began = Instant::now();
    let ended = run_to_end(&mut client, &start).await.unwrap();
    let took = began.elapsed().as_secs_f64() * 1e3;
    let ended: Value = serde_json::from_slice(&ended).unwrap();
    assert_eq!(ended["output_data"]["joined"], wide, "all are joined");
    took
}
