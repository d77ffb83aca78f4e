//! A store in memory with the rules of the real one: epochs, idempotent starts, rows that guard themselves by `seq`. It can
//! fail a commit before or after it was applied, and it keeps what the real one must never let happen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use stepwell::engine::{
    Compensation, ControlRow, ExecutionStatus, ExecutionUpdate, Fusion, LogEntry, Rate, Start, StepRow, StepStatus,
    TimerTarget, fuse, replay,
};
use stepwell::expr::Timestamp;
use stepwell::ids::{Attempt, Epoch, ExecutionId, PartitionId, StepPath};
use stepwell::plan::{Plan, PlanHash};
use stepwell::service::inbox::{Grant, MessageId};
use stepwell::service::model::{Execution, History, Version, Workflow};
use stepwell::service::ports::{
    AttemptKey, AttemptStanding, Commit, Committed, DueTimer, Ended, EndedFilter, ExecutionCursor, ExecutionFilter,
    ExecutionReads, ExecutionStore, LimitStore, LogFilter, Page, Removal, Removed, RetentionStore, SlotGroup, Slots,
    StepFilter, StoreError, StoreResult, StoredLog,
};
use stepwell::service::rate::{RateTaken, RateWindow};
use stepwell::service::waits::{Delivery, SentEvent};

use super::rng::Rng;
use super::store_inbox::Kept;

/// How a store misbehaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreFaults {
    /// How often in a thousand a commit fails; half of those were applied all the same.
    pub failing: u64,
    /// The longest time that a commit takes, in microseconds.
    pub slowness: u64,
}

#[derive(Default)]
pub struct Rows {
    pub epochs: BTreeMap<PartitionId, Epoch>,
    pub owners: BTreeMap<PartitionId, String>,
    /// When the leases of each node lapse.
    pub nodes: BTreeMap<String, tokio::time::Instant>,
    pub executions: BTreeMap<ExecutionId, Execution>,
    pub steps: BTreeMap<(ExecutionId, StepPath, Attempt), StepRow>,
    pub controls: BTreeMap<(ExecutionId, i64), ControlRow>,
    pub logs: Vec<(ExecutionId, LogEntry)>,
    pub plans: HashMap<PlanHash, Arc<Plan>>,
    pub workflows: Vec<(Workflow, Version)>,
    /// Kept outputs: when they expire, and what they are.
    pub caches: BTreeMap<Arc<str>, (Timestamp, stepwell::expr::Value)>,
    pub rates: BTreeMap<Arc<str>, RateWindow>,
    pub task_types: BTreeMap<Arc<str>, stepwell::service::task_types::RegisteredType>,
    pub events: Vec<SentEvent>,
    pub deliveries: BTreeMap<(Arc<str>, Arc<str>, stepwell::ids::WorkflowId), Delivery>,
    /// Messages between nodes, and how many were sent.
    pub inbox: BTreeMap<MessageId, Kept>,
    pub sent: MessageId,
    /// What must never happen.
    pub violations: Vec<String>,
    /// What was written, in order: two runs of one seed have the same.
    pub trace: Vec<String>,
    pub commits: u64,
}

pub struct MemoryStore {
    rows: Mutex<Rows>,
    rng: Rng,
    faults: Mutex<StoreFaults>,
    /// While set, nothing answers.
    away: AtomicBool,
    /// The next commit fails: 1 before, 2 after it is applied.
    fail_next: AtomicU64,
    /// Whether epochs and `seq` guard the rows. Off, to show that they do.
    guarded: AtomicBool,
}

fn unavailable<T>(why: &str) -> StoreResult<T> {
    Err(StoreError::Unavailable(why.to_owned()))
}

