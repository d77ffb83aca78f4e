//! Executions that other executions start.

use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    a_child_gives_its_output_or_its_failure,
    a_cancel_of_the_parent_is_one_of_the_child,
    a_child_that_is_not_waited_for_outlives_the_one_that_started_it,
];

async fn publish(server: &TestServer, child: &str) {
    let text = format!(
        r#"
workflow child {{
  input n: int
  {child}
  return {{ twice: input.n * 2 }}
}}

workflow parent {{
  input n: int
  step ask: workflow {{ name = "child", input = {{ n: input.n }} }}
  return {{ answer: ask.twice }}
}}
"#
    );
    let (status, body) = server.publish(&text).await;
    assert_eq!(status, 201, "{body}");
}

/// The execution that the parent started, once it is there.
async fn child_of(server: &TestServer, parent: &str) -> Value {
    let look = async |server: &TestServer| {
        let list = server.get("/executions?workflow=child&limit=100").await;
        let found = list["executions"].as_array().unwrap().iter().find(|one| one["parent_execution_id"] == parent);
        found.cloned()
    };
    server.until("the child is there", look).await
}

async fn a_child_gives_its_output_or_its_failure(server: TestServer) {
    publish(&server, "if input.n > 100 {\n fail \"too many\" code \"MANY\"\n}").await;
    let id = server.execute("parent", json!({ "n": 21 })).await;
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!({ "answer": 42 })), "{ended}");
    assert_eq!(child_of(&server, &id).await["status"], "completed");
    let id = server.execute("parent", json!({ "n": 101 })).await;
    let ended = server.ended(&id).await;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert!(ended["error_message"].as_str().unwrap().contains("too many"), "{ended}");
    assert_eq!(child_of(&server, &id).await["error_details"]["code"], "MANY");
}

async fn a_cancel_of_the_parent_is_one_of_the_child(server: TestServer) {
    publish(&server, "sleep 1h").await;
    let id = server.execute("parent", json!({ "n": 1 })).await;
    let child = child_of(&server, &id).await["id"].as_str().unwrap().to_owned();
    let (status, body) = server.post(&format!("/executions/{id}/cancel"), json!({})).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(server.ended(&id).await["status"], "cancelled");
    assert_eq!(server.ended(&child).await["status"], "cancelled");
}

async fn a_child_that_is_not_waited_for_outlives_the_one_that_started_it(server: TestServer) {
    let text = r#"
workflow child { sleep 1h }

workflow parent {
  step go: workflow { name = "child", wait = false }
  return { started: go.execution_id }
}
"#;
    assert_eq!(server.publish(text).await.0, 201);
    let ended = server.ended(&server.execute("parent", json!({})).await).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let child = ended["output_data"]["started"].as_str().unwrap();
    let found = server.get(&format!("/executions/{child}")).await;
    assert_eq!((&found["status"], &found["parent_execution_id"]), (&json!("running"), &Value::Null), "{found}");
}
