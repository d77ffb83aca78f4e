//! W6: ten steps that never leave the engine.

use serde_json::{Value, json};

use crate::backend::Bench;
use crate::flows::{PURE, STEPS};
use crate::http::{Client, get, text_field};
use crate::load::{closed_loop, run_to_end, start_request};
use crate::process::Server;
use crate::report::Goal;

pub async fn run(bench: &mut Bench) {
    let stand = bench.stand(&[("pure", PURE)]).await;
    let server = Server::start(&stand).await;
    assert_eq!(recorded(&server).await, STEPS, "each step is on record");
    let on = bench.backend.title();
    let start = start_request("pure", &json!({ "n": 1 }));
    let goal = Goal::AtLeast(bench.backend.either(300e3, 150e3));
    let mut ended = 1;
    for clients in [64, 512] {
        let work = async |client: &mut Client| run_to_end(client, &start).await.map(|_| 1);
        let mut load = closed_loop(&server, clients, bench.options.time, work).await;
        ended += load.done;
        load.done *= STEPS as u64;
        let goal = (clients == 512).then_some(goal);
        bench.report.row(on, "W6", format!("steps/s, {clients} clients"), load.per_second(), "steps/s", goal);
        bench.report.note(on, "W6", format!("{clients} clients: {}", load.note("steps")));
    }
    server.stop();
    assert_eq!(stand.executions("completed").await, ended, "every end that was told is a row");
}

/// How many steps the API shows of one execution.
async fn recorded(server: &Server) -> usize {
    let mut client = Client::connect(server.address).await.unwrap();
    let ended = run_to_end(&mut client, &start_request("pure", &json!({ "n": 1 }))).await.unwrap();
    let id = text_field(&ended, "id").unwrap().to_owned();
    let steps = client.send(&get(&format!("/api/v1/executions/{id}/steps"))).await.unwrap().good().unwrap();
    let steps: Value = serde_json::from_slice(steps).unwrap();
    let steps = steps["steps"].as_array().unwrap();
    steps.iter().filter(|step| step["status"] == "completed").count()
}
