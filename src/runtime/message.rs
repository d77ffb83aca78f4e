//! What the tasks of a node tell each other.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::engine::{ChildStart, Effects, Event, ExecutionState};
use crate::ids::{Epoch, ExecutionId, PartitionId};
use crate::plan::Plan;
use crate::service::inbox::{Grant, MessageId, OpenedWait, Reply, Settled};
use crate::service::model::{Execution, ExecutionView, Parent};
use crate::service::ports::{AttemptKey, Delivered, DueTimer, RuntimeError, Started, Task};
use crate::service::waits::{Delivery, SentEvent};

use super::gate::Gated;
use super::recovery::Held;
use super::slots::SlotOf;

/// Where an answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, RuntimeError>>;

/// What a shard is told.
pub(super) enum Inbound {
    /// An execution to record, and to start where it is due.
    Start(Box<StartJob>),
    /// Something for an execution, which is loaded first where it is not in memory.
    Apply { id: ExecutionId, job: Job },
    /// What the loader found, under this epoch of its partition; with what the queue held, where the partition is being recovered.
    Loaded { id: ExecutionId, epoch: Epoch, found: Found, held: Option<Held> },
    /// Executions that were unfinished when their partitions were taken.
    Recover { ids: Vec<ExecutionId>, done: mpsc::Sender<()> },
    /// Timers that rows say are due, or soon will be.
    Due(Vec<DueTimer>),
    /// A commit that held this execution failed, or refused it: what is in memory of it is not what is written.
    Discard { id: ExecutionId, then: Then },
    /// Partitions are no longer served: what is in memory of them goes. `done` closes once what was decided before is acted upon.
    Moved { done: Option<mpsc::Sender<()>> },
    /// A task was handed to the queue by the gate.
    Sent(AttemptKey),
    /// The queue may have lost what it held, or has (`lost`): send again what it does not hold.
    Resend { lost: bool },
    /// Whether an execution is in memory and has not ended, as far as is decided.
    IsUnderWay { id: ExecutionId, answer: oneshot::Sender<bool> },
    /// Write down what is under way; the answer is the ticket of the last turn.
    Drain(oneshot::Sender<u64>),
}

/// What follows a discard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is not in the database.
    Forget,
    /// It may be in the database, and goes on from there.
    Reload,
}

/// An execution to record.
pub(super) struct StartJob {
    pub execution: Execution,
    pub plan: Arc<Plan>,
    pub answer: Answer<Started>,
    pub span: tracing::Span,
    pub permit: Option<OwnedSemaphorePermit>,
}

/// Something for an execution.
pub(super) struct Job {
    pub what: What,
    /// Given back when the job is done with; none for what the node tells itself.
    pub permit: Option<OwnedSemaphorePermit>,
    /// Who let it happen, where somebody has to.
    pub grant: Option<Grant>,
    /// The message that asked for it, where another node did.
    pub received: Option<Received>,
}

/// A message that another node sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub id: MessageId,
    /// Whether somebody waits for the reply.
    pub awaited: bool,
}

impl Received {
    /// The message as one that is done.
    pub fn settled(self, execution: ExecutionId, verdict: &Result<(), RuntimeError>) -> Settled {
        let reply = || match verdict {
            Ok(()) => Reply::Done,
            Err(RuntimeError::Refused(refusal)) => Reply::Refused(refusal.clone()),
            Err(RuntimeError::NotFound(_)) => Reply::NotFound,
            Err(RuntimeError::Unavailable(why)) => Reply::Unable(why.clone()),
        };
        let (partition, reply) = (execution.partition(), self.awaited.then(reply));
        Settled { id: self.id, partition, execution: Some(execution), reply }
    }
}

impl Job {
    /// A job of the node's own.
    pub fn own(what: What) -> Self {
        Self { what, permit: None, grant: None, received: None }
    }

    /// An event of the node's own.
    pub fn event(event: Event) -> Self {
        Self::own(What::Event(event))
    }
}

/// What is to be done to an execution.
pub(super) enum What {
    /// A worker's outcome.
    Outcome(Box<Delivered>),
    /// An event of the node's own.
    Event(Event),
    /// Somebody asks for something, and waits for the answer.
    Control { event: Event, answer: Answer<()> },
    /// An event from outside, for a wait that takes it now.
    Offer(Box<Offer>),
    /// Whether a wait would take an event from outside.
    Ask { event: Arc<SentEvent>, answer: oneshot::Sender<bool> },
    /// A timer to arm.
    Due(DueTimer),
}

