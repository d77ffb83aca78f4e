//! Executions, from their source to their log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::server::{Backend, TestServer};

on_both![
    a_source_runs_to_its_end_with_steps_and_log,
    what_fails_is_retried_until_it_does_not,
    a_key_starts_one_execution,
    a_cancelled_execution_ends,
    all_complete_after_the_server_was_killed,
    a_terminated_server_leaves_what_the_next_one_finishes,
];

async fn published(server: &TestServer, text: &str) {
    let (status, body) = server.publish(text).await;
    assert_eq!(status, 201, "{body}");
}

async fn a_source_runs_to_its_end_with_steps_and_log(server: TestServer) {
    let demo = server.demo();
    let text = format!(
        r#"
workflow shop {{
  input order_id: string
  step validate: http_request {{
    method = "POST"
    url = "{demo}/validate"
    body = {{ order_id: input.order_id }}
  }}
  step tell: log {{ message = "order ${{input.order_id}} is ${{validate.body.ok}}" }}
  return {{ ok: validate.body.ok }}
}}
"#
    );
    published(&server, &text).await;
    assert_eq!(server.publish(&text).await.0, 200);
    let id = server.execute("shop", json!({ "order_id": "o1" })).await;
    let ended = server.ended(&id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["output_data"], json!({ "ok": true }));
    let steps = server.steps(&id).await;
    let names: Vec<_> = steps.iter().filter_map(|step| step["step_name"].as_str()).collect();
    assert!(names.contains(&"validate") && names.contains(&"tell"), "{steps:?}");
    let logs = server.get(&format!("/executions/{id}/logs")).await;
    let messages: Vec<_> = logs["logs"].as_array().unwrap().iter().map(|log| log["message"].clone()).collect();
    assert!(messages.contains(&json!("order o1 is true")), "{messages:?}");
}

async fn what_fails_is_retried_until_it_does_not(server: TestServer) {
    let demo = server.demo();
    let text = format!(
        "workflow flaky {{\n step call: http_request {{\n url = \"{demo}/flaky?times=2\"\n retry 3 backoff 10ms..20ms\n }}\n}}\n"
    );
    published(&server, &text).await;
    let id = server.execute("flaky", json!({})).await;
    assert_eq!(server.ended(&id).await["status"], "completed");
    let attempts: Vec<_> = server.steps(&id).await.iter().map(|step| step["attempt_number"].clone()).collect();
    assert_eq!(attempts, [json!(1), json!(2), json!(3)]);
}

async fn a_key_starts_one_execution(server: TestServer) {
    published(&server, "workflow one {\n input n: int\n step say: log { message = \"hello\" }\n}\n").await;
    let body = |n: i64| json!({ "workflow": "one", "input_data": { "n": n }, "idempotency_key": "k" });
    let (first, started) = server.post("/executions", body(1)).await;
    let (second, existing) = server.post("/executions", body(1)).await;
    assert_eq!((first, second), (201, 200));
    assert_eq!(started["id"], existing["id"]);
    assert_eq!(server.post("/executions", body(2)).await.0, 409);
    let misfit = json!({ "workflow": "one", "input_data": { "n": "x" } });
    assert_eq!(server.post("/executions", misfit).await.0, 422);
}

async fn a_cancelled_execution_ends(server: TestServer) {
    published(&server, "workflow long {\n sleep 1h\n step say: log { message = \"late\" }\n}\n").await;
    let id = server.execute("long", json!({})).await;
    let (status, body) = server.post(&format!("/executions/{id}/cancel"), json!({})).await;
    assert!(status < 300, "{status} {body}");
    assert_eq!(server.ended(&id).await["status"], "cancelled");
    assert_eq!(server.post(&format!("/executions/{id}/cancel"), json!({})).await.0, 409);
}

/// Starts executions of ten steps one after the other, each with a slow answer of a server that is not killed.
async fn start_slow_on(server: &TestServer, demo: &TestServer, number: usize) -> Vec<String> {
    let mut text = "workflow slow {\n input base: string\n".to_owned();
    for step in 0..10 {
        text.push_str(&format!(
            " step s{step}: http_request {{ url = \"${{input.base}}/slow?ms=50\", retry 20 backoff 50ms..200ms }}\n"
        ));
    }
    text.push_str("}\n");
    published(server, &text).await;
    let mut ids = Vec::new();
    for _ in 0..number {
        ids.push(server.execute("slow", json!({ "base": demo.demo() })).await);
    }
    ids
}

/// All of them complete, and no step does so twice.
async fn finish(server: &TestServer, ids: &[String]) {
    for id in ids {
        let ended = server.ended(id).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        let steps = server.steps(id).await;
        let done: Vec<&Value> = steps.iter().filter(|step| step["status"] == "completed").collect();
        let unique: BTreeSet<_> = done.iter().map(|step| step["step_name"].as_str().unwrap()).collect();
        assert_eq!((done.len(), unique.len()), (10, 10), "{steps:?}");
    }
}

async fn all_complete_after_the_server_was_killed(mut server: TestServer) {
    let demo = TestServer::start(Backend::Embedded).await;
    let ids = start_slow_on(&server, &demo, 10).await;
    for _ in 0..2 {
        server.kill();
        server.restart();
    }
    finish(&server, &ids).await;
}

async fn a_terminated_server_leaves_what_the_next_one_finishes(mut server: TestServer) {
    let demo = TestServer::start(Backend::Embedded).await;
    let ids = start_slow_on(&server, &demo, 5).await;
    assert_eq!(server.terminate(), 0);
    server.restart();
    finish(&server, &ids).await;
}
