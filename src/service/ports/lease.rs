//! Nodes and their leases: which processes are alive, and which partitions each of them owns, as the database has it.

use std::time::Duration;

use async_trait::async_trait;

use crate::ids::{Epoch, PartitionId};

use super::StoreResult;

/// What a node learns when it renews its leases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roster {
    /// How many nodes are alive, this one among them.
    pub nodes: usize,
    /// The partitions that this node holds, and their epochs.
    pub held: Vec<(PartitionId, Epoch)>,
    /// The partitions that nobody holds, or whose holder's leases lapsed.
    pub free: Vec<PartitionId>,
}

/// Where nodes and their leases are kept. Its clock is the database's. A node's leases lapse together, when it has not
/// renewed them in time; from then on others may take what it holds, and its commits prove nothing any more.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// Says that `node` is alive: what it holds is its own for this long from now.
    async fn node_renew(&self, node: &str, lease: Duration) -> StoreResult<Roster>;
    /// Takes those of these partitions that are free, or that `node` holds already: each epoch goes up by one. One that a
    /// commit is just proving is left out.
    async fn leases_take(&self, node: &str, partitions: &[PartitionId]) -> StoreResult<Vec<(PartitionId, Epoch)>>;
    /// Gives these back, as far as `node` holds them under these epochs.
    async fn leases_release(&self, node: &str, leases: &[(PartitionId, Epoch)]) -> StoreResult<()>;
    /// Forgets `node`, and gives back all that it holds.
    async fn node_leave(&self, node: &str) -> StoreResult<()>;
}
