//! Task types that are registered, and tasks of workers elsewhere: what is refused, and how.

use serde_json::{Value, json};
use stepwell::service::Limits;

use crate::support::server::Server;

const GEO: &str = "/api/v1/task-types/geo.lookup";

fn geo() -> Value {
    json!({
        "description": "says where an address is",
        "config_schema": {
            "type": "object",
            "properties": { "ip": { "type": "string", "maxLength": 40 } },
            "required": ["ip"],
            "additionalProperties": false,
        },
        "output_schema": { "type": "object", "properties": { "country": { "type": "string" } } },
        "queue": "near",
        "timeout_seconds": 30,
        "idempotent": true,
    })
}

fn poll(task_types: &[&str]) -> Value {
    json!({ "worker": "w", "task_types": task_types, "wait_seconds": 0 })
}

async fn put(server: &Server, path: &str, body: Value) -> crate::support::server::Answer {
    server.send(server.client().put(path).body_json(&body)).await
}

#[tokio::test]
async fn a_type_is_registered_changed_shown_listed_and_deleted() {
    let server = Server::start().await;
    let made = put(&server, GEO, geo()).await.ok(201);
    assert_eq!(
        (&made["name"], &made["runs"], &made["queue"]),
        (&json!("geo.lookup"), &json!("remote"), &json!("near"))
    );
    assert_eq!(made["config_schema"], geo()["config_schema"], "as it came, though a type says less");
    assert_eq!(server.get(GEO).await.ok(200), made);
    let list = server.get("/api/v1/task-types").await.ok(200);
    let names: Vec<_> =
        list["task_types"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["conditional", "data_transform", "delay", "geo.lookup", "http_request", "log", "workflow"]);
    let changed = put(&server, GEO, json!({})).await.ok(200);
    assert_eq!((&changed["queue"], &changed["config_schema"]), (&Value::Null, &json!(true)), "replaced whole");
    assert_eq!(changed["created_at"], made["created_at"]);
    server.delete(GEO).await.ok(204);
    let (detail, _) = server.delete(GEO).await.problem(404);
    assert_eq!(detail, "there is no task type `geo.lookup`");
    let (detail, _) = server.get("/api/v1/task-types/http_requst").await.problem(404);
    assert_eq!(detail, "there is no task type `http_requst`");
    let log = server.get("/api/v1/task-types/log").await.ok(200);
    assert_eq!((&log["runs"], &log["created_at"]), (&json!("engine"), &Value::Null));
}

#[tokio::test]
async fn what_can_not_be_registered_is_told_field_by_field() {
    let server = Server::start().await;
    let (detail, _) = put(&server, "/api/v1/task-types/http_request", geo()).await.problem(409);
    assert_eq!(detail, "the task type `http_request` is this server's own");
    server.delete("/api/v1/task-types/log").await.problem(409);
    let wrong = json!({
        "config_schema": { "type": "string" },
        "output_schema": 7,
        "queue": "a b",
        "timeout_seconds": 0,
    });
    let (_, errors) = put(&server, "/api/v1/task-types/9.x", wrong).await.problem(422);
    let fields: Vec<_> = errors.iter().map(|error| error.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["name", "output_schema", "config_schema", "queue", "timeout_seconds"], "{errors:?}");
    let large = json!({ "config_schema": { "description": "x".repeat(70_000) } });
    let (_, errors) = put(&server, GEO, large).await.problem(422);
    assert!(errors[0].contains("65536 is the most"), "{errors:?}");
    let (_, errors) = put(&server, GEO, json!({ "timeout_second": 3 })).await.problem(422);
    assert_eq!(errors, ["timeout_second: unknown field; did you mean `timeout_seconds`?"]);
}

