//! Many executions of ten steps, each a call of the stub.

use serde_json::json;

use crate::e2e::server::TestServer;

use super::record::Record;
use super::stub::Stub;

/// How many steps an execution has.
pub const STEPS: usize = 10;

/// Publishes the workflow and starts this many executions of it, all at once.
pub async fn start(server: &TestServer, stub: &Stub, number: usize) -> Vec<String> {
    publish(server).await;
    start_at(server, stub, number).await
}

/// Publishes the workflow.
pub async fn publish(server: &TestServer) {
    let steps: String =
        (0..STEPS).map(|step| format!(" step s{step}: http_request {{ url = input.url, timeout 30s }}\n")).collect();
    let (status, body) = server.publish(&format!("workflow ten {{\n input url: string\n{steps}}}\n")).await;
    assert_eq!(status, 201, "{body}");
}

/// Starts this many executions, all at once.
pub async fn start_at(server: &TestServer, stub: &Stub, number: usize) -> Vec<String> {
    let starts = (0..number).map(|_| server.execute("ten", json!({ "url": stub.url })));
    futures::future::join_all(starts).await
}

/// Waits until every execution has ended, and holds that all of them completed.
pub async fn all_complete(server: &TestServer, ids: &[String]) {
    for id in ids {
        let ended = server.ended(id).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
}

/// Holds by what the API says that this is the middle of the run: some steps are done, but not all.
pub async fn assert_in_the_middle(server: &TestServer, number: usize) {
    let list = server.get("/executions?workflow=ten&limit=1000").await;
    let executions = list["executions"].as_array().unwrap();
    assert_eq!(executions.len(), number);
    let reached: u64 = executions.iter().filter_map(|execution| execution["current_step_order"].as_u64()).sum();
    let running = executions.iter().filter(|execution| execution["status"] == "running").count();
    assert!(reached > 0 && running > 0, "{reached} steps reached, {running} of {number} executions still run");
}

/// Waits until every execution has done more steps than it had by this record (or all of them), and `more` in all.
pub async fn progress(server: &TestServer, ids: &[String], since: &Record, more: usize) {
    let database = server.database().await;
    let (before, done) = (since.done_by_execution(), since.done());
    let look = async |_: &TestServer| {
        let now = Record::read(&database).await;
        let by_execution = now.done_by_execution();
        let further = |id: &String| {
            let id = id.parse().unwrap();
            let (was, is) = (before.get(&id).copied().unwrap_or(0), by_execution.get(&id).copied().unwrap_or(0));
            is > was || is == STEPS
        };
        (now.done() >= done + more && ids.iter().all(further)).then_some(())
    };
    server.until("the executions go on", look).await;
}
