//! A node: one process's part in the running of executions. Puts the tasks together, and is the runtime of the use cases.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{Control, Event};
use crate::ids::{ExecutionId, PartitionId};
use crate::plan::Plan;
use crate::service::inbox::Message;
use crate::service::model::Execution;
use crate::service::ports::{CrashPoint, Entropy, Nudge, Progress, Runtime, RuntimeError, Started, StoreError, Waited};
use crate::service::waits::{Delivery, SentEvent};

use super::act::Actor;
use super::audience::Audience;
use super::committer::Committer;
use super::draw::OwnIds;
use super::events::{Letter, Post};
use super::family::{self, Versions};
use super::gate::{Entrance, Gate};
use super::inbox::Inbox;
use super::loader::Loader;
use super::membership::{Membership, Word};
use super::message::{Inbound, Job, StartJob, What};
use super::outbox::Outbox;
use super::ownership::Ownership;
use super::recovery::Recoveries;
use super::shard::{Outlets, Shard};
use super::shared::Shared;
use super::slots::Desk;
use super::{Options, Ports, StartError, outbox, outcomes, retention, sweep};

/// How long another node may take to do what is asked of an execution: longer than it takes until somebody else serves what a
/// node served that is gone.
const CONTROL: Duration = Duration::from_secs(10);

/// How long to wait before the first two looks at an execution that another node serves, and the longest between two.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_millis(250);

/// A running node. Dropping it is dying: what is not committed is lost, and recovered by the next; `drain` is the way to end.
pub struct Node {
    shared: Arc<Shared>,
    versions: Arc<Versions>,
    words: mpsc::UnboundedSender<Word>,
}

impl Node {
    /// Takes partitions and starts to work: on what is unfinished, and on what comes. With `Options::lease` it is one of
    /// several nodes, which share them; it then waits a while for the first to be had.
    ///
    /// # Errors
    /// The database can't give the partitions.
    pub async fn start(options: Options, ports: Ports) -> Result<Arc<Self>, StartError> {
        let lease = options.lease;
        let count = options.shards.max(1);
        let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let (gate, gated) = Entrance::new();
        let (slots, asked) = mpsc::unbounded_channel();
        let (post, letters) = mpsc::unbounded_channel();
        let (outbox, told) = Outbox::new();
        let shared = Arc::new(Shared {
            gate,
            slots,
            post,
            outbox,
            knock: Notify::new(),
            workflow_changes: AtomicU64::new(0),
            ownership: Ownership::new(),
            recoveries: Recoveries::new(),
            audience: Audience::default(),
            admission: Arc::new(Semaphore::new(options.max_in_flight.max(1))),
            progress: (0..count).map(|_| AtomicU64::new(0)).collect(),
            live: AtomicUsize::new(0),
            shards: inboxes,
            draining: AtomicBool::new(false),
            undelivered: AtomicBool::new(false),
            resend: Notify::new(),
            killed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            options,
            ports,
        });
        let (words, heard) = mpsc::unbounded_channel();
        let membership = match lease {
            Some(lease) => Some(Membership::join(shared.clone(), lease, (words.clone(), heard)).await?),
            None => take_all(&shared).await.map(|()| None)?,
        };
        if shared.ports.faults.crash(CrashPoint::AfterTake) {
            return Err(StartError::Died);
        }
        let versions = Arc::new(Versions::default());
        spawn_all(&shared, &versions, receivers);
        shared.spawn(Gate::new(shared.clone(), gated).run());
        shared.spawn(Desk::new(shared.clone(), asked).run());
        shared.spawn(Post::new(shared.clone(), letters).run());
        shared.spawn(outbox::run(shared.clone(), told));
        if lease.is_some() {
            shared.spawn(Inbox::new(shared.clone()).run());
            shared.spawn(outbox::hear(shared.clone(), versions.clone()));
        }
        let node = Arc::new(Self { shared, versions, words });
        if let Some(membership) = membership {
            node.shared.spawn(membership.run());
            node.first_partition(lease.unwrap_or_default() * 2).await;
        }
        Ok(node)
    }

    /// Waits until there is a partition to serve, for at most this long.
    async fn first_partition(&self, at_most: Duration) {
        let mut changes = self.shared.ownership.changes();
        let served = async { while self.shared.ownership.served().is_empty() && changes.changed().await.is_ok() {} };
        tokio::select! {
            biased;
            () = served => {}
            () = self.shared.ports.clock.sleep(at_most) => {
                tracing::warn!("other nodes hold all partitions; this one stands by");
            }
        }
    }

