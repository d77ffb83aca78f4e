//! Work at two servers: what is registered, published and started at one is known to the other, and a task that was polled
//! for at one can be spoken for at the other.

use serde_json::{Value, json};

use super::nodes::Two;
use super::remote::{poll, states};
use super::server::TestServer;

const LOOK: &str = "workflow look {\n  step place: geo.lookup { ip = \"192.0.2.7\" }\n  return place.city\n}\n";

impl Two {
    /// Registers `geo.lookup` at the first server and publishes `look` at the second.
    async fn with_lookup() -> Self {
        let mut two = Self::start().await;
        let schema = |field: &str| {
            json!({
                "type": "object", "properties": { field: { "type": "string" } }, "required": [field], "additionalProperties": false,
            })
        };
        let definition = json!({ "config_schema": schema("ip"), "output_schema": schema("city") });
        assert_eq!(two.at(0).put("/task-types/geo.lookup", definition).await.0, 201);
        let (status, told) = two.at(1).publish(&LOOK.replace("\"192.0.2.7\"", "7")).await;
        assert_eq!((status, &told["diagnostics"][0]["code"]), (422, &json!("E0304")), "{told}");
        let (status, told) = two.at(1).publish(LOOK).await;
        assert_eq!(status, 201, "{told}");
        two
    }
}

/// Says something of a task; the answer.
async fn say(server: &TestServer, task: &Value, word: &str, body: Value) -> (u16, Value) {
    server.post(&format!("/tasks/{}/{word}", task["id"].as_str().unwrap()), body).await
}

/// How many tasks are with workers, as far as the server knows.
async fn leased(server: &TestServer) -> Option<f64> {
    let metrics = server.metrics().await;
    metrics.lines().find_map(|line| line.strip_prefix("stepwell_tasks_leased ")?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_polled_for_at_one_server_is_kept_and_completed_at_the_other() {
    let mut two = Two::with_lookup().await;
    for here in 0..2 {
        let other = 1 - here;
        // Of an execution of this server, and of one of the other.
        for whose in 0..2 {
            let id = two.at(whose).execute("look", json!({})).await;
            let task = poll(two.at(here), 10).await;
            assert_eq!(task["execution_id"], *id);
            let (status, told) = say(two.at(other), &task, "heartbeat", json!({})).await;
            assert_eq!((status, &told["cancelled"]), (200, &json!(false)), "{told}");
            let (status, told) = say(two.at(other), &task, "complete", json!({ "output": { "city": "Ulm" } })).await;
            assert!(status < 300, "{status} {told}");
            let ended = two.at(here).ended(&id).await;
            assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!("Ulm")), "{ended}");
            for which in 0..2 {
                let (status, told) = say(two.at(which), &task, "complete", json!({ "output": {} })).await;
                assert_eq!((status, &told["type"]), (409, &json!("urn:stepwell:problem:lease-lost")), "{told}");
            }
            let all = states(two.at(other), &id, "place").await;
            assert_eq!(all, [("completed".to_owned(), String::new())]);
        }
    }
    // Who was polled hears nothing of the end, and yet counts the tasks no more.
    for which in 0..2 {
        let none = async |server: &TestServer| leased(server).await.filter(|leased| *leased == 0.0);
        two.at(which).until("no task is counted", none).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_stopped_at_one_server_is_told_to_whoever_speaks_for_its_task_at_the_other() {
    let mut two = Two::with_lookup().await;
    for here in 0..2 {
        let other = 1 - here;
        let id = two.at(here).execute("look", json!({})).await;
        let task = poll(two.at(other), 600).await;
        two.ask(other, &id, "cancel", json!({})).await;
        assert_eq!(two.at(here).ended(&id).await["status"], "cancelled");
        let (status, told) = say(two.at(here), &task, "heartbeat", json!({})).await;
        assert_eq!((status, &told["cancelled"]), (200, &json!(true)), "{told}");
        let (status, _) = say(two.at(other), &task, "complete", json!({ "output": { "city": "Ulm" } })).await;
        assert_eq!(status, 409);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_server_was_killed_is_kept_and_completed_at_the_other() {
    let mut two = Two::with_lookup().await;
    // Of the server that stays, and of the one that goes.
    let ids = [two.at(0).execute("look", json!({})).await, two.at(1).execute("look", json!({})).await];
    let tasks = [poll(two.at(1), 60).await, poll(two.at(1), 60).await];
    two.second.signal("KILL");
    for task in &tasks {
        let (status, told) = say(two.at(0), task, "heartbeat", json!({})).await;
        assert_eq!((status, &told["cancelled"]), (200, &json!(false)), "{told}");
        let (status, told) = say(two.at(0), task, "complete", json!({ "output": { "city": "Ulm" } })).await;
        assert!(status < 300, "{status} {told}");
    }
    for id in &ids {
        let ended = two.at(0).ended(id).await;
        assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!("Ulm")), "{ended}");
        let all = states(two.at(0), id, "place").await;
        assert_eq!(all, [("completed".to_owned(), String::new())], "nothing is made again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sent_to_both_servers_at_once_starts_each_once() {
    let mut two = Two::start().await;
    let text = "workflow count {\n input n: int\n step say: log { message = \"${input.n}\" }\n return input.n\n}\n";
    assert_eq!(two.at(0).publish(text).await.0, 201);
    let start = |n: usize| json!({ "workflow": "count", "idempotency_key": format!("k{n}"), "input_data": { "n": n } });
    let starts: Vec<Value> = (0..200).map(start).collect();
    let [first, second] = two.post_to_both("/executions/batch", &json!({ "executions": starts })).await;
    assert_eq!((first.0, second.0), (200, 200));
    for n in 0..starts.len() {
        let (first, second) = (&first.1["executions"][n], &second.1["executions"][n]);
        assert_eq!(first["id"], second["id"], "{first} {second}");
        let mut statuses = [first["status"].as_u64().unwrap(), second["status"].as_u64().unwrap()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{first} {second}");
        let ended = two.at(n % 2).ended(first["id"].as_str().unwrap()).await;
        assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!(n)), "{ended}");
    }
    assert_eq!(two.at(1).get("/executions?workflow=count&limit=1").await["count"], 200);
}
