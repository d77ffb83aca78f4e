//! The API: what each endpoint does when all is well, and the rules of workflows, versions and starts.

use serde_json::{Value, json};
use stepwell::lang::Notation;
use stepwell::service::model::Origin;
use stepwell::service::{ServiceError, Upload};

use crate::support::server::Server;

const GREET: &str = r#"
name = "greet"
description = "Say hello"

[input]
who   = "string"
times = { type = "int", default = 1 }

[[step]]
name = "say"
task = "log"
with = { message = "hello ${input.who}" }
"#;

#[tokio::test]
async fn a_workflow_goes_from_draft_to_a_completed_execution() {
    let server = Server::start().await;
    let made = server.post("/api/v1/workflows", json!({ "name": "greet", "metadata": { "team": "x" } })).await;
    assert!(made.headers.contains_key("location"));
    assert_eq!(made.ok(201)["status"], "draft");
    let (detail, _) = server.post("/api/v1/executions", json!({ "workflow": "greet" })).await.problem(409);
    assert_eq!(detail, "the workflow `greet` is draft, and only an active one starts");
    server.post("/api/v1/workflows/greet/activate", json!({})).await.problem(422);
    let step = json!({
        "name": "say", "task_type": "log", "step_order": 1, "config": { "message": "hello {who}" },
        "timeout_seconds": 30, "max_retries": 2
    });
    server.post("/api/v1/workflows/greet/steps", step).await.ok(201);
    let active = server.post("/api/v1/workflows/greet/activate", json!({})).await.ok(200);
    assert_eq!((&active["status"], &active["active_version"]), (&json!("active"), &json!(1)));
    assert_eq!(active["has_draft"], false);

    let id = server.run("greet", json!({ "who": "you" })).await;
    let ended = server.get(&format!("/api/v1/executions/{id}?wait=30s")).await.ok(200);
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!((&ended["workflow"], &ended["version"]), (&json!("greet"), &json!(1)));
    assert!(ended["created_at"].as_str().unwrap().ends_with('Z'));
    let steps = server.get(&format!("/api/v1/executions/{id}/steps")).await.ok(200);
    assert_eq!((&steps["count"], &steps["steps"][0]["step_name"]), (&json!(1), &json!("say")));
    assert_eq!(steps["steps"][0]["attempt_number"], 1);
    let logs = server.get(&format!("/api/v1/executions/{id}/logs?level=info")).await.ok(200);
    let said: Vec<_> = logs["logs"].as_array().unwrap().iter().map(|entry| entry["message"].clone()).collect();
    assert!(said.contains(&json!("hello you")), "{said:?}");
    let next = server.get(&format!("/api/v1/executions/{id}/logs?after={}", logs["next"])).await.ok(200);
    assert_eq!(next["logs"], json!([]));
    assert_eq!(next["next"], logs["next"]);
}

#[tokio::test]
async fn a_source_is_new_once_and_then_unchanged() {
    let server = Server::start().await;
    let first = server.publish(GREET).await.ok(201);
    assert_eq!(first["workflows"][0]["version"], 1);
    let again = server.publish(&GREET.replace('\n', "\r\n")).await.ok(200);
    assert_eq!((&again["workflows"][0]["version"], &again["workflows"][0]["changed"]), (&json!(1), &json!(false)));
    let other = GREET.replace("hello", "good day");
    assert_eq!(server.publish(&other).await.ok(201)["workflows"][0]["version"], 2);
    assert_eq!(server.publish(GREET).await.ok(201)["workflows"][0]["version"], 3, "an older text is a version again");
    let versions = server.get("/api/v1/workflows/greet/versions").await.ok(200);
    assert_eq!((&versions["count"], &versions["versions"][0]["active"]), (&json!(3), &json!(true)));
    let one = server.get("/api/v1/workflows/greet/versions/2").await.ok(200);
    assert_eq!(one["input_schema"]["required"], json!(["who"]));
    assert_eq!(server.get("/api/v1/workflows/greet/versions/2/source").await.text, other);
    assert_eq!(server.get("/api/v1/workflows/greet/versions/2/plan").await.ok(200)["workflow"], "greet");
    server.get("/api/v1/workflows/greet/versions/9").await.problem(404);
}

