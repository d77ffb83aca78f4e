//! The ports: what the use cases and the runtime need of the world, as traits. Adapters stand behind them.
//!
//! Invariant: everything outside the process, and everything that no seed determines, is behind one of these, so that a
//! whole node runs in deterministic simulation.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::engine::{
    CacheWrite, ControlRow, ExecutionStatus, ExecutionUpdate, LogEntry, LogLevel, StepError, StepRow, StepStatus,
    TimerTarget,
};
use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, Epoch, ExecutionId, PartitionId, StepPath, WorkflowId};
use crate::plan::{DEFAULT_PRIORITY, Plan, PlanHash};

use super::model::{DraftStep, Execution, History, Version, Workflow, WorkflowStatus};
use super::waits::{Delivery, SentEvent, WaitStore};

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name, key or state was taken meanwhile.
    #[error("conflict: {0}")]
    Conflict(String),
    /// It is not known whether it was done: a lost connection, a time-out, a full disk.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A row is not what this program writes.
    #[error("the database holds what this program does not understand: {0}")]
    Corrupt(String),
}

/// The result of a store's method.
pub type StoreResult<T> = Result<T, StoreError>;

/// A commit: the rows of everything that happened while the last commit was under way. One transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The partitions written to, and the epochs under which this process owns them. Rows of a partition whose epoch is
    /// another in the database, or that is not in this list, are not written.
    pub leases: Vec<(PartitionId, Epoch)>,
    /// Executions to insert. One whose (workflow, idempotency key) or id exists is left out, with all of its rows below.
    pub starts: Vec<Execution>,
    /// Changes of executions. One is written only if its `seq` is greater than the row's. COMPLETED and CANCELLED are final.
    pub executions: Vec<ExecutionUpdate>,
    /// Rows of steps, inserted, or replaced where their `seq` is greater.
    pub steps: Vec<StepRow>,
    /// Entries of logs, in order.
    pub logs: Vec<(ExecutionId, LogEntry)>,
    /// Controls that were applied; an existing (execution, seq) is left as it is.
    pub controls: Vec<ControlRow>,
    /// Events that waits took, each once for a workflow: one that its workflow has taken is a `Conflict`.
    pub deliveries: Vec<Delivery>,
    /// Outputs to keep. One that is kept and has not expired stays.
    pub caches: Vec<(ExecutionId, CacheWrite)>,
}

/// What came of a commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// Starts that were left out, since there is one of that key or id: the one refused, and the one that is there.
    pub existing: Vec<(ExecutionId, Execution)>,
    /// Partitions that this process no longer owns; nothing of theirs was written.
    pub fenced: Vec<PartitionId>,
}

/// A timer that is due, read from the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct DueTimer {
    /// The execution.
    pub execution: ExecutionId,
    /// The execution's state: PENDING means that its start is due.
    pub status: ExecutionStatus,
    /// Whom to wake. Of the execution's own timer, `Execution` for PENDING and RETRYING, else `Timeout`.
    pub target: TimerTarget,
    /// When.
    pub due: Timestamp,
}

/// What the engine's shell needs of the database. The database is the truth.
#[async_trait]
pub trait ExecutionStore: Send + Sync + 'static {
    /// Takes these partitions for `owner`: each epoch goes up by one.
    async fn partitions_take(&self, owner: &str, partitions: &[PartitionId]) -> StoreResult<Vec<(PartitionId, Epoch)>>;

    /// Writes a commit, all of it or none, but for what `Committed` says was left out.
    async fn commit(&self, commit: &Commit) -> StoreResult<Committed>;

    /// The ids of executions in these partitions that have not ended and were started, in order of id, after `after`.
    async fn executions_unfinished(
        &self,
        partitions: &[PartitionId],
        after: Option<ExecutionId>,
        limit: usize,
    ) -> StoreResult<Vec<ExecutionId>>;

    /// The rows of these executions. Those that are not there are left out.
    async fn histories(&self, ids: &[ExecutionId]) -> StoreResult<Vec<History>>;

    /// Timers due at `before` or earlier, soonest first, of executions that have not ended.
    async fn timers_due(
        &self,
        partitions: &[PartitionId],
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DueTimer>>;

    /// The plan of this hash.
    async fn plan_find(&self, hash: &PlanHash) -> StoreResult<Option<Arc<Plan>>>;
}

