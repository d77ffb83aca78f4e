//! How long executions are kept after their end: over both databases, in virtual time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, Statement};
use stepwell::engine::{Control, ControlRow, ExecutionStatus, LogLevel};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{ExecutionId, PartitionId};
use stepwell::runtime::{Retention, Sweeper};
use stepwell::service::model::{Execution, Parent};
use stepwell::service::ports::{
    Clock, Commit, Ended, EndedFilter, ExecutionReads, ExecutionStore, Removal, Removed, RetentionStore, StoreError,
    StoreResult,
};
use stepwell::store::Database;

use crate::store::{Fresh, each, execution, id, log, step};

const HOUR: Duration = Duration::from_secs(3600);
const HOUR_US: i64 = 3_600_000_000;

/// A clock that stands still but for what is slept.
struct Virtual(AtomicI64);

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

/// A store that notes what was deleted, and that fails once after so many statements that write.
struct Watched {
    database: Arc<Database>,
    removed: Mutex<Vec<Removed>>,
    left: AtomicU64,
    listed: AtomicU64,
}

impl Watched {
    fn over(fresh: &Fresh, left: u64) -> Self {
        Self {
            database: fresh.database.clone(),
            removed: Mutex::default(),
            left: AtomicU64::new(left),
            listed: AtomicU64::new(0),
        }
    }

