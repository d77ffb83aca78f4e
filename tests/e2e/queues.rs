//! What a scaler of workers goes by.

use serde_json::{Value, json};

use super::server::TestServer;

on_both![the_queue_tells_what_workers_have_and_is_empty_after];

async fn default_queue(server: &TestServer) -> Option<Value> {
    let list = server.get("/queues").await;
    list["queues"].as_array().expect("a list").iter().find(|queue| queue["name"] == "default").cloned()
}

async fn the_queue_tells_what_workers_have_and_is_empty_after(server: TestServer) {
    assert_eq!(default_queue(&server).await, None, "no task, no queue");
    let demo = server.demo();
    let text = format!("workflow slow {{\n step call: http_request {{ url = \"{demo}/slow?ms=60000\" }}\n}}\n");
    assert_eq!(server.publish(&text).await.0, 201);
    let id = server.execute("slow", json!({})).await;
    let with = |claimed: u64| {
        async move |server: &TestServer| default_queue(server).await.filter(|queue| queue["claimed"] == claimed)
    };
    let queue = server.until("a worker has it", with(1)).await;
    assert_eq!((&queue["waiting"], &queue["oldest_ms"]), (&json!(0), &json!(0)));
    let metrics = server.metrics().await;
    assert!(metrics.contains("stepwell_queue_claimed{queue=\"default\"} 1"), "{metrics}");
    assert_eq!(server.post(&format!("/executions/{id}/cancel"), json!({})).await.0, 200);
    let queue = server.until("nobody has it", with(0)).await;
    assert_eq!(queue["waiting"], 0);
}
