//! What is acknowledged has been synced: traces of the server's system calls say so.
//!
//! On SQLite the sync is the server's own: after the rows, before the answer. On PostgreSQL the sync is the database's, which
//! answers a COMMIT after it: the server's answer comes after that.
//!
//! With `STEPWELL_FAULT=no-sync` a server in a build with debug assertions waits for no disk, and the proof does not hold.

mod proof;
mod trace;

use serde_json::{Value, json};

use crate::e2e::server::{Backend, Setup, TestServer};

use proof::{Answer, completed_before, synced_before};
use trace::{Call, Trace};

/// Waits for a signal in the middle.
const FLOW: &str = "workflow waits {\n  wait go: \"go\"\n  step tell: log { message = \"it went\" }\n}\n";

/// What was acknowledged, and what was traced meanwhile.
struct Run {
    id: uuid::Uuid,
    calls: Vec<Call>,
}

impl Run {
    /// A start, a signal, and the end that a client waits for; nothing where this system lets no process be traced.
    async fn traced(setup: Setup) -> Option<Self> {
        let server = setup.start().await;
        let (status, told) = server.publish(FLOW).await;
        assert_eq!(status, 201, "{told}");
        let trace = Trace::attach(server.pid(), &server.folder())?;
        let id = server.execute("waits", json!({})).await;
        // Tracing is slow, and reading the trace too: the client is patient.
        let path = format!("/executions/{id}?wait=2m");
        let (ended, ()) = tokio::join!(server.get(&path), signal(&server, &trace, &id));
        assert_eq!(ended["status"], "completed");
        Some(Self { id: id.parse().unwrap(), calls: trace.stop() })
    }

    /// The three answers.
    fn answers(&self) -> [Answer; 3] {
        let start = Answer { request: "POST /api/v1/executions ".to_owned(), status: 201 };
        let signal = Answer { request: format!("POST /api/v1/executions/{}/signals/", self.id), status: 202 };
        let end = Answer { request: ended_request(&self.id.to_string()), status: 200 };
        [start, signal, end]
    }
}

fn ended_request(id: &str) -> String {
    format!("GET /api/v1/executions/{id}?wait=")
}

/// Sends the signal as soon as the server has read that a client waits for the end.
async fn signal(server: &TestServer, trace: &Trace, id: &str) {
    let request = ended_request(id);
    server
        .until("the server has read that a client waits", async |_: &TestServer| trace.shows(&request).then_some(()))
        .await;
    let (status, told) = server.post(&format!("/executions/{id}/signals/go"), Value::Null).await;
    assert_eq!(status, 202, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_sync_of_the_log_lies_between_the_rows_and_the_answer() {
    let Some(run) = Run::traced(Setup::on(Backend::Embedded)).await else { return };
    for answer in run.answers() {
        assert_eq!(synced_before(&run.calls, run.id, &answer), Ok(()), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_sync_the_proof_does_not_hold() {
    let setup = Setup::on(Backend::Embedded).variable("STEPWELL_FAULT", "no-sync");
    let Some(run) = Run::traced(setup).await else { return };
    for answer in run.answers() {
        let told = synced_before(&run.calls, run.id, &answer).unwrap_err();
        assert!(told.contains("no sync"), "{answer:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_the_answer_follows_that_of_the_commit() {
    let Some(run) = Run::traced(Setup::on(Backend::Servers)).await else { return };
    for answer in run.answers() {
        assert_eq!(completed_before(&run.calls, run.id, &answer), Ok(()), "{answer:?}");
        // What the proof is worth: the same calls, but with the answer on its way when the commit is sent.
        let told = completed_before(&answer.told_early(&run.calls), run.id, &answer).unwrap_err();
        assert!(told.contains("no answer to a COMMIT"), "{answer:?}: {told}");
    }
    let asks = run.calls.iter().filter(|call| call.holds(b"synchronous_commit"));
    assert_eq!(asks.count(), 0, "the server leaves it to the database to wait for the disk");
}
