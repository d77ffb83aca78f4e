//! What the API says of itself and of what it stands on: health, back-pressure, methods, compression.

use std::sync::Arc;
use std::time::Duration;

use poem::http::header;
use serde_json::{Map, json};
use stepwell::queue::RedisQueue;

use crate::sim::store::{MemoryStore, StoreFaults};
use crate::support::redis::Redis;
use crate::support::server::Server;

#[tokio::test]
async fn a_database_that_is_away_is_told_by_health_and_a_start_is_asked_to_come_again() {
    let store = MemoryStore::new(1, StoreFaults::default());
    let server = Server::over(store.clone(), None, Map::new()).await;
    server.get("/health").await.ok(200);
    store.set_away(true);
    for path in ["/health", "/health/ready"] {
        let health = server.get(path).await.ok(503);
        let told = (&health["status"], &health["database"], &health["redis"]);
        assert_eq!(told, (&json!("unavailable"), &json!("down"), &json!("off")));
        assert!(health["detail"].as_str().unwrap().contains("it is away"), "{health}");
    }
    assert_eq!(server.get("/health/live").await.text, "ok");
    let answer = server.get("/api/v1/executions/01a20eb9-f46b-7a40-affa-729910629c95").await;
    answer.problem(503);
    assert!(answer.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn a_redis_that_is_away_is_told_by_health() {
    let redis = Redis::start(false);
    let queue = RedisQueue::connect(&redis.options()).await.unwrap();
    let store = MemoryStore::new(1, StoreFaults::default());
    let server = Server::over(store, Some(queue), Map::new()).await;
    assert_eq!(server.get("/health").await.ok(200)["redis"], "ok");
    redis.kill();
    let health = server.get("/health").await.ok(503);
    assert_eq!((&health["database"], &health["redis"]), (&json!("ok"), &json!("down")));
    assert!(!health["detail"].as_str().unwrap().is_empty());
}

const HELLO: &str = "name = \"hello\"\n[[step]]\nname = \"say\"\ntask = \"log\"\nwith = { message = \"hello\" }\n";

#[tokio::test]
async fn a_server_that_stops_takes_no_starts_and_says_when_to_come_again() {
    let server = Server::start().await;
    server.publish(HELLO).await.ok(201);
    Arc::clone(&server.node).drain(Duration::ZERO).await;
    let answer = server.post("/api/v1/executions", json!({ "workflow": "hello" })).await;
    assert_eq!(answer.problem(503).0, "the server is stopping");
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start().await;
    let allow = async |path: &str| {
        let answer = server.send(server.client().request(poem::http::Method::TRACE, path)).await;
        answer.problem(405);
        answer.headers[header::ALLOW].to_str().unwrap().to_owned()
    };
    assert_eq!(allow("/api/v1/executions").await, "GET, POST");
    assert_eq!(allow("/api/v1/workflows/hello").await, "DELETE, GET, PATCH");
    assert_eq!(allow("/api/v1/workflows/source").await, "PUT");
    assert_eq!(allow("/health").await, "GET");
}

#[tokio::test]
async fn a_parameter_that_is_misspelt_is_told() {
    let server = Server::start().await;
    let (detail, _) = server.get("/api/v1/executions?limit=1&lmit=2").await.problem(400);
    assert_eq!(detail, "parameter `lmit`: unknown here; did you mean `limit`?");
    server.get("/health?x").await.problem(400);
    server.get("/docs?x=1").await;
    server.get("/api/v1/executions?&limit=1").await.ok(200);
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let server = Server::start().await;
    let request = server.client().get("/openapi.json").header("accept-encoding", "gzip");
    let response = request.send().await.0;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    let packed = response.into_body().into_bytes().await.unwrap();
    let plain = server.get("/openapi.json").await;
    assert!(!plain.headers.contains_key(header::CONTENT_ENCODING));
    assert!(packed.len() * 3 < plain.text.len(), "{} of {}", packed.len(), plain.text.len());
}

#[tokio::test]
async fn what_the_state_does_not_allow_names_the_states_that_do() {
    let server = Server::start().await;
    server.publish(HELLO).await.ok(201);
    let id = server.run("hello", json!({})).await;
    let ended = server.get(&format!("/api/v1/executions/{id}?wait=30s")).await.ok(200);
    assert_eq!(ended["current_step_order"], 1);
    let at_once = server.post("/api/v1/executions", json!({ "workflow": "hello" })).await.ok(201);
    let told = (&at_once["status"], &at_once["current_step_order"]);
    assert_eq!(told, (&json!("completed"), &json!(1)), "it ran through at once");
    for (control, allowed) in
        [("cancel", json!(["pending", "running", "retrying", "paused"])), ("retry", json!(["failed"]))]
    {
        let answer = server.send(server.client().post(format!("/api/v1/executions/{id}/{control}"))).await;
        let (detail, _) = answer.problem(409);
        assert!(detail.contains("while the execution is completed"), "{detail}");
        assert_eq!(answer.json()["allowed"], allowed);
    }
    server.send(server.client().post("/api/v1/workflows/hello/deactivate")).await.ok(200);
    server.delete("/api/v1/workflows/hello").await.ok(204);
    server.get(&format!("/api/v1/executions/{id}")).await.problem(404);
}

#[tokio::test]
async fn a_draft_that_does_not_compile_shows_the_text_that_its_positions_are_of() {
    let server = Server::start().await;
    server.post("/api/v1/workflows", json!({ "name": "w" })).await.ok(201);
    let step = json!({ "name": "a", "task_type": "log", "config": { "message": "m", "levle": "info" } });
    server.post("/api/v1/workflows/w/steps", step).await.ok(201);
    let answer = server.send(server.client().post("/api/v1/workflows/w/activate")).await;
    answer.problem(422);
    let problem = answer.json();
    let label = &problem["diagnostics"][0]["labels"][0];
    let place = |name: &str| usize::try_from(label[name].as_u64().unwrap()).unwrap() - 1;
    let line = problem["source"].as_str().unwrap().lines().nth(place("line")).unwrap();
    assert!(line[place("column")..].contains("levle"), "{line}: {label}");
    // Of a source that was sent, the sender has the text.
    assert!(server.publish("nonsense = 1\n").await.json().get("source").is_none());
}
