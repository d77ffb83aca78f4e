//! What limits are kept by.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::engine::Rate;
use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, PartitionId, WorkflowId};
use crate::plan::PlanHash;
use crate::service::rate::RateTaken;

use super::StoreResult;

/// The executions of a workflow that count against each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlotGroup {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The value of its `concurrency key`, as canonical JSON.
    pub key: Arc<str>,
}

impl SlotGroup {
    /// The partition whose owner decides for the group.
    pub fn partition(&self) -> PartitionId {
        PartitionId::of_name("slots", &format!("{}:{}", self.workflow, self.key))
    }
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
    /// Takes up to `wanted` dispatches under a limit, of all processes one at a time. `now` is this process's clock; on
    /// PostgreSQL the server's counts, since others take too.
    async fn rate_take(&self, rate: &Rate, wanted: usize, now: Timestamp) -> StoreResult<RateTaken>;
}
