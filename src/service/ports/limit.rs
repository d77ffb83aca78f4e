//! What limits are kept by.

use std::sync::Arc;

use async_trait::async_trait;

use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, WorkflowId};
use crate::plan::PlanHash;

use super::StoreResult;

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
