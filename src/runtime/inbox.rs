//! Does what other nodes ask of the owner of a partition.
//!
//! Invariant: a message is done once. It is marked as done in the commit of what follows from it; until that is known to have
//! come or gone it is not taken again, and a commit that would do it twice is refused by the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::oneshot;

use crate::expr::Timestamp;
use crate::ids::{ExecutionId, PartitionId};
use crate::service::inbox::{Message, MessageId, OpenMessage, Reply, Settled};
use crate::service::ports::{Commit, Nudge, StoreResult};
use crate::service::waits::SentEvent;

use super::events::Letter;
use super::message::{Job, Offer, Received, What};
use super::shared::Shared;
use super::slots::SlotOf;
use super::timers::{earlier, later, until};

/// How often messages are looked for that nobody told of.
const LOOK: Duration = Duration::from_secs(1);

/// How many messages are read at once.
const PAGE: usize = 256;

/// How many are being done at once.
const MOST: usize = 4_096;

/// How long the word of who decides for a group is good for. It is said again as long as it is not heeded.
const GRANT: Duration = Duration::from_secs(10);

/// What comes back when a message need not be done any more, or is to be tried again.
type Working = BoxFuture<'static, MessageId>;

/// The reader of messages.
pub(super) struct Inbox {
    shared: Arc<Shared>,
    /// What was read and is not known to be done.
    taken: BTreeSet<MessageId>,
    working: FuturesUnordered<Working>,
}

