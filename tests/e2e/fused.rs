//! Pure steps over HTTP: written as one row, shown as they ran, and read again after a crash.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::server::TestServer;

on_both![a_run_of_pure_steps_is_one_row_and_is_shown_step_by_step];

const FLOW: &str = r#"
workflow pure {
  input n: int
  let a = input.n + 1
  step b: data_transform { value = { n: a } }
  if b.n > 100 {
    step never: log { message = "never" }
  } else {
    let c = b.n * 2
  }
  step say: log { message = "n is ${b.n}" }
  wait go: "go.on"
  let d = a + 1
  step e: data_transform { value = { n: d } }
  return { n: e.n, first: b.n }
}
"#;

async fn count(server: &TestServer, table: &str) -> i64 {
    let database = server.database().await;
    let sql = format!("SELECT COUNT(*) AS n FROM {table}");
    let found = database.query_one_raw(Statement::from_string(database.get_database_backend(), sql)).await;
    found.unwrap().unwrap().try_get("", "n").unwrap()
}

/// The names of the steps on a page, and how many there are in all.
async fn page(server: &TestServer, id: &str, query: &str) -> (Vec<String>, Value) {
    let page = server.get(&format!("/executions/{id}/steps?{query}")).await;
    let names = page["steps"].as_array().unwrap().iter().map(|step| step["step_name"].as_str().unwrap().to_owned());
    (names.collect(), page["count"].clone())
}

async fn a_run_of_pure_steps_is_one_row_and_is_shown_step_by_step(mut server: TestServer) {
    let (status, body) = server.publish(FLOW).await;
    assert_eq!(status, 201, "{body}");
    let id = server.execute("pure", json!({ "n": 1 })).await;
    assert_eq!((count(&server, "fused_steps").await, count(&server, "step_executions").await), (1, 1));
    let before = server.steps(&id).await;
    server.kill();
    server.restart();
    assert_eq!(server.steps(&id).await, before);
    let (status, body) = server.post(&format!("/executions/{id}/signals/go.on"), json!({ "data": {} })).await;
    assert!((200..300).contains(&status), "{body}");
    let ended = server.ended(&id).await;
    assert_eq!(ended["output_data"], json!({ "n": 3, "first": 2 }), "{ended}");
    assert_eq!((count(&server, "fused_steps").await, count(&server, "step_executions").await), (2, 1));

    let steps = server.steps(&id).await;
    assert_eq!(ended["current_step_order"], steps[8]["step_order"], "the last is the furthest: {ended}");
    let told: Vec<_> = steps.iter().map(|step| (step["status"].as_str().unwrap(), &step["output_data"])).collect();
    let (no, yes) = ("skipped", "completed");
    let [null, two] = [Value::Null, json!({ "n": 2 })];
    let [a, arm, c, d, e] = [json!(2), json!(1), json!(4), json!(3), json!({ "n": 3 })];
    assert_eq!(told[..6], [(yes, &a), (yes, &two), (yes, &arm), (no, &null), (yes, &c), (yes, &null)], "{steps:?}");
    assert_eq!(told[7..], [(yes, &d), (yes, &e)], "{steps:?}");
    assert!(steps.iter().all(|step| !step["created_at"].is_null() && !step["completed_at"].is_null()), "{steps:?}");

    let all = page(&server, &id, "limit=100").await.0;
    for (offset, limit) in [(0, 4), (4, 4), (8, 4), (5, 1)] {
        let expected: Vec<String> = all.iter().skip(offset).take(limit).cloned().collect();
        let found = page(&server, &id, &format!("offset={offset}&limit={limit}")).await;
        assert_eq!(found, (expected, json!(9)), "{offset} {limit}");
    }
    assert_eq!(page(&server, &id, "status=skipped").await, (vec!["never".to_owned()], json!(1)));
    assert_eq!(page(&server, &id, "status=completed&offset=6").await.0, all[7..]);

    // How far it came is read from its row: without that, from its steps, as an older release left it.
    let furthest = async || server.get("/executions").await["executions"][0]["current_step_order"].clone();
    let database = server.database().await;
    for statement in ["UPDATE workflow_executions SET furthest = NULL", "DELETE FROM fused_steps"] {
        assert_eq!(furthest().await, steps[8]["step_order"], "before `{statement}`");
        database.execute_unprepared(statement).await.unwrap();
    }
    let from_rows = furthest().await;
    database.execute_unprepared("UPDATE workflow_executions SET furthest = 7").await.unwrap();
    assert_eq!((from_rows, furthest().await), (json!(0), json!(7)), "a step is left that is none of the workflow's");
}