/// An event that is offered.
pub(super) struct Offer {
    /// The signal.
    pub event: Event,
    /// What is written where a wait takes it.
    pub delivery: Option<Delivery>,
    pub answer: Answer<()>,
}

/// What the loader found.
pub(super) enum Found {
    Execution(Box<Loaded>),
    Nothing,
    /// Rows that can't be made sense of.
    Broken(String),
}

/// An execution from its rows.
pub(super) struct Loaded {
    pub view: ExecutionView,
    pub plan: Arc<Plan>,
    pub state: ExecutionState,
    /// Children that were to be stopped with it.
    pub stopped: Vec<ExecutionId>,
}

/// What a shard sends to its committer. In order: a turn of an execution never overtakes an earlier one.
pub(super) enum Decided {
    Turn(Box<Turn>),
    /// The shard has dropped what it had of this execution: turns from here on are of what it read since.
    Cleared(ExecutionId),
    /// Dropped once everything before it is acted upon, or has come to nothing.
    Barrier(mpsc::Sender<()>),
}

/// What follows from one event: rows to commit, and what to do after.
pub(super) struct Turn {
    pub execution: ExecutionId,
    pub partition: PartitionId,
    /// The epoch of the partition under which it was decided.
    pub epoch: Epoch,
    pub workflow: Arc<str>,
    pub shard: usize,
    /// Its number among the turns of the shard.
    pub ticket: u64,
    /// The execution to insert, where this is its start.
    pub start: Option<Box<Execution>>,
    pub effects: Effects,
    /// The tasks of `effects.dispatches`.
    pub tasks: Vec<Task>,
    /// Those that pass the gate first.
    pub gated: Vec<Gated>,
    /// Tasks that were dispatched before, to be sent again where the queue does not hold them.
    pub resend: Vec<Gated>,
    /// The group in which somebody came to wait, or left.
    pub slot: Option<Arc<SlotOf>>,
    pub children: Vec<ChildRequest>,
    /// Waits for events that were opened.
    pub opened: Vec<OpenedWait>,
    /// The event that a wait took.
    pub delivery: Option<Delivery>,
    /// Who let it happen, where somebody had to and something follows from it.
    pub grant: Option<Grant>,
    /// The message that asked for it: done with this.
    pub settled: Option<Settled>,
    pub ending: Option<Ending>,
    pub cause: Cause,
    /// The size of its rows, roughly.
    pub bytes: usize,
    pub permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// A turn of which nothing follows but what its cause says; its shard numbers it.
    pub fn bare(execution: ExecutionId, epoch: Epoch, workflow: Arc<str>, cause: Cause) -> Self {
        Self {
            execution,
            partition: execution.partition(),
            epoch,
            workflow,
            shard: 0,
            ticket: 0,
            start: None,
            effects: Effects::default(),
            tasks: Vec::new(),
            gated: Vec::new(),
            resend: Vec::new(),
            slot: None,
            children: Vec::new(),
            opened: Vec::new(),
            delivery: None,
            grant: None,
            settled: None,
            ending: None,
            cause,
            bytes: 0,
            permit: None,
        }
    }
}

/// Why there is a turn: who waits for it, and what is fed again if it comes to nothing.
pub(super) enum Cause {
    Start {
        answer: Answer<Started>,
        /// What is answered once it is written.
        view: Box<ExecutionView>,
    },
    Control {
        answer: Answer<()>,
        /// What is answered once it is written.
        verdict: Result<(), RuntimeError>,
    },
    Outcome(Box<Delivered>),
    /// An event that nothing else would bring back.
    Lost(Event),
    /// What comes again by itself: a timer, or what a load looks up.
    Own,
}

/// What is asked of the family.
pub(super) enum Kin {
    /// A child to start, or to look after.
    Child(ChildRequest),
    /// A child to stop, if its parent has ended: the word to it may have been lost.
    Orphan { child: ExecutionId, parent: ExecutionId },
}

/// A child to start, or to look after.
#[derive(Clone, Debug)]
pub(super) struct ChildRequest {
    pub parent: ExecutionId,
    pub start: ChildStart,
    /// Whether it may have been started already.
    pub check: bool,
}

/// The end of an execution.
pub(super) struct Ending {
    pub parent: Option<Parent>,
    /// What the parent is told.
    pub event: Option<Event>,
    /// What those are told who wait for it.
    pub view: Box<ExecutionView>,
}
