//! How many run, how often is dispatched, and what is not asked twice: from the source to the rows.

use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    one_past_the_limit_waits_fails_is_cancelled_or_takes_the_place_of_another,
    no_more_than_the_rate_allows_are_dispatched,
    a_kept_output_is_the_outcome_of_the_same_step,
];

async fn publish(server: &TestServer, text: &str) {
    let (status, told) = server.publish(text).await;
    assert_eq!(status, 201, "{told}");
}

/// Waits until an execution is in a state.
async fn is(server: &TestServer, id: &str, status: &str) -> Value {
    let look = async |server: &TestServer| {
        let execution = server.get(&format!("/executions/{id}")).await;
        (execution["status"] == status).then_some(execution)
    };
    server.until(&format!("{id} is {status}"), look).await
}

async fn one_past_the_limit_waits_fails_is_cancelled_or_takes_the_place_of_another(server: TestServer) {
    let rules = [("queue", "pending"), ("fail", "failed"), ("cancel", "cancelled"), ("replace", "running")];
    for (rule, second_is) in rules {
        let text = format!(
            "workflow only-{rule} {{\n input who: string\n concurrency key input.who limit 1 else {rule}\n sleep 1h\n}}"
        );
        publish(&server, &text).await;
        let name = format!("only-{rule}");
        let first = server.execute(&name, json!({ "who": "a" })).await;
        is(&server, &first, "running").await;
        let other = server.execute(&name, json!({ "who": "b" })).await;
        is(&server, &other, "running").await;
        let second = server.execute(&name, json!({ "who": "a" })).await;
        let found = is(&server, &second, second_is).await;
        match rule {
            "fail" => assert_eq!(found["error_details"]["code"], "CONCURRENCY", "{found}"),
            "replace" => drop(is(&server, &first, "cancelled").await),
            "queue" => {
                assert_eq!(server.post(&format!("/executions/{first}/cancel"), json!({})).await.0, 200);
                is(&server, &second, "running").await;
            }
            _ => {}
        }
        is(&server, &other, "running").await;
    }
}

async fn no_more_than_the_rate_allows_are_dispatched(server: TestServer) {
    let demo = server.demo();
    let text = format!(
        "workflow rated {{\n step call: http_request {{\n url = \"{demo}/echo\"\n rate \"calls\" 2/1h\n }}\n}}"
    );
    publish(&server, &text).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.execute("rated", json!({})).await);
    }
    for id in &ids[..2] {
        assert_eq!(server.ended(id).await["status"], "completed");
    }
    let (status, told) = server.post(&format!("/executions/{}/cancel", ids[2]), json!({})).await;
    assert_eq!(status, 200, "{told}");
    let steps = server.steps(&ids[2]).await;
    assert!(steps.iter().all(|row| row["status"] == "cancelled"), "{steps:?}");
}

async fn a_kept_output_is_the_outcome_of_the_same_step(server: TestServer) {
    let demo = server.demo();
    let text = format!(
        r#"
workflow asks {{
  input who: string
  step ask: http_request {{
    url = "{demo}/flaky?times=0"
    cache key input.who for 1h
  }}
  return {{ answer: ask.headers, at: ask.body }}
}}
"#
    );
    publish(&server, &text).await;
    let mut messages = Vec::new();
    for who in ["a", "a", "b"] {
        let id = server.execute("asks", json!({ "who": who })).await;
        assert_eq!(server.ended(&id).await["status"], "completed");
        let kept = server.messages(&id).await.iter().any(|message| message.contains("one that was kept"));
        messages.push(kept);
    }
    assert_eq!(messages, [false, true, false]);
}
