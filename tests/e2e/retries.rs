//! What fails and is made again: by its step's policy, by the execution's, and by hand.

use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    a_failed_execution_goes_on_from_the_failed_step_when_it_is_told_to,
    an_execution_retries_from_the_failed_step_by_itself,
    a_retry_shows_while_it_waits_and_each_attempt_keeps_its_row,
];

/// A step that works, and one that fails twice.
async fn publish(server: &TestServer) {
    let demo = server.demo();
    let text = format!(
        r#"
workflow shaky {{
  step first: http_request {{ url = "{demo}/echo" }}
  step call: http_request {{ url = "{demo}/flaky?times=2" }}
  return {{ calls: call.body.calls }}
}}
"#
    );
    let (status, body) = server.publish(&text).await;
    assert_eq!(status, 201, "{body}");
}

/// The attempts at a step: number and state.
pub(super) async fn attempts(server: &TestServer, id: &str, step: &str) -> Vec<(u64, String)> {
    let steps = server.steps(id).await;
    let ours = steps.iter().filter(|row| row["step_name"] == step);
    let mut attempts: Vec<_> =
        ours.map(|row| (row["attempt_number"].as_u64().unwrap(), row["status"].as_str().unwrap().to_owned())).collect();
    attempts.sort();
    attempts
}

/// Attempts from 1 on, in these states.
pub(super) fn numbered(states: &[&str]) -> Vec<(u64, String)> {
    (1..).zip(states.iter().map(|state| (*state).to_owned())).collect()
}

async fn a_failed_execution_goes_on_from_the_failed_step_when_it_is_told_to(server: TestServer) {
    publish(&server).await;
    let id = server.execute("shaky", json!({})).await;
    for _ in 0..2 {
        let ended = server.ended(&id).await;
        assert_eq!((&ended["status"], &ended["error_details"]["step"]), (&json!("failed"), &json!("call")), "{ended}");
        let (status, told) = server.post(&format!("/executions/{id}/retry"), Value::Null).await;
        assert_eq!(status, 200, "{told}");
    }
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["retry_count"]), (&json!("completed"), &json!(0)), "{ended}");
    assert_eq!(ended["output_data"], json!({ "calls": 3 }));
    assert_eq!(attempts(&server, &id, "first").await, numbered(&["completed"]));
    assert_eq!(attempts(&server, &id, "call").await, numbered(&["failed", "failed", "completed"]));
    let (status, told) = server.post(&format!("/executions/{id}/retry"), Value::Null).await;
    assert_eq!(status, 409, "{told}");
    assert!(told["detail"].as_str().unwrap().contains("failed"), "it says which state allows it: {told}");
}

async fn an_execution_retries_from_the_failed_step_by_itself(server: TestServer) {
    publish(&server).await;
    let (status, started) = server.post("/executions", json!({ "workflow": "shaky", "max_retries": 2 })).await;
    assert_eq!(status, 201, "{started}");
    let id = started["id"].as_str().unwrap();
    let ended = server.ended(id).await;
    assert_eq!((&ended["status"], &ended["retry_count"]), (&json!("completed"), &json!(2)), "{ended}");
    assert_eq!(attempts(&server, id, "first").await, numbered(&["completed"]));
    assert_eq!(attempts(&server, id, "call").await, numbered(&["failed", "failed", "completed"]));
}

async fn a_retry_shows_while_it_waits_and_each_attempt_keeps_its_row(server: TestServer) {
    let url = format!("{}/flaky?times=1", server.demo());
    let text = format!(
        "workflow patient {{\n step call: http_request {{ url = \"{url}\", retry 2 backoff 1s..1s jitter none }}\n}}\n"
    );
    assert_eq!(server.publish(&text).await.0, 201);
    let id = server.execute("patient", json!({})).await;
    let waits = server
        .until("the retry waits", async |server| {
            server.steps(&id).await.into_iter().find(|row| row["status"] == "retrying")
        })
        .await;
    assert_eq!((&waits["attempt_number"], &waits["error_details"]["status"]), (&json!(1), &json!(503)), "{waits}");
    assert!(waits["wake_at"].is_string() && waits["completed_at"].is_string(), "{waits}");
    assert_eq!(server.ended(&id).await["status"], "completed");
    assert_eq!(attempts(&server, &id, "call").await, numbered(&["failed", "completed"]));
    let rows = server.steps(&id).await;
    let first = rows.iter().find(|row| row["attempt_number"] == 1).unwrap();
    assert_eq!((&first["completed_at"], &first["error_message"]), (&waits["completed_at"], &waits["error_message"]));
}
