//! The soak: W1 at half its rate for a while, with processes killed and started again, and what has ended deleted after a
//! time. Every execution is accounted for, and memory and disk come to stand still.
//!
//! The server is killed during the first two fifths alone, so that the second half shows the memory of one process, whose caches
//! and whose log have filled up; its worker goes on being killed. What has ended is kept for a tenth of the whole time, so that in the second half as many are deleted as end.

mod accounts;
mod clients;
mod plateau;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::backend::{Bench, Stand};
use crate::load::mib;
use crate::process::{How, Server};
use crate::report::Goal;
use crate::sequence;

use clients::Schedule;
use plateau::{Sample, growth};

/// How many clients the load has: enough to make up for what waited while a process was down.
const CLIENTS: usize = 256;

/// How often something is killed in the whole time.
const KILLS: u32 = 40;

pub async fn run(bench: &mut Bench) {
    let time = bench.options.soak;
    let keep = time / 10;
    let rate = half_of_w1(bench).await;
    let stand = sequence::stand(bench).await;
    let settings = retention(bench, keep);
    let mut server = Server::start_as(&stand, How { settings, ..How::default() }).await;
    let schedule = Schedule::new(server.address, rate, time);
    let watching = watch(&mut server, &stand, time);
    let (told, (samples, kills)) = tokio::join!(clients::run(&schedule, CLIENTS), watching);
    server.stop();

    let accounts = accounts::settle(&stand, &told, keep).await;
    let on = bench.backend.title();
    let what = format!("executions at {rate:.0}/s over {kills} kills, all accounted for");
    bench.report.row(on, "soak", what, told.len() as f64, "executions", None);
    bench.report.row(
        on,
        "soak",
        "lost, unknown, or not ended as they should",
        accounts.wrong(),
        "executions",
        Some(Goal::AtMost(0.0)),
    );
    bench.report.note(on, "soak", accounts.to_string());
    let half = &samples[samples.len() / 2..];
    for (what, of) in [("disk", Sample::disk as fn(&Sample) -> f64), ("memory", Sample::memory)] {
        let what = format!("{what} grows over the second half by");
        bench.report.row(on, "soak", what, growth(half, of), "%", Some(Goal::AtMost(5.0)));
    }
    for (at, sample) in samples.iter().enumerate().filter(|(at, _)| at % (samples.len() / 10).max(1) == 0) {
        let (memory, disk) = (mib(sample.memory_kib), mib(sample.disk_bytes / 1024));
        bench.report.note(on, "soak", format!("after {at} s: {memory:.0} MiB resident, {disk:.0} MiB on disk"));
    }
    assert!(accounts.wrong() == 0.0, "{accounts}");
}

/// The settings that delete what ended so long ago; none where this build does not know them.
fn retention(bench: &mut Bench, keep: Duration) -> Vec<(&'static str, String)> {
    let settings = vec![
        ("STEPWELL_RETENTION__COMPLETED", format!("{}ms", keep.as_millis())),
        ("STEPWELL_RETENTION__KEYS", "1s".to_owned()),
    ];
    let mut known = Command::new(env!("CARGO_BIN_EXE_stepwell"));
    known.arg("config").envs(settings.iter().map(|(name, value)| (name, value))).stdout(Stdio::null());
    if known.stderr(Stdio::null()).status().unwrap().success() {
        return settings;
    }
    bench.report.note(
        bench.backend.title(),
        "soak",
        "this build keeps everything for ever: the disk can't stand still",
    );
    Vec::new()
}

/// Executions a second: half of what W1 makes with 64 in flight.
async fn half_of_w1(bench: &Bench) -> f64 {
    let stand = sequence::stand(bench).await;
    let server = Server::start(&stand).await;
    let load = sequence::steps(&server, 64, bench.options.soak / 60).await;
    server.stop();
    load.per_second() / crate::flows::STEPS as f64 / 2.0
}

/// Samples every second, and kills now and then; how often.
async fn watch(server: &mut Server, stand: &Stand, time: Duration) -> (Vec<Sample>, usize) {
    let (began, mut samples, mut kills) = (Instant::now(), Vec::new(), 0);
    let mut processes = (0..server.processes()).cycle();
    let mut next_kill = time / KILLS;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    while began.elapsed() < time {
        ticks.tick().await;
        samples.push(Sample {
            at: began.elapsed(),
            memory_kib: server.resident_kib(),
            disk_bytes: stand.bytes().await,
        });
        if began.elapsed() < next_kill {
            continue;
        }
        next_kill += time / KILLS;
        let process = processes.next().unwrap();
        if process != 0 || began.elapsed() < time / 5 * 2 {
            server.crash(process).await;
            kills += 1;
        }
    }
    (samples, kills)
}