impl MemoryStore {
    pub fn new(seed: u64, faults: StoreFaults) -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            rng: Rng::new(seed),
            faults: Mutex::new(faults),
            away: AtomicBool::new(false),
            fail_next: AtomicU64::new(0),
            guarded: AtomicBool::new(true),
        })
    }

    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    pub fn set_faults(&self, faults: StoreFaults) {
        *self.faults.lock().unwrap() = faults;
    }

    /// Takes the database away, or brings it back.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Fails the next commit, though it is applied if `applied`.
    pub fn fail_next(&self, applied: bool) {
        self.fail_next.store(if applied { 2 } else { 1 }, Ordering::SeqCst);
    }

    /// Switches off what protects the rows.
    pub fn without_guards(&self) {
        self.guarded.store(false, Ordering::SeqCst);
    }

    pub fn trace(&self, line: String) {
        self.rows().trace.push(line);
    }

    pub async fn pause(&self) {
        let slowness = self.faults.lock().unwrap().slowness;
        if slowness > 0 {
            tokio::time::sleep(Duration::from_micros(self.rng.below(slowness))).await;
        }
    }

    pub fn check_away(&self) -> StoreResult<()> {
        if self.away.load(Ordering::SeqCst) { unavailable("it is away") } else { Ok(()) }
    }

    /// Whether rows say that this attempt was to be dispatched: it has one, or the fold of the others waits for it.
    pub fn causes(&self, key: &AttemptKey) -> bool {
        let rows = self.rows();
        if rows.steps.contains_key(&(key.execution, key.path.clone(), key.attempt)) {
            return true;
        }
        let Some(history) = rows.history(key.execution) else { return false };
        let Some(plan) = rows.plans.get(&history.execution.plan_hash) else { return false };
        fold(&history, plan).is_ok_and(|state| state.awaits(&key.path, key.attempt))
    }
}

impl MemoryStore {
    /// Whoever acknowledges an outcome has recorded it, or another of its attempt.
    pub fn check_recorded(&self, key: &AttemptKey) {
        let mut rows = self.rows();
        let row = rows.steps.get(&(key.execution, key.path.clone(), key.attempt));
        if row.is_none_or(|row| row.status == StepStatus::Running) {
            let told = format!("{}/{}#{}", key.execution, key.path, key.attempt);
            rows.violations.push(format!("{told}: an outcome was acknowledged and is not recorded"));
        }
    }
}

/// Folds rows as a recovery does.
pub fn fold(history: &History, plan: &Plan) -> Result<stepwell::engine::ExecutionState, String> {
    let execution = &history.execution;
    let start = Start {
        id: execution.id,
        version: execution.version,
        input: execution.input.clone(),
        settings: execution.settings.clone(),
        secrets: None,
        max_retries: execution.max_retries,
        depth: execution.parent.as_ref().map_or(0, |parent| parent.depth),
    };
    let state = replay(plan, start, execution.started_at, history.steps.clone(), history.controls.clone());
    state.map_err(|error| error.to_string())
}

impl Rows {
    pub fn history(&self, id: ExecutionId) -> Option<History> {
        let execution = self.executions.get(&id)?.clone();
        let mut steps: Vec<StepRow> = self
            .steps
            .range((id, StepPath::new(""), 0)..)
            .take_while(|((of, ..), _)| *of == id)
            .map(|(_, row)| row.clone())
            .collect();
        steps.sort_by_key(|row| row.seq);
        let controls = self.controls.range((id, i64::MIN)..=(id, i64::MAX)).map(|(_, row)| row.clone()).collect();
        Some(History { execution, steps, controls })
    }

    fn apply(&mut self, commit: &Commit, guarded: bool) -> Committed {
        let mut committed = Committed::default();
        let mut owned: HashSet<PartitionId> = HashSet::new();
        for (partition, epoch) in &commit.leases {
            if !guarded || self.epochs.get(partition) == Some(epoch) {
                owned.insert(*partition);
            } else {
                committed.fenced.push(*partition);
            }
        }
        let holds = |grant: &Grant| !guarded || self.epochs.get(&grant.partition) == Some(&grant.epoch);
        committed.stale = commit.grants.iter().filter(|(_, grant)| !holds(grant)).map(|(id, _)| *id).collect();
        let mut refused: HashSet<ExecutionId> = committed.stale.iter().copied().collect();
        for start in commit.starts.iter().filter(|start| owned.contains(&start.id.partition())) {
            match self.standing_in_the_way(start) {
                Some(there) => {
                    committed.existing.push((start.id, there));
                    refused.insert(start.id);
                }
                None => drop(self.executions.insert(start.id, start.clone())),
            }
        }
        let keep = |id: ExecutionId| owned.contains(&id.partition()) && !refused.contains(&id);
        commit.executions.iter().filter(|update| keep(update.id)).for_each(|update| self.update(update, guarded));
        let Fusion { fused, single } = fuse(&commit.steps.iter().filter(|row| keep(row.execution)).collect::<Vec<_>>());
        fused.iter().flat_map(|run| run.unfold().unwrap()).for_each(|row| self.step(&row, guarded));
        single.into_iter().for_each(|row| self.step(row, guarded));
        self.logs.extend(commit.logs.iter().filter(|(id, _)| keep(*id)).cloned());
        for control in commit.controls.iter().filter(|control| keep(control.execution)) {
            self.controls.entry((control.execution, control.seq)).or_insert_with(|| control.clone());
        }
        for delivery in commit.deliveries.iter().filter(|delivery| keep(delivery.execution)) {
            self.deliver(delivery);
        }
        for (_, write) in commit.caches.iter().filter(|(id, _)| keep(*id)) {
            let kept = self.caches.get(&write.key).is_some_and(|(expires, _)| *expires > write.created_at);
            if !kept {
                self.caches.insert(write.key.clone(), (write.expires_at, write.output.clone()));
            }
        }
        for settled in commit.settled.iter().filter(|settled| owned.contains(&settled.partition)) {
            if settled.execution.is_none_or(keep) {
                self.settle(settled);
            }
        }
        self.commits += 1;
        committed
    }

