//! What the API reads of executions.

use async_trait::async_trait;

use crate::engine::{ExecutionStatus, LogEntry, LogLevel, StepRow, StepStatus};
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, StepPath, WorkflowId};
use crate::plan::PlanHash;
use crate::service::model::Execution;

use super::StoreResult;
use super::queue::AttemptKey;

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
    pub before: Option<ExecutionCursor>,
    /// How many at most.
    pub limit: u64,
    /// How many to pass over.
    pub offset: u64,
}

/// Where an execution stands among all: it says so even when the execution is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExecutionCursor {
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Its id.
    pub id: ExecutionId,
}

/// A page and how many there are in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many match in all.
    pub total: Total,
}

/// How many rows match. Nobody pages to the ten-thousandth, and to count millions would cost more than the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many: no more than `Total::MOST`.
    pub count: u64,
    /// Whether there are no more than that.
    pub is_exact: bool,
}

impl Total {
    /// The most that are counted.
    pub const MOST: u64 = 10_000;

    /// Of so many rows, counted up to one past the most.
    pub fn of(rows: u64) -> Self {
        Self { count: rows.min(Self::MOST), is_exact: rows <= Self::MOST }
    }
}

/// Which rows of an execution's steps to list, in the order of their last change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepFilter {
    /// In this state.
    pub status: Option<StepStatus>,
    /// After the row of this `seq` and path: the cursor.
    pub after: Option<(i64, StepPath)>,
    /// How many at most.
    pub limit: u64,
    /// How many to pass over.
    pub offset: u64,
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

/// What the rows say of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptStanding {
    /// The state of its execution.
    pub execution: ExecutionStatus,
    /// The plan that its execution is pinned to.
    pub plan: PlanHash,
    /// The state of its row, where it has one.
    pub attempt: Option<StepStatus>,
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
    /// The state of an execution, and no more of it.
    async fn execution_status(&self, id: ExecutionId) -> StoreResult<Option<ExecutionStatus>>;
    /// The execution of a workflow with this idempotency key.
    async fn execution_find_by_key(&self, workflow: WorkflowId, key: &str) -> StoreResult<Option<Execution>>;
    /// A page of executions.
    async fn execution_list(&self, filter: &ExecutionFilter) -> StoreResult<Page<Execution>>;
    /// The order of the furthest step that was reached, for each of these executions.
    async fn execution_current_orders(&self, ids: &[ExecutionId]) -> StoreResult<Vec<(ExecutionId, u32)>>;
    /// A page of the rows of an execution's steps, by `seq`.
    async fn step_list(&self, id: ExecutionId, filter: &StepFilter) -> StoreResult<Page<StepRow>>;
    /// Where an attempt stands; none where there is no such execution.
    async fn attempt_standing(&self, attempt: &AttemptKey) -> StoreResult<Option<AttemptStanding>>;
    /// Entries of an execution's log, in order.
    async fn log_list(&self, id: ExecutionId, filter: &LogFilter) -> StoreResult<Vec<StoredLog>>;
    /// How many executions of a workflow have not ended.
    async fn execution_count_live(&self, workflow: WorkflowId) -> StoreResult<u64>;
}
