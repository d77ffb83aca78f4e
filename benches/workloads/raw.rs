//! The machine's raw limits, in the same run: a sync of the disk, and a commit of one row through the store.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use stepwell::engine::{StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{ExecutionId, PartitionId, StepPath};
use stepwell::service::ports::{Commit, ExecutionStore};
use stepwell::store::{Database, Options};
use uuid::Uuid;

use crate::backend::Stand;

pub struct Raw {
    pub sync_us: f64,
    pub commit_us: f64,
}

pub async fn measure(stand: &Stand) -> Raw {
    Raw { sync_us: sync(stand), commit_us: commit(stand).await }
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
    median(&mut times)
}

async fn commit(stand: &Stand) -> f64 {
    let database = Database::open(&Options::new(&stand.scratch().await)).await.unwrap();
    let partitions: Vec<PartitionId> = PartitionId::all().collect();
    let leases = database.partitions_take("bench", &partitions).await.unwrap();
    let execution = ExecutionId(Uuid::now_v7());
    let mut times = Vec::new();
    for at in 0..300_u32 {
        let row = row(execution, at);
        let commit = Commit {
            leases: vec![leases[usize::from(execution.partition().0)]],
            steps: vec![row],
            ..Commit::default()
        };
        let began = Instant::now();
        database.commit(&commit).await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    median(&mut times)
}

fn row(execution: ExecutionId, at: u32) -> StepRow {
    let payload = Value::object([("payload", Value::str("x".repeat(200)))]);
    StepRow {
        execution,
        path: StepPath::new(format!("step-{at}")),
        attempt: 1,
        seq: i64::from(at) + 1,
        name: "step".into(),
        order: at,
        task_type: "bench.echo".into(),
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

pub fn median(times: &mut [f64]) -> f64 {
    quantile(times, 0.5)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
pub fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(((times.len() as f64 - 1.0) * q) as usize).copied().unwrap_or(0.0)
}
