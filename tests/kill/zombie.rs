//! A server that stands still in the middle of a run, loses its partitions meanwhile, and then goes on: a machine that was
//! suspended, a network that was cut. The server that took over has done some of its work by then.
//!
//! The old server's leases last for an hour, as far as it knows, and end in the database before: so nothing tells it, neither
//! its clock nor its renewals, and it finds out when it writes. (SQLite's lock is the operating system's: a process that stands
//! still keeps it, and no other can start.)

use std::time::Duration;

use sea_orm::DatabaseConnection;

use super::load::{STEPS, all_complete, progress, start};
use super::record::{Record, get, rows};
use super::stub::Stub;
use crate::e2e::server::{Backend, Program, Setup, TestServer};

const EXECUTIONS: usize = 50;

/// Ends the leases of every node.
const END_LEASES: &str = "UPDATE nodes SET expires_at = 0 RETURNING id";

/// The old server, who still believes; the new one; and what it had recorded when the old one went on.
struct Scene {
    stub: Stub,
    server: TestServer,
    old: Program,
    ids: Vec<String>,
    database: DatabaseConnection,
    record: Record,
}

/// `fault` is of the old server alone.
async fn scene(fault: Option<&'static str>) -> Scene {
    let stub = Stub::start();
    let setup = Setup::on(Backend::Servers).concurrency(EXECUTIONS).variable("STEPWELL_DATABASE__LEASE", "1h");
    let mut server = match fault {
        Some(fault) => setup.variable("STEPWELL_FAULT", fault).start().await,
        None => setup.start().await,
    };
    server.forget_variables();
    let ids = start(&server, &stub, EXECUTIONS).await;
    let database = server.database().await;
    progress(&server, &ids, &Record::default(), 2 * EXECUTIONS).await;
    let stopped = Record::read(&database).await;
    let old = server.take_program();
    stop_between_commits(&old, &database).await;
    assert_eq!(rows(&database, END_LEASES).await.len(), 1, "one node was alive");
    server.restart();
    progress(&server, &ids, &stopped, 2 * EXECUTIONS).await;
    let record = Record::read(&database).await;
    assert!(record.done() < EXECUTIONS * STEPS, "the new server was done already");
    old.signal("CONT");
    Scene { stub, server, old, ids, database, record }
}

/// Stops a server while none of its transactions is open: the locks of an open one would keep the next server out, until the
/// database ends it.
async fn stop_between_commits(old: &Program, database: &DatabaseConnection) {
    const BUSY: &str = "SELECT state FROM pg_stat_activity WHERE datname = current_database() \
                        AND pid <> pg_backend_pid() AND state <> 'idle'";
    for _ in 0..1_000 {
        old.signal("STOP");
        loop {
            let busy: Vec<String> = rows(database, BUSY).await.iter().map(|row| get(row, "state")).collect();
            if busy.is_empty() {
                return;
            }
            if !busy.iter().any(|state| state == "active") {
                break;
            }
        }
        old.signal("CONT");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the server is never between two commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_superseded_changes_nothing_and_lives_on() {
    let Scene { stub, server, old, ids, database, record } = scene(None).await;
    all_complete(&server, &ids).await;
    let end = Record::read(&database).await;
    assert_eq!(record.changed_in(&end), [""; 0]);
    end.assert_each_step_once(&ids, STEPS, &stub.keys());
    old.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || old.wait());
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it goes on").unwrap(), 0);
}

/// The control of the test above, and of those that kill: without the fences, what they look for is there to be found.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_fences_it_records_outcomes_again() {
    let Scene { stub: _stub, server, old, database, record, .. } = scene(Some("no-fence")).await;
    let look = async |_: &TestServer| {
        let changed = record.changed_in(&Record::read(&database).await);
        (!changed.is_empty()).then_some(changed)
    };
    server.until("an outcome is recorded again", look).await;
    drop(old);
}
