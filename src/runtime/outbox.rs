//! What this node asks of the owners of other partitions, and how it hears from them.
//!
//! Invariant: what is told is kept here until it is written, and may be written twice: all that is told changes nothing when
//! it comes again. What is asked is written once, and taken back where nobody answers in time.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::ids::{ExecutionId, PartitionId};
use crate::service::inbox::{Message, MessageId, NewMessage, Reply};
use crate::service::ports::{Nudge, RuntimeError, StoreError};

use super::backoff::Backoff;
use super::family::Versions;
use super::shared::Shared;
use super::timers::{later, until};

/// How many messages are written at once.
const BATCH: usize = 256;

/// How long to wait before the first two looks for a reply that nobody told of, and the longest between two.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_millis(250);

/// The way out.
pub(super) struct Outbox {
    told: mpsc::UnboundedSender<NewMessage>,
    /// How many were told and are not written yet.
    unwritten: AtomicUsize,
    /// Who waits for the reply to which message.
    waiting: Mutex<HashMap<MessageId, Arc<Notify>>>,
}

/// A place among those who wait, left when it is dropped.
struct Seat<'a> {
    outbox: &'a Outbox,
    id: MessageId,
    called: Arc<Notify>,
}

impl Outbox {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<NewMessage>) {
        let (told, written) = mpsc::unbounded_channel();
        (Self { told, unwritten: AtomicUsize::new(0), waiting: Mutex::default() }, written)
    }

    /// Whether all that was told is written.
    pub fn is_empty(&self) -> bool {
        self.unwritten.load(Ordering::Acquire) == 0
    }

    fn sit(&self, id: MessageId) -> Seat<'_> {
        let called = self.lock().entry(id).or_default().clone();
        Seat { outbox: self, id, called }
    }

    fn call(&self, id: MessageId) {
        if let Some(called) = self.lock().get(&id) {
            called.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MessageId, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.outbox.lock().remove(&self.id);
    }
}

impl Shared {
    /// Tells the owner of a message's partition.
    pub fn tell(&self, message: Message) {
        self.outbox.unwritten.fetch_add(1, Ordering::AcqRel);
        let _ = self.outbox.told.send(NewMessage { message, awaited: false, at: self.now() });
    }

    /// Asks the owner of a message's partition, and waits for the reply. Where none comes in time the message is taken back:
    /// then nothing was done, and nothing will be.
    pub async fn ask(&self, message: Message, at_most: Duration) -> Result<Reply, RuntimeError> {
        let id = self.submit(message).await.map_err(away)?;
        if let Some(reply) = self.reply(id, at_most).await {
            return Ok(reply);
        }
        if !self.ports.store.inbox_withdraw(id).await.map_err(away)?
            && let Some(reply) = self.ports.store.inbox_reply(id).await.map_err(away)?
        {
            return Ok(reply);
        }
        let why = "the node that runs it did not answer in time, and nothing was done; try again";
        Err(RuntimeError::Unavailable(why.to_owned()))
    }

    /// Writes a message that is to be replied to.
    pub async fn submit(&self, message: Message) -> Result<MessageId, StoreError> {
        let partition = message.partition();
        let new = NewMessage { message, awaited: true, at: self.now() };
        let ids = self.ports.store.inbox_send(&[new]).await?;
        self.nudge([partition]);
        ids.first().copied().ok_or_else(|| StoreError::Corrupt("a message without a number".to_owned()))
    }

    /// Waits for the reply to a message.
    pub async fn reply(&self, id: MessageId, at_most: Duration) -> Option<Reply> {
        let (clock, seat) = (&self.ports.clock, self.outbox.sit(id));
        let deadline = later(self.now(), at_most);
        let mut pause = FIRST_LOOK;
        loop {
            match self.ports.store.inbox_reply(id).await {
                Ok(Some(reply)) => return Some(reply),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the reply of another node can't be read; trying again"),
            }
            let left = until(self.now(), deadline);
            if left.is_zero() {
                return None;
            }
            tokio::select! {
                biased;
                () = seat.called.notified() => {}
                () = clock.sleep(pause.min(left)) => pause = (pause * 2).min(LONGEST_LOOK),
            }
        }
    }

    /// Tells the owners of partitions that there are messages for them.
    pub fn nudge(&self, partitions: impl IntoIterator<Item = PartitionId>) {
        let partitions: BTreeSet<PartitionId> = partitions.into_iter().collect();
        if partitions.iter().any(|partition| self.ownership.epoch(*partition).is_some()) {
            self.knock.notify_one();
        }
        self.ports.nudges.send(Nudge::Messages(partitions.into_iter().collect()));
    }
}

/// The reply to what was asked of an execution.
pub(super) fn done(execution: ExecutionId, reply: Reply) -> Result<(), RuntimeError> {
    match reply {
        Reply::Done => Ok(()),
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::NotFound => Err(RuntimeError::NotFound(execution)),
        Reply::Unable(why) => Err(RuntimeError::Unavailable(why)),
        Reply::Fit(_) | Reply::Taken(_) => {
            Err(RuntimeError::Unavailable("the reply is not to what was asked".to_owned()))
        }
    }
}

fn away(error: StoreError) -> RuntimeError {
    RuntimeError::Unavailable(error.to_string())
}

/// Writes what is told until the node ends.
pub(super) async fn run(shared: Arc<Shared>, mut told: mpsc::UnboundedReceiver<NewMessage>) {
    let mut batch = Vec::with_capacity(BATCH);
    while told.recv_many(&mut batch, BATCH).await > 0 {
        let mut backoff = Backoff::new();
        while let Err(error) = shared.ports.store.inbox_send(&batch).await {
            tracing::warn!(%error, "messages to other nodes can't be written; trying again");
            backoff.wait(&*shared.ports.clock).await;
        }
        shared.nudge(batch.iter().map(|new| new.message.partition()));
        shared.outbox.unwritten.fetch_sub(batch.len(), Ordering::AcqRel);
        batch.clear();
    }
}

/// Hears what other nodes tell until the node ends.
pub(super) async fn hear(shared: Arc<Shared>, versions: Arc<Versions>) {
    loop {
        match shared.ports.nudges.next().await {
            Nudge::Messages(partitions) => {
                if partitions.iter().any(|partition| shared.ownership.epoch(*partition).is_some()) {
                    shared.knock.notify_one();
                }
            }
            Nudge::Reply(id) => shared.outbox.call(id),
            Nudge::Workflow(name) => {
                versions.forget(&name);
                shared.workflow_changes.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}