/// Which executions to list; newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionFilter {
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// In this state.
    pub status: Option<ExecutionStatus>,
    /// Recorded at or after.
    pub created_from: Option<Timestamp>,
    /// Recorded before.
    pub created_to: Option<Timestamp>,
    /// Older than this one: the cursor.
    pub before: Option<ExecutionId>,
    /// How many at most.
    pub limit: u64,
    /// How many to pass over.
    pub offset: u64,
}

/// A page and how many there are in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many match in all.
    pub total: u64,
}

/// Which entries of a log to list, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogFilter {
    /// Of this level or above.
    pub level: Option<LogLevel>,
    /// After the entry of this id.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: u64,
}

/// An entry of a log as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredLog {
    /// Its id: rising.
    pub id: i64,
    /// The entry.
    pub entry: LogEntry,
}

/// What the API reads. Rows only: any process can answer.
#[async_trait]
pub trait ExecutionReads: Send + Sync + 'static {
    /// Whether the database answers.
    async fn ping(&self) -> StoreResult<()>;
    /// The moment on the database's clock: on PostgreSQL the server's, on SQLite the host's.
    async fn now(&self) -> StoreResult<Timestamp>;
    /// One execution.
    async fn execution_find(&self, id: ExecutionId) -> StoreResult<Option<Execution>>;
    /// The execution of a workflow with this idempotency key.
    async fn execution_find_by_key(&self, workflow: WorkflowId, key: &str) -> StoreResult<Option<Execution>>;
    /// A page of executions.
    async fn execution_list(&self, filter: &ExecutionFilter) -> StoreResult<Page<Execution>>;
    /// The order of the furthest step that was reached, for each of these executions.
    async fn execution_current_orders(&self, ids: &[ExecutionId]) -> StoreResult<Vec<(ExecutionId, u32)>>;
    /// The rows of an execution's steps by `seq`; `status` and the page narrow them.
    async fn step_list(
        &self,
        id: ExecutionId,
        status: Option<StepStatus>,
        offset: u64,
        limit: u64,
    ) -> StoreResult<Page<StepRow>>;
    /// Entries of an execution's log, in order.
    async fn log_list(&self, id: ExecutionId, filter: &LogFilter) -> StoreResult<Vec<StoredLog>>;
    /// How many executions of a workflow have not ended.
    async fn execution_count_live(&self, workflow: WorkflowId) -> StoreResult<u64>;
}

/// Which workflows to list; by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowFilter {
    /// In this state.
    pub status: Option<WorkflowStatus>,
    /// Whose name holds this text.
    pub name: Option<String>,
    /// Whose name comes after this one: the cursor.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u64,
    /// How many to pass over.
    pub offset: u64,
}

/// A version to be published, whole. The workflow's name, description and labels are its plan's.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The workflow's id, where it is new.
    pub fresh_id: WorkflowId,
    /// The version; its `workflow` and `n` are set by the store.
    pub version: Version,
    /// The file that owns the workflow from now on, where one does.
    pub file: Option<String>,
    /// Whether the draft of the workflow is what this was compiled from, and so is done with.
    pub from_draft: bool,
}

