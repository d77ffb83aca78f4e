//! Workers elsewhere: the one of the documentation, in Python, and the protocol that it speaks.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    the_worker_of_the_documentation_does_a_step_and_a_failure_is_retried,
    a_worker_that_is_killed_loses_its_task_to_another,
    a_task_goes_to_who_can_do_it_and_a_stopped_one_is_told_by_its_heartbeat,
    a_lease_that_lapses_is_lost_and_its_worker_comes_too_late,
    an_attempt_that_takes_too_long_fails_whatever_its_heartbeats,
    an_output_that_does_not_fit_fails_the_attempt_and_its_worker_is_told,
    an_execution_goes_on_with_the_types_that_its_version_was_checked_with,
];

/// `O_NONBLOCK` of Linux.
const NONBLOCK: i32 = 0o4000;

/// The worker that the documentation shows, killed with this test.
struct Worker(Child);

impl Worker {
    /// Writes the very text of the page to a file and runs it.
    fn start(server: &TestServer, lease: u32) -> Self {
        let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/workers.md")).unwrap();
        let (_, text) = page.split_once("```python\n").unwrap();
        let (text, _) = text.split_once("```\n").unwrap();
        assert!(text.lines().count() <= 40, "it has {} lines", text.lines().count());
        let path = server.folder().join("worker.py");
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new("python3");
        command.arg(path).env("STEPWELL_URL", server.url("")).env("LEASE_SECONDS", lease.to_string());
        Self(command.spawn().expect("python3"))
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Publishes a workflow that counts the words of a file, once the type is registered.
async fn publish_count(server: &TestServer) {
    let text = "workflow count {\n  input path: string\n  step count: files.count {\n    path = input.path\n    \
                retry 100 backoff 100ms..100ms\n  }\n  return count.words\n}\n";
    let published = server.until("the type is registered", async |server| {
        let (status, _) = server.publish(text).await;
        (status == 201).then_some(())
    });
    published.await;
}

/// The attempts at a step: state, and code of the error.
pub(super) async fn states(server: &TestServer, id: &str, step: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = server.steps(id).await;
    let mut ours: Vec<&Value> = steps.iter().filter(|row| row["step_name"] == step).collect();
    ours.sort_by_key(|row| row["attempt_number"].as_u64());
    ours.iter().map(|row| (text(&row["status"]), text(&row["error_details"]["code"]))).collect()
}

async fn the_worker_of_the_documentation_does_a_step_and_a_failure_is_retried(server: TestServer) {
    let _worker = Worker::start(&server, 30);
    publish_count(&server).await;
    let (status, told) = server.publish("workflow bad {\n  step count: files.count { path = 7 }\n}\n").await;
    assert_eq!((status, &told["diagnostics"][0]["code"]), (422, &json!("E0304")), "{told}");
    let path = server.folder().join("words.txt");
    let id = server.execute("count", json!({ "path": path })).await;
    let failed = server.until("an attempt has failed", async |server| {
        states(server, &id, "count").await.into_iter().find(|(_, code)| code == "FileNotFoundError")
    });
    failed.await;
    std::fs::write(&path, "the quick brown fox").unwrap();
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!(4)), "{ended}");
    let all = states(&server, &id, "count").await;
    assert_eq!(all.last().unwrap(), &("completed".to_owned(), String::new()));
    assert!(all.len() >= 2 && all[..all.len() - 1].iter().all(|(_, code)| code == "FileNotFoundError"), "{all:?}");
}

async fn a_worker_that_is_killed_loses_its_task_to_another(server: TestServer) {
    let first = Worker::start(&server, 2);
    publish_count(&server).await;
    // A pipe can be opened for writing, without waiting, once somebody reads: the worker is in the middle of its task.
    let path = server.folder().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let id = server.execute("count", json!({ "path": path })).await;
    let opened = server
        .until("the task is taken", async |_| OpenOptions::new().write(true).custom_flags(NONBLOCK).open(&path).ok());
    let mut pipe = opened.await;
    first.kill();
    let _second = Worker::start(&server, 2);
    // Nothing can be written while nobody reads.
    server.until("another reads", async |_| pipe.write_all(b"one two three").ok()).await;
    drop(pipe);
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!(3)), "{ended}");
    let all = states(&server, &id, "count").await;
    let wanted =
        [("failed", "WORKER_LOST"), ("completed", "")].map(|(state, code)| (state.to_owned(), code.to_owned()));
    assert_eq!(all, wanted);
}

/// Registers `geo.lookup`.
async fn register(server: &TestServer) {
    let (status, told) = server.put("/task-types/geo.lookup", json!({ "description": "says where it is" })).await;
    assert_eq!(status, 201, "{told}");
}

