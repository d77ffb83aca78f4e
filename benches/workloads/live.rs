//! W7: executions that sleep or wait, what each of them takes, and W1 beside them.

use std::time::Duration;

use serde_json::json;

use crate::backend::Bench;
use crate::flows::{SLEEP, STEPS, WAIT, sequence};
use crate::http::Client;
use crate::load::{start_all, start_request};
use crate::process::Server;
use crate::report::{Goal, Point};
use crate::sequence::steps;

/// How many sleep or wait in the end, and on the way there.
const LIVE: [usize; 3] = [1_000, 10_000, 100_000];

/// How many clients the W1 beside them has.
const IN_FLIGHT: usize = 64;

/// How long the server is left alone before its memory is read: longer than an idle execution stays in memory.
const SETTLE: Duration = Duration::from_secs(15);

pub async fn run(bench: &mut Bench) {
    beside(bench).await;
    memory(bench).await;
}

/// Half of them asleep, half waiting for an event.
async fn add(server: &Server, more: usize) {
    let requests = ["asleep", "waiting"].map(|workflow| start_request(workflow, &json!({})));
    let work =
        async |client: &mut Client, at: usize| client.send(&requests[at % requests.len()]).await?.good().map(drop);
    start_all(server, more, work).await;
}

async fn beside(bench: &mut Bench) {
    let stand = bench.stand(&[("ten", &sequence("ten", STEPS)), ("asleep", SLEEP), ("waiting", WAIT)]).await;
    let server = Server::start(&stand).await;
    let alone = steps(&server, IN_FLIGHT, bench.options.time).await;
    let mut points = vec![Point::of(0, &alone)];
    let (mut live, mut last) = (0, alone.per_second());
    let most = bench.options.scaled(LIVE[LIVE.len() - 1]);
    for wanted in LIVE {
        let wanted = bench.options.scaled(wanted);
        add(&server, wanted - live).await;
        live = wanted;
        let load =
            steps(&server, IN_FLIGHT, if wanted == most { bench.options.time } else { bench.options.short() }).await;
        points.push(Point::of(live, &load));
        last = load.per_second();
    }
    server.stop();
    assert_eq!(stand.executions("running").await, live as u64, "all that sleep or wait still do");
    let on = bench.backend.title();
    let falls = (1.0 - last / alone.per_second()) * 100.0;
    let what = format!("W1 with {IN_FLIGHT} in flight falls by, beside {live} that sleep or wait");
    bench.report.row(on, "W7", what, falls, "%", Some(Goal::AtMost(10.0)));
    bench.report.curve(on, "live executions", points);
}

/// On a server of its own, that nothing else has made larger.
#[allow(clippy::cast_precision_loss, reason = "a count")]
async fn memory(bench: &mut Bench) {
    let stand = bench.stand(&[("asleep", SLEEP), ("waiting", WAIT)]).await;
    let server = Server::start(&stand).await;
    tokio::time::sleep(SETTLE).await;
    let empty = server.resident_kib();
    let live = bench.options.scaled(LIVE[LIVE.len() - 1]);
    add(&server, live).await;
    tokio::time::sleep(SETTLE).await;
    let each = server.resident_kib().saturating_sub(empty) as f64 / live as f64;
    server.stop();
    let server = Server::start(&stand).await;
    let ready = server.ready.as_secs_f64() * 1e3;
    tokio::time::sleep(SETTLE).await;
    let recovered = server.resident_kib().saturating_sub(empty) as f64 / live as f64;
    server.stop();
    let on = bench.backend.title();
    bench.report.row(on, "W7", "memory for each that sleeps or waits", each, "KiB", Some(Goal::AtMost(1.0)));
    bench.report.row(on, "W7", "the same after a restart of the server", recovered, "KiB", None);
    bench.report.row(on, "W7", format!("ready after a restart with {live} of them"), ready, "ms", None);
}
