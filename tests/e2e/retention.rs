//! Executions that are kept for a second after their end.

use serde_json::json;

use super::server::{Backend, Setup, TestServer};

const TEXT: &str = "workflow brief {\n input n: int\n step say: log { message = \"${input.n}\" }\n}\n";

async fn kept_for_a_second(backend: Backend) -> TestServer {
    let setup = Setup::on(backend).variable("STEPWELL_RETENTION__COMPLETED", "1s");
    let server = setup.start().await;
    assert_eq!(server.publish(TEXT).await.0, 201);
    server
}

/// The one goes whole; of the other, which has a key, the row stays, and what it was started with is not known any more.
async fn what_ended_goes(server: TestServer) {
    let id = server.execute("brief", json!({ "n": 1 })).await;
    let keyed = json!({ "workflow": "brief", "input_data": { "n": 2 }, "idempotency_key": "k" });
    let (status, started) = server.post("/executions", keyed.clone()).await;
    assert_eq!(status, 201, "{started}");
    server
        .until("the execution is gone", async |server| {
            let there = server.get("/executions").await["executions"].as_array().unwrap().clone();
            (!there.iter().any(|one| one["id"] == *id)).then_some(())
        })
        .await;
    let left = server
        .until("the data of the other is gone", async |server| {
            let (status, left) = server.post("/executions", keyed.clone()).await;
            assert_eq!((status, &left["id"]), (200, &started["id"]), "its key still holds");
            left["input_data"].is_null().then_some(left)
        })
        .await;
    assert_eq!((&left["status"], &left["settings"]), (&json!("completed"), &json!(null)));
    let id = left["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/executions/{id}/steps")).await["count"], 0);
    let (status, problem) = server.post(&format!("/executions/{id}/retry"), json!({})).await;
    assert_eq!(status, 409);
    assert!(problem["detail"].as_str().unwrap().contains("past its retention"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_goes_from_sqlite() {
    what_ended_goes(kept_for_a_second(Backend::Embedded).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_goes_from_postgres() {
    what_ended_goes(kept_for_a_second(Backend::Servers).await).await;
}