    /// Fresh ids: those of executions fall in partitions that this node serves, so that it can start them.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::new(OwnIds { shared: self.shared.clone() })
    }

    /// Ends in good order: takes no more starts, writes down what is under way, and lets what is decided be committed, for
    /// at most this long.
    pub async fn drain(&self, at_most: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        let clock = self.shared.ports.clock.clone();
        tokio::select! {
            biased;
            () = async {
                self.flush().await;
                self.leave().await;
            } => {}
            () = self.shared.killed.cancelled() => {}
            () = clock.sleep(at_most) => tracing::warn!("the drain took too long; what is left is recovered at the next start"),
        }
        self.kill();
        self.shared.tasks.wait().await;
    }

    async fn flush(&self) {
        for shard in 0..self.shared.shards.len() {
            let (answer, ticket) = oneshot::channel();
            self.shared.send(shard, Inbound::Drain(answer));
            let Ok(ticket) = ticket.await else { continue };
            while self.shared.progress.get(shard).is_some_and(|done| done.load(Ordering::Acquire) < ticket) {
                self.shared.ports.clock.sleep(Duration::from_millis(2)).await;
            }
        }
        // What was accepted is done with once all of the room is free again: answered, dispatched and acknowledged.
        let all = u32::try_from(self.shared.options.max_in_flight.max(1)).unwrap_or(u32::MAX);
        let _ = self.shared.admission.acquire_many(all).await;
        while !self.shared.outbox.is_empty() {
            self.shared.ports.clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Gives its partitions back, where there are other nodes to take them.
    async fn leave(&self) {
        if self.shared.options.lease.is_none() {
            return;
        }
        let (answer, left) = oneshot::channel();
        let _ = self.words.send(Word::Leave(answer));
        let _ = left.await;
    }

    /// Stops at once, as a crash would.
    pub fn kill(&self) {
        self.shared.killed.cancel();
        self.shared.tasks.close();
    }

    /// Waits until this node has ended: drained, killed, or dead in a simulation.
    pub async fn stopped(&self) {
        self.shared.killed.cancelled().await;
    }

    /// Waits until another process has taken over partitions of this one, and gives them. This node no longer acts for them.
    /// Where nodes share the partitions, that ends none of them, and this waits for ever.
    pub async fn fenced(&self) -> Vec<PartitionId> {
        if self.shared.options.lease.is_some() {
            return std::future::pending().await;
        }
        let mut changes = self.shared.ownership.changes();
        loop {
            let lost: Vec<_> = PartitionId::all().filter(|one| self.shared.ownership.epoch(*one).is_none()).collect();
            if !lost.is_empty() || changes.changed().await.is_err() {
                return lost;
            }
        }
    }

    /// How many partitions this node serves.
    pub fn partitions(&self) -> usize {
        self.shared.ownership.served().len()
    }

    /// How many executions are in memory.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::Relaxed)
    }

    fn check(&self, id: ExecutionId) -> Result<(), RuntimeError> {
        if self.shared.killed.is_cancelled() {
            return Err(stopping());
        }
        if self.shared.ownership.epoch(id.partition()).is_none() {
            return Err(super::shard::moved());
        }
        Ok(())
    }

    fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, RuntimeError> {
        let full = |_| RuntimeError::Unavailable("too much is under way; try again".to_owned());
        self.shared.admission.clone().try_acquire_owned().map_err(full)
    }

    async fn until_ended(&self, id: ExecutionId, at_most: Duration) -> Result<Waited, RuntimeError> {
        // First the seat, then the look: an end between the two is heard.
        let ended = self.shared.audience.wait(id);
        if !self.is_under_way(id).await && self.has_ended(id).await? {
            return Ok(Waited::Ended(None));
        }
        tokio::select! {
            biased;
            ended = ended => Ok(ended.map_or(Waited::TimeUp, |view| Waited::Ended(Some(view)))),
            () = self.ended_elsewhere(id) => Ok(Waited::Ended(None)),
            () = self.shared.killed.cancelled() => Ok(Waited::TimeUp),
            () = self.shared.ports.clock.sleep(at_most) => Ok(Waited::TimeUp),
        }
    }

    /// Whether an execution is in memory and has not ended: what is under way needs no look at the database.
    async fn is_under_way(&self, id: ExecutionId) -> bool {
        let (answer, answered) = oneshot::channel();
        self.shared.send(self.shared.shard_of(id.partition()), Inbound::IsUnderWay { id, answer });
        answered.await.unwrap_or(false)
    }

    async fn has_ended(&self, id: ExecutionId) -> Result<bool, RuntimeError> {
        match self.shared.ports.store.execution_find(id).await {
            Ok(Some(execution)) => Ok(execution.status.is_terminal()),
            Ok(None) => Err(RuntimeError::NotFound(id)),
            Err(error) => Err(RuntimeError::Unavailable(error.to_string())),
        }
    }

    /// Waits for the end of an execution that another node serves, or served a moment ago: nobody here is told of that.
    async fn ended_elsewhere(&self, id: ExecutionId) {
        let (clock, partition) = (&self.shared.ports.clock, id.partition());
        let mut pause = FIRST_LOOK;
        let mut seen = self.shared.ownership.epoch(partition);
        loop {
            clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
            let epoch = self.shared.ownership.epoch(partition);
            if epoch.is_some() && epoch == seen {
                continue;
            }
            match self.shared.ports.store.execution_status(id).await {
                Ok(Some(status)) if status.is_terminal() => return,
                Ok(_) => seen = epoch,
                Err(error) => tracing::debug!(execution = %id, %error, "an execution can't be looked at; trying again"),
            }
        }
    }

    /// Asks the node that serves an execution.
    async fn ask(&self, id: ExecutionId, event: Event) -> Result<(), RuntimeError> {
        let message = Message::Event { execution: id, event, grant: None };
        tokio::select! {
            biased;
            reply = self.shared.ask(message, CONTROL) => outbox::done(id, reply?),
            () = self.shared.killed.cancelled() => Err(stopping()),
        }
    }

    async fn answer<T>(&self, answer: oneshot::Receiver<Result<T, RuntimeError>>) -> Result<T, RuntimeError> {
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(stopping())),
            () = self.shared.killed.cancelled() => Err(stopping()),
        }
    }
}

