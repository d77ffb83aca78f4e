//! Workers that die, and a Redis that loses all it held.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::{Backend, Setup, TestServer};

/// Executions of some steps that take a while each.
async fn start(server: &TestServer, number: usize, steps: usize, ms: usize) -> Vec<String> {
    let url = format!("{}/slow?ms={ms}", server.demo());
    let steps: String = (0..steps).map(|step| format!(" step s{step}: http_request {{ url = \"{url}\" }}\n")).collect();
    let (status, body) = server.publish(&format!("workflow slow {{\n{steps}}}\n")).await;
    assert_eq!(status, 201, "{body}");
    let starts = (0..number).map(|_| server.execute("slow", json!({})));
    futures::future::join_all(starts).await
}

/// The attempts of all of these executions.
async fn all_steps(server: &TestServer, ids: &[String]) -> Vec<Value> {
    let steps = futures::future::join_all(ids.iter().map(|id| server.steps(id))).await;
    steps.into_iter().flatten().collect()
}

fn count(steps: &[Value], state: &str) -> usize {
    steps.iter().filter(|row| row["status"] == state).count()
}

/// Each of the two can hold half of what there is, so that both have some.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_had_is_lost_and_made_again() {
    let mut server = Setup::on(Backend::Servers).concurrency(8).start().await;
    let ids = start(&server, 16, 1, 3_000).await;
    server
        .until("all of them run", async |server| (count(&all_steps(server, &ids).await, "running") == 16).then_some(()))
        .await;
    server.kill_worker();
    for id in &ids {
        assert_eq!(server.ended(id).await["status"], "completed");
    }
    let steps = all_steps(&server, &ids).await;
    assert_eq!((count(&steps, "completed"), count(&steps, "failed")), (16, 8), "{steps:?}");
    for row in steps {
        let lost = row["error_details"]["code"] == "WORKER_LOST";
        assert_eq!((lost, row["attempt_number"] == 1), (row["status"] == "failed", lost || row["attempt_number"] == 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_complete_though_redis_forgets_everything() {
    let server = Setup::on(Backend::Servers).own_redis().start().await;
    let ids = start(&server, 20, 8, 250).await;
    for done in [20, 60] {
        let look = async |server: &TestServer| {
            let completed = count(&all_steps(server, &ids).await, "completed");
            (completed >= done).then_some(completed)
        };
        let completed = server.until("some are done", look).await;
        assert!(completed < 160, "the flush came too late");
        let mut redis = server.redis().connection().await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    }
    for id in &ids {
        assert_eq!(server.ended(id).await["status"], "completed");
    }
    let mut completed: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        for row in server.steps(id).await.iter().filter(|row| row["status"] == "completed") {
            *completed.entry((at, row["path"].to_string())).or_default() += 1;
        }
    }
    assert_eq!((completed.len(), completed.values().max()), (160, Some(&1)), "{completed:?}");
}