#[tokio::test]
async fn validating_changes_nothing() {
    let server = Server::start().await;
    let request = server.client().post("/api/v1/workflows/validate").header("content-type", "application/toml");
    let valid = server.send(request.body(GREET)).await.ok(200);
    assert_eq!((&valid["valid"], &valid["workflows"][0]["steps"]), (&json!(true), &json!(1)));
    server.get("/api/v1/workflows/greet").await.problem(404);
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_told_field_by_field_and_defaults_are_filled() {
    let server = Server::start().await;
    server.publish(GREET).await.ok(201);
    let input = json!({ "whoo": "you", "times": "many" });
    let (_, mut errors) =
        server.post("/api/v1/executions", json!({ "workflow": "greet", "input_data": input })).await.problem(422);
    errors.sort();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("input_data.times: expected `int`"), "{errors:?}");
    assert!(errors[1].starts_with("input_data.who: missing"), "{errors:?}");
    assert!(errors[2].starts_with("input_data.whoo:") && errors[2].contains("`who`"), "{errors:?}");
    let id = server.run("greet", json!({ "who": "you" })).await;
    let execution = server.get(&format!("/api/v1/executions/{id}")).await.ok(200);
    assert_eq!(execution["input_data"], json!({ "who": "you", "times": 1 }));
    let huge = json!({ "workflow": "greet", "input_data": { "who": "x".repeat(1024 * 1024) } });
    server.post("/api/v1/executions", huge).await.problem(413);
}

#[tokio::test]
async fn the_same_key_gives_the_same_execution_and_another_input_is_refused() {
    let server = Server::start().await;
    server.publish(GREET).await.ok(201);
    let start = |who: &str| json!({ "workflow": "greet", "idempotency_key": "k", "input_data": { "who": who } });
    let first = server.post("/api/v1/executions", start("you")).await.ok(201);
    let again = server.post("/api/v1/executions", start("you")).await.ok(200);
    assert_eq!(again["id"], first["id"]);
    let (detail, _) = server.post("/api/v1/executions", start("me")).await.problem(409);
    assert!(detail.starts_with("the idempotency key `k` was used with another input"), "{detail}");
    server.post("/api/v1/workflows/greet/deactivate", json!({})).await.ok(200);
    let after = server.post("/api/v1/executions", start("you")).await.ok(200);
    assert_eq!(after["id"], first["id"], "a repeated start is no new one, also where new ones are refused");
    server.post("/api/v1/executions", json!({ "workflow": "greet", "input_data": { "who": "x" } })).await.problem(409);
}

#[tokio::test]
async fn a_start_needs_one_workflow_and_plain_numbers() {
    let server = Server::start().await;
    let (_, errors) = server.post("/api/v1/executions", json!({})).await.problem(422);
    assert_eq!(errors, ["workflow: missing: give `workflow` (a name) or `workflow_id`"]);
    let body = json!({ "workflow": "a", "workflow_id": "b", "max_retries": -1, "scheduled_at": "soon" });
    let (_, errors) = server.post("/api/v1/executions", body).await.problem(422);
    assert_eq!(errors[0], "max_retries: -1 is out of range");
    assert!(errors[1].starts_with("scheduled_at: expected a moment in RFC 3339"), "{errors:?}");
    assert_eq!(errors[2], "workflow: give `workflow_id` or `workflow`, not both");
    server.post("/api/v1/executions", json!({ "workflow": "nothing" })).await.problem(404);
}

#[tokio::test]
async fn a_scheduled_execution_waits_and_can_be_cancelled_once() {
    let server = Server::start().await;
    server.publish(GREET).await.ok(201);
    let body = json!({ "workflow": "greet", "input_data": { "who": "x" }, "scheduled_at": "2999-01-01T00:00:00Z" });
    let waiting = server.post("/api/v1/executions", body).await.ok(201);
    assert_eq!((&waiting["status"], &waiting["scheduled_at"]), (&json!("pending"), &json!("2999-01-01T00:00:00Z")));
    let live = server.delete("/api/v1/workflows/greet").await;
    assert_eq!(live.problem(409).0, "the workflow `greet` has 1 execution that has not ended");
    let path = format!("/api/v1/executions/{}", waiting["id"].as_str().unwrap());
    let cancelled = server.post(&format!("{path}/cancel"), json!({ "reason": "no more" })).await.ok(200);
    assert_eq!(cancelled["status"], "cancelled");
    let again = server.send(server.client().post(format!("{path}/retry"))).await;
    again.problem(409);
    assert_eq!(again.json()["allowed"], json!(["failed"]));
    server.delete("/api/v1/workflows/greet").await.ok(204);
    server.get("/api/v1/workflows/greet").await.problem(404);
}

#[tokio::test]
async fn a_cancel_says_whether_it_undoes_and_only_undos_that_failed_are_retried() {
    let server = Server::start().await;
    server.publish(GREET).await.ok(201);
    let body = json!({ "workflow": "greet", "input_data": { "who": "x" }, "scheduled_at": "2999-01-01T00:00:00Z" });
    let waiting = server.post("/api/v1/executions", body).await.ok(201);
    assert_eq!(waiting["compensation"], "none");
    let path = format!("/api/v1/executions/{}", waiting["id"].as_str().unwrap());
    let (_, errors) = server.post(&format!("{path}/cancel"), json!({ "undo": "no" })).await.problem(422);
    assert_eq!(errors, ["undo: expected true or false, found the text \"no\""]);
    let cancelled = server.post(&format!("{path}/cancel"), json!({ "undo": false })).await.ok(200);
    assert_eq!((&cancelled["status"], &cancelled["compensation"]), (&json!("cancelled"), &json!("none")));
    let retried = server.send(server.client().post(format!("{path}/compensation/retry"))).await;
    retried.problem(409);
    assert_eq!(retried.json()["allowed"], json!(["failed", "cancelled"]));
}