impl Inbox {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, taken: BTreeSet::new(), working: FuturesUnordered::new() }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let (shared, clock) = (self.shared.clone(), self.shared.ports.clock.clone());
        let mut next = shared.now();
        loop {
            tokio::select! {
                biased;
                Some(id) = self.working.next(), if !self.working.is_empty() => {
                    // From here on what is read of it is the truth.
                    self.taken.remove(&id);
                    continue;
                }
                () = shared.knock.notified() => {}
                () = clock.sleep(until(clock.now(), next)) => {}
            }
            next = later(clock.now(), LOOK);
            if let Err(error) = self.read().await {
                tracing::warn!(%error, "messages of other nodes can't be read; trying again");
            }
        }
    }

    /// Reads what there is for the partitions that are served, and does what is new.
    async fn read(&mut self) -> StoreResult<()> {
        let partitions = self.shared.ownership.served();
        let mut after = 0;
        while !partitions.is_empty() && self.taken.len() < MOST {
            let page = self.shared.ports.store.inbox_open(&partitions, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            let is_last = page.len() < PAGE;
            let mut done = Vec::new();
            for message in page {
                if self.taken.insert(message.id) {
                    done.extend(self.take(message));
                }
            }
            self.settle(done).await;
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Does a message, in order: what it is for has it before this returns. Gives it where nothing of it is to be waited for.
    fn take(&mut self, open: OpenMessage) -> Option<Settled> {
        let OpenMessage { id, partition, message, awaited, at } = open;
        let Some(message) = message else {
            tracing::error!(message = id, "a message of a newer release is left to who understands it");
            return None;
        };
        let done = Some(Settled { id, partition, execution: None, reply: None });
        match message {
            Message::Event { grant: Some(_), .. } if at < earlier(self.shared.now(), GRANT) => return done,
            Message::Event { execution, event, grant } => {
                let (answer, answered) = oneshot::channel();
                let what = What::Control { event, answer };
                self.apply(execution, Job { grant, ..Job::own(what) }, Received { id, awaited }, answered);
            }
            Message::Offer { execution, event, delivery } => {
                let (answer, answered) = oneshot::channel();
                let what = What::Offer(Box::new(Offer { event, delivery, answer }));
                self.apply(execution, Job::own(what), Received { id, awaited }, answered);
            }
            Message::Ask { executions, event } => self.ask(id, partition, executions, event),
            Message::Sent(event) => self.deliver(id, partition, event),
            // From here on these are found again by whoever owns the partition next.
            Message::Opened(wait) => {
                let _ = self.shared.post.send(Letter::Opened(wait));
                return done;
            }
            Message::Look(name) => {
                let _ = self.shared.post.send(Letter::Look(name));
                return done;
            }
            Message::Slots { group, limit, otherwise } => {
                let _ = self.shared.slots.send(Arc::new(SlotOf { group, limit, otherwise }));
                return done;
            }
        }
        None
    }

    /// Hands a message to its execution, whose turn marks it as done.
    fn apply<T: Send + 'static>(
        &self,
        execution: ExecutionId,
        job: Job,
        received: Received,
        answered: oneshot::Receiver<T>,
    ) {
        self.shared.apply(execution, Job { received: Some(received), ..job });
        let shared = self.shared.clone();
        self.working.push(Box::pin(async move {
            let _ = answered.await;
            if received.awaited {
                shared.ports.nudges.send(Nudge::Reply(received.id));
            }
            received.id
        }));
    }

    /// Asks executions whether they have a wait that takes an event.
    fn ask(&self, id: MessageId, partition: PartitionId, executions: Vec<ExecutionId>, event: SentEvent) {
        let event = Arc::new(event);
        let ask = |execution: ExecutionId| {
            let (answer, answered) = oneshot::channel();
            self.shared.apply(execution, Job::own(What::Ask { event: event.clone(), answer }));
            (execution, answered)
        };
        let asked: Vec<_> = executions.into_iter().map(ask).collect();
        let shared = self.shared.clone();
        self.working.push(Box::pin(async move {
            let mut fit = Vec::new();
            for (execution, answered) in asked {
                // Who gives no answer is asked again, by the offer.
                if answered.await.unwrap_or(true) {
                    fit.push(execution);
                }
            }
            reply(&shared, id, partition, Reply::Fit(fit)).await;
            id
        }));
    }

    /// Has an event brought to the waits for it.
    fn deliver(&self, id: MessageId, partition: PartitionId, event: SentEvent) {
        let (answer, answered) = oneshot::channel();
        let _ = self.shared.post.send(Letter::Sent { event: Arc::new(event), answer });
        let shared = self.shared.clone();
        self.working.push(Box::pin(async move {
            if let Ok(taken) = answered.await {
                reply(&shared, id, partition, Reply::Taken(taken)).await;
            }
            id
        }));
    }

    /// Marks messages as done of which nothing is to be waited for.
    async fn settle(&mut self, done: Vec<Settled>) {
        if done.is_empty() {
            return;
        }
        let ids: Vec<MessageId> = done.iter().map(|settled| settled.id).collect();
        commit(&self.shared, done).await;
        self.taken.retain(|id| !ids.contains(id));
    }
}

async fn reply(shared: &Shared, id: MessageId, partition: PartitionId, reply: Reply) {
    commit(shared, vec![Settled { id, partition, execution: None, reply: Some(reply) }]).await;
    shared.ports.nudges.send(Nudge::Reply(id));
}

/// Marks messages as done; what can't be marked now is done again.
async fn commit(shared: &Shared, settled: Vec<Settled>) {
    let partitions: BTreeSet<PartitionId> = settled.iter().map(|settled| settled.partition).collect();
    let lease = |partition: PartitionId| Some((partition, shared.ownership.epoch(partition)?));
    let leases = partitions.into_iter().filter_map(lease).collect();
    let commit = Commit { leases, settled, ..Commit::default() };
    if let Err(error) = shared.ports.store.commit(&commit).await {
        tracing::debug!(%error, "messages of other nodes can't be marked as done; looking at them again");
    }
}

/// Replies that nobody came for are kept this long.
const UNCLAIMED: Duration = Duration::from_secs(60);

/// Replies sent before this moment are for nobody.
pub(super) fn unclaimed_before(now: Timestamp) -> Timestamp {
    earlier(now, UNCLAIMED)
}