fn stopping() -> RuntimeError {
    RuntimeError::Unavailable("the server is stopping".to_owned())
}

/// Takes every partition, whoever has it.
async fn take_all(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let partitions: Vec<PartitionId> = PartitionId::all().collect();
    let leases = shared.ports.store.partitions_take(&shared.options.owner, &partitions).await?;
    shared.gain(leases);
    Ok(())
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn_all(shared: &Arc<Shared>, versions: &Arc<Versions>, inboxes: Vec<mpsc::UnboundedReceiver<Inbound>>) {
    let committers = shared.options.committers.clamp(1, inboxes.len().max(1));
    let (family, requests) = mpsc::unbounded_channel();
    let (wanted, asked) = mpsc::unbounded_channel();
    let mut decided = Vec::with_capacity(committers);
    for _ in 0..committers {
        let (to_committer, turns) = mpsc::unbounded_channel();
        let (to_actor, written) = mpsc::unbounded_channel();
        shared.spawn_committer(Committer::new(shared.clone(), turns, to_actor).run());
        shared.spawn(Actor::new(shared.clone(), written, family.clone()).run());
        decided.push(to_committer);
    }
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let outlets =
            Outlets { decided: decided[index % committers].clone(), wanted: wanted.clone(), family: family.clone() };
        shared.spawn(Shard::new(index, shared.clone(), inbox, outlets).run());
    }
    shared.spawn(Loader::new(shared.clone(), asked).run());
    let (node, versions) = (shared.clone(), versions.clone());
    shared.spawn(async move { family::run(node, versions, requests).await });
    shared.spawn(outcomes::run(shared.clone()));
    shared.spawn(sweep::scan_timers(shared.clone()));
    shared.spawn(sweep::watch_queue(shared.clone()));
    shared.spawn(sweep::expire(shared.clone()));
    shared.spawn(retention::run(shared.clone()));
}

#[async_trait]
impl Runtime for Node {
    async fn start(&self, execution: Execution, plan: Arc<Plan>) -> Result<Started, RuntimeError> {
        if self.shared.draining.load(Ordering::Acquire) {
            return Err(stopping());
        }
        let id = execution.id;
        if self.shared.ownership.served().is_empty() {
            return Err(RuntimeError::Unavailable(
                "this server has no share of the executions yet; try again".to_owned(),
            ));
        }
        self.check(id)?;
        let permit = Some(self.permit()?);
        let (answer, answered) = oneshot::channel();
        let job = StartJob { execution, plan, answer, span: tracing::Span::current(), permit };
        self.shared.send(self.shared.shard_of(id.partition()), Inbound::Start(Box::new(job)));
        self.answer(answered).await
    }

    async fn control(&self, id: ExecutionId, control: Control) -> Result<(), RuntimeError> {
        let permit = Some(self.permit()?);
        let event = Event::from(control);
        if self.shared.ownership.epoch(id.partition()).is_none() {
            return self.ask(id, event).await;
        }
        let (answer, answered) = oneshot::channel();
        let what = What::Control { event, answer };
        self.shared.apply(id, Job { permit, ..Job::own(what) });
        self.answer(answered).await
    }

    async fn event(&self, event: SentEvent, at_most: Duration) -> Result<Vec<Delivery>, RuntimeError> {
        if self.shared.killed.is_cancelled() {
            return Err(stopping());
        }
        let (answer, answered) = oneshot::channel();
        let event = Arc::new(event);
        let _ = self.shared.post.send(Letter::Sent { event, answer });
        tokio::select! {
            biased;
            taken = answered => Ok(taken.unwrap_or_default()),
            () = self.shared.killed.cancelled() => Ok(Vec::new()),
            () = self.shared.ports.clock.sleep(at_most) => Ok(Vec::new()),
        }
    }

    async fn wait_ended(&self, id: ExecutionId, at_most: Duration) -> Result<Waited, RuntimeError> {
        let ended = self.until_ended(id, at_most).await;
        self.shared.audience.leave(id);
        ended
    }

    async fn workflow_changed(&self, name: &str) {
        self.versions.forget(name);
        self.shared.ports.nudges.send(Nudge::Workflow(name.into()));
    }

    fn workflow_changes(&self) -> u64 {
        self.shared.workflow_changes.load(Ordering::Acquire)
    }

    async fn watch(&self, id: ExecutionId) -> mpsc::UnboundedReceiver<Progress> {
        self.shared.audience.watch(id)
    }
}