    fn write(&self) -> StoreResult<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(StoreError::Unavailable("it went away".to_owned())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl RetentionStore for Watched {
    async fn ended_list(&self, filter: &EndedFilter) -> StoreResult<Vec<Ended>> {
        let ended = self.database.ended_list(filter).await?;
        self.listed.fetch_add(ended.len() as u64, Ordering::Relaxed);
        Ok(ended)
    }

    async fn executions_remove(&self, removal: &Removal) -> StoreResult<Vec<Removed>> {
        self.write()?;
        let removed = self.database.executions_remove(removal).await?;
        self.removed.lock().unwrap().extend(&removed);
        Ok(removed)
    }

    async fn execution_empty(&self, id: ExecutionId) -> StoreResult<()> {
        self.write()?;
        self.database.execution_empty(id).await
    }

    async fn remains_delete(&self, id: ExecutionId, most: u64) -> StoreResult<Option<Removed>> {
        self.write()?;
        let removed = self.database.remains_delete(id, most).await?;
        self.removed.lock().unwrap().extend(removed);
        Ok(removed)
    }
}

/// How long each transaction of a slow store takes, in microseconds.
const SLOW_US: i64 = 1_000;

/// A store whose transactions take time.
struct Slow {
    clock: Virtual,
    store: Watched,
}

impl Slow {
    async fn taking_time<T>(&self, transaction: impl Future<Output = T>) -> T {
        self.clock.sleep(Duration::from_micros(SLOW_US.unsigned_abs())).await;
        transaction.await
    }
}

#[async_trait]
impl RetentionStore for Slow {
    async fn ended_list(&self, filter: &EndedFilter) -> StoreResult<Vec<Ended>> {
        self.store.ended_list(filter).await
    }

    async fn executions_remove(&self, removal: &Removal) -> StoreResult<Vec<Removed>> {
        self.taking_time(self.store.executions_remove(removal)).await
    }

    async fn execution_empty(&self, id: ExecutionId) -> StoreResult<()> {
        self.taking_time(self.store.execution_empty(id)).await
    }

    async fn remains_delete(&self, id: ExecutionId, most: u64) -> StoreResult<Option<Removed>> {
        self.taking_time(self.store.remains_delete(id, most)).await
    }
}

fn both(after: Duration) -> Retention {
    Retention { completed: Some(after), failed: Some(after), keys: HOUR }
}

/// Sweeps at a moment, so many hours after the executions ended.
async fn sweep(store: &dyn RetentionStore, retention: &Retention, hours: i64) -> StoreResult<()> {
    let clock = Virtual(AtomicI64::new(hours * HOUR_US));
    let owns = |_: PartitionId| true;
    Sweeper { store, clock: &clock, retention, owns: &owns }.sweep().await
}

fn ended(n: u32, status: ExecutionStatus) -> Execution {
    Execution { status, completed_at: Some(Timestamp(5_000)), ..execution(n) }
}

/// An execution with a step, an entry of a log and a control.
async fn insert(fresh: &Fresh, starts: Vec<Execution>) {
    let ids: Vec<ExecutionId> = starts.iter().map(|start| start.id).collect();
    let control = |execution| {
        let control = Control::Cancel { reason: "enough".into(), undo: true };
        ControlRow { execution, seq: 9, control, at: Timestamp(7) }
    };
    let commit = Commit {
        starts,
        steps: ids.iter().map(|id| step(*id, "a", 1, 2)).collect(),
        logs: ids.iter().map(|id| (*id, log(LogLevel::Info, "told"))).collect(),
        controls: ids.iter().map(|id| control(*id)).collect(),
        ..Commit::default()
    };
    fresh.commit(commit).await.unwrap();
}

/// Which of the first executions are there, and how many rows hang on them all.
async fn there(fresh: &Fresh, of: u32) -> (Vec<u32>, [i64; 3]) {
    let mut kept = Vec::new();
    for n in 1..=of {
        if fresh.database.execution_find(id(n)).await.unwrap().is_some() {
            kept.push(n);
        }
    }
    let steps = fresh.count("step_executions").await;
    (kept, [steps, fresh.count("execution_logs").await, fresh.count("execution_controls").await])
}

#[tokio::test]
async fn what_ended_is_deleted_with_all_of_its_rows_when_its_time_is_up() {
    each(|fresh| async move {
        let starts = vec![
            ended(1, ExecutionStatus::Completed),
            ended(2, ExecutionStatus::Failed),
            ended(3, ExecutionStatus::Cancelled),
            execution(4),
            Execution { completed_at: Some(Timestamp(2 * HOUR_US)), ..ended(5, ExecutionStatus::Completed) },
        ];
        insert(&fresh, starts).await;
        sweep(&*fresh.database, &Retention::default(), 1_000_000).await.unwrap();
        assert_eq!(there(&fresh, 5).await, (vec![1, 2, 3, 4, 5], [5, 5, 5]), "nothing goes where nothing is said");
        sweep(&*fresh.database, &both(2 * HOUR), 1).await.unwrap();
        assert_eq!(there(&fresh, 5).await.0, [1, 2, 3, 4, 5], "nothing goes before its time");
        let completed = Retention { completed: Some(HOUR), ..Retention::default() };
        sweep(&*fresh.database, &completed, 2).await.unwrap();
        assert_eq!(there(&fresh, 5).await, (vec![2, 3, 4, 5], [4, 4, 4]), "each state has its own time");
        sweep(&*fresh.database, &both(HOUR), 2).await.unwrap();
        assert_eq!(there(&fresh, 5).await, (vec![4, 5], [2, 2, 2]), "what runs stays, and what ended a moment ago");
        sweep(&*fresh.database, &both(HOUR), 4).await.unwrap();
        assert_eq!(there(&fresh, 5).await, (vec![4], [1, 1, 1]));
    })
    .await;
}

#[tokio::test]
async fn a_key_outlives_the_data_of_its_execution() {
    each(|fresh| async move {
        let keyed = Execution {
            idempotency_key: Some("k".to_owned()),
            request_hash: Some("hash".into()),
            output: Some(Value::Int(7)),
            ..ended(1, ExecutionStatus::Completed)
        };
        insert(&fresh, vec![keyed.clone()]).await;
        for listed in [1, 0] {
            let watched = Watched::over(&fresh, 1);
            sweep(&watched, &both(HOUR), 2).await.unwrap();
            assert_eq!(watched.listed.into_inner(), listed, "what was taken away is not read again");
            let left = fresh.database.execution_find(id(1)).await.unwrap().unwrap();
            assert!(left.is_emptied());
            assert_eq!((left.status, left.output, left.request_hash), (keyed.status, None, Some("hash".into())));
            assert_eq!(there(&fresh, 1).await, (vec![1], [0, 0, 0]));
        }
        let again = Execution { idempotency_key: Some("k".to_owned()), ..execution(2) };
        let committed = fresh.commit(Commit { starts: vec![again.clone()], ..Commit::default() }).await.unwrap();
        assert_eq!(committed.existing.iter().map(|(_, there)| there.id).collect::<Vec<_>>(), [id(1)]);
        sweep(&*fresh.database, &both(HOUR), 3).await.unwrap();
        assert_eq!(there(&fresh, 2).await.0, vec![0_u32; 0], "the key's time is up");
        let committed = fresh.commit(Commit { starts: vec![again], ..Commit::default() }).await.unwrap();
        assert_eq!(committed.existing, []);
    })
    .await;
}

#[tokio::test]
async fn a_child_stays_while_its_parent_may_ask_for_it() {
    each(|fresh| async move {
        let parent = Parent { execution: id(1), path: stepwell::ids::StepPath::new("call"), attempt: 1, depth: 1 };
        let child = Execution { parent: Some(parent), ..ended(2, ExecutionStatus::Completed) };
        insert(&fresh, vec![execution(1), child]).await;
        sweep(&*fresh.database, &both(HOUR), 9).await.unwrap();
        assert_eq!(there(&fresh, 2).await, (vec![1, 2], [2, 2, 2]));
        let end = crate::store::update(id(1), 5, ExecutionStatus::Completed);
        fresh.commit(Commit { executions: vec![end], ..Commit::default() }).await.unwrap();
        sweep(&*fresh.database, &both(HOUR), 9).await.unwrap();
        assert_eq!(there(&fresh, 2).await, (vec![], [0, 0, 0]));
    })
    .await;
}

#[tokio::test]
async fn small_ones_go_together_and_at_once() {
    each(|fresh| async move {
        // Each has a row and, by its `seq` and its log, three rows at most that hang on it.
        insert(&fresh, (1..=300).map(|n| Execution { seq: 2, ..ended(n, ExecutionStatus::Completed) }).collect()).await;
        let watched = Watched::over(&fresh, 2);
        sweep(&watched, &both(HOUR), 2).await.unwrap();
        assert_eq!(there(&fresh, 300).await, (vec![], [0, 0, 0]));
        let removed = watched.removed.into_inner().unwrap();
        let told = |what| removed.iter().filter(|removed| removed.what == what).map(|removed| removed.rows).collect();
        let together: Vec<u64> = vec![250, 50];
        for what in ["steps", "logs", "controls", "executions"] {
            let told: Vec<u64> = told(what);
            assert_eq!(told, together, "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn rows_that_were_left_for_their_keys_count_as_the_rows_they_are() {
    each(|fresh| async move {
        let keyed = |n: u32| Execution {
            seq: 20,
            idempotency_key: Some(n.to_string()),
            ..ended(n, ExecutionStatus::Completed)
        };
        insert(&fresh, (1..=300).map(keyed).collect()).await;
        let with_data = Watched::over(&fresh, 100);
        sweep(&with_data, &both(HOUR), 2).await.unwrap();
        assert_eq!(fresh.count("workflow_executions").await, 300);
        let bare = Watched::over(&fresh, 1);
        sweep(&bare, &both(HOUR), 3).await.unwrap();
        assert_eq!(bare.removed.into_inner().unwrap(), [Removed { what: "executions", rows: 300 }]);
    })
    .await;
}

#[tokio::test]
async fn a_large_one_goes_a_few_rows_at_a_time_and_on_after_an_interruption() {
    each(|fresh| async move {
        let steps = (0..2_400).map(|n| step(id(1), &format!("each[{n}]"), 1, n + 2)).collect();
        let logs = (0..2_400).map(|_| (id(1), log(LogLevel::Info, "told"))).collect();
        let starts = vec![Execution { seq: 2_402, ..ended(1, ExecutionStatus::Failed) }];
        fresh.commit(Commit { starts, steps, logs, ..Commit::default() }).await.unwrap();
        // Emptied, and two statements of a thousand rows.
        let interrupted = Watched::over(&fresh, 3);
        sweep(&interrupted, &both(HOUR), 2).await.unwrap_err();
        assert_eq!(there(&fresh, 1).await, (vec![1], [400, 2_400, 0]));
        assert!(fresh.database.execution_find(id(1)).await.unwrap().unwrap().is_emptied(), "so that nobody retries it");
        let rest = Watched::over(&fresh, 100);
        sweep(&rest, &both(HOUR), 2).await.unwrap();
        assert_eq!(there(&fresh, 1).await, (vec![], [0, 0, 0]));
        let removed = rest.removed.into_inner().unwrap();
        let told: Vec<_> = removed.iter().map(|removed| (removed.what, removed.rows)).collect();
        assert_eq!(told, [("steps", 400), ("logs", 1_000), ("logs", 1_000), ("logs", 400), ("executions", 1)]);
    })
    .await;
}

#[tokio::test]
async fn what_came_back_to_life_meanwhile_keeps_its_rows() {
    each(|fresh| async move {
        insert(&fresh, vec![execution(1), execution(2)]).await;
        fresh.database.execution_empty(id(1)).await.unwrap();
        assert_eq!(fresh.database.remains_delete(id(1), 10).await.unwrap(), None);
        let removal = Removal { whole: vec![id(1)], to_row: vec![id(2)] };
        assert_eq!(fresh.database.executions_remove(&removal).await.unwrap(), []);
        for n in 1..=2 {
            let there = fresh.database.histories(&[id(n)]).await.unwrap();
            assert_eq!((there[0].execution.input.clone(), there[0].steps.len()), (execution(n).input, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_sweep_that_falls_behind_rests_less() {
    each(|fresh| async move {
        let mut rests = Vec::new();
        for hours in [2, 1_000] {
            insert(&fresh, vec![ended(hours, ExecutionStatus::Completed)]).await;
            let slow = Slow { clock: Virtual(AtomicI64::new(0)), store: Watched::over(&fresh, 9) };
            let now = Timestamp(5_000 + i64::from(hours) * HOUR_US);
            slow.clock.0.store(now.0, Ordering::Relaxed);
            // An hour and a moment are kept: the first is due for an instant, the second for weeks.
            let retention = both(HOUR * hours.min(2) - Duration::from_millis(1));
            let owns = |_: PartitionId| true;
            Sweeper { store: &slow, clock: &slow.clock, retention: &retention, owns: &owns }.sweep().await.unwrap();
            rests.push(slow.clock.now().0 - now.0);
        }
        assert_eq!(rests, [5 * SLOW_US, 3 * SLOW_US], "a transaction, and four times or twice its time");
    })
    .await;
}

#[tokio::test]
async fn the_space_of_what_was_deleted_is_used_again() {
    each(|fresh| async move {
        if fresh.database.kind() != "sqlite" {
            return;
        }
        let mut sizes = Vec::new();
        for round in 0..6 {
            let starts: Vec<_> = (0..200).map(|n| ended(round * 200 + n + 1, ExecutionStatus::Completed)).collect();
            insert(&fresh, starts).await;
            sweep(&*fresh.database, &both(HOUR), 2).await.unwrap();
            assert_eq!(fresh.count("workflow_executions").await, 0);
            let raw = fresh.raw().await;
            let pages = Statement::from_string(raw.get_database_backend(), "PRAGMA page_count");
            let pages: i64 = raw.query_one_raw(pages).await.unwrap().unwrap().try_get_by_index(0).unwrap();
            sizes.push(pages);
        }
        assert!(sizes[5] <= sizes[1] + sizes[1] / 10, "the file grows: {sizes:?}");
    })
    .await;
}
