//! Events, signals, approvals, pause and resume over HTTP.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stepwell::ids::WorkflowId;
use stepwell::lang::Notation;
use stepwell::service::model::{Origin, Version, WorkflowStatus};
use stepwell::service::ports::{NewVersion, WorkflowStore};
use stepwell::store::{Database, Options};
use uuid::Uuid;

use crate::sim::plans::compiled;
use crate::support::server::Server;

const FLOW: &str = r#"
workflow asks {
  input order: string
  wait came: "carrier.accepted" where event.order == input.order
  approve word: "team" timeout 1h form { note: string, level: int? }
  return { came: came, word: word }
}
workflow sleeps { sleep 1h }
"#;

/// A server with workflows that wait.
async fn server() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store: Arc<Database> = Database::open(&Options::new(url)).await.unwrap();
    for (n, plan) in compiled(FLOW).into_iter().enumerate() {
        let version = Version {
            workflow: WorkflowId(Uuid::nil()),
            n: 0,
            source: FLOW.into(),
            notation: Notation::Flow,
            source_hash: "hash".into(),
            plan_hash: plan.hash(),
            plan,
            origin: Origin::Upload,
            created_at: stepwell::expr::Timestamp(1),
        };
        let fresh_id = WorkflowId(Uuid::from_u128(n as u128 + 1));
        let new = NewVersion {
            before: None,
            fresh_id,
            version,
            status: WorkflowStatus::Active,
            file: None,
            from_draft: false,
        };
        store.version_publish(&[new]).await.unwrap();
    }
    (Server::over(store, None, Map::new()).await, folder)
}

async fn ended(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/v1/executions/{id}?wait=60s")).await.ok(200)
}

async fn approvals(server: &Server, query: &str) -> Value {
    server.get(&format!("/api/v1/approvals{query}")).await.ok(200)
}