/// Where workflows and their versions are kept.
#[async_trait]
pub trait WorkflowStore: Send + Sync + 'static {
    /// Inserts a workflow; a taken name is a `Conflict`.
    async fn workflow_insert(&self, workflow: &Workflow) -> StoreResult<()>;
    /// One workflow.
    async fn workflow_find(&self, id: WorkflowId) -> StoreResult<Option<Workflow>>;
    /// One workflow, by its name.
    async fn workflow_find_by_name(&self, name: &str) -> StoreResult<Option<Workflow>>;
    /// A page of workflows.
    async fn workflow_list(&self, filter: &WorkflowFilter) -> StoreResult<Page<Workflow>>;
    /// Replaces the row of a workflow; a taken name is a `Conflict`.
    async fn workflow_update(&self, workflow: &Workflow) -> StoreResult<()>;
    /// Deletes a workflow with its versions, steps and ended executions. A live execution is a `Conflict`.
    async fn workflow_delete(&self, id: WorkflowId) -> StoreResult<()>;
    /// Publishes versions, all or none in one transaction: each gets the next number of its workflow, its plan's steps as
    /// `workflow_steps`, and is active at once. A workflow is made where there is none of that name. A source may hold
    /// several workflows, hence the slice; what is given comes back in the same order.
    async fn version_publish(&self, new: &[NewVersion]) -> StoreResult<Vec<(Workflow, Version)>>;
    /// One version.
    async fn version_find(&self, workflow: WorkflowId, n: i64) -> StoreResult<Option<Version>>;
    /// All versions of a workflow, newest first.
    async fn version_list(&self, workflow: WorkflowId) -> StoreResult<Vec<Version>>;
    /// The steps of a version, or of the draft for none, in order.
    async fn draft_step_list(&self, workflow: WorkflowId, version: Option<i64>) -> StoreResult<Vec<DraftStep>>;
    /// Inserts a step of a draft and marks the workflow as having one; a taken name or order is a `Conflict`.
    async fn draft_step_insert(&self, step: &DraftStep) -> StoreResult<()>;
    /// Replaces the row of a draft's step.
    async fn draft_step_update(&self, step: &DraftStep) -> StoreResult<()>;
    /// Deletes a step of a draft; whether there was one.
    async fn draft_step_delete(&self, id: uuid::Uuid) -> StoreResult<bool>;
}

/// The executions of a workflow that count against each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotGroup {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The value of its `concurrency key`, as canonical JSON.
    pub key: Arc<str>,
}

/// Who holds a slot of a group, and who waits for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots {
    /// Those that run, oldest first, and whether each was asked to stop.
    pub running: Vec<(ExecutionId, bool)>,
    /// Those that wait and whose time has come, oldest first.
    pub waiting: Vec<ExecutionId>,
}

/// What limits are kept by: slots, cached outputs, and the times of dispatches.
#[async_trait]
pub trait LimitStore: Send + Sync + 'static {
    /// The slots of a group: all that run, and the `most` oldest that wait and were to start at `now` or earlier.
    async fn slots(&self, group: &SlotGroup, now: Timestamp, most: usize) -> StoreResult<Slots>;
    /// The groups in which somebody waits, each with the plan of one of those.
    async fn slot_groups_waiting(&self) -> StoreResult<Vec<(SlotGroup, PlanHash)>>;
    /// The outputs that are kept under these keys and have not expired at `now`.
    async fn cache_find(&self, keys: &[Arc<str>], now: Timestamp) -> StoreResult<Vec<(Arc<str>, Value)>>;
    /// Deletes up to `most` outputs that expired before `now`; how many there were.
    async fn cache_sweep(&self, now: Timestamp, most: u64) -> StoreResult<u64>;
    /// The times of the last dispatches under a limit.
    async fn rate_find(&self, name: &str) -> StoreResult<Vec<Timestamp>>;
    /// Replaces the times of the last dispatches under a limit.
    async fn rate_save(&self, name: &str, times: &[Timestamp]) -> StoreResult<()>;
}

/// A whole store.
pub trait Store: ExecutionStore + ExecutionReads + WorkflowStore + LimitStore + WaitStore {}
impl<T: ExecutionStore + ExecutionReads + WorkflowStore + LimitStore + WaitStore> Store for T {}

