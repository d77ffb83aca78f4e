//! What the tasks of a node share: the ports, the senders to the shards, and a few counters.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Event;
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, PartitionId};
use crate::service::inbox::Message;
use crate::service::ports::CrashPoint;

use super::audience::Audience;
use super::events::Letter;
use super::gate::Entrance;
use super::message::{Inbound, Job, What};
use super::outbox::Outbox;
use super::ownership::{Lease, Ownership};
use super::recovery::{self, Recoveries};
use super::slots::SlotOf;
use super::{Options, Ports};

/// A map by ids that this process made: nobody chooses them to collide, and its order repeats itself.
pub(super) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// A quick hash of what is random already.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What the tasks of a node share.
pub(super) struct Shared {
    pub options: Options,
    pub ports: Ports,
    pub ownership: Ownership,
    pub audience: Audience,
    /// One for each event that is accepted and not done with.
    pub admission: Arc<Semaphore>,
    /// For each shard, the ticket of its last turn that is committed (or dropped).
    pub progress: Vec<AtomicU64>,
    /// How many executions are in memory, in all shards.
    pub live: AtomicUsize,
    /// The inboxes of the shards. Unbounded: what comes from outside is bounded by `admission`, and what the node tells
    /// itself must never wait for itself.
    pub shards: Vec<mpsc::UnboundedSender<Inbound>>,
    /// The recoveries of partitions that were taken.
    pub recoveries: Recoveries,
    pub draining: AtomicBool,
    /// Whether a dispatch failed, so that what is outstanding is to be compared with what the queue holds.
    pub undelivered: AtomicBool,
    /// Told when `undelivered` is set.
    pub resend: Notify,
    /// Cancelled when the node ends, or dies in a simulation.
    pub killed: CancellationToken,
    /// Where tasks go that are kept from the queue for a while.
    pub gate: Entrance,
    /// Tells the desk of slots to look at a group.
    pub slots: mpsc::UnboundedSender<Arc<SlotOf>>,
    /// Tells the post of events and waits.
    pub post: mpsc::UnboundedSender<Letter>,
    /// What other nodes are asked.
    pub outbox: Outbox,
    /// Told when other nodes may have asked something.
    pub knock: Notify,
    /// Counts the changes of workflows that other nodes told of.
    pub workflow_changes: AtomicU64,
    pub tasks: TaskTracker,
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The shard of a partition.
    pub fn shard_of(&self, partition: PartitionId) -> usize {
        usize::from(partition.0) % self.shards.len()
    }

    /// Owns partitions from now on, and recovers them.
    pub fn gain(self: &Arc<Self>, leases: Vec<Lease>) {
        self.recoveries.begin(&leases);
        self.ownership.gain(&leases);
        self.ports.queue.follow(&self.ownership.leases());
        self.spawn(recovery::recover(self.clone(), leases));
    }

    /// Drops partitions that are another's, as far as they are owned under these epochs.
    pub fn lose(&self, leases: &[Lease]) {
        self.ownership.lose(leases);
        self.recoveries.forget(leases);
        self.gate.forget(|partition| self.ownership.epoch(partition).is_none());
        self.ports.queue.follow(&self.ownership.leases());
        self.broadcast(|| Inbound::Moved { done: None });
    }

    /// Sends to the shard of an execution. A node that has ended drops it. Where another node serves the execution, that one
    /// is told what happened; what is the queue's is left to it.
    pub fn apply(&self, id: ExecutionId, job: Job) {
        if let Job { what: What::Event(event), grant, .. } = &job
            && is_for_any_node(event)
            && self.ownership.epoch(id.partition()).is_none()
        {
            return self.tell(Message::Event { execution: id, event: event.clone(), grant: *grant });
        }
        self.send(self.shard_of(id.partition()), Inbound::Apply { id, job });
    }

    /// Stops a child whose parent has stopped.
    pub fn stop_child(&self, child: ExecutionId) {
        let reason = "the execution that started it has stopped".into();
        self.apply(child, Job::event(Event::Cancel { reason, undo: true }));
    }

    pub fn send(&self, shard: usize, message: Inbound) {
        if let Some(inbox) = self.shards.get(shard) {
            let _ = inbox.send(message);
        }
    }

    pub fn broadcast(&self, message: impl Fn() -> Inbound) {
        for inbox in &self.shards {
            let _ = inbox.send(message());
        }
    }

    /// Passes a crash point. Where a simulation crashes there, this never returns, and no task goes on.
    pub async fn pass(&self, point: CrashPoint) {
        if self.ports.faults.crash(point) {
            self.killed.cancel();
            std::future::pending::<()>().await;
        }
    }

    /// Marks what was handed to the queue as not delivered: the sweep sends again what the queue does not hold.
    pub fn mark_undelivered(&self) {
        self.undelivered.store(true, Ordering::Release);
        self.resend.notify_one();
    }

    /// Runs a task until it ends or the node does.
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(until_killed(self.killed.clone(), task));
    }

    /// As `spawn`, where committers run.
    pub fn spawn_committer(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let task = until_killed(self.killed.clone(), task);
        match &self.options.commits_on {
            Some(runtime) => self.tasks.spawn_on(task, runtime),
            None => self.tasks.spawn(task),
        };
    }
}

/// Whether an event of the node's own is for whoever serves the execution, and not found by that one itself.
fn is_for_any_node(event: &Event) -> bool {
    matches!(event, Event::Started | Event::Cancel { .. } | Event::Reject { .. } | Event::Outcome(_))
}

async fn until_killed(killed: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = killed.cancelled() => {}
        () = task => {}
    }
}