#[tokio::test]
async fn a_source_is_checked_against_what_is_registered_and_a_version_keeps_its_plan() {
    let server = Server::start().await;
    let text = "name = \"w\"\n[[step]]\nname = \"place\"\ntask = \"geo.lookup\"\nwith = { ip = \"192.0.2.7\" }\n";
    let unknown = server.publish(text).await;
    unknown.problem(422);
    let help = unknown.json()["diagnostics"][0]["help"].as_str().unwrap().to_owned();
    assert!(help.contains("PUT /api/v1/task-types/geo.lookup"), "{help}");
    put(&server, GEO, geo()).await.ok(201);
    let published = server.publish(text).await.ok(201);
    let mistaken = server.publish(&text.replace("ip =", "ipp =")).await;
    mistaken.problem(422);
    assert_eq!(mistaken.json()["diagnostics"][0]["code"], "E0302");
    let mut other = geo();
    other["config_schema"]["properties"] = json!({ "address": { "type": "string" } });
    other["config_schema"]["required"] = json!(["address"]);
    put(&server, GEO, other).await.ok(200);
    server.publish(text).await.problem(422);
    let workflow = server.get("/api/v1/workflows/w").await.ok(200);
    assert_eq!((&workflow["status"], &workflow["active_version"]), (&json!("active"), &json!(1)));
    let version = server.get("/api/v1/workflows/w/versions/1").await.ok(200);
    assert_eq!(version["plan_hash"], published["workflows"][0]["plan_hash"]);
}

#[tokio::test]
async fn a_draft_may_have_steps_of_a_registered_type() {
    let server = Server::start().await;
    server.post("/api/v1/workflows", json!({ "name": "w" })).await.ok(201);
    let step = json!({ "name": "place", "task_type": "geo.lookup", "config": { "ip": "192.0.2.7" } });
    let (_, errors) = server.post("/api/v1/workflows/w/steps", step.clone()).await.problem(422);
    assert!(errors[0].starts_with("task_type: unknown task type `geo.lookup`"), "{errors:?}");
    put(&server, GEO, geo()).await.ok(201);
    server.post("/api/v1/workflows/w/steps", step).await.ok(201);
    server.post("/api/v1/workflows/w/activate", json!({})).await.ok(200);
}

#[tokio::test]
async fn a_poll_names_what_is_wrong_with_it_and_an_empty_queue_is_an_empty_list() {
    let server = Server::start().await;
    put(&server, GEO, geo()).await.ok(201);
    assert_eq!(server.post("/api/v1/tasks/poll", poll(&["geo.lookup"])).await.ok(200), json!({ "tasks": [] }));
    let (_, errors) = server.post("/api/v1/tasks/poll", poll(&["geo.lookup", "geo.find", "log"])).await.problem(422);
    assert_eq!(
        errors,
        [
            "task_types[1]: unknown task type `geo.find`; register it: PUT /api/v1/task-types/geo.find",
            "task_types[2]: `log` is carried out by the server itself",
        ]
    );
    let wrong = json!({
        "worker": "", "task_types": [], "queues": ["a b"], "max_tasks": 101, "wait_seconds": 61, "lease_seconds": 0,
    });
    let (_, errors) = server.post("/api/v1/tasks/poll", wrong).await.problem(422);
    let fields: Vec<_> = errors.iter().map(|error| error.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["worker", "task_types", "queues", "max_tasks", "wait_seconds", "lease_seconds"]);
}

#[tokio::test]
async fn a_task_that_is_none_is_not_found() {
    let server = Server::start().await;
    for (word, body) in [("heartbeat", json!({})), ("complete", json!({})), ("fail", json!({ "code": "X" }))] {
        let (detail, _) = server.post(&format!("/api/v1/tasks/abc/{word}"), body).await.problem(404);
        assert_eq!(detail, "there is no task `abc`");
    }
    let results = server.post("/api/v1/tasks/complete", json!({ "tasks": [{ "id": "abc" }] })).await.ok(200);
    assert_eq!(results["results"][0]["problem"]["status"], 404);
    let (_, errors) = server.post("/api/v1/tasks/complete", json!({ "tasks": [{ "out": 1 }] })).await.problem(422);
    assert_eq!(errors[0], "tasks[0].id: missing: expected text", "{errors:?}");
}

/// A server with a task that waits, under these limits.
async fn with_a_task(limits: Limits, tasks: usize) -> Server {
    let server = Server::with_limits(limits).await;
    put(&server, GEO, geo()).await.ok(201);
    let text = "name = \"w\"\n[[step]]\nname = \"place\"\ntask = \"geo.lookup\"\nwith = { ip = \"192.0.2.7\" }\n";
    server.publish(text).await.ok(201);
    for _ in 0..tasks {
        server.run("w", json!({})).await;
    }
    server
}

