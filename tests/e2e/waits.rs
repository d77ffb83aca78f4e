//! Events, approvals, signals and pauses, over a restart.

use serde_json::json;

use super::server::TestServer;

on_both![
    an_event_a_person_and_a_restart_bring_an_execution_to_its_end,
    what_is_paused_stands_over_a_restart_and_goes_on,
];

const FLOW: &str = r#"
workflow asks {
  input order: string
  wait came: "carrier.accepted" where event.order == input.order timeout 1d
  approve word: "team" timeout 1d form { note: string }
  step say: log { message = "${word.note} from ${came.by}" }
  return { note: word.note, by: came.by }
}
"#;

async fn an_event_a_person_and_a_restart_bring_an_execution_to_its_end(mut server: TestServer) {
    let (status, body) = server.publish(FLOW).await;
    assert_eq!(status, 201, "{body}");
    let early = json!({ "name": "carrier.accepted", "id": "early", "data": { "order": "o2", "by": "south" } });
    assert_eq!(server.post("/events", early).await.0, 202);
    let first = server.execute("asks", json!({ "order": "o1" })).await;
    server.kill();
    server.restart();
    let sent = json!({ "name": "carrier.accepted", "id": "e1", "data": { "order": "o1", "by": "north" } });
    let (status, event) = server.post("/events", sent.clone()).await;
    assert_eq!((status, &event["taken"][0]["execution_id"]), (202, &json!(first)), "{event}");
    let second = server.execute("asks", json!({ "order": "o2" })).await;
    for (id, by) in [(&first, "north"), (&second, "south")] {
        let look = async |server: &TestServer| {
            let list = server.get("/approvals?group=team").await;
            let approvals = list["approvals"].as_array().unwrap().clone();
            approvals.into_iter().find(|one| one["execution_id"] == **id)
        };
        let approval = server.until("the approval is open", look).await;
        server.kill();
        server.restart();
        let path = format!("/approvals/{}/approve", approval["id"].as_str().unwrap());
        let (status, body) = server.post(&path, json!({ "form": { "note": "well" }, "by": "ada" })).await;
        assert_eq!(status, 200, "{body}");
        let ended = server.ended(id).await;
        assert_eq!(ended["output_data"], json!({ "note": "well", "by": by }), "{ended}");
    }
    assert_eq!(server.post("/events", sent).await.0, 200, "sent again it changes nothing");
}

async fn what_is_paused_stands_over_a_restart_and_goes_on(mut server: TestServer) {
    let text = "workflow naps { step a: log { message = \"a\" }\n sleep 1s\n step b: log { message = \"b\" } }";
    let (status, body) = server.publish(text).await;
    assert_eq!(status, 201, "{body}");
    let id = server.execute("naps", json!({})).await;
    let (status, body) = server.post(&format!("/executions/{id}/pause"), json!({})).await;
    assert_eq!(status, 200, "{body}");
    server.kill();
    server.restart();
    let found = server.get(&format!("/executions/{id}?wait=2s")).await;
    assert_eq!(found["status"], "paused", "{found}");
    let (status, _) = server.post(&format!("/executions/{id}/resume"), json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(server.ended(&id).await["status"], "completed");
}
