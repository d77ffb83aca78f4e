//! A node among others: it renews its leases, takes partitions that nobody holds, and gives back what is more than its share.
//!
//! Invariant: by the time at which its leases may lapse, a node that could not renew them acts for nothing, whatever the
//! database says later. What it holds again after that it has taken again, under another epoch.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::expr::Timestamp;
use crate::ids::{PARTITIONS, PartitionId};
use crate::service::ports::{Roster, StoreError};

use super::message::Inbound;
use super::ownership::{Lease, Ownership};
use super::shared::Shared;
use super::timers::{later, until};

/// How often leases are renewed while they last.
const RENEWALS: u32 = 4;

/// What a node's membership is told.
pub(super) enum Word {
    /// What was decided for partitions that are given back is acted upon.
    Settled(Vec<Lease>),
    /// The node ends.
    Leave(oneshot::Sender<()>),
}

/// A node's membership.
pub(super) struct Membership {
    shared: Arc<Shared>,
    lease: Duration,
    /// Its leases last until then at least.
    safe_until: Timestamp,
    words: mpsc::UnboundedReceiver<Word>,
    own_words: mpsc::UnboundedSender<Word>,
}

impl Membership {
    /// Joins: takes what is free of its share.
    ///
    /// # Errors
    /// The database's.
    pub async fn join(
        shared: Arc<Shared>,
        lease: Duration,
        (own_words, words): (mpsc::UnboundedSender<Word>, mpsc::UnboundedReceiver<Word>),
    ) -> Result<Self, StoreError> {
        shared.ports.queue.follow(&[]);
        let mut membership = Self { safe_until: shared.now(), shared, lease, words, own_words };
        membership.renew().await?;
        Ok(membership)
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let clock = self.shared.ports.clock.clone();
        loop {
            let next = later(clock.now(), self.lease / RENEWALS);
            while clock.now() < next {
                let alarm = if self.owns_any() { next.min(self.safe_until) } else { next };
                tokio::select! {
                    biased;
                    word = self.words.recv() => match word {
                        Some(Word::Settled(leases)) => self.release(&leases).await,
                        Some(Word::Leave(answer)) => return self.leave(answer).await,
                        None => return,
                    },
                    () = clock.sleep(until(clock.now(), alarm)) => self.lapse(),
                }
            }
            if let Err(error) = self.renew_in_time().await {
                tracing::warn!(%error, "the leases can't be renewed; trying again");
            }
            self.lapse();
        }
    }

    /// Renews, for as long as the leases last, and a while where there are none.
    async fn renew_in_time(&mut self) -> Result<(), StoreError> {
        let clock = self.shared.ports.clock.clone();
        let now = clock.now();
        let at_most = if self.owns_any() { self.safe_until } else { later(now, self.lease) };
        tokio::select! {
            biased;
            renewed = self.renew() => renewed,
            () = clock.sleep(until(now, at_most)) => Err(StoreError::Unavailable("it did not answer in time".to_owned())),
        }
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        let began = self.shared.now();
        let (store, node) = (self.shared.ports.store.clone(), self.shared.options.owner.clone());
        let roster = store.node_renew(&node, self.lease).await?;
        // Before they lapse there, by as much as a message may take.
        self.safe_until = later(began, self.lease * 7 / 8);
        let orders = orders(&roster, &self.shared.ownership, hash(&node));
        if !orders.lose.is_empty() {
            tracing::warn!(partitions = orders.lose.len(), "another node has taken partitions over; dropping them");
            self.shared.lose(&orders.lose);
        }
        self.give(orders.give);
        store.leases_release(&node, &orders.release).await?;
        if !orders.take.is_empty() {
            let taken = store.leases_take(&node, &orders.take).await?;
            if !taken.is_empty() {
                tracing::info!(partitions = taken.len(), nodes = roster.nodes, "took partitions");
                self.shared.gain(taken);
            }
        }
        Ok(())
    }

    /// Begins to give partitions back: no longer serves them, and hears when what was decided for them is acted upon.
    fn give(&self, leases: Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        tracing::info!(partitions = leases.len(), "gives partitions back, for others to take");
        let (shared, words) = (self.shared.clone(), self.own_words.clone());
        self.shared.spawn(async move {
            settle(&shared, &leases).await;
            let _ = words.send(Word::Settled(leases));
        });
    }

    async fn release(&self, leases: &[Lease]) {
        self.shared.lose(leases);
        if let Err(error) = self.shared.ports.store.leases_release(&self.shared.options.owner, leases).await {
            tracing::warn!(%error, "partitions can't be given back; trying again");
        }
    }

    /// Drops everything where the leases may have lapsed.
    fn lapse(&self) {
        if self.shared.now() < self.safe_until || !self.owns_any() {
            return;
        }
        let leases = self.shared.ownership.leases();
        tracing::warn!(partitions = leases.len(), "the leases could not be renewed in time; dropping them");
        self.shared.lose(&leases);
    }

    /// Gives everything back and is gone.
    async fn leave(&self, answer: oneshot::Sender<()>) {
        let leases = self.shared.ownership.leases();
        settle(&self.shared, &leases).await;
        self.shared.lose(&leases);
        if let Err(error) = self.shared.ports.store.node_leave(&self.shared.options.owner).await {
            tracing::warn!(%error, "the partitions can't be given back; they lapse");
        }
        let _ = answer.send(());
    }

