//! How executions are written, and read to be gone on with.

use std::sync::Arc;

use async_trait::async_trait;

use crate::engine::{CacheWrite, ControlRow, ExecutionStatus, ExecutionUpdate, LogEntry, StepRow, TimerTarget};
use crate::expr::Timestamp;
use crate::ids::{Epoch, ExecutionId, PartitionId};
use crate::plan::{Plan, PlanHash};
use crate::service::inbox::{Grant, Settled};
use crate::service::model::{Execution, History};
use crate::service::waits::Delivery;

use super::{ExecutionCursor, StoreResult};

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
    /// Messages of other nodes that are done with this; one that is done already, or was taken back, is a `Conflict`.
    pub settled: Vec<Settled>,
    /// Executions that somebody let start, or kept from it. The rows of one are written only while the grant holds.
    pub grants: Vec<(ExecutionId, Grant)>,
}

/// What came of a commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// Starts that were left out, since there is one of that key or id: the one refused, and the one that is there.
    pub existing: Vec<(ExecutionId, Execution)>,
    /// Partitions that this process no longer owns; nothing of theirs was written.
    pub fenced: Vec<PartitionId>,
    /// Executions whose grant no longer holds; nothing of theirs was written.
    pub stale: Vec<ExecutionId>,
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

    /// Executions in these partitions that have not ended and were started, in the order they were recorded, after `after`.
    async fn executions_unfinished(
        &self,
        partitions: &[PartitionId],
        after: Option<ExecutionCursor>,
        limit: usize,
    ) -> StoreResult<Vec<ExecutionCursor>>;

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
