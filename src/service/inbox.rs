//! What nodes ask of each other: messages to whoever owns a partition, kept until they are done.
//!
//! Invariant: what marks a message as done is written in the commit of what follows from it, so that each is done once,
//! whatever dies in between.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::engine::{Event, Refusal};
use crate::expr::Timestamp;
use crate::ids::{Epoch, ExecutionId, PartitionId, WorkflowId};
use crate::plan::Overflow;

use super::ports::{SlotGroup, StoreResult};
use super::waits::{Delivery, SentEvent};

/// The number of a message: later ones have higher ones.
pub type MessageId = i64;

/// What is asked of the owner of a partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Something happened to an execution, or is asked of it.
    Event {
        /// The execution.
        execution: ExecutionId,
        /// What happened.
        event: Event,
        /// Who let it happen, where somebody has to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grant: Option<Grant>,
    },
    /// An event from outside, for a wait that takes it now.
    Offer {
        /// The execution.
        execution: ExecutionId,
        /// The signal.
        event: Event,
        /// What is written where a wait takes it.
        delivery: Option<Delivery>,
    },
    /// Which of these executions have a wait that takes an event.
    Ask {
        /// The executions: all of one partition, and at least one.
        executions: Vec<ExecutionId>,
        /// The event.
        event: SentEvent,
    },
    /// An event from outside was recorded: it is to be offered.
    Sent(SentEvent),
    /// A wait for an event was opened: what is kept may end it.
    Opened(OpenedWait),
    /// What was to be said of the waits for an event may have been lost.
    Look(Arc<str>),
    /// Somebody came to wait for a slot, or left one.
    Slots {
        /// The group.
        group: SlotGroup,
        /// How many run at once.
        limit: usize,
        /// What becomes of those past it.
        otherwise: Overflow,
    },
}

/// What lets an execution start, or keeps it from it: the word of who decides for its group. It holds as long as the
/// partition of the group has this epoch, so that two that decide one after the other never both let one in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The partition of the group.
    pub partition: PartitionId,
    /// Its epoch when that was decided.
    pub epoch: Epoch,
}

/// A wait that was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenedWait {
    /// The execution.
    pub execution: ExecutionId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// The name of the event.
    pub event: Arc<str>,
    /// How long events are kept for its workflow, in milliseconds.
    pub keep_ms: u64,
}

impl Message {
    /// The partition whose owner it is for.
    pub fn partition(&self) -> PartitionId {
        match self {
            Self::Event { execution, .. } | Self::Offer { execution, .. } => execution.partition(),
            Self::Ask { executions, .. } => executions.first().map_or(PartitionId(0), |first| first.partition()),
            Self::Sent(event) => event_partition(&event.name),
            Self::Opened(wait) => event_partition(&wait.event),
            Self::Look(name) => event_partition(name),
            Self::Slots { group, .. } => group.partition(),
        }
    }
}

/// The partition whose owner brings events of this name to the waits for them.
pub fn event_partition(name: &str) -> PartitionId {
    PartitionId::of_name("event", name)
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done, and durable.
    Done,
    /// The execution's state does not allow it.
    Refused(Refusal),
    /// There is no such execution.
    NotFound,
    /// It can't be done.
    Unable(String),
    /// Those that have a wait which takes the event.
    Fit(Vec<ExecutionId>),
    /// Who took the event.
    Taken(Vec<Delivery>),
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// What is asked.
    pub message: Message,
    /// Whether somebody waits for the reply. Where nobody does, none is kept.
    pub awaited: bool,
    /// When.
    pub at: Timestamp,
}

/// A message that is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenMessage {
    /// Its number.
    pub id: MessageId,
    /// The partition whose owner it is for.
    pub partition: PartitionId,
    /// What is asked; none where a newer release wrote what this one does not understand.
    pub message: Option<Message>,
    /// Whether somebody waits for the reply.
    pub awaited: bool,
    /// When it was sent.
    pub at: Timestamp,
}

/// A message that is done, as a commit writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Its number.
    pub id: MessageId,
    /// The partition whose owner it was for.
    pub partition: PartitionId,
    /// The execution, where it was for one: it is written together with that one's rows, or not at all.
    pub execution: Option<ExecutionId>,
    /// What came of it, where somebody waits for that.
    pub reply: Option<Reply>,
}

/// Where messages are kept.
#[async_trait]
pub trait InboxStore: Send + Sync + 'static {
    /// Sends messages; their numbers, in the same order.
    async fn inbox_send(&self, messages: &[NewMessage]) -> StoreResult<Vec<MessageId>>;
    /// Messages for the owners of these partitions that are not done, in order, after `after`.
    async fn inbox_open(
        &self,
        partitions: &[PartitionId],
        after: MessageId,
        limit: usize,
    ) -> StoreResult<Vec<OpenMessage>>;
    /// The reply to a message, where there is one; it is not kept after that.
    async fn inbox_reply(&self, id: MessageId) -> StoreResult<Option<Reply>>;
    /// Takes back a message that is not done; false where it is.
    async fn inbox_withdraw(&self, id: MessageId) -> StoreResult<bool>;
    /// Deletes up to `most` replies to messages sent before `before`, which nobody came for; how many there were.
    async fn inbox_sweep(&self, before: Timestamp, most: u64) -> StoreResult<u64>;
}
