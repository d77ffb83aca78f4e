//! What is unfinished in partitions that were taken: read through the shards, page by page, at any time of a node's life.
//!
//! Invariant: nothing of a partition is read before it is known what the queue held of it when it was taken. An attempt that
//! was dispatched and that the queue did not hold is lost.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ids::{Epoch, ExecutionId, PartitionId};
use crate::service::ports::AttemptKey;

use super::backoff::Backoff;
use super::events::Letter;
use super::message::Inbound;
use super::ownership::Lease;
use super::shared::Shared;

/// How many unfinished executions are asked for at once.
const PAGE: usize = 512;

/// The attempts that the queue held.
pub(super) type Held = Arc<HashSet<AttemptKey>>;

/// How far the recovery of a partition has come.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The queue is being asked what it holds.
    Asking,
    /// What is unfinished is being read.
    Reading(Held),
    /// All of it was read.
    Over,
}

/// The recoveries that are under way.
pub(super) struct Recoveries {
    stages: Mutex<HashMap<PartitionId, (Epoch, Stage)>>,
    changes: watch::Sender<u64>,
}

impl Recoveries {
    pub fn new() -> Self {
        Self { stages: Mutex::default(), changes: watch::channel(0).0 }
    }

    /// How far that of a partition has come.
    pub fn stage(&self, partition: PartitionId) -> Stage {
        self.lock().get(&partition).map_or(Stage::Over, |(_, stage)| stage.clone())
    }

    /// Whether none is under way.
    pub fn are_over(&self) -> bool {
        self.lock().is_empty()
    }

    /// Tells of each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Partitions were taken.
    pub fn begin(&self, leases: &[Lease]) {
        self.change(|stages| {
            stages.extend(leases.iter().map(|(partition, epoch)| (*partition, (*epoch, Stage::Asking))));
        });
    }

    /// Partitions were lost.
    pub fn forget(&self, leases: &[Lease]) {
        self.change(|stages| {
            for lease in leases {
                remove(stages, lease);
            }
        });
    }

    fn read(&self, leases: &[Lease], held: &Held) {
        self.change(|stages| {
            for lease in leases {
                if remove(stages, lease) {
                    stages.insert(lease.0, (lease.1, Stage::Reading(held.clone())));
                }
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<PartitionId, (Epoch, Stage)>)) {
        change(&mut self.lock());
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PartitionId, (Epoch, Stage)>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a recovery; false where there is none of this epoch.
fn remove(stages: &mut HashMap<PartitionId, (Epoch, Stage)>, (partition, epoch): &Lease) -> bool {
    let is_this = stages.get(partition).is_some_and(|(of, _)| of == epoch);
    is_this && stages.remove(partition).is_some()
}

/// Recovers partitions that were taken, and whose recovery has begun.
pub(super) async fn recover(shared: Arc<Shared>, leases: Vec<Lease>) {
    let partitions: Vec<PartitionId> = leases.iter().map(|(partition, _)| *partition).collect();
    let held = Arc::new(ask_what_is_held(&shared, &partitions).await);
    shared.recoveries.read(&leases, &held);
    let (mut after, mut count) = (None, 0);
    let mut backoff = Backoff::new();
    loop {
        let page = match shared.ports.store.executions_unfinished(&partitions, after, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "the recovery can't read; trying again");
                backoff.wait(&*shared.ports.clock).await;
                continue;
            }
        };
        backoff = Backoff::new();
        let Some(last) = page.last().copied() else { break };
        after = Some(last);
        count += page.len();
        load_page(&shared, page.into_iter().map(|place| place.id).collect()).await;
    }
    shared.recoveries.forget(&leases);
    look_at_awaited(&shared).await;
    tracing::info!(partitions = partitions.len(), executions = count, "recovered");
}

/// Has the post look at every event that is awaited: what its node was told of it, and whoever was to tell it, may be gone.
async fn look_at_awaited(shared: &Shared) {
    let mut backoff = Backoff::new();
    loop {
        match shared.ports.store.events_awaited().await {
            Ok(names) => return names.into_iter().for_each(|name| drop(shared.post.send(Letter::Look(name)))),
            Err(error) => tracing::warn!(%error, "the events that are awaited can't be read; trying again"),
        }
        backoff.wait(&*shared.ports.clock).await;
    }
}

/// What the queue still holds of the owner before this one. The rest is lost.
async fn ask_what_is_held(shared: &Shared, partitions: &[PartitionId]) -> HashSet<AttemptKey> {
    let mut backoff = Backoff::new();
    loop {
        match shared.ports.queue.held(partitions).await {
            Ok(held) => return held,
            Err(error) => tracing::warn!(%error, "the recovery waits for the queue"),
        }
        backoff.wait(&*shared.ports.clock).await;
    }
}

/// Has the shards load a page, and waits until they have.
async fn load_page(shared: &Shared, page: Vec<ExecutionId>) {
    let (done, mut loaded) = tokio::sync::mpsc::channel::<()>(1);
    let mut by_shard: Vec<Vec<ExecutionId>> = vec![Vec::new(); shared.shards.len()];
    for id in page {
        if let Some(ids) = by_shard.get_mut(shared.shard_of(id.partition())) {
            ids.push(id);
        }
    }
    for (shard, ids) in by_shard.into_iter().enumerate().filter(|(_, ids)| !ids.is_empty()) {
        shared.send(shard, Inbound::Recover { ids, done: done.clone() });
    }
    drop(done);
    // Nobody says anything: the channel closes with the last of them.
    let _ = loaded.recv().await;
}
