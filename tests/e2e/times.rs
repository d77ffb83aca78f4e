//! What waits for a moment, and what is stopped while it runs.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    a_delay_ends_when_it_was_to_though_the_server_was_killed,
    a_start_waits_for_its_moment,
    a_cancel_stops_what_runs,
];

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no moment: {value}")).parse().unwrap()
}

async fn a_delay_ends_when_it_was_to_though_the_server_was_killed(mut server: TestServer) {
    let text = "workflow nap {\n step pause: delay { duration = 2s }\n step say: log { message = \"awake\" }\n}\n";
    assert_eq!(server.publish(text).await.0, 201);
    let id = server.execute("nap", json!({})).await;
    let waits = server
        .until("it waits", async |server| server.steps(&id).await.into_iter().find(|row| row["status"] == "waiting"))
        .await;
    server.kill();
    server.restart();
    let ended = server.ended(&id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(moment(&ended["completed_at"]) >= moment(&waits["wake_at"]), "{ended} {waits}");
    let steps = server.steps(&id).await;
    let pauses: Vec<_> = steps.iter().filter(|row| row["step_name"] == "pause").collect();
    assert!(matches!(pauses[..], [pause] if pause["attempt_number"] == 1), "{steps:?}");
    assert!(server.messages(&id).await.contains(&"awake".to_owned()));
}

async fn a_start_waits_for_its_moment(server: TestServer) {
    assert_eq!(server.publish("workflow later {\n step say: log { message = \"now\" }\n}\n").await.0, 201);
    let at = Utc::now() + chrono::Duration::milliseconds(1_500);
    let body = json!({ "workflow": "later", "scheduled_at": at.to_rfc3339() });
    let (status, started) = server.post("/executions", body).await;
    assert_eq!((status, &started["status"]), (201, &json!("pending")), "{started}");
    let id = started["id"].as_str().unwrap();
    let ended = server.ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(moment(&ended["started_at"]) >= moment(&started["scheduled_at"]), "{ended}");
}

async fn a_cancel_stops_what_runs(server: TestServer) {
    let url = format!("{}/slow?ms=60000", server.demo());
    let text = format!(
        "workflow long {{\n step call: http_request {{ url = \"{url}\" }}\n step say: log {{ message = \"late\" }}\n}}\n"
    );
    assert_eq!(server.publish(&text).await.0, 201);
    let id = server.execute("long", json!({})).await;
    let running =
        async |server: &TestServer| server.steps(&id).await.iter().any(|row| row["status"] == "running").then_some(());
    server.until("the step runs", running).await;
    let (status, body) = server.post(&format!("/executions/{id}/cancel"), json!({ "reason": "enough" })).await;
    assert_eq!(status, 200, "{body}");
    let ended = server.ended(&id).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert!(ended["cancel_requested_at"].is_string(), "{ended}");
    let steps = server.steps(&id).await;
    assert!(matches!(&steps[..], [step] if step["status"] == "cancelled"), "{steps:?}");
}