#[tokio::test]
async fn editing_an_active_workflow_opens_a_draft_beside_it() {
    let server = Server::start().await;
    server.post("/api/v1/workflows", json!({ "name": "w" })).await.ok(201);
    let step = |name: &str, order: i32| json!({ "name": name, "task_type": "log", "step_order": order, "config": { "message": name } });
    let first = server.post("/api/v1/workflows/w/steps", step("a", 1)).await.ok(201);
    server.post("/api/v1/workflows/w/activate", json!({})).await.ok(200);
    let path = format!("/api/v1/workflows/w/steps/{}", first["id"].as_str().unwrap());
    let edited = server.patch(&path, json!({ "config": { "message": "other" }, "max_retries": 4 })).await.ok(200);
    assert_eq!((&edited["version"], &edited["max_retries"]), (&Value::Null, &json!(4)));
    let workflow = server.get("/api/v1/workflows/w").await.ok(200);
    assert_eq!((&workflow["active_version"], &workflow["has_draft"]), (&json!(1), &json!(true)));
    let active = server.get("/api/v1/workflows/w/steps?version=1").await.ok(200);
    assert_eq!(active["steps"][0]["config"]["message"], "a", "the active version is as it was");
    server.post("/api/v1/workflows/w/steps", step("b", 2)).await.ok(201);
    assert_eq!(server.post("/api/v1/workflows/w/activate", json!({})).await.ok(200)["active_version"], 2);
    assert_eq!(server.get("/api/v1/workflows/w/steps").await.ok(200)["count"], 2);
}

#[tokio::test]
async fn steps_are_checked_one_by_one() {
    let server = Server::start().await;
    server.post("/api/v1/workflows", json!({ "name": "w" })).await.ok(201);
    let bad = json!({ "name": "a b", "task_type": "lgo", "step_order": -1, "config": [1], "max_retries": 9999 });
    let (_, errors) = server.post("/api/v1/workflows/w/steps", bad).await.problem(422);
    assert_eq!(errors.len(), 5, "{errors:?}");
    assert_eq!(errors[1], "task_type: unknown task type `lgo`; did you mean `log`?");
    assert_eq!(errors[3], "config: expected an object, found a list");
    let step = |name: &str, order: i32| json!({ "name": name, "task_type": "log", "step_order": order });
    server.post("/api/v1/workflows/w/steps", step("a", 1)).await.ok(201);
    server.post("/api/v1/workflows/w/steps", step("a", 2)).await.problem(409);
    let (detail, _) = server.post("/api/v1/workflows/w/steps", step("b", 1)).await.problem(409);
    assert_eq!(detail, "`step_order` 1 is taken by the step `a`");
    let compiled = server.post("/api/v1/workflows/w/activate", json!({})).await;
    compiled.problem(422);
    assert!(compiled.json()["diagnostics"][0]["message"].as_str().unwrap().contains("message"));
}

#[tokio::test]
async fn names_are_unique_and_kept_by_versions() {
    let server = Server::start().await;
    server.post("/api/v1/workflows", json!({ "name": "a" })).await.ok(201);
    let (detail, _) = server.post("/api/v1/workflows", json!({ "name": "a" })).await.problem(409);
    assert_eq!(detail, "there is a workflow called `a` already");
    server.patch("/api/v1/workflows/a", json!({ "name": "b", "description": null })).await.ok(200);
    server.publish(GREET).await.ok(201);
    server.patch("/api/v1/workflows/greet", json!({ "name": "c" })).await.problem(409);
    server.patch("/api/v1/workflows/b", json!({ "name": "greet" })).await.problem(409);
}

