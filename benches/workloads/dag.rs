//! W9: a graph of 10,000 steps and 35,000 edges, eight levels deep, 8,500 wide.

use std::fmt::Write;
use std::time::Instant;

use serde_json::json;

use crate::backend::Bench;
use crate::flows::payload;
use crate::http::{Client, with_body};
use crate::load::{mib, run_to_end, start_request};
use crate::process::Server;
use crate::raw::quantile;
use crate::report::Goal;

/// The levels: how many steps each has, at full scale.
const LEVELS: [usize; 8] = [214, 214, 214, 8_500, 214, 214, 215, 215];

/// The wide one.
const WIDE: usize = 3;

/// How many steps of the level above each step of the wide level follows.
const WIDE_EDGES: usize = 2;

/// All edges, at full scale.
const EDGES: usize = 35_000;

pub async fn run(bench: &mut Bench) {
    let stand = bench.stand(&[]).await;
    let server = Server::start(&stand).await;
    let mut client = Client::connect(server.address).await.unwrap();
    let levels = LEVELS.map(|steps| bench.options.scaled(steps));
    let steps: usize = levels.iter().sum();
    let (text, edges) = graph(&levels, bench.options.scaled(EDGES));
    let publish = with_body("PUT", "/api/v1/workflows/source?notation=flow", "text/plain", &text);
    let began = Instant::now();
    client.send(&publish).await.unwrap().good().unwrap();
    let published = began.elapsed().as_secs_f64() * 1e3;

    let on = bench.backend.title();
    let runs = 3;
    let mut took = Vec::new();
    server.forget_peak();
    for _ in 0..runs {
        let began = Instant::now();
        run_to_end(&mut client, &start_request("graph", &json!({ "payload": payload() }))).await.unwrap();
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let peak = mib(server.peak_kib());
    server.stop();
    assert_eq!(stand.completed_steps().await, (steps * runs) as u64, "every step is a row");
    let what = format!("{steps} steps, {edges} edges, median of {runs}");
    let median = quantile(&mut took, 0.5);
    bench.report.row(on, "W9", what, median, "ms", Some(Goal::AtMost(bench.backend.either(1e3, 2e3))));
    bench.report.row(on, "W9", "resident at most", peak, "MiB", bench.backend.either(Some(Goal::AtMost(200.0)), None));
    bench.report.row(on, "W9", "checked, compiled and published", published, "ms", None);
}

/// The source, and how many edges it has.
fn graph(levels: &[usize; 8], edges: usize) -> (String, usize) {
    // The levels whose steps share what the first and the two about the wide one leave of the edges.
    let narrow: usize = [1, 2, 5, 6, 7].map(|level: usize| levels[level]).iter().sum();
    let rest = edges.saturating_sub(levels[WIDE] * (WIDE_EDGES + 1));
    let mut text = String::from("workflow graph {\n  input payload: string\n  parallel {\n");
    let (mut drawn, mut seen) = (0, 0);
    for (level, steps) in levels.iter().enumerate() {
        for step in 0..*steps {
            write!(text, "    step l{level}_{step}: bench.echo {{\n      payload = input.payload\n").unwrap();
            let above = level.checked_sub(1).map_or(0, |above| levels[above]);
            let (first, count) = match level {
                0 => (0, 0),
                WIDE => (step * WIDE_EDGES, WIDE_EDGES),
                // Together these follow every step of the wide level, each once.
                _ if level == WIDE + 1 => (step * above / steps, (step + 1) * above / steps - step * above / steps),
                _ => {
                    seen += 1;
                    (step, rest / narrow + usize::from(seen <= rest % narrow))
                }
            };
            let after: Vec<String> =
                (first..first + count.min(above)).map(|at| format!("l{}_{}", level - 1, at % above)).collect();
            drawn += after.len();
            if !after.is_empty() {
                writeln!(text, "      after {}", after.join(", ")).unwrap();
            }
            text.push_str("    }\n");
        }
    }
    (text + "  }\n}\n", drawn)
}
