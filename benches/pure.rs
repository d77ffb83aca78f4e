//! What an execution of ten pure steps costs, part by part, in CPU time of this process: the engine alone, fusion alone, and
//! the store alone with the run as one row and with each step as one. `cargo bench --bench pure` prints microseconds an
//! execution; `-- engine`, `-- fusion` or `-- store` measures one of these alone.
//!
//! PostgreSQL's own time is not in it, so the store is SQLite.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run says so")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::engine::{Effects, Event, ExecutionState, Start, StepRow, advance, fuse};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{ExecutionId, PartitionId, WorkflowId};
use stepwell::lang::{Notation, Source, builtin_task_types, compile};
use stepwell::plan::{Plan, PlanHash};
use stepwell::service::model::{Execution, PinnedVersion};
use stepwell::service::ports::{Commit, ExecutionStore};
use stepwell::store::{Database, Options};
use uuid::Uuid;

const FLOW: &str = "workflow pure {
  input n: int
  let a = input.n + 1
  step b: data_transform { value = { n: a, of: \"pure\" } }
  let c = b.n * 2
  if c > 3 { let d = c } else { let e = 0 }
  step f: data_transform { value = { ...b, c: c } }
  let g = f.c + 1
  step h: data_transform { value = { sum: a + c + g } }
  let i = h.sum
  step j: data_transform { value = { i: i, of: f.of } }
  return j
}";

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
const TIME: Duration = Duration::from_secs(2);
const EXECUTIONS: usize = 100;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let only = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let source = Source { name: "pure".into(), notation: Notation::Flow, text: FLOW.into() };
    let plan = compile(&source, &builtin_task_types()).plans[0].clone();
    let steps = run(&plan, ExecutionId(Uuid::nil())).steps;
    println!("{} steps an execution, {} runs", steps.len(), fuse(&steps.iter().collect::<Vec<_>>()).fused.len());
    if wanted("engine") {
        measure("engine: started to completed", 1, || drop(black_box(run(&plan, ExecutionId(Uuid::nil())))));
    }
    if wanted("fusion") {
        let rows: Vec<&StepRow> = steps.iter().collect();
        measure("fusion: the rows as one", 1, || drop(black_box(fuse(&rows))));
    }
    if wanted("store") {
        store("store: the run as one row", &plan, 1).await;
        store("store: each step as a row", &plan, 2).await;
    }
}

/// Runs an execution to its end.
fn run(plan: &Plan, id: ExecutionId) -> Effects {
    let input = Value::object([("n", Value::Int(1))]);
    let settings = Value::object::<&str>([]);
    let start = Start { id, version: 1, input, settings, secrets: None, max_retries: 0, depth: 0 };
    advance(plan, &mut ExecutionState::new(plan, start), Event::Started, NOW).unwrap()
}

/// Does something for a while, and prints its CPU time for each of `each`.
fn measure(name: &str, each: usize, mut work: impl FnMut()) {
    let (began, before, mut times) = (Instant::now(), cpu_us(), 0_usize);
    while began.elapsed() < TIME {
        for _ in 0..100 {
            work();
        }
        times += 100 * each;
    }
    print(name, before, times);
}

/// Commits of a hundred executions each. `stride` is how far apart the `seq` of steps are: past 1 they are no run.
async fn store(name: &str, plan: &Arc<Plan>, stride: i64) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let database = Database::open(&Options::new(url)).await.unwrap();
    let partitions: Vec<PartitionId> = PartitionId::all().collect();
    let leases = database.partitions_take("bench", &partitions).await.unwrap();
    let began = Instant::now();
    let (mut cpu, mut times) = (0, 0);
    while began.elapsed() < 3 * TIME {
        let mut commit = Commit { leases: leases.clone(), ..Commit::default() };
        for _ in 0..EXECUTIONS {
            add(&mut commit, plan, stride);
        }
        let before = cpu_us();
        database.commit(&commit).await.unwrap();
        cpu += cpu_us() - before;
        times += EXECUTIONS;
    }
    print(name, cpu_us() - cpu, times);
}

fn add(commit: &mut Commit, plan: &Plan, stride: i64) {
    let execution = execution(ExecutionId(Uuid::now_v7()));
    let effects = run(plan, execution.id);
    commit.logs.extend(effects.logs.into_iter().map(|entry| (execution.id, entry)));
    commit.executions.extend(effects.execution);
    commit.steps.extend(effects.steps.into_iter().map(|row| StepRow { seq: row.seq * stride, ..row }));
    commit.starts.push(execution);
}

fn print(name: &str, before: u64, times: usize) {
    let us = u32::try_from(cpu_us() - before).unwrap();
    println!("{name:<32} {:>8.2} us", f64::from(us) / f64::from(u32::try_from(times).unwrap()));
}

/// The CPU time of this process so far, in microseconds.
fn cpu_us() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // The first number is the time on a CPU in nanoseconds.
    let times = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum::<u64>() / 1_000
}

fn execution(id: ExecutionId) -> Execution {
    let pinned = PinnedVersion {
        workflow: WorkflowId(Uuid::from_u128(1)),
        workflow_name: "pure".into(),
        version: 1,
        plan_hash: PlanHash("0".repeat(64).into()),
    };
    Execution::pending(id, pinned, Value::object([("n", Value::Int(1))]), Value::object::<&str>([]), NOW)
}
