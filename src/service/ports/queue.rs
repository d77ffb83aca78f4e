//! The task queue: the owner's side and the worker's.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::engine::{LogEntry, StepError, code};
use crate::expr::Value;
use crate::ids::{Attempt, Epoch, ExecutionId, PartitionId, StepPath};
use crate::plan::DEFAULT_PRIORITY;

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

impl TaskOutcome {
    /// What is told in place of an outcome when a worker was lost with its claim.
    pub fn lost(AttemptKey { execution, path, attempt }: AttemptKey) -> Self {
        let error = StepError::retryable(code::WORKER_LOST, "the worker that held this attempt is gone");
        Self { execution, path, attempt, result: Err(error), took_us: 0, logs: Vec::new() }
    }

    /// Whether no worker said this, since it was lost.
    pub fn is_loss(&self) -> bool {
        self.result.as_ref().is_err_and(|error| &*error.code == code::WORKER_LOST)
    }
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
    /// Says whose outcomes are this process's from now on: those of these partitions, under these epochs. Where an epoch is
    /// new, what was delivered and not acknowledged is delivered again.
    fn follow(&self, leases: &[(PartitionId, Epoch)]);
    /// Waits for outcomes of the partitions that are followed and gives those that are there, up to `max`. Cancel-safe.
    async fn outcomes(&self, max: usize) -> Result<Vec<Delivered>, QueueError>;
    /// Forgets these outcomes, and the tasks they are of. Called after the commit: a lost call repeats, a lost commit forgets.
    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError>;
    /// Tells workers to stop these attempts, as far as they can be reached.
    async fn stop(&self, attempts: Vec<AttemptKey>) -> Result<(), QueueError>;
    /// Finds the claims whose worker's heartbeat has lapsed, of any partition, and leaves in the place of each a loss
    /// (`TaskOutcome::lost`), which goes to the owner of its partition as an outcome does. What was found.
    async fn lapsed(&self) -> Result<Vec<AttemptKey>, QueueError>;
    /// The attempts of these partitions that the queue still holds, whether waiting, claimed, or as an outcome that is not
    /// acknowledged. What is outstanding and not held is lost: a recovery records it so. The in-process queue of a new process
    /// holds none.
    async fn held(&self, partitions: &[PartitionId]) -> Result<HashSet<AttemptKey>, QueueError>;
    /// What changes when the queue may have lost what it held (a flush, a restart): then what is outstanding and not held is
    /// dispatched again.
    async fn nonce(&self) -> Result<u64, QueueError>;
    /// Whether the queue answers.
    async fn ping(&self) -> Result<(), QueueError>;
    /// How many tasks wait and are claimed, and how old the oldest that waits is, by queue. A queue that was used and is empty
    /// is told, too.
    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError>;
}

/// How full a queue is.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueDepth {
    /// The queue.
    pub queue: Arc<str>,
    /// Tasks that wait.
    pub waiting: u64,
    /// The age of the oldest of these, in milliseconds.
    pub oldest_ms: u64,
    /// Tasks that workers have.
    pub claimed: u64,
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