#[tokio::test]
async fn what_a_file_owns_is_edited_in_the_file_alone() {
    let server = Server::start().await;
    let origin = Origin::File { path: "greet.toml".to_owned() };
    let upload = Upload {
        name: "greet.toml".into(),
        notation: Notation::Toml,
        text: GREET.into(),
        origin,
        takes_from: Default::default(),
    };
    server.service.source_publish(upload.clone()).await.unwrap();
    let step = json!({ "name": "s", "task_type": "log", "step_order": 9 });
    for answer in [
        server.post("/api/v1/workflows/greet/steps", step).await,
        server.patch("/api/v1/workflows/greet", json!({ "description": "x" })).await,
        server.delete("/api/v1/workflows/greet").await,
        server.publish(GREET).await,
    ] {
        assert_eq!(answer.problem(409).0, "the workflow `greet` is owned by the file `greet.toml`");
    }
    let other = Upload { origin: Origin::File { path: "other.toml".to_owned() }, ..upload.clone() };
    assert!(matches!(server.service.source_publish(other).await, Err(ServiceError::Conflict { .. })));
    let released = server.service.source_remove("greet.toml").await.unwrap();
    assert_eq!(released.len(), 1);
    assert_eq!(server.get("/api/v1/workflows/greet").await.ok(200)["status"], "inactive");
    let back = server.service.source_publish(upload).await.unwrap();
    assert!(!back.workflows[0].changed);
    assert_eq!(server.get("/api/v1/workflows/greet").await.ok(200)["status"], "active", "the file is back");
}

#[tokio::test]
async fn settings_of_the_server_replace_those_of_the_workflow_and_one_without_a_value_is_named() {
    let text = GREET
        .replace("[input]", "[settings]\nurl = { type = \"string\", default = \"a\" }\nkey = \"string\"\n\n[input]");
    let server = Server::start().await;
    server.publish(&text).await.ok(201);
    let start = json!({ "workflow": "greet", "input_data": { "who": "x" } });
    let (_, errors) = server.post("/api/v1/executions", start.clone()).await.problem(422);
    assert_eq!(errors, ["settings.key: the server's settings give it no value: expected `string`"]);
    let Value::Object(settings) = json!({ "key": "k", "greet": { "url": "b" } }) else { panic!("no object") };
    let server = Server::with_settings(settings).await;
    server.publish(&text).await.ok(201);
    server.post("/api/v1/executions", start).await.ok(201);
}

#[tokio::test]
async fn lists_are_paged_by_offset_and_by_cursor() {
    let server = Server::start().await;
    for name in ["a", "b", "c"] {
        server.post("/api/v1/workflows", json!({ "name": name })).await.ok(201);
    }
    let page = server.get("/api/v1/workflows?status=draft&limit=2").await.ok(200);
    assert_eq!((&page["count"], &page["limit"], &page["offset"]), (&json!(3), &json!(2), &json!(0)));
    let cursor = page["next"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/workflows?limit=2&cursor={cursor}")).await.ok(200);
    assert_eq!((&rest["workflows"][0]["name"], &rest["next"]), (&json!("c"), &Value::Null));
    assert_eq!(server.get("/api/v1/workflows?offset=2").await.ok(200)["workflows"][0]["name"], "c");
    server.publish(GREET).await.ok(201);
    let ids = [server.run("greet", json!({ "who": "1" })).await, server.run("greet", json!({ "who": "2" })).await];
    let page = server.get("/api/v1/executions?workflow=greet&limit=1").await.ok(200);
    assert_eq!((&page["count"], &page["executions"][0]["id"]), (&json!(2), &json!(ids[1])));
    let rest = format!("/api/v1/executions?workflow=greet&limit=1&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(server.get(&rest).await.ok(200)["executions"][0]["id"], json!(ids[0]));
    assert_eq!((&page["count_is_exact"], &page["offset"]), (&json!(true), &json!(0)));
    server.get("/api/v1/executions?cursor=7").await.problem(400);
    server.publish(&GREET.replace("hello", "good day")).await.ok(201);
    let page = server.get("/api/v1/workflows/greet/versions?limit=1").await.ok(200);
    assert_eq!((&page["count"], &page["versions"][0]["version"], &page["next"]), (&json!(2), &json!(2), &json!(2)));
    let rest = server.get("/api/v1/workflows/greet/versions?limit=1&cursor=2").await.ok(200);
    assert_eq!(rest["versions"][0]["version"], 1);
}

#[tokio::test]
async fn health_metrics_documents_and_lists_answer() {
    let server = Server::start().await;
    let health = server.get("/health").await.ok(200);
    assert_eq!((&health["status"], &health["database"], &health["redis"]), (&json!("ok"), &json!("ok"), &json!("off")));
    server.get("/health/ready").await.ok(200);
    assert_eq!(server.get("/health/live").await.text, "ok");
    assert_eq!(server.get("/metrics").await.text, "stepwell_up 1\n");
    assert_eq!(server.get("/").await.headers["location"], "/docs");
    let docs = server.get("/docs").await;
    assert!(docs.text.contains("SwaggerUIBundle") && !docs.text.contains("src=\"http"), "it needs no network");
    assert_eq!(server.get("/openapi.json").await.text.trim(), stepwell::api::openapi_json().trim());
    let types = server.get("/api/v1/task-types").await.ok(200);
    assert_eq!(types["count"], 6);
    assert!(types["task_types"][0]["config_schema"].is_object());
    assert_eq!(server.get("/api/v1/sources").await.ok(200), json!({ "sources": [], "count": 0 }));
}