async fn taken(server: &Server) -> String {
    let body = json!({ "worker": "w", "task_types": ["geo.lookup"], "wait_seconds": 60 });
    let polled = server.post("/api/v1/tasks/poll", body).await.ok(200);
    polled["tasks"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn polls_past_the_limit_are_told_to_come_again() {
    let server = with_a_task(Limits { polls: 1, ..Limits::default() }, 0).await;
    let body = json!({ "worker": "w", "task_types": ["geo.lookup"], "wait_seconds": 60 });
    // One stays open, once none of the other's is in its way.
    let waits = async {
        for () in std::iter::repeat(()) {
            let answer = server.send(server.client().post("/api/v1/tasks/poll").body_json(&body)).await;
            assert_eq!(answer.status, 429, "{}", answer.text);
        }
    };
    let refused = tokio::select! {
        biased;
        () = waits => panic!("it goes on for ever"),
        refused = async {
            loop {
                let answer = server.post("/api/v1/tasks/poll", poll(&["geo.lookup"])).await;
                if answer.status != 200 {
                    return answer;
                }
            }
        } => refused,
    };
    refused.problem(429);
    assert_eq!(refused.headers["retry-after"], "1");
}

#[tokio::test]
async fn no_more_is_leased_while_too_much_is_out() {
    let server = with_a_task(Limits { leased: 1, ..Limits::default() }, 2).await;
    let first = taken(&server).await;
    let refused = server.post("/api/v1/tasks/poll", poll(&["geo.lookup"])).await;
    refused.problem(503);
    assert_eq!(refused.headers["retry-after"], "1");
    let output = json!({ "output": { "country": "PT" } });
    server.post(&format!("/api/v1/tasks/{first}/complete"), output).await.ok(204);
    assert_ne!(taken(&server).await, first);
}

#[tokio::test]
async fn an_output_that_is_too_large_fails_its_attempt() {
    let server = with_a_task(Limits { output_bytes: 100, ..Limits::default() }, 1).await;
    let task = taken(&server).await;
    let (detail, _) =
        server.post(&format!("/api/v1/tasks/{task}/complete"), json!({ "output": "x".repeat(200) })).await.problem(413);
    assert!(detail.contains("100 is the most"), "{detail}");
    let list = server.get("/api/v1/executions").await.ok(200);
    let id = list["executions"][0]["id"].as_str().unwrap().to_owned();
    let ended = server.get(&format!("/api/v1/executions/{id}?wait=30s")).await.ok(200);
    assert_eq!((&ended["status"], &ended["error_details"]["code"]), (&json!("failed"), &json!("LIMIT")), "{ended}");
}

#[tokio::test]
async fn an_error_is_told_whole_and_its_fields_are_checked() {
    let server = with_a_task(Limits::default(), 1).await;
    let task = taken(&server).await;
    let fail = format!("/api/v1/tasks/{task}/fail");
    let (_, errors) = server.post(&fail, json!({ "message": "no code" })).await.problem(422);
    assert_eq!(errors[0], "code: missing: expected text");
    let (_, errors) = server.post(&fail, json!({ "code": "", "message": "x".repeat(20_000) })).await.problem(422);
    assert_eq!(errors.len(), 2, "{errors:?}");
    let error =
        json!({ "code": "NO_SUCH_ADDRESS", "message": "it is nowhere", "retryable": false, "details": { "ip": 7 } });
    server.post(&fail, error).await.ok(204);
    let list = server.get("/api/v1/executions").await.ok(200);
    let id = list["executions"][0]["id"].as_str().unwrap().to_owned();
    let ended = server.get(&format!("/api/v1/executions/{id}?wait=30s")).await.ok(200);
    let told = &ended["error_details"];
    assert_eq!((&told["code"], &told["details"]), (&json!("NO_SUCH_ADDRESS"), &json!({ "ip": 7 })), "{ended}");
}
