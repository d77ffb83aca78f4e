//! Acts: what follows from rows that are written. Answers, tasks for workers, acknowledgements, children, parents.
//!
//! Invariant: nothing here is done before the commit of its cause, and nothing here is needed for the truth: all of it can
//! be derived from the rows again.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::{Event, Stop};
use crate::ids::PartitionId;
use crate::service::ports::{AttemptKey, CrashPoint, Progress, Receipt, Started, Task};

use super::committer::Written;
use super::events::Letter;
use super::gate::Gated;
use super::message::{Cause, Job, Kin, Turn};
use super::meters::Meters;
use super::shared::Shared;

/// The most receipts that are kept to be acknowledged again; past it the queue delivers those outcomes again.
const MAX_UNACKED: usize = 100_000;

/// What acts after one committer.
pub(super) struct Actor {
    shared: Arc<Shared>,
    written: mpsc::UnboundedReceiver<Written>,
    family: mpsc::UnboundedSender<Kin>,
    /// Outcomes whose acknowledgement failed.
    unacked: Vec<Receipt>,
    meters: Meters,
}

/// What is to be handed to the queue for one commit.
#[derive(Default)]
struct Orders {
    tasks: Vec<Task>,
    gated: Vec<Gated>,
    resend: Vec<Gated>,
    stops: Vec<AttemptKey>,
    receipts: Vec<Receipt>,
}

impl Actor {
    pub fn new(
        shared: Arc<Shared>,
        written: mpsc::UnboundedReceiver<Written>,
        family: mpsc::UnboundedSender<Kin>,
    ) -> Self {
        Self { shared, written, family, unacked: Vec::new(), meters: Meters::default() }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        while let Some(mut written) = self.written.recv().await {
            let mut orders = Orders::default();
            for turn in &mut written.turns {
                answer(turn);
                orders.take(turn);
            }
            self.tell_watchers(&written);
            self.dispatch(&mut orders).await;
            self.shared.pass(CrashPoint::AfterDispatch).await;
            self.ack(orders.receipts).await;
            for turn in &mut written.turns {
                self.tell_family(turn);
            }
            self.shared.pass(CrashPoint::AfterAck).await;
            self.meters.count(&written);
            // What is acted upon may be taken over by another.
            written.barriers.clear();
        }
    }

    /// Hands tasks to workers. What the queue does not take is found again by comparing it with what is outstanding.
    async fn dispatch(&self, orders: &mut Orders) {
        let queue = &self.shared.ports.queue;
        self.shared.gate.stop(orders.stops.iter());
        if !orders.resend.is_empty() {
            let partitions: BTreeSet<PartitionId> =
                orders.resend.iter().map(|gated| gated.task.execution.partition()).collect();
            match queue.held(&Vec::from_iter(partitions)).await {
                Ok(held) => {
                    for task in orders.resend.drain(..).filter(|task| !held.contains(&task.key())) {
                        if task.once {
                            self.give_up(&task);
                        } else if task.is_gated() {
                            orders.gated.push(task)
                        } else {
                            orders.tasks.push(task.task)
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "tasks wait to be sent again");
                    self.shared.mark_undelivered();
                }
            }
        }
        orders.gated.drain(..).for_each(|gated| self.shared.gate.enter(gated));
        if !orders.tasks.is_empty()
            && let Err(error) = queue.dispatch(std::mem::take(&mut orders.tasks)).await
        {
            tracing::warn!(%error, "tasks can't be handed to the queue; trying again");
            self.shared.mark_undelivered();
        }
        if !orders.stops.is_empty()
            && let Err(error) = queue.stop(std::mem::take(&mut orders.stops)).await
        {
            tracing::warn!(%error, "workers can't be told to stop; what they do is ignored");
        }
    }

    /// The queue has lost a task that may have been done, and is done at most once.
    fn give_up(&self, task: &Gated) {
        let key = task.key();
        if !self.shared.gate.holds(&key) {
            self.shared.apply(key.execution, Job::event(Event::Lost { path: key.path, attempt: key.attempt }));
        }
    }

    async fn ack(&mut self, receipts: Vec<Receipt>) {
        let mut receipts = receipts;
        receipts.append(&mut self.unacked);
        if receipts.is_empty() {
            return;
        }
        if let Err(error) = self.shared.ports.queue.ack(receipts.clone()).await {
            tracing::warn!(%error, "outcomes can't be acknowledged; trying again");
            receipts.truncate(MAX_UNACKED);
            self.unacked = receipts;
        }
    }

    fn tell_watchers(&self, written: &Written) {
        let audience = &self.shared.audience;
        if audience.is_empty() {
            return;
        }
        let commit = &written.rows.commit;
        for row in &commit.steps {
            audience.tell(row.execution, || Progress::Step(row.clone()));
        }
        for (id, entry) in &commit.logs {
            audience.tell(*id, || Progress::Log(entry.clone()));
        }
        for update in &commit.executions {
            audience.tell(update.id, || Progress::Execution(update.clone()));
        }
        for ending in written.turns.iter().filter_map(|turn| turn.ending.as_ref()) {
            audience.ended(&ending.view);
        }
    }

    /// Starts children, stops those that are to stop, tells the post of waits, and a parent that its child has ended.
    fn tell_family(&self, turn: &mut Turn) {
        for child in turn.children.drain(..) {
            let _ = self.family.send(Kin::Child(child));
        }
        for stop in turn.effects.stops.drain(..) {
            if let Stop::Child(child) = stop {
                self.shared.stop_child(child);
            }
        }
        if let Some(slot) = turn.slot.take() {
            let _ = self.shared.slots.send(slot);
        }
        for opened in turn.opened.drain(..) {
            let _ = self.shared.post.send(Letter::Opened(opened));
        }
        let Some(ending) = &mut turn.ending else { return };
        if let (Some(parent), Some(event)) = (&ending.parent, ending.event.take()) {
            self.shared.apply(parent.execution, Job::event(event));
        }
    }
}

impl Orders {
    fn take(&mut self, turn: &mut Turn) {
        self.tasks.append(&mut turn.tasks);
        self.gated.append(&mut turn.gated);
        self.resend.append(&mut turn.resend);
        for stop in &turn.effects.stops {
            if let Stop::Task { path, attempt } = stop {
                self.stops.push(AttemptKey { execution: turn.execution, path: path.clone(), attempt: *attempt });
            }
        }
        if let Cause::Outcome(delivered) = &mut turn.cause {
            self.receipts.extend(delivered.receipt.take());
        }
    }
}

/// Answers whoever waits for this turn: what it asked for is durable.
fn answer(turn: &mut Turn) {
    match std::mem::replace(&mut turn.cause, Cause::Own) {
        Cause::Start { answer, view } => {
            let _ = answer.send(Ok(Started::New(*view)));
        }
        Cause::Control { answer, verdict } => {
            let _ = answer.send(verdict);
        }
        other => turn.cause = other,
    }
}