/// A task as it travels to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The execution.
    pub execution: ExecutionId,
    /// The step's path.
    pub path: StepPath,
    /// The attempt.
    pub attempt: Attempt,
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// The task type.
    pub task_type: Arc<str>,
    /// The queue.
    pub queue: Arc<str>,
    /// The resolved configuration: an object.
    pub config: Value,
    /// How long it may take from its claim, in milliseconds.
    pub timeout_ms: u64,
    /// 0 to 9, the higher first.
    #[serde(default = "default_priority", skip_serializing_if = "is_default_priority")]
    pub priority: u8,
    /// How long its handler may be silent, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// The same for every attempt: what an `http_request` sends as `Idempotency-Key`.
    pub idempotency_key: Arc<str>,
    /// W3C trace context, where the execution is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Arc<str>>,
}

fn default_priority() -> u8 {
    DEFAULT_PRIORITY
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips by reference")]
fn is_default_priority(priority: &u8) -> bool {
    *priority == DEFAULT_PRIORITY
}

/// A task's outcome as it travels back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskOutcome {
    /// The execution.
    pub execution: ExecutionId,
    /// The step's path.
    pub path: StepPath,
    /// The attempt.
    pub attempt: Attempt,
    /// What it gave.
    pub result: Result<Value, StepError>,
    /// How long the worker had it, from the claim, in microseconds. The owner's clock makes a time of it.
    pub took_us: u64,
    /// What the handler logged; `at` is the time since the claim, which the owner adds to the claim's.
    #[serde(default)]
    pub logs: Vec<LogEntry>,
}

/// What names a claimed task or a delivered outcome at the queue, to acknowledge it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt(pub Arc<str>);

/// A claimed task.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The task.
    pub task: Task,
    /// Its receipt.
    pub receipt: Receipt,
}

/// A delivered outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The outcome.
    pub outcome: TaskOutcome,
    /// Its receipt: acknowledged after the commit that records it.
    pub receipt: Option<Receipt>,
}

/// Which attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The execution.
    pub execution: ExecutionId,
    /// The step's path.
    pub path: StepPath,
    /// The attempt.
    pub attempt: Attempt,
}

/// Why a queue did not do what it was asked. Nothing is lost by it: the database is the truth, and a sweep dispatches again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the queue is unavailable: {0}")]
pub struct QueueError(pub String);

/// The owner's side of the task queue.
#[async_trait]
pub trait Dispatcher: Send + Sync + 'static {
    /// Hands tasks to workers, in order.
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), QueueError>;
    /// Waits for outcomes and gives those that are there, up to `max`. Cancel-safe.
    async fn outcomes(&self, max: usize) -> Result<Vec<Delivered>, QueueError>;
    /// Forgets these outcomes, and the tasks they are of. Called after the commit: a lost call repeats, a lost commit forgets.
    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError>;
    /// Tells workers to stop these attempts, as far as they can be reached.
    async fn stop(&self, attempts: Vec<AttemptKey>) -> Result<(), QueueError>;
    /// Takes away and gives the claims whose worker's heartbeat has lapsed. Each is then `Event::Lost`.
    async fn lapsed(&self) -> Result<Vec<AttemptKey>, QueueError>;
    /// The attempts that the queue still holds, whether waiting, claimed, or as an outcome that is not acknowledged. What is
    /// outstanding and not held is lost: a recovery records it so. The in-process queue of a new process holds none.
    async fn held(&self) -> Result<std::collections::HashSet<AttemptKey>, QueueError>;
    /// What changes when the queue may have lost what it held (a flush, a restart): then what is outstanding and not held is
    /// dispatched again.
    async fn nonce(&self) -> Result<u64, QueueError>;
    /// Whether the queue answers.
    async fn ping(&self) -> Result<(), QueueError>;
    /// How many tasks wait, and how old the oldest is, by queue.
    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError>;
}

/// How full a queue is.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueDepth {
    /// The queue.
    pub queue: Arc<str>,
    /// Tasks that wait.
    pub waiting: u64,
    /// The age of the oldest, in milliseconds.
    pub oldest_ms: u64,
}

