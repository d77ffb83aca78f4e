//! What is kept of executions that ended, and for how long.

use async_trait::async_trait;

use crate::engine::ExecutionStatus;
use crate::expr::Timestamp;
use crate::ids::ExecutionId;

use super::{ExecutionCursor, StoreResult};

/// An execution that ended, as far as it matters for how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    /// Where it stands among all.
    pub place: ExecutionCursor,
    /// When it ended.
    pub completed_at: Timestamp,
    /// Whether it was started under an idempotency key.
    pub has_key: bool,
    /// Whether its data was taken away, so that only its row is left.
    pub is_emptied: bool,
    /// Whether the execution that started it has not ended: it may ask again what came of it.
    pub is_awaited: bool,
}

/// Rows that were deleted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// What they were: `steps`, `logs`, `controls` or `executions`.
    pub what: &'static str,
    /// How many.
    pub rows: u64,
}

/// Takes away executions that ended: first their data, then what hangs on them, a few rows at a time, then their rows. What
/// was interrupted goes on where it stood.
#[async_trait]
pub trait RetentionStore: Send + Sync + 'static {
    /// Executions that ended in this state, in the order they were recorded, after a cursor and before a moment.
    async fn ended_list(
        &self,
        status: ExecutionStatus,
        after: Option<ExecutionCursor>,
        before: Timestamp,
        limit: u64,
    ) -> StoreResult<Vec<Ended>>;
    /// Takes the input, settings, output and error of these executions away, as far as they have ended.
    async fn executions_empty(&self, ids: &[ExecutionId]) -> StoreResult<()>;
    /// Deletes up to `most` steps, entries of logs or controls of emptied executions; none where there are none left.
    async fn remains_delete(&self, ids: &[ExecutionId], most: u64) -> StoreResult<Option<Removed>>;
    /// Deletes the rows of emptied executions.
    async fn executions_delete(&self, ids: &[ExecutionId]) -> StoreResult<Removed>;
}
