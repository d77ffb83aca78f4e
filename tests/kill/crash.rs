//! kill -9 of the server in the middle of 200 executions of ten steps, again and again.

use super::load::{STEPS, all_complete, assert_in_the_middle, progress, start};
use super::record::Record;
use super::stub::Stub;
use crate::e2e::server::{Backend, Setup};

const EXECUTIONS: usize = 200;

const KILLS: usize = 3;

/// Between kills every execution does at least a step, so that no step sees the three losses after which it is given up.
async fn all_complete_whenever_the_server_is_killed(backend: Backend) {
    let stub = Stub::start();
    let mut server = Setup::on(backend).concurrency(EXECUTIONS + 50).start().await;
    let ids = start(&server, &stub, EXECUTIONS).await;
    let mut records = vec![Record::default()];
    for _ in 0..KILLS {
        progress(&server, &ids, records.last().unwrap(), EXECUTIONS).await;
        assert_in_the_middle(&server, EXECUTIONS).await;
        server.kill();
        records.push(Record::read(&server.database().await).await);
        server.restart();
    }
    all_complete(&server, &ids).await;
    let end = Record::read(&server.database().await).await;
    for record in &records[1..] {
        assert!(record.done() < EXECUTIONS * STEPS, "the kill came too late");
        assert_eq!(record.changed_in(&end), [""; 0]);
    }
    end.assert_each_step_once(&ids, STEPS, &stub.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded() {
    all_complete_whenever_the_server_is_killed(Backend::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers() {
    all_complete_whenever_the_server_is_killed(Backend::Servers).await;
}
