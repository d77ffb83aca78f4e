//! Nodes and leases of the store in memory, by virtual time.

use std::time::Duration;

use async_trait::async_trait;
use stepwell::ids::{Epoch, PartitionId};
use stepwell::service::ports::{LeaseStore, Roster, StoreResult};
use tokio::time::Instant;

use super::store::{MemoryStore, Rows};

impl Rows {
    fn lives(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|expires_at| *expires_at > Instant::now())
    }

    fn owner(&self, partition: PartitionId) -> &str {
        self.owners.get(&partition).map_or("", String::as_str)
    }

    fn epoch(&self, partition: PartitionId) -> Epoch {
        self.epochs.get(&partition).copied().unwrap_or(Epoch(0))
    }
}

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn node_renew(&self, node: &str, lease: Duration) -> StoreResult<Roster> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        rows.nodes.insert(node.to_owned(), Instant::now() + lease);
        let nodes = rows.nodes.keys().filter(|node| rows.lives(node)).count();
        let held =
            PartitionId::all().filter(|one| rows.owner(*one) == node).map(|one| (one, rows.epoch(one))).collect();
        let free = PartitionId::all().filter(|one| !rows.lives(rows.owner(*one))).collect();
        Ok(Roster { nodes, held, free })
    }

    async fn leases_take(&self, node: &str, partitions: &[PartitionId]) -> StoreResult<Vec<(PartitionId, Epoch)>> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        let may = |rows: &Rows, one: PartitionId| rows.owner(one) == node || !rows.lives(rows.owner(one));
        let taken: Vec<PartitionId> = partitions.iter().copied().filter(|one| may(&rows, *one)).collect();
        let take = |one: PartitionId| {
            let epoch = Epoch(rows.epoch(one).0 + 1);
            rows.epochs.insert(one, epoch);
            rows.owners.insert(one, node.to_owned());
            (one, epoch)
        };
        Ok(taken.into_iter().map(take).collect())
    }

    async fn leases_release(&self, node: &str, leases: &[(PartitionId, Epoch)]) -> StoreResult<()> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        for (partition, epoch) in leases {
            if rows.owner(*partition) == node && rows.epoch(*partition) == *epoch {
                rows.owners.remove(partition);
            }
        }
        Ok(())
    }

    async fn node_leave(&self, node: &str) -> StoreResult<()> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        rows.nodes.remove(node);
        rows.owners.retain(|_, owner| owner != node);
        Ok(())
    }
}
