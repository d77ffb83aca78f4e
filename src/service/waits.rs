//! What executions wait for, as the stores keep it: events from outside, who took them, and people's approvals.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::engine::StepRow;
use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, StepPath, WorkflowId};

use super::ports::{Page, StoreResult};

/// An event from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentEvent {
    /// What it is: `carrier.accepted`.
    pub name: Arc<str>,
    /// What makes sending it again change nothing, within the name.
    pub id: Arc<str>,
    /// What it says.
    pub data: Value,
    /// Whether it is kept for each workflow until a wait takes it. One that is not goes to every wait that is open now.
    pub kept: bool,
    /// When it was sent.
    pub at: Timestamp,
    /// Until when it is known at all.
    pub expires_at: Timestamp,
}

/// An event that a workflow's wait took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's name.
    pub name: Arc<str>,
    /// The event's id.
    pub id: Arc<str>,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The execution whose wait took it.
    pub execution: ExecutionId,
    /// When.
    pub at: Timestamp,
}

/// A wait for an event that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenWait {
    /// Where it stands among all, oldest first.
    pub cursor: WaitCursor,
    /// The workflow.
    pub workflow: WorkflowId,
    /// How long events are kept for it, in milliseconds, where its version says so.
    pub keep_ms: Option<u64>,
}

/// Where a wait stands among all, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaitCursor {
    /// Since when.
    pub since: Timestamp,
    /// The execution.
    pub execution: ExecutionId,
    /// Where in it.
    pub path: StepPath,
}

/// Which kept events to read: of a name, oldest first.
#[derive(Clone, Debug)]
pub struct KeptFilter {
    /// The name.
    pub name: Arc<str>,
    /// Those that no wait of this workflow has taken.
    pub for_workflow: Option<WorkflowId>,
    /// Those sent after this moment.
    pub since: Timestamp,
    /// Those that have not expired at this moment.
    pub now: Timestamp,
    /// Those after this one.
    pub after: Option<(Timestamp, Arc<str>)>,
    /// How many at most.
    pub limit: usize,
}

/// An `approve` that was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// The name of its workflow.
    pub workflow: Arc<str>,
    /// Its row: whom it asks, for what form, and until when.
    pub row: StepRow,
}

/// Which open approvals to list; oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApprovalFilter {
    /// Of this group.
    pub group: Option<String>,
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// After this one: the cursor.
    pub after: Option<WaitCursor>,
    /// How many at most.
    pub limit: u64,
    /// How many to pass over.
    pub offset: u64,
}

/// Where events and approvals are kept.
#[async_trait]
pub trait WaitStore: Send + Sync + 'static {
    /// Records an event; false where there is one of this name and id.
    async fn event_insert(&self, event: &SentEvent) -> StoreResult<bool>;
    /// The longest time that a workflow with a wait for events of this name has them kept, in milliseconds.
    async fn event_keep(&self, name: &str) -> StoreResult<Option<u64>>;
    /// Kept events.
    async fn events_kept(&self, filter: &KeptFilter) -> StoreResult<Vec<SentEvent>>;
    /// Who took an event, in the order of the workflows' ids.
    async fn event_deliveries(&self, name: &str, id: &str) -> StoreResult<Vec<Delivery>>;
    /// The open waits for events of a name, oldest first, after a cursor.
    async fn waits_open(&self, name: &str, after: Option<&WaitCursor>, limit: usize) -> StoreResult<Vec<OpenWait>>;
    /// The names of the events for which a wait is open.
    async fn events_awaited(&self) -> StoreResult<Vec<Arc<str>>>;
    /// Deletes up to `most` events that expired before `now`, and the word of who took them; how many there were.
    async fn events_sweep(&self, now: Timestamp, most: u64) -> StoreResult<u64>;
    /// A page of open approvals.
    async fn approval_list(&self, filter: &ApprovalFilter) -> StoreResult<Page<Approval>>;
    /// The last attempt at an `approve`.
    async fn approval_find(&self, execution: ExecutionId, path: &StepPath) -> StoreResult<Option<Approval>>;
}