    fn owns_any(&self) -> bool {
        !self.shared.ownership.leases().is_empty()
    }
}

/// Serves partitions no longer, and waits until what was decided for them is acted upon.
async fn settle(shared: &Shared, leases: &[Lease]) {
    let partitions: Vec<PartitionId> = leases.iter().map(|(partition, _)| *partition).collect();
    shared.ownership.leave(&partitions);
    let (done, mut settled) = mpsc::channel::<()>(1);
    shared.broadcast(|| Inbound::Moved { done: Some(done.clone()) });
    drop(done);
    // Nobody says anything: the channel closes with the last of them.
    let _ = settled.recv().await;
}

/// What a node does about its partitions.
#[derive(Debug, Default, PartialEq)]
struct Orders {
    /// Others have them.
    lose: Vec<Lease>,
    /// More than its share: to be given back in good order.
    give: Vec<Lease>,
    /// Held in the database alone, and more than its share.
    release: Vec<Lease>,
    take: Vec<PartitionId>,
}

/// Compares what the database says with what is in memory. Nodes begin to take at different places (`start`), so that those
/// that join at once seldom reach for the same.
fn orders(roster: &Roster, ownership: &Ownership, start: usize) -> Orders {
    let in_memory = ownership.leases();
    let (kept, lose): (Vec<Lease>, Vec<Lease>) = in_memory.iter().partition(|lease| roster.held.contains(lease));
    let served: Vec<Lease> =
        kept.into_iter().filter(|(partition, epoch)| ownership.epoch(*partition) == Some(*epoch)).collect();
    let mut orphaned: Vec<Lease> = roster.held.iter().filter(|lease| !in_memory.contains(lease)).copied().collect();
    let share = usize::from(PARTITIONS).div_ceil(roster.nodes.max(1));
    let room = share.saturating_sub(served.len());
    let release = orphaned.split_off(room.min(orphaned.len()));
    let mut free = roster.free.clone();
    let begin = start.checked_rem(free.len()).unwrap_or(0);
    free.rotate_left(begin);
    let orphaned = orphaned.into_iter().map(|(partition, _)| partition);
    Orders {
        lose,
        give: served.into_iter().skip(share).collect(),
        release,
        take: orphaned.chain(free).take(room).collect(),
    }
}

/// A number from a name, the same in every process.
fn hash(name: &str) -> usize {
    name.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;

    fn lease(partition: u16) -> Lease {
        (PartitionId(partition), Epoch(i64::from(partition) + 1))
    }

    fn leases(partitions: std::ops::Range<u16>) -> Vec<Lease> {
        partitions.map(lease).collect()
    }

    fn free(partitions: std::ops::Range<u16>) -> Vec<PartitionId> {
        partitions.map(PartitionId).collect()
    }

    fn owning(leases: &[Lease]) -> Ownership {
        let ownership = Ownership::new();
        ownership.gain(leases);
        ownership
    }

    #[test]
    fn the_first_node_takes_all_and_the_next_its_share() {
        let first = orders(&Roster { nodes: 1, held: vec![], free: free(0..64) }, &Ownership::new(), 0);
        assert_eq!(first, Orders { take: free(0..64), ..Orders::default() });
        let third = orders(&Roster { nodes: 3, held: vec![], free: free(0..64) }, &Ownership::new(), 60);
        assert_eq!(third.take.len(), 22);
        assert_eq!(third.take[..5], [60, 61, 62, 63, 0].map(PartitionId));
    }

    #[test]
    fn whoever_has_more_than_its_share_gives_the_rest_back_once() {
        let ownership = owning(&leases(0..64));
        let roster = Roster { nodes: 2, held: leases(0..64), free: vec![] };
        let found = orders(&roster, &ownership, 0);
        assert_eq!(found, Orders { give: leases(32..64), ..Orders::default() });
        ownership.leave(&free(32..64));
        assert_eq!(orders(&roster, &ownership, 0), Orders::default(), "they are being given back");
    }

    #[test]
    fn what_others_have_or_have_had_is_dropped() {
        let roster = Roster { nodes: 2, held: leases(0..3), free: vec![] };
        let found = orders(&roster, &owning(&leases(0..5)), 0);
        assert_eq!(found, Orders { lose: leases(3..5), ..Orders::default() });
        // Taken by another and given back, and taken again by a call of which nobody knew.
        let old = (PartitionId(0), Epoch(0));
        let found = orders(&Roster { nodes: 64, held: leases(0..1), free: vec![] }, &owning(&[old]), 0);
        assert_eq!(found, Orders { lose: vec![old], take: free(0..1), ..Orders::default() });
    }

    #[test]
    fn what_is_held_in_the_database_alone_is_taken_again_or_given_back() {
        let found = orders(&Roster { nodes: 32, held: leases(0..5), free: free(9..12) }, &Ownership::new(), 0);
        assert_eq!(found, Orders { take: free(0..2), release: leases(2..5), ..Orders::default() });
    }
}