    fn standing_in_the_way(&self, start: &Execution) -> Option<Execution> {
        let same_key = |there: &&Execution| {
            there.id == start.id
                || (start.idempotency_key.is_some()
                    && there.workflow == start.workflow
                    && there.idempotency_key == start.idempotency_key)
        };
        self.executions.values().find(same_key).cloned()
    }

    fn update(&mut self, update: &ExecutionUpdate, guarded: bool) {
        let Some(row) = self.executions.get_mut(&update.id) else { return };
        let is_final = matches!(row.status, ExecutionStatus::Completed | ExecutionStatus::Cancelled);
        // But for an undo that failed and is retried: then it ends once more.
        let is_final = is_final && row.compensation != Compensation::Failed;
        if guarded && (update.seq <= row.seq || is_final) {
            return;
        }
        if is_final && (row.status, &row.output) != (update.status, &update.output) {
            let (was, is) = (row.status, update.status);
            self.violations.push(format!("execution {} was {was} and became {is}", update.id));
        }
        row.status = update.status;
        row.seq = update.seq;
        row.retry_count = update.retry_count;
        row.output.clone_from(&update.output);
        row.error.clone_from(&update.error);
        row.wake_at = update.wake_at;
        row.started_at = update.started_at;
        row.completed_at = update.completed_at;
        row.cancel_requested_at = update.cancel_requested_at;
        row.compensation = update.compensation;
        row.furthest = update.furthest;
    }

    fn step(&mut self, row: &StepRow, guarded: bool) {
        let key = (row.execution, row.path.clone(), row.attempt);
        if let Some(there) = self.steps.get(&key) {
            if guarded && row.seq <= there.seq {
                return;
            }
            let ended = !matches!(there.status, StepStatus::Running | StepStatus::Waiting | StepStatus::Retrying);
            if ended {
                let (path, attempt, was, is) = (&row.path, row.attempt, there.status, row.status);
                self.violations.push(format!("attempt {attempt} of `{path}` was recorded twice: {was}, then {is}"));
            }
        }
        self.steps.insert(key, row.clone());
    }
}

/// A commit in a line.
fn line(commit: &Commit, committed: &Committed) -> String {
    let steps: Vec<String> = commit
        .steps
        .iter()
        .map(|row| format!("{}/{}#{}={}@{}", row.execution, row.path, row.attempt, row.status, row.seq))
        .collect();
    let executions: Vec<String> =
        commit.executions.iter().map(|update| format!("{}={}@{}", update.id, update.status, update.seq)).collect();
    let starts: Vec<String> = commit.starts.iter().map(|start| start.id.to_string()).collect();
    let existing = committed.existing.len();
    format!(
        "starts {starts:?} existing {existing} fenced {:?} executions {executions:?} steps {steps:?}",
        committed.fenced
    )
}

