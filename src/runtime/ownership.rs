//! Which partitions this process owns, and under which epochs.
//!
//! Invariant: a partition that was lost is never acted for again in the life of this node.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::watch;

use crate::ids::{Epoch, PARTITIONS, PartitionId};

/// No epoch: the partition is another's.
const NONE: i64 = -1;

/// The epochs under which this process owns its partitions.
pub(super) struct Ownership {
    epochs: Vec<AtomicI64>,
    lost: watch::Sender<Vec<PartitionId>>,
}

impl Ownership {
    pub fn new(leases: &[(PartitionId, Epoch)]) -> Self {
        let epochs: Vec<_> = (0..PARTITIONS).map(|_| AtomicI64::new(NONE)).collect();
        for (partition, epoch) in leases {
            if let Some(slot) = epochs.get(usize::from(partition.0)) {
                slot.store(epoch.0, Ordering::Relaxed);
            }
        }
        Self { epochs, lost: watch::channel(Vec::new()).0 }
    }

    /// The epoch under which a partition is owned.
    pub fn epoch(&self, partition: PartitionId) -> Option<Epoch> {
        let epoch = self.epochs.get(usize::from(partition.0))?.load(Ordering::Acquire);
        (epoch != NONE).then_some(Epoch(epoch))
    }

    /// The partitions that are owned.
    pub fn owned(&self) -> Vec<PartitionId> {
        PartitionId::all().filter(|partition| self.epoch(*partition).is_some()).collect()
    }

    /// The partitions and their epochs.
    pub fn leases(&self) -> Vec<(PartitionId, Epoch)> {
        PartitionId::all().filter_map(|partition| Some((partition, self.epoch(partition)?))).collect()
    }

    /// Gives up partitions that another process has taken.
    pub fn lose(&self, partitions: &[PartitionId]) {
        for partition in partitions {
            if let Some(slot) = self.epochs.get(usize::from(partition.0)) {
                slot.store(NONE, Ordering::Release);
            }
        }
        self.lost.send_modify(|lost| lost.extend_from_slice(partitions));
    }

    /// Tells of partitions that were lost.
    pub fn lost(&self) -> watch::Receiver<Vec<PartitionId>> {
        self.lost.subscribe()
    }
}
