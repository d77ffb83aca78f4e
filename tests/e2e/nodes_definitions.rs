//! Definitions that both servers are asked to change at once: one change, and what it was decided on holds.

use serde_json::{Value, json};

use super::nodes::Two;

fn statuses(answers: &[(u16, Value); 2]) -> [u16; 2] {
    let mut statuses = [answers[0].0, answers[1].0];
    statuses.sort_unstable();
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_sent_to_both_servers_at_once_is_one_version() {
    let two = Two::start().await;
    for n in 1..=10 {
        let text = format!("workflow grows {{\n  return {{ version: {n} }}\n}}\nworkflow other {{\n  return {n}\n}}\n");
        let answers = two.publish_to_both(&text).await;
        assert_eq!(statuses(&answers), [200, 201], "{answers:?}");
        for (_, told) in &answers {
            let versions: Vec<_> = told["workflows"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
            assert_eq!(versions, [&json!(n), &json!(n)], "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_a_draft_added_at_both_servers_at_once_are_activated_once() {
    let mut two = Two::start().await;
    let (status, told) = two.at(0).post("/workflows", json!({ "name": "drawn" })).await;
    assert_eq!(status, 201, "{told}");
    for n in 1..=5 {
        let step = |name: String| json!({ "name": name, "task_type": "log", "config": { "message": "hi" } });
        // Both ask for the last place, and each has one.
        let first = two.post_to_both("/workflows/drawn/steps", &step(format!("a{n}"))).await;
        assert_eq!(statuses(&first), [201, 409], "the name is taken by the other: {first:?}");
        assert_eq!(two.at(1).post("/workflows/drawn/steps", step(format!("b{n}"))).await.0, 201);
        let activated = two.post_to_both("/workflows/drawn/activate", &Value::Null).await;
        assert_eq!(statuses(&activated), [200, 200], "{activated:?}");
        let steps = two.at(0).get(&format!("/workflows/drawn/steps?version={n}")).await;
        assert_eq!(steps["steps"].as_array().unwrap().len(), 2 * n, "{steps}");
        assert_eq!(two.at(1).get("/workflows/drawn/versions").await["count"], n);
    }
    let id = two.at(1).execute("drawn", json!({})).await;
    assert_eq!(two.at(0).ended(&id).await["status"], "completed");
    let said = two.at(0).messages(&id).await;
    assert_eq!(said.iter().filter(|message| *message == "hi").count(), 10, "{said:?}");
}