#[async_trait]
impl ExecutionStore for MemoryStore {
    async fn partitions_take(&self, _: &str, partitions: &[PartitionId]) -> StoreResult<Vec<(PartitionId, Epoch)>> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        let take = |partition: &PartitionId| {
            let epoch = rows.epochs.entry(*partition).or_insert(Epoch(0));
            epoch.0 += 1;
            (*partition, *epoch)
        };
        Ok(partitions.iter().map(take).collect())
    }

    async fn commit(&self, commit: &Commit) -> StoreResult<Committed> {
        self.pause().await;
        self.check_away()?;
        let has_rows = !(commit.starts.is_empty() && commit.executions.is_empty() && commit.steps.is_empty());
        let failing = self.faults.lock().unwrap().failing;
        let fate = match self.fail_next.load(Ordering::SeqCst) {
            0 if failing > 0 && self.rng.chance(failing) => 1 + self.rng.below(2),
            0 => 0,
            // The probe of a committer that waits is not the commit that a test means.
            _ if !has_rows => 0,
            _ => self.fail_next.swap(0, Ordering::SeqCst),
        };
        if fate == 1 {
            return unavailable("the connection broke before the commit");
        }
        let committed = {
            let mut rows = self.rows();
            let guarded = self.guarded.load(Ordering::SeqCst);
            if guarded && !rows.are_open(&commit.settled) {
                return Err(StoreError::Conflict("a message is done already".to_owned()));
            }
            if rows.is_taken(&commit.deliveries) {
                return Err(StoreError::Conflict("an event is taken".to_owned()));
            }
            let committed = rows.apply(commit, guarded);
            if has_rows {
                let told = line(commit, &committed);
                rows.trace.push(told);
            }
            committed
        };
        self.pause().await;
        if fate == 2 { unavailable("the connection broke after the commit") } else { Ok(committed) }
    }

    async fn executions_unfinished(
        &self,
        partitions: &[PartitionId],
        after: Option<ExecutionCursor>,
        limit: usize,
    ) -> StoreResult<Vec<ExecutionCursor>> {
        self.pause().await;
        self.check_away()?;
        let unfinished = |execution: &&Execution| {
            !execution.status.is_terminal()
                && execution.status != ExecutionStatus::Pending
                && partitions.contains(&execution.id.partition())
        };
        let rows = self.rows();
        let there = rows.executions.values().filter(unfinished);
        let place = |execution: &Execution| ExecutionCursor { created_at: execution.created_at, id: execution.id };
        let places: BTreeSet<_> = there.map(place).filter(|place| after.is_none_or(|after| *place > after)).collect();
        Ok(places.into_iter().take(limit).collect())
    }

    async fn histories(&self, ids: &[ExecutionId]) -> StoreResult<Vec<History>> {
        self.pause().await;
        self.check_away()?;
        let rows = self.rows();
        Ok(ids.iter().filter_map(|id| rows.history(*id)).collect())
    }

    async fn timers_due(
        &self,
        partitions: &[PartitionId],
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        self.check_away()?;
        let rows = self.rows();
        let mut due = Vec::new();
        for execution in rows.executions.values() {
            let Some(at) = execution.wake_at.filter(|at| *at <= before && !execution.status.is_terminal()) else {
                continue;
            };
            let target = match execution.status {
                ExecutionStatus::Pending | ExecutionStatus::Retrying => TimerTarget::Execution,
                _ => TimerTarget::Timeout,
            };
            due.push(DueTimer { execution: execution.id, status: execution.status, target, due: at });
        }
        for ((id, path, attempt), row) in &rows.steps {
            let waits = matches!(row.status, StepStatus::Waiting | StepStatus::Retrying);
            let Some(at) = row.wake_at.filter(|at| *at <= before && waits) else { continue };
            let runs =
                |execution: &&Execution| !execution.status.is_terminal() && execution.status != ExecutionStatus::Paused;
            let Some(execution) = rows.executions.get(id).filter(runs) else { continue };
            if rows.steps.contains_key(&(*id, path.clone(), attempt + 1)) {
                continue;
            }
            let target = TimerTarget::Step { path: path.clone(), attempt: *attempt };
            due.push(DueTimer { execution: *id, status: execution.status, target, due: at });
        }
        due.retain(|timer| partitions.contains(&timer.execution.partition()));
        due.sort_by(|a, b| (a.due, a.execution, &a.target).cmp(&(b.due, b.execution, &b.target)));
        due.truncate(limit);
        Ok(due)
    }

    async fn plan_find(&self, hash: &PlanHash) -> StoreResult<Option<Arc<Plan>>> {
        self.check_away()?;
        Ok(self.rows().plans.get(hash).cloned())
    }
}

#[async_trait]
impl ExecutionReads for MemoryStore {
    async fn ping(&self) -> StoreResult<()> {
        self.check_away()
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        unavailable("the clock of a simulation is its own")
    }

    async fn execution_find(&self, id: ExecutionId) -> StoreResult<Option<Execution>> {
        self.pause().await;
        self.check_away()?;
        Ok(self.rows().executions.get(&id).cloned())
    }

    async fn execution_status(&self, id: ExecutionId) -> StoreResult<Option<ExecutionStatus>> {
        self.pause().await;
        self.check_away()?;
        Ok(self.rows().executions.get(&id).map(|execution| execution.status))
    }

