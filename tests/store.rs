//! The store's tests run over both databases; this is what they share.

use std::future::Future;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, Statement};
use stepwell::engine::{ExecutionStatus, ExecutionUpdate, LogEntry, LogLevel, StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{Epoch, ExecutionId, PartitionId, StepPath, WorkflowId};
use stepwell::plan::PlanHash;
use stepwell::service::model::{Execution, PinnedVersion};
use stepwell::service::ports::{Commit, Committed, ExecutionStore, StoreResult};
use stepwell::store::{Database, Options};
use uuid::Uuid;

use crate::support::postgres::Postgres;

/// An empty database of a test.
pub struct Fresh {
    pub database: Arc<Database>,
    pub url: String,
}

/// The address of an empty SQLite database, and the folder that it goes with.
pub fn sqlite() -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (format!("sqlite://{}", folder.path().join("test.db").display()), folder)
}

/// Both kinds of database, empty.
pub async fn urls() -> (Vec<String>, tempfile::TempDir) {
    let (url, folder) = sqlite();
    (vec![url, Postgres::shared().database().await], folder)
}

/// Runs a test over a fresh SQLite database, and over a fresh PostgreSQL database.
pub async fn each<F: Future<Output = ()>>(test: impl Fn(Fresh) -> F) {
    let (urls, _folder) = urls().await;
    for url in urls {
        let database = Database::open(&Options { max_connections: 3, ..Options::new(url.clone()) }).await.unwrap();
        test(Fresh { database, url }).await;
    }
}

impl Fresh {
    /// Takes every partition.
    pub async fn take(&self) -> Vec<(PartitionId, Epoch)> {
        let all: Vec<PartitionId> = PartitionId::all().collect();
        self.database.partitions_take("test", &all).await.unwrap()
    }

    /// Commits under fresh leases.
    pub async fn commit(&self, commit: Commit) -> StoreResult<Committed> {
        let leases = self.take().await;
        self.database.commit(&Commit { leases, ..commit }).await
    }

    /// How many rows a table holds.
    pub async fn count(&self, table: &str) -> i64 {
        let raw = self.raw().await;
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let row = raw.query_one_raw(Statement::from_string(raw.get_database_backend(), sql)).await;
        row.unwrap().unwrap().try_get("", "n").unwrap()
    }

    /// A second connection, past the store, to look at tables or to break them.
    pub async fn raw(&self) -> sea_orm::DatabaseConnection {
        sea_orm::Database::connect(&self.url).await.unwrap()
    }
}

/// The n-th id: in order of n.
pub fn id(n: u32) -> ExecutionId {
    ExecutionId(Uuid::from_u128((0x0190_0000_0000_7000_8000_0000_0000_0000_u128 + u128::from(n)) | 7 << 76))
}

/// The one workflow of most tests.
pub fn workflow() -> WorkflowId {
    WorkflowId(Uuid::from_u128(0xA0))
}

/// A started execution.
pub fn execution(n: u32) -> Execution {
    let pinned = PinnedVersion {
        workflow: workflow(),
        workflow_name: "orders".into(),
        version: 1,
        plan_hash: PlanHash("abc".into()),
    };
    let (input, settings) = (Value::object([("n", Value::Int(i64::from(n)))]), Value::object::<&str>([]));
    Execution {
        status: ExecutionStatus::Running,
        seq: 1,
        started_at: Some(Timestamp(2_000)),
        ..Execution::pending(id(n), pinned, input, settings, Timestamp(1_000 + i64::from(n)))
    }
}

/// An attempt that completed.
pub fn step(execution: ExecutionId, path: &str, attempt: u32, seq: i64) -> StepRow {
    StepRow {
        execution,
        path: StepPath::new(path),
        attempt,
        seq,
        name: path.into(),
        order: 1,
        task_type: "http_request".into(),
        status: StepStatus::Completed,
        input: None,
        output: Some(Value::Bool(true)),
        error: None,
        wake_at: None,
        waits_for: None,
        created_at: Timestamp(10),
        started_at: Some(Timestamp(11)),
        completed_at: Some(Timestamp(12)),
    }
}

/// A change to a state.
pub fn update(id: ExecutionId, seq: i64, status: ExecutionStatus) -> ExecutionUpdate {
    ExecutionUpdate {
        id,
        status,
        seq,
        retry_count: 0,
        output: None,
        error: None,
        wake_at: None,
        started_at: Some(Timestamp(2_000)),
        completed_at: status.is_terminal().then_some(Timestamp(9_000)),
        cancel_requested_at: None,
        furthest: None,
        compensation: stepwell::engine::Compensation::None,
    }
}

/// An entry of a log.
pub fn log(level: LogLevel, message: &str) -> LogEntry {
    LogEntry { level, message: message.to_owned(), details: None, path: None, at: Timestamp(5) }
}