/// Polls until a task of `geo.lookup` comes.
pub(super) async fn poll(server: &TestServer, lease_seconds: u32) -> Value {
    let body = json!({
        "worker": "test", "task_types": ["geo.lookup"], "wait_seconds": 5, "lease_seconds": lease_seconds,
    });
    let polled = server.until("a task", async |server| {
        let (status, told) = server.post("/tasks/poll", body.clone()).await;
        assert_eq!(status, 200, "{told}");
        told["tasks"].get(0).cloned()
    });
    polled.await
}

async fn a_task_goes_to_who_can_do_it_and_a_stopped_one_is_told_by_its_heartbeat(server: TestServer) {
    register(&server).await;
    let demo = server.demo();
    let text = format!(
        "workflow both {{\n  parallel {{\n    step ours: http_request {{ url = \"{demo}/echo\" }}\n    \
         step theirs: geo.lookup {{ ip = \"192.0.2.7\" }}\n  }}\n}}\n"
    );
    let (status, told) = server.publish(&text).await;
    assert_eq!(status, 201, "{told}");
    let id = server.execute("both", json!({})).await;
    // The server's workers have done theirs, and have left the other.
    let done = server.until("the request is done", async |server| {
        let ours = states(server, &id, "ours").await;
        (ours == [("completed".to_owned(), String::new())]).then_some(())
    });
    done.await;
    assert!(states(&server, &id, "theirs").await.iter().all(|(status, _)| status == "running"));
    let task = poll(&server, 600).await;
    assert_eq!((&task["path"], &task["config"]), (&json!("theirs"), &json!({ "ip": "192.0.2.7" })));
    let here = format!("/tasks/{}", task["id"].as_str().unwrap());
    let (status, told) = server.post(&format!("{here}/heartbeat"), json!({})).await;
    assert_eq!((status, &told["cancelled"]), (200, &json!(false)), "{told}");
    server.post(&format!("/executions/{id}/cancel"), json!({})).await;
    server.ended(&id).await;
    let (status, told) = server.post(&format!("{here}/heartbeat"), json!({})).await;
    assert_eq!((status, &told["cancelled"]), (200, &json!(true)), "{told}");
    let (status, told) = server.post(&format!("{here}/complete"), json!({ "output": 1 })).await;
    assert_eq!((status, &told["type"]), (409, &json!("urn:stepwell:problem:lease-lost")), "{told}");
    let (status, _) = server.post("/tasks/poll", json!({ "worker": "w", "task_types": ["http_request"] })).await;
    assert_eq!(status, 422, "what the server does itself is not to be had");
}

async fn publish_lookup(server: &TestServer, policies: &str) -> String {
    register(server).await;
    let text = format!(
        "workflow look {{\n  step place: geo.lookup {{\n    ip = \"192.0.2.7\"\n{policies}  }}\n  return place\n}}\n"
    );
    let (status, told) = server.publish(&text).await;
    assert_eq!(status, 201, "{told}");
    server.execute("look", json!({})).await
}

async fn a_lease_that_lapses_is_lost_and_its_worker_comes_too_late(server: TestServer) {
    let id = publish_lookup(&server, "").await;
    let first = poll(&server, 1).await;
    // Nothing is said of it; the poll waits for whatever becomes of it.
    let second = poll(&server, 600).await;
    assert_eq!((&first["attempt"], &second["attempt"]), (&json!(1), &json!(2)));
    assert_eq!(first["idempotency_key"], second["idempotency_key"]);
    for (word, body) in
        [("complete", json!({ "output": "late" })), ("fail", json!({ "code": "LATE" })), ("heartbeat", json!({}))]
    {
        let (status, told) = server.post(&format!("/tasks/{}/{word}", first["id"].as_str().unwrap()), body).await;
        assert_eq!((status, &told["type"]), (409, &json!("urn:stepwell:problem:lease-lost")), "{word}: {told}");
    }
    let results = json!({ "tasks": [
        { "id": first["id"], "output": "late" },
        { "id": second["id"], "output": "in time", "logs": [{ "message": "found", "level": "warn" }] },
    ] });
    let (status, told) = server.post("/tasks/complete", results).await;
    assert_eq!((status, &told["results"][0]["problem"]["status"]), (200, &json!(409)), "{told}");
    assert_eq!(told["results"][1]["problem"], Value::Null);
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!("in time")), "{ended}");
    assert!(server.messages(&id).await.contains(&"found".to_owned()));
}

