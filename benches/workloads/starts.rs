//! W4: starts of a workflow that sleeps at once, each durable when it is acknowledged.

use serde_json::json;

use crate::backend::{Bench, Stand};
use crate::flows::SLEEP;
use crate::http::{Client, post};
use crate::load::{Load, closed_loop, start_request};
use crate::process::Server;
use crate::report::Goal;

/// How many starts a batch holds.
const BATCH: usize = 100;

pub async fn run(bench: &mut Bench) {
    let stand = bench.stand(&[("asleep", SLEEP)]).await;
    let server = Server::start(&stand).await;
    let on = bench.backend.title();
    let goal = Goal::AtLeast(bench.backend.either(25e3, 12e3));
    let mut started = 0;
    for clients in [64, 512] {
        let load = single(bench, &server, clients).await;
        let goal = (clients == 512).then_some(goal);
        bench.report.row(on, "W4", format!("starts/s, {clients} clients"), load.per_second(), "starts/s", goal);
        bench.report.note(on, "W4", format!("{clients} clients: {}", load.note("starts")));
        started += load.done;
    }
    if let Some(load) = batches(bench, &server).await {
        let what = format!("starts/s in batches of {BATCH}, 16 clients");
        bench.report.row(on, "W4", what, load.per_second(), "starts/s", None);
        bench.report.note(on, "W4", format!("batches: {}", load.note("starts")));
        started += load.done;
    }
    server.stop();
    assert_eq!(live(&stand).await, started, "every start that was acknowledged is a row");
    bench.report.note(
        on,
        "W4",
        format!("{started} executions counted in the database afterwards: all that were acknowledged"),
    );
}

async fn single(bench: &Bench, server: &Server, clients: usize) -> Load {
    let start = start_request("asleep", &json!({}));
    let work = async |client: &mut Client| client.send(&start).await?.good().map(|_| 1);
    closed_loop(server, clients, bench.options.time, work).await
}

/// The same, many in a request; none where the server has no such thing.
async fn batches(bench: &Bench, server: &Server) -> Option<Load> {
    let start = json!({ "workflow": "asleep", "input_data": {} });
    let body = json!({ "executions": vec![start; BATCH] }).to_string();
    let request = post("/api/v1/executions/batch", &body);
    let mut client = Client::connect(server.address).await.unwrap();
    if client.send(&request).await.unwrap().good().is_err() {
        return None;
    }
    let work = async |client: &mut Client| client.send(&request).await?.good().map(|_| BATCH as u64);
    let mut load = closed_loop(server, 16, bench.options.time, work).await;
    load.done += BATCH as u64;
    Some(load)
}

async fn live(stand: &Stand) -> u64 {
    stand.number("SELECT count(*) AS n FROM workflow_executions WHERE workflow_name = 'asleep'").await
}
