//! Which partitions this process owns, and under which epochs. Both change while it runs.
//!
//! A partition is *owned* while its epoch is known here: commits prove it. It is *served* while events are taken for it. One
//! that is being given back is owned and no longer served, so that what was decided for it can still be written.
//!
//! Invariant: what was decided under one epoch is never written under another. Whoever keeps something of a partition keeps
//! its epoch beside it, and drops both together.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::watch;

use crate::ids::{Epoch, PARTITIONS, PartitionId};

/// No epoch: the partition is another's.
const NONE: i64 = -1;

/// A partition and the epoch under which it is owned.
pub(super) type Lease = (PartitionId, Epoch);

/// The epochs under which this process owns its partitions.
pub(super) struct Ownership {
    partitions: Vec<Standing>,
    /// Counts changes.
    changes: watch::Sender<u64>,
}

struct Standing {
    epoch: AtomicI64,
    leaving: AtomicBool,
}

impl Ownership {
    /// Nothing is owned.
    pub fn new() -> Self {
        let none = |_| Standing { epoch: AtomicI64::new(NONE), leaving: AtomicBool::new(false) };
        Self { partitions: (0..PARTITIONS).map(none).collect(), changes: watch::channel(0).0 }
    }

    /// The epoch under which a partition is served; none where another process owns it, or soon will.
    pub fn epoch(&self, partition: PartitionId) -> Option<Epoch> {
        let standing = self.standing(partition)?;
        if standing.leaving.load(Ordering::Acquire) { None } else { standing.epoch() }
    }

    /// The epoch that a commit proves: also of a partition that is being given back.
    pub fn proof(&self, partition: PartitionId) -> Option<Epoch> {
        self.standing(partition)?.epoch()
    }

    /// The partitions that are served.
    pub fn served(&self) -> Vec<PartitionId> {
        PartitionId::all().filter(|partition| self.epoch(*partition).is_some()).collect()
    }

    /// All that is owned, with what is being given back.
    pub fn leases(&self) -> Vec<Lease> {
        PartitionId::all().filter_map(|partition| Some((partition, self.proof(partition)?))).collect()
    }

    /// Owns and serves these from now on.
    pub fn gain(&self, leases: &[Lease]) {
        for (partition, epoch) in leases {
            let Some(standing) = self.standing(*partition) else { continue };
            standing.leaving.store(false, Ordering::Release);
            standing.epoch.store(epoch.0, Ordering::Release);
        }
        self.changed();
    }

    /// Serves these no longer.
    pub fn leave(&self, partitions: &[PartitionId]) {
        for standing in partitions.iter().filter_map(|partition| self.standing(*partition)) {
            standing.leaving.store(true, Ordering::Release);
        }
        self.changed();
    }

    /// No longer owns these, as far as they are owned under these very epochs.
    pub fn lose(&self, leases: &[Lease]) {
        for (partition, epoch) in leases {
            let Some(standing) = self.standing(*partition) else { continue };
            let _ = standing.epoch.compare_exchange(epoch.0, NONE, Ordering::AcqRel, Ordering::Acquire);
        }
        self.changed();
    }

    /// Tells of each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn standing(&self, partition: PartitionId) -> Option<&Standing> {
        self.partitions.get(usize::from(partition.0))
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

impl Standing {
    fn epoch(&self) -> Option<Epoch> {
        let epoch = self.epoch.load(Ordering::Acquire);
        (epoch != NONE).then_some(Epoch(epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PartitionId = PartitionId(1);

    #[test]
    fn what_is_given_back_is_still_proved_and_no_longer_served() {
        let ownership = Ownership::new();
        ownership.gain(&[(ONE, Epoch(3))]);
        assert_eq!((ownership.epoch(ONE), ownership.proof(ONE)), (Some(Epoch(3)), Some(Epoch(3))));
        ownership.leave(&[ONE]);
        assert_eq!((ownership.epoch(ONE), ownership.proof(ONE)), (None, Some(Epoch(3))));
        ownership.lose(&[(ONE, Epoch(3))]);
        assert_eq!((ownership.served(), ownership.leases()), (vec![], vec![]));
        ownership.gain(&[(ONE, Epoch(5))]);
        assert_eq!(ownership.epoch(ONE), Some(Epoch(5)), "it is served again");
    }

    #[test]
    fn what_was_lost_under_an_older_epoch_is_not_lost_under_a_newer_one() {
        let ownership = Ownership::new();
        ownership.gain(&[(ONE, Epoch(5))]);
        ownership.lose(&[(ONE, Epoch(3))]);
        assert_eq!(ownership.leases(), [(ONE, Epoch(5))]);
    }
}
