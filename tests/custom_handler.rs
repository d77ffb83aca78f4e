//! The program of `examples/`: a server with a handler of its own, driven over HTTP.

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/custom_handler.rs"]
mod example;

use std::time::Duration;

use serde_json::{Value, json};
use stepwell::config::Config;
use stepwell::service::{TaskContext, TaskError, TaskHandler};

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

/// Says that it gives an `int`, and gives what it was given.
struct Liar;

#[async_trait::async_trait]
impl TaskHandler for Liar {
    fn task_type(&self) -> &str {
        "numbers.next"
    }

    fn config_schema(&self) -> Value {
        json!({ "type": "object", "properties": { "value": true } })
    }

    fn output_schema(&self) -> Value {
        json!({ "type": "integer" })
    }

    async fn execute(&self, _: &TaskContext, config: Value) -> Result<Value, TaskError> {
        Ok(config["value"].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_gives_is_held_against_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), drain: Duration::from_secs(5), ..Config::default() };
    config.workflows = folder.path().to_owned();
    config.database.url = format!("sqlite://{}", folder.path().join("test.db").display());
    let text = "workflow next {\n  input n: any\n  step next: numbers.next { value = input.n }\n  return next + 1\n}\n";
    std::fs::write(folder.path().join("next.flow"), text).unwrap();
    let server = stepwell::Server::new(config).handler(Liar).start().await.unwrap();
    let api = format!("http://{}/api/v1", server.address());
    let client = reqwest::Client::new();
    for (given, status, output, code) in
        [(json!(1.0), "completed", json!(2), Value::Null), (json!("1"), "failed", Value::Null, json!("TYPE"))]
    {
        let start = json!({ "workflow": "next", "input_data": { "n": given } });
        let started: Value =
            client.post(format!("{api}/executions")).json(&start).send().await.unwrap().json().await.unwrap();
        let id = started["id"].as_str().unwrap();
        let ended = client.get(format!("{api}/executions/{id}?wait=30s")).send().await.unwrap();
        let ended = ended.json::<Value>().await.unwrap();
        assert_eq!((&ended["status"], &ended["output_data"]), (&json!(status), &output), "{ended}");
        assert_eq!(ended["error_details"]["code"], code, "{ended}");
    }
    server.stop().await;
}