/// The worker's side of the task queue.
#[async_trait]
pub trait TaskSource: Send + Sync + 'static {
    /// Waits for tasks and claims up to `max`. Cancel-safe: a claim that nobody took lapses.
    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, QueueError>;
    /// Says that these claims are still being worked on.
    async fn heartbeat(&self, receipts: &[Receipt]) -> Result<(), QueueError>;
    /// Sends outcomes to the owners of their executions.
    async fn complete(&self, outcomes: Vec<(TaskOutcome, Receipt)>) -> Result<(), QueueError>;
    /// Hands claims back unworked, for another worker (a drain).
    async fn release(&self, claims: Vec<Claimed>) -> Result<(), QueueError>;
    /// Waits for the next attempt that is to be stopped.
    async fn stopped(&self) -> AttemptKey;
}

/// The time. In a simulation it is virtual.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The moment, on the database's clock.
    fn now(&self) -> Timestamp;
    /// Waits, on monotonic time.
    async fn sleep(&self, duration: Duration);
}

/// Fresh ids and what else no seed of ours determines. In a simulation it is seeded.
pub trait Entropy: Send + Sync + 'static {
    /// A fresh execution's id: UUIDv7 at `now`.
    fn execution_id(&self, now: Timestamp) -> ExecutionId;
    /// A fresh UUIDv4.
    fn uuid(&self) -> uuid::Uuid;
}

/// A named point in the runtime at which a crash is interesting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashPoint {
    /// Events were applied in memory; nothing is written.
    BeforeCommit,
    /// The rows are written; nobody was told.
    AfterCommit,
    /// Tasks are with the queue; outcomes are not acknowledged.
    AfterDispatch,
    /// All is done.
    AfterAck,
    /// Partitions were taken; nothing is recovered.
    AfterTake,
    /// Histories were read; lost attempts are not recorded.
    AfterLoad,
}

/// What a simulation does at crash points, and which protections it switches off to show that they protect.
/// The real one does nothing.
pub trait Faults: Send + Sync + 'static {
    /// Called at each crash point; true means that the process dies here: the caller stops at once and does nothing more.
    fn crash(&self, _at: CrashPoint) -> bool {
        false
    }
}

/// No faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;
impl Faults for NoFaults {}

/// Why an execution could not be started or controlled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no such execution.
    #[error("there is no execution {0}")]
    NotFound(ExecutionId),
    /// Its state does not allow it.
    #[error(transparent)]
    Refused(#[from] crate::engine::Refusal),
    /// The committer is full, the process is draining, or the database does not answer: try again.
    #[error("{0}")]
    Unavailable(String),
}

/// What came of a start.
#[derive(Clone, Debug, PartialEq)]
pub enum Started {
    /// It is recorded, and durable.
    New(Execution),
    /// One with this key is there already.
    Existing(Execution),
}

/// The runtime as the use cases see it.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Records an execution and starts it (or, with `scheduled_at`, leaves it PENDING until then). Returns after the commit.
    async fn start(&self, execution: Execution, plan: Arc<Plan>) -> Result<Started, RuntimeError>;
    /// Asks something of an execution. Returns after the commit.
    async fn control(&self, id: ExecutionId, control: crate::engine::Control) -> Result<(), RuntimeError>;
    /// Offers an event that is recorded to the waits that are open; who took it, as far as that is known after `at_most`.
    async fn event(&self, event: SentEvent, at_most: Duration) -> Result<Vec<Delivery>, RuntimeError>;
    /// Waits until this execution ends, or the time is up; whether it ended. One that ended before gives true at once.
    async fn wait_ended(&self, id: ExecutionId, at_most: Duration) -> Result<bool, RuntimeError>;
    /// Drops what is cached of the active version of a workflow (children start the active one).
    async fn workflow_changed(&self, name: &str);
    /// Every change of a step's or the execution's row of this execution from now on, after its commit (for `stepwell run`).
    async fn watch(&self, id: ExecutionId) -> tokio::sync::mpsc::UnboundedReceiver<Progress>;
}

/// A change, as `stepwell run` shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A step's row was written.
    Step(StepRow),
    /// An entry of the log was written.
    Log(LogEntry),
    /// The execution's row was written.
    Execution(ExecutionUpdate),
}
