//! What runs beside what, and in which order.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::server::TestServer;

on_both![what_is_after_others_waits_for_them_all, a_loop_in_parallel_gives_its_yields_in_order];

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no moment: {value}")).parse().unwrap()
}

async fn what_is_after_others_waits_for_them_all(server: TestServer) {
    let demo = server.demo();
    let text = format!(
        r#"
workflow diamond {{
  parallel {{
    step last:  http_request {{ url = "{demo}/echo?saw=${{left.body.ms + right.body.ms}}", after left, right }}
    step left:  http_request {{ url = "{demo}/slow?ms=40", after first }}
    step right: http_request {{ url = "{demo}/slow?ms=80", after first }}
    step first: http_request {{ url = "{demo}/slow?ms=20" }}
    step alone: http_request {{ url = "{demo}/echo" }}
  }}
  return {{ saw: last.body.query.saw }}
}}
"#
    );
    let (status, body) = server.publish(&text).await;
    assert_eq!(status, 201, "{body}");
    let id = server.execute("diamond", json!({})).await;
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["output_data"]["saw"]), (&json!("completed"), &json!("120")), "{ended}");
    let steps = server.steps(&id).await;
    let time = |name: &str, what: &str| {
        let step = steps.iter().find(|row| row["step_name"] == name && row["status"] == "completed");
        moment(&step.unwrap_or_else(|| panic!("no `{name}` in {steps:?}"))[what])
    };
    for (before, after) in [("first", "left"), ("first", "right"), ("left", "last"), ("right", "last")] {
        assert!(time(before, "completed_at") <= time(after, "created_at"), "{before} {after}: {steps:?}");
    }
    assert!(time("alone", "created_at") < time("first", "completed_at"), "{steps:?}");
}

async fn a_loop_in_parallel_gives_its_yields_in_order(server: TestServer) {
    let demo = server.demo();
    let text = format!(
        r#"
workflow fan {{
  let all = for n in range(8) parallel 3 {{
    step call: http_request {{ url = "{demo}/slow?ms=${{(8 - n) * 10}}" }}
    yield {{ n: n, ms: call.body.ms }}
  }}
  return all
}}
"#
    );
    let (status, body) = server.publish(&text).await;
    assert_eq!(status, 201, "{body}");
    let id = server.execute("fan", json!({})).await;
    let ended = server.ended(&id).await;
    let expected: Vec<Value> = (0..8).map(|n| json!({ "n": n, "ms": (8 - n) * 10 })).collect();
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!(expected)), "{ended}");
    let steps = server.steps(&id).await;
    let mut paths: Vec<_> = steps.iter().filter_map(|row| row["path"].as_str()?.strip_prefix("call")).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["[0]", "[1]", "[2]", "[3]", "[4]", "[5]", "[6]", "[7]"]);
}