    async fn execution_find_by_key(&self, _: stepwell::ids::WorkflowId, _: &str) -> StoreResult<Option<Execution>> {
        unavailable("not simulated")
    }

    async fn execution_list(&self, _: &ExecutionFilter) -> StoreResult<Page<Execution>> {
        unavailable("not simulated")
    }

    async fn execution_current_orders(&self, _: &[ExecutionId]) -> StoreResult<Vec<(ExecutionId, u32)>> {
        unavailable("not simulated")
    }

    async fn step_list(&self, _: ExecutionId, _: &StepFilter) -> StoreResult<Page<StepRow>> {
        unavailable("not simulated")
    }

    async fn attempt_standing(&self, _: &AttemptKey) -> StoreResult<Option<AttemptStanding>> {
        unavailable("not simulated")
    }

    async fn log_list(&self, _: ExecutionId, _: &LogFilter) -> StoreResult<Vec<StoredLog>> {
        unavailable("not simulated")
    }

    async fn execution_count_live(&self, _: stepwell::ids::WorkflowId) -> StoreResult<u64> {
        unavailable("not simulated")
    }
}

#[async_trait]
impl LimitStore for MemoryStore {
    async fn slots(&self, group: &SlotGroup, now: Timestamp, most: usize) -> StoreResult<Slots> {
        self.pause().await;
        self.check_away()?;
        let rows = self.rows();
        let counts = |execution: &&Execution| {
            execution.workflow == group.workflow
                && execution.concurrency_key.as_ref() == Some(&group.key)
                && !execution.status.is_terminal()
        };
        let mut all: Vec<&Execution> = rows.executions.values().filter(counts).collect();
        all.sort_by_key(|execution| (execution.created_at, execution.id));
        let (waiting, running): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|execution| execution.status == ExecutionStatus::Pending);
        let due = |execution: &&&Execution| execution.scheduled_at.is_none_or(|at| at <= now);
        Ok(Slots {
            running: running.iter().map(|one| (one.id, one.cancel_requested_at.is_some())).collect(),
            waiting: waiting.iter().filter(due).map(|one| one.id).take(most).collect(),
        })
    }

    async fn slot_groups_waiting(&self) -> StoreResult<Vec<(SlotGroup, PlanHash)>> {
        self.check_away()?;
        let rows = self.rows();
        let waiting = rows.executions.values().filter(|one| one.status == ExecutionStatus::Pending);
        let group = |one: &Execution| {
            let key = one.concurrency_key.clone()?;
            Some((SlotGroup { workflow: one.workflow, key }, one.plan_hash.clone()))
        };
        let groups: BTreeMap<SlotGroup, PlanHash> = waiting.filter_map(group).collect();
        Ok(groups.into_iter().collect())
    }

    async fn cache_find(
        &self,
        keys: &[Arc<str>],
        now: Timestamp,
    ) -> StoreResult<Vec<(Arc<str>, stepwell::expr::Value)>> {
        self.pause().await;
        self.check_away()?;
        let rows = self.rows();
        let kept = |key: &Arc<str>| {
            let (expires, output) = rows.caches.get(key)?;
            (*expires > now).then(|| (key.clone(), output.clone()))
        };
        Ok(keys.iter().filter_map(kept).collect())
    }

    async fn cache_sweep(&self, now: Timestamp, _: u64) -> StoreResult<u64> {
        self.check_away()?;
        self.rows().caches.retain(|_, (expires, _)| *expires > now);
        Ok(0)
    }

    async fn rate_take(&self, rate: &Rate, wanted: usize, now: Timestamp) -> StoreResult<RateTaken> {
        self.pause().await;
        self.check_away()?;
        Ok(self.rows().rates.entry(rate.name.clone()).or_default().take(rate, wanted, now))
    }
}

#[async_trait]
impl RetentionStore for MemoryStore {
    async fn ended_list(&self, _: &EndedFilter) -> StoreResult<Vec<Ended>> {
        unavailable("not simulated")
    }

    async fn executions_remove(&self, _: &Removal) -> StoreResult<Vec<Removed>> {
        unavailable("not simulated")
    }

    async fn execution_empty(&self, _: ExecutionId) -> StoreResult<()> {
        unavailable("not simulated")
    }

    async fn remains_delete(&self, _: ExecutionId, _: u64) -> StoreResult<Option<Removed>> {
        unavailable("not simulated")
    }
}