async fn an_attempt_that_takes_too_long_fails_whatever_its_heartbeats(server: TestServer) {
    let id = publish_lookup(&server, "    timeout 1s\n").await;
    let task = poll(&server, 600).await;
    let here = format!("/tasks/{}/heartbeat", task["id"].as_str().unwrap());
    let ended = server.until("its time is over", async |server| {
        let (status, told) = server.post(&here, json!({})).await;
        assert!(matches!(status, 200 | 409), "{told}");
        (status == 409).then_some(())
    });
    ended.await;
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["error_details"]["code"]), (&json!("failed"), &json!("TIMEOUT")), "{ended}");
}

/// Registers `geo.lookup` as giving a `country` of this type, and publishes a workflow that reads it; its version.
async fn publish_typed(server: &TestServer, ty: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { "country": { "type": ty } }, "required": ["country"] });
    let (status, told) = server.put("/task-types/geo.lookup", json!({ "output_schema": schema })).await;
    assert!(matches!(status, 200 | 201), "{told}");
    let text = "workflow look {\n  step place: geo.lookup {\n    ip = \"192.0.2.7\"\n    retry 3\n  }\n  return place.country\n}\n";
    let (status, told) = server.publish(text).await;
    assert!(matches!(status, 200 | 201), "{told}");
    told["workflows"][0]["version"].clone()
}

async fn complete(server: &TestServer, task: &Value, output: Value) -> (u16, Value) {
    server.post(&format!("/tasks/{}/complete", task["id"].as_str().unwrap()), json!({ "output": output })).await
}

async fn an_output_that_does_not_fit_fails_the_attempt_and_its_worker_is_told(server: TestServer) {
    publish_typed(&server, "string").await;
    let id = server.execute("look", json!({})).await;
    let task = poll(&server, 600).await;
    let (status, told) = complete(&server, &task, json!({ "country": 351 })).await;
    assert_eq!((status, &told["type"]), (422, &json!("urn:stepwell:problem:output-misfit")), "{told}");
    let found = "expected `string`, found the int 351";
    assert_eq!(told["errors"], json!([{ "path": "output.country", "message": found }]));
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("`place`") && detail.contains("`geo.lookup`"), "{told}");
    assert!(told["help"].as_str().unwrap().contains("`output_schema`"), "{told}");
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["error_details"]["code"]), (&json!("failed"), &json!("TYPE")), "{ended}");
    let message = ended["error_message"].as_str().unwrap();
    for word in ["`place`", "`geo.lookup`", "`output.country`", found, "publish the workflow again"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    assert_eq!(states(&server, &id, "place").await, [("failed".to_owned(), "TYPE".to_owned())], "it is not retried");
    let (status, told) = complete(&server, &task, json!({ "country": "PT" })).await;
    assert_eq!((status, &told["type"]), (409, &json!("urn:stepwell:problem:lease-lost")), "{told}");
    // Among several, each by itself; and what a schema does not name may be there.
    let ids = [server.execute("look", json!({})).await, server.execute("look", json!({})).await];
    let tasks = [poll(&server, 600).await, poll(&server, 600).await];
    let results = json!({ "tasks": [
        { "id": tasks[0]["id"] },
        { "id": tasks[1]["id"], "output": { "country": "PT", "city": "Faro" } },
    ] });
    let (status, told) = server.post("/tasks/complete", results).await;
    assert_eq!((status, &told["results"][0]["problem"]["status"]), (200, &json!(422)), "{told}");
    assert_eq!(told["results"][1]["problem"], Value::Null);
    let mut ends = Vec::new();
    for id in ids {
        ends.push(server.ended(&id).await["status"].as_str().unwrap().to_owned());
    }
    ends.sort();
    assert_eq!(ends, ["completed", "failed"]);
}

async fn an_execution_goes_on_with_the_types_that_its_version_was_checked_with(server: TestServer) {
    assert_eq!(publish_typed(&server, "string").await, json!(1));
    let old = server.execute("look", json!({})).await;
    let task = poll(&server, 600).await;
    // The text is the same, and what is known of its task type is not.
    assert_eq!(publish_typed(&server, "integer").await, json!(2));
    assert_eq!(publish_typed(&server, "integer").await, json!(2));
    let (status, told) = complete(&server, &task, json!({ "country": "PT" })).await;
    assert_eq!(status, 204, "{told}");
    let ended = server.ended(&old).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!("PT")), "{ended}");
    let new = server.execute("look", json!({})).await;
    let task = poll(&server, 600).await;
    assert_eq!(complete(&server, &task, json!({ "country": 351 })).await.0, 204);
    let ended = server.ended(&new).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!(351)), "{ended}");
}