/// The id of the one approval that is open, once it is.
async fn open_approval(server: &Server) -> String {
    for _ in 0..500 {
        let list = approvals(server, "").await;
        if let Some(id) = list["approvals"][0]["id"].as_str() {
            return id.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no approval is open")
}

#[tokio::test]
async fn an_event_and_an_approval_bring_an_execution_to_its_end() {
    let (server, _folder) = server().await;
    let id = server.run("asks", json!({ "order": "o1" })).await;
    let sent = json!({ "name": "carrier.accepted", "id": "e1", "data": { "order": "o2" } });
    assert_eq!(server.post("/api/v1/events", sent).await.ok(202)["taken"], json!([]));
    let sent = json!({ "name": "carrier.accepted", "id": "e2", "data": { "order": "o1" } });
    let event = server.post("/api/v1/events", sent.clone()).await.ok(202);
    assert_eq!((&event["id"], &event["taken"][0]["execution_id"]), (&json!("e2"), &json!(id)));
    let again = server.post("/api/v1/events", sent).await.ok(200);
    assert_eq!(again["taken"], event["taken"], "nothing has changed");

    let approval = open_approval(&server).await;
    assert_eq!(approval, format!("{id}~word"));
    let list = approvals(&server, "?group=team&workflow=asks").await;
    let one = &list["approvals"][0];
    assert_eq!((&list["count"], &one["group"], &one["workflow"]), (&json!(1), &json!("team"), &json!("asks")));
    assert_eq!(one["form"]["properties"]["note"]["type"], "string", "{one}");
    assert!(one["timeout_at"].is_string() && one["since"].is_string(), "{one}");
    assert_eq!(approvals(&server, "?group=others").await["count"], 0);
    assert_eq!(approvals(&server, "?workflow=sleeps").await["count"], 0);

    let path = format!("/api/v1/approvals/{approval}/approve");
    let (_, errors) = server.post(&path, json!({ "form": { "level": "high", "x": 1 } })).await.problem(422);
    let fields: Vec<&str> = errors.iter().filter_map(|error| error.split(": ").next()).collect();
    assert_eq!(fields, ["form.note", "form.level", "form.x"], "{errors:?}");
    let done = server.post(&path, json!({ "form": { "note": "well" }, "by": "ada" })).await.ok(200);
    assert_eq!(done["status"], "completed");
    let (detail, _) = server.post(&path, json!({ "form": { "note": "twice" } })).await.problem(409);
    assert_eq!(detail, "the approval is completed already");
    let ended = ended(&server, &id).await;
    assert_eq!(ended["output_data"]["word"], json!({ "note": "well", "level": null }), "{ended}");
}

#[tokio::test]
async fn a_refusal_fails_the_execution_with_who_and_why() {
    let (server, _folder) = server().await;
    let id = server.run("asks", json!({ "order": "o1" })).await;
    let signals = format!("/api/v1/executions/{id}/signals/carrier.accepted");
    server.post(&signals, json!({ "order": "o1" })).await.ok(202);
    let path = format!("/api/v1/approvals/{}/refuse", open_approval(&server).await);
    server.post(&path, json!({ "reason": "no", "by": "bob" })).await.ok(200);
    let ended = ended(&server, &id).await;
    assert_eq!(ended["error_details"]["code"], "APPROVAL_REFUSED", "{ended}");
    assert!(ended["error_message"].as_str().unwrap().contains("refused by bob: no"), "{ended}");
    server.post("/api/v1/approvals/nonsense/approve", json!({})).await.problem(404);
    server.post(&format!("/api/v1/approvals/{id}~came/approve"), json!({})).await.problem(404);
}

#[tokio::test]
async fn a_signal_is_kept_for_its_execution_and_one_that_is_sent_again_changes_nothing() {
    let (server, _folder) = server().await;
    let id = server.run("asks", json!({ "order": "o1" })).await;
    let path = format!("/api/v1/executions/{id}/signals/carrier.accepted");
    let send = async |key: &str, body: Value| {
        server.send(server.client().post(&path).header("Idempotency-Key", key).body_json(&body)).await
    };
    assert_eq!(send("k1", json!({ "order": "o2" })).await.ok(202)["id"], "k1", "no wait takes it, and it is kept");
    send("k1", json!({ "order": "o1" })).await.ok(202);
    let (detail, _) = send(&"k".repeat(300), json!(null)).await.problem(422);
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    assert_eq!(approvals(&server, "").await["count"], 0, "what came again under its key was taken");
    send("k2", json!({ "order": "o1", "n": 2 })).await.ok(202);
    open_approval(&server).await;
    let steps = server.get(&format!("/api/v1/executions/{id}/steps")).await.ok(200);
    let came = steps["steps"].as_array().unwrap().iter().find(|step| step["path"] == "came").unwrap();
    assert_eq!((&came["output_data"]["n"], &came["waits_for"]), (&json!(2), &json!("carrier.accepted")));
    let nobody = format!("/api/v1/executions/{}/signals/x", Uuid::nil());
    server.post(&nobody, json!(1)).await.problem(404);
    server.post(&format!("/api/v1/executions/{id}/cancel"), json!({})).await.ok(200);
    let answer = send("k3", json!({})).await;
    answer.problem(409);
    assert_eq!(answer.json()["allowed"], json!(["pending", "running", "retrying", "paused"]));
}

#[tokio::test]
async fn a_pause_and_a_resume_go_from_state_to_state_and_are_refused_elsewhere() {
    let (server, _folder) = server().await;
    let id = server.run("sleeps", json!({})).await;
    let ask = async |what: &str| server.post(&format!("/api/v1/executions/{id}/{what}"), json!({})).await;
    let refused = ask("resume").await;
    refused.problem(409);
    assert_eq!(refused.json()["allowed"], json!(["paused"]));
    assert_eq!(ask("pause").await.ok(200)["status"], "paused");
    let refused = ask("pause").await;
    refused.problem(409);
    assert_eq!(refused.json()["allowed"], json!(["running", "retrying"]));
    assert_eq!(ask("resume").await.ok(200)["status"], "running");
    assert_eq!(ask("pause").await.ok(200)["status"], "paused");
    assert_eq!(ask("cancel").await.ok(200)["status"], "cancelled");
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_told_by_its_field() {
    let (server, _folder) = server().await;
    let (_, errors) =
        server.post("/api/v1/events", json!({ "data": 1, "broadcast": "yes", "nam": "x" })).await.problem(422);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("name: missing") && errors[2].contains("did you mean `name`?"), "{errors:?}");
    server.post("/api/v1/events", json!({ "name": "" })).await.problem(422);
    let large = json!({ "name": "x", "data": "x".repeat(1_100_000) });
    server.post("/api/v1/events", large).await.problem(413);
}
