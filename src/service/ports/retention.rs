//! What is kept of executions that ended, and for how long.

use async_trait::async_trait;

use crate::engine::ExecutionStatus;
use crate::expr::Timestamp;
use crate::ids::ExecutionId;

use super::StoreResult;

/// Which executions that ended are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EndedFilter {
    /// How they ended.
    pub status: ExecutionStatus,
    /// Those of which only the row is left, or those that are whole.
    pub bare: bool,
    /// They ended before this.
    pub before: Timestamp,
    /// After this one: the cursor.
    pub after: Option<EndedCursor>,
    /// How many at most.
    pub limit: u64,
}

/// Where an execution stands among those that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndedCursor {
    /// When it ended.
    pub completed_at: Timestamp,
    /// Its id.
    pub id: ExecutionId,
}

/// An execution that ended, as far as it matters for how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    /// When it ended, and its id.
    pub place: EndedCursor,
    /// Whether it was started under an idempotency key.
    pub has_key: bool,
    /// How many rows hang on it, at most.
    pub hanging: u64,
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

/// Executions that are taken away together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Of these nothing is left.
    pub whole: Vec<ExecutionId>,
    /// Of these the row is left, without its data.
    pub to_row: Vec<ExecutionId>,
}

/// Takes away executions that ended: small ones together and at once, a large one a few rows at a time. What was interrupted
/// goes on where it stood.
#[async_trait]
pub trait RetentionStore: Send + Sync + 'static {
    /// Executions that ended, in the order in which they did.
    async fn ended_list(&self, filter: &EndedFilter) -> StoreResult<Vec<Ended>>;
    /// Takes executions away, as far as they have ended, with all that hangs on them: all of it or nothing.
    async fn executions_remove(&self, removal: &Removal) -> StoreResult<Vec<Removed>>;
    /// Takes the input, settings, output and error of an execution away if it has ended: from then on it is not retried.
    async fn execution_empty(&self, id: ExecutionId) -> StoreResult<()>;
    /// Deletes up to `most` steps, entries of logs or controls of an emptied execution; none where there are none left.
    async fn remains_delete(&self, id: ExecutionId, most: u64) -> StoreResult<Option<Removed>>;
}
