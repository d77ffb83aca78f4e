//! The program of `examples/`: a server with a handler of its own, driven over HTTP.

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/custom_handler.rs"]
mod example;

use std::time::Duration;

use serde_json::{Value, json};
use stepwell::config::Config;

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_of_ones_own_runs_the_steps_of_its_task_type() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), drain: Duration::from_secs(5), ..Config::default() };
    config.workflows = concat!(env!("CARGO_MANIFEST_DIR"), "/examples").into();
    config.database.url = format!("sqlite://{}", folder.path().join("test.db").display());
    let server = stepwell::Server::new(config).handler(example::RenderInvoice).start().await.unwrap();
    let api = format!("http://{}/api/v1", server.address());
    let client = reqwest::Client::new();
    let ended = async |items: Value| -> Value {
        let start = json!({ "workflow": "billing", "input_data": { "customer": "Ada", "items": items } });
        let started = client.post(format!("{api}/executions")).json(&start).send().await.unwrap();
        assert_eq!(started.status(), 201);
        let id = started.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
        client.get(format!("{api}/executions/{id}?wait=30s")).send().await.unwrap().json().await.unwrap()
    };
    let billed = ended(json!([{ "name": "bucket", "cents": 1250 }, { "name": "rope", "cents": 899 }])).await;
    assert_eq!((&billed["status"], &billed["output_data"]["cents"]), (&json!("completed"), &json!(2149)), "{billed}");
    let empty = ended(json!([])).await;
    assert_eq!(empty["status"], "failed");
    assert!(empty["error_message"].as_str().unwrap().contains("an invoice needs an item"), "{empty}");
    server.stop().await;
}
