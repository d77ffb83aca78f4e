//! W10: timers that are due at one moment.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::backend::{Bench, Stand, number};
use crate::flows::ALARM;
use crate::http::Client;
use crate::load::{self, start_request};
use crate::process::Server;
use crate::report::Goal;

/// How many.
const TIMERS: usize = 50_000;

/// How many are started a second at the least; the moment is so far ahead.
const STARTS: u64 = 2_000;

pub async fn run(bench: &mut Bench) {
    let timers = bench.options.scaled(TIMERS);
    let stand = bench.stand(&[("alarm", ALARM)]).await;
    let server = Server::start(&stand).await;
    let due = SystemTime::now() + Duration::from_secs(5 + timers as u64 / STARTS);
    let due = due.duration_since(UNIX_EPOCH).unwrap().as_secs();
    start_all(&server, timers, due).await;
    let lateness = lateness(&stand, timers as u64, due).await;
    let on = bench.backend.title();
    let p99 = lateness.p99;
    let goal = Goal::AtMost(bench.backend.either(1.0, 2.0));
    let what = format!("{timers} timers due at one moment: 99 of 100 fired and committed after");
    bench.report.row(on, "W10", what, p99, "s", Some(goal));
    bench.report.row(on, "W10", "all of them", lateness.all, "s", None);
    server.stop();
    assert_eq!(stand.executions("completed").await, timers as u64, "every timer has fired");
}

async fn start_all(server: &Server, timers: usize, due: u64) {
    let at = chrono::DateTime::from_timestamp(i64::try_from(due).unwrap(), 0).unwrap().to_rfc3339();
    let start = start_request("alarm", &json!({ "at": at }));
    let work = async |client: &mut Client, _| client.send(&start).await?.good().map(drop);
    load::start_all(server, timers, work).await;
    assert!(seconds_after(due) < 0.0, "the timers were due before all of them were started");
}

struct Lateness {
    p99: f64,
    all: f64,
}

/// Looks at the rows, again and again, until all have fired. The server's clock and this one's are the same.
async fn lateness(stand: &Stand, timers: u64, due: u64) -> Lateness {
    const LIVE: &str = "SELECT count(*) AS n FROM workflow_executions \
                        WHERE status NOT IN ('completed', 'failed', 'cancelled')";
    let database = stand.database().await;
    assert_eq!(number(&database, LIVE).await, timers, "all sleep");
    let ahead = Duration::from_secs_f64((-seconds_after(due)).max(0.0));
    tokio::time::sleep(ahead).await;
    let (began, mut p99) = (Instant::now(), None);
    loop {
        let live = number(&database, LIVE).await;
        let late = seconds_after(due);
        if live * 100 <= timers {
            p99.get_or_insert(late);
        }
        if live == 0 {
            return Lateness { p99: p99.unwrap_or(late), all: late };
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{live} timers have not fired");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How long ago a moment was, in seconds; below 0 where it is still to come.
#[allow(clippy::cast_precision_loss, reason = "seconds")]
fn seconds_after(moment: u64) -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() - moment as f64
}
