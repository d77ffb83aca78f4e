//! How many step rows a second the store takes, by the size of a commit: SQLite with `synchronous=FULL`, and a private
//! PostgreSQL with `fsync=on`. No engine, queue or HTTP in it.
//!
//! `steps` commits rows of steps alone. `whole` commits the executions of each ten steps as well, each as one row. `retention`
//! takes such executions away again, whose rows lie as they came, among each other's.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run says so")]
#![allow(clippy::cast_precision_loss, reason = "counts")]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::engine::{ExecutionStatus, StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{Epoch, ExecutionId, PartitionId, StepPath, WorkflowId};
use stepwell::plan::PlanHash;
use stepwell::service::model::{Execution, PinnedVersion};
use stepwell::service::ports::{Commit, ExecutionStore, Removal, RetentionStore};
use stepwell::store::{Database, Options};
use uuid::Uuid;

const SIZES: [usize; 5] = [1, 16, 64, 256, 1024];
const STEPS: usize = 10;
const TIME: Duration = Duration::from_secs(2);
/// How many executions are taken away together.
const REMOVALS: [usize; 6] = [5, 20, 40, 100, 200, 400];
/// How many executions are under way at once.
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}", folder.path().join("bench.db").display());
    measure("sqlite", &sqlite, 1).await;
    let server = postgres::Postgres::start(true);
    measure("postgres, one writer", &server.database().await, 1).await;
    measure("postgres, two writers", &server.database().await, 2).await;
}

async fn measure(name: &str, url: &str, writers: usize) {
    let database = Database::open(&Options::new(url)).await.unwrap();
    let partitions: Vec<PartitionId> = PartitionId::all().collect();
    let leases = database.partitions_take("bench", &partitions).await.unwrap();
    println!("{name:<22} {:>12} {:>12}  (step rows/s)", "steps", "whole");
    for size in SIZES {
        let mut rates = [0.0; 2];
        for (rate, whole) in rates.iter_mut().zip([false, true]) {
            let writing = (0..writers).map(|_| tokio::spawn(write(database.clone(), leases.clone(), size, whole)));
            for writer in writing.collect::<Vec<_>>() {
                *rate += writer.await.unwrap();
            }
        }
        println!("  commits of {size:<10} {:>12.0} {:>12.0}", rates[0], rates[1]);
    }
    if writers == 1 {
        retention(&database, &leases).await;
    }
}

/// Takes executions away: first what hangs on them and their data, then the rows that were left for their keys.
async fn retention(database: &Database, leases: &[(PartitionId, Epoch)]) {
    println!("  {:<22} {:>12} {:>12} {:>12}", "retention", "ms, to row", "ms, row", "executions/s");
    for size in REMOVALS {
        let ids = interleaved(database, leases, size * 20).await;
        let began = Instant::now();
        for to_row in ids.chunks(size) {
            let removal = Removal { to_row: to_row.to_vec(), ..Removal::default() };
            database.executions_remove(&removal).await.unwrap();
        }
        let halfway = Instant::now();
        for whole in ids.chunks(size) {
            let removal = Removal { whole: whole.to_vec(), ..Removal::default() };
            database.executions_remove(&removal).await.unwrap();
        }
        let each = |time: Duration| time.as_secs_f64() * 1e3 / 20.0;
        let rate = (size * 20) as f64 / began.elapsed().as_secs_f64();
        println!(
            "  executions {size:<11} {:>12.2} {:>12.2} {rate:>12.0}",
            each(halfway - began),
            each(halfway.elapsed())
        );
    }
}

/// Commits executions whose steps come among each other's.
async fn interleaved(database: &Database, leases: &[(PartitionId, Epoch)], number: usize) -> Vec<ExecutionId> {
    let mut ids = Vec::new();
    while ids.len() < number {
        let mut under_way: Vec<Rows> =
            (0..AT_ONCE).map(|_| Rows { execution: ExecutionId(Uuid::now_v7()), step: 0 }).collect();
        for step in 1..=STEPS {
            let mut commit = Commit { leases: leases.to_vec(), ..Commit::default() };
            commit.steps.extend(under_way.iter_mut().map(Rows::next_step));
            if step == STEPS {
                commit.starts.extend(under_way.iter().map(|rows| execution(rows.execution)));
            }
            database.commit(&commit).await.unwrap();
        }
        ids.extend(under_way.into_iter().map(|rows| rows.execution));
    }
    ids.truncate(number);
    ids
}

/// Commits for a while; step rows a second.
async fn write(database: Arc<Database>, leases: Vec<(PartitionId, Epoch)>, size: usize, whole: bool) -> f64 {
    let mut rows = Rows { execution: ExecutionId(Uuid::now_v7()), step: 0 };
    let (began, mut written) = (Instant::now(), 0_u32);
    while began.elapsed() < TIME {
        let mut commit = Commit { leases: leases.clone(), ..Commit::default() };
        for _ in 0..size {
            commit.steps.push(rows.next_step());
            if rows.step == STEPS && whole {
                commit.starts.push(execution(rows.execution));
            }
        }
        database.commit(&commit).await.unwrap();
        written += u32::try_from(size).unwrap();
    }
    f64::from(written) / began.elapsed().as_secs_f64()
}

struct Rows {
    execution: ExecutionId,
    step: usize,
}

impl Rows {
    fn next_step(&mut self) -> StepRow {
        if self.step == STEPS {
            *self = Self { execution: ExecutionId(Uuid::now_v7()), step: 0 };
        }
        self.step += 1;
        let name = format!("step-{}", self.step);
        StepRow {
            execution: self.execution,
            path: StepPath::new(name.as_str()),
            attempt: 1,
            seq: i64::try_from(self.step).unwrap(),
            name: name.into(),
            order: u32::try_from(self.step).unwrap(),
            task_type: "http_request".into(),
            status: StepStatus::Completed,
            input: Some(payload()),
            output: Some(payload()),
            error: None,
            wake_at: None,
            waits_for: None,
            created_at: Timestamp(1_700_000_000_000_000),
            started_at: Some(Timestamp(1_700_000_000_000_100)),
            completed_at: Some(Timestamp(1_700_000_000_000_200)),
        }
    }
}

/// 200 bytes of JSON.
fn payload() -> Value {
    Value::object([("text", Value::str("x".repeat(189)))])
}

fn execution(id: ExecutionId) -> Execution {
    let pinned = PinnedVersion {
        workflow: WorkflowId(Uuid::from_u128(1)),
        workflow_name: "bench".into(),
        version: 1,
        plan_hash: PlanHash("0".repeat(64).into()),
    };
    let created_at = Timestamp(1_700_000_000_000_000);
    Execution {
        status: ExecutionStatus::Completed,
        seq: 20,
        output: Some(payload()),
        idempotency_key: Some(id.to_string()),
        started_at: Some(created_at),
        completed_at: Some(Timestamp(created_at.0 + 300)),
        ..Execution::pending(id, pinned, payload(), Value::object::<&str>([]), created_at)
    }
}
