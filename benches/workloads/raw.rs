//! The machine's raw limits, in the same run: a sync of the disk, and commits of rows through the store.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::engine::{StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{Epoch, ExecutionId, PartitionId, StepPath};
use stepwell::service::ports::{Commit, ExecutionStore};
use stepwell::store::{Database, Options};
use uuid::Uuid;

use crate::backend::{Bench, Stand};
use crate::flows::payload;
use crate::report::RAW;

/// Rows of a large commit.
const MANY: u32 = 256;

/// Measures the limits, and writes them down.
pub async fn report(bench: &mut Bench) {
    let stand = bench.stand(&[]).await;
    let on = bench.backend.title();
    bench.report.row(on, "raw", "fdatasync of 4 KiB, median", sync(&stand), "us", None);
    bench.report.row(on, "raw", "commit of one row, median", single_commit(&stand).await, "us", None);
    let writer = Writer::open(&stand).await;
    let (began, mut rows) = (Instant::now(), 0.0);
    while began.elapsed() < Duration::from_secs(2) {
        writer.commit(MANY).await;
        rows += f64::from(MANY);
    }
    let rate = rows / began.elapsed().as_secs_f64();
    bench.report.row(on, "raw", "rows of steps, in commits of 256", rate, RAW, None);
}

fn sync(stand: &Stand) -> f64 {
    let file = File::create(stand.folder().join("sync")).unwrap();
    let mut times: Vec<f64> = (0..200)
        .map(|at| {
            file.write_all_at(&[7; 4096], at * 4096).unwrap();
            let began = Instant::now();
            file.sync_data().unwrap();
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    quantile(&mut times, 0.5)
}

/// How long a commit of one row takes, in microseconds: the median. Of a database that nobody serves.
pub async fn single_commit(stand: &Stand) -> f64 {
    let writer = Writer::open(stand).await;
    let mut times = Vec::new();
    for _ in 0..300 {
        let began = Instant::now();
        writer.commit(1).await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    quantile(&mut times, 0.5)
}

/// Commits through the store.
struct Writer {
    database: Arc<Database>,
    leases: Vec<(PartitionId, Epoch)>,
}

impl Writer {
    async fn open(stand: &Stand) -> Self {
        let database = Database::open(&Options::new(&stand.url)).await.unwrap();
        let partitions: Vec<PartitionId> = PartitionId::all().collect();
        let leases = database.partitions_take("bench", &partitions).await.unwrap();
        Self { database, leases }
    }

    async fn commit(&self, rows: u32) {
        let execution = ExecutionId(Uuid::now_v7());
        let leases = vec![self.leases[usize::from(execution.partition().0)]];
        let steps = (0..rows).map(|at| row(execution, at)).collect();
        self.database.commit(&Commit { leases, steps, ..Commit::default() }).await.unwrap();
    }
}

fn row(execution: ExecutionId, at: u32) -> StepRow {
    let payload = Value::object([("payload", Value::str(payload()))]);
    StepRow {
        execution,
        path: StepPath::new(format!("step-{at}")),
        attempt: 1,
        seq: i64::from(at) + 1,
        name: "step".into(),
        order: at,
        task_type: "raw".into(),
        status: StepStatus::Completed,
        input: Some(payload.clone()),
        output: Some(payload),
        error: None,
        wake_at: None,
        waits_for: None,
        created_at: Timestamp(1),
        started_at: Some(Timestamp(1)),
        completed_at: Some(Timestamp(2)),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
pub fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(((times.len() as f64 - 1.0) * q) as usize).copied().unwrap_or(0.0)
}
