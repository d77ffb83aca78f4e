//! Many starts in one request.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    a_batch_answers_each_start_in_its_place,
    a_batch_sent_again_starts_nothing,
    what_a_batch_accepted_is_there_after_a_kill,
    a_batch_has_a_bound,
];

/// A workflow with an input, and one that is asleep for long.
async fn publish_two(server: &TestServer) {
    for text in [
        "workflow count {\n input n: int\n step say: log { message = \"${input.n}\" }\n return { n: input.n }\n}\n",
        "workflow rest {\n sleep 1h\n step say: log { message = \"late\" }\n}\n",
    ] {
        let (status, body) = server.publish(text).await;
        assert_eq!(status, 201, "{body}");
    }
}

async fn batch(server: &TestServer, starts: &[Value]) -> Vec<Value> {
    let (status, body) = server.post("/executions/batch", json!({ "executions": starts })).await;
    assert_eq!(status, 200, "{body}");
    let answers = body["executions"].as_array().expect("a list").clone();
    assert_eq!(answers.len(), starts.len());
    answers
}

fn count(key: &str, n: i64) -> Value {
    json!({ "workflow": "count", "idempotency_key": key, "input_data": { "n": n } })
}

async fn a_batch_answers_each_start_in_its_place(server: TestServer) {
    publish_two(&server).await;
    let starts = [
        count("a", 1),
        json!({ "workflow": "rest" }),
        json!({ "workflow": "none" }),
        count("a", 1),
        json!({ "workflow": "count", "input_data": { "n": "x" } }),
        count("a", 2),
        json!({ "workflow": "count", "inputs": {} }),
        json!(7),
        // The same key of another workflow is another key.
        json!({ "workflow": "rest", "idempotency_key": "a" }),
    ];
    let answers = batch(&server, &starts).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 404, 200, 422, 409, 422, 422, 201], "{answers:?}");
    assert_eq!(answers[0]["id"], answers[3]["id"]);
    for (answer, status) in answers.iter().zip(&statuses) {
        assert_eq!(answer["problem"].is_object(), *status > 201, "{answer}");
        assert_eq!(answer["id"].is_string(), *status <= 201, "{answer}");
    }
    assert_eq!(answers[2]["problem"]["type"], "urn:stepwell:problem:not-found");
    assert_eq!(answers[4]["problem"]["errors"][0]["path"], "input_data.n");
    assert_eq!(answers[6]["problem"]["errors"][0]["path"], "inputs");
    let ended = server.ended(answers[0]["id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!({ "n": 1 })));
    assert_eq!(server.get("/executions").await["count"], 3);
}

async fn a_batch_sent_again_starts_nothing(server: TestServer) {
    publish_two(&server).await;
    let starts: Vec<Value> = (0..200).map(|n| count(&format!("k{n}"), n)).collect();
    let first = batch(&server, &starts).await;
    let again = batch(&server, &starts).await;
    assert!(first.iter().all(|answer| answer["status"] == 201), "{first:?}");
    assert!(again.iter().all(|answer| answer["status"] == 200), "{again:?}");
    assert!(first.iter().zip(&again).all(|(first, again)| first["id"] == again["id"]));
    assert_eq!(server.get("/executions?limit=1").await["count"], 200);
}

async fn what_a_batch_accepted_is_there_after_a_kill(mut server: TestServer) {
    publish_two(&server).await;
    let starts = vec![json!({ "workflow": "rest" }); 300];
    let answers = batch(&server, &starts).await;
    server.kill();
    server.restart();
    let ids: BTreeSet<_> = answers.iter().map(|answer| answer["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 300);
    let there = server.get("/executions?limit=1000").await;
    let there: BTreeSet<_> =
        there["executions"].as_array().unwrap().iter().map(|each| each["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, there);
}

async fn a_batch_has_a_bound(server: TestServer) {
    publish_two(&server).await;
    for (starts, found) in [(vec![], "found 0"), (vec![json!({ "workflow": "rest" }); 1_001], "found 1001")] {
        let (status, problem) = server.post("/executions/batch", json!({ "executions": starts })).await;
        assert_eq!((status, &problem["errors"][0]["path"]), (422, &json!("executions")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(found), "{problem}");
    }
    for body in [json!({}), json!({ "executions": {} })] {
        assert_eq!(server.post("/executions/batch", body).await.0, 422);
    }
    assert_eq!(server.get("/executions").await["count"], 0);
}
