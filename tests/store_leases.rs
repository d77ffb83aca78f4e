//! Nodes and leases: who is alive, who holds what, and what lapses.

use std::time::Duration;

use sea_orm::{ConnectionTrait, TransactionTrait};
use stepwell::ids::{Epoch, PartitionId};
use stepwell::service::ports::{LeaseStore, Roster};

use crate::store::each;

const HOUR: Duration = Duration::from_secs(3_600);

const ONE: PartitionId = PartitionId(1);
const TWO: PartitionId = PartitionId(2);
const THREE: PartitionId = PartitionId(3);

/// All partitions but these.
fn all_but(held: &[PartitionId]) -> Vec<PartitionId> {
    PartitionId::all().filter(|partition| !held.contains(partition)).collect()
}

#[tokio::test]
async fn nobody_takes_what_a_living_node_holds() {
    each(|fresh| async move {
        let database = &fresh.database;
        let alone = database.node_renew("a", HOUR).await.unwrap();
        assert_eq!(alone, Roster { nodes: 1, held: vec![], free: all_but(&[]) });
        let taken = database.leases_take("a", &[TWO, ONE]).await.unwrap();
        assert_eq!(taken, [(ONE, Epoch(1)), (TWO, Epoch(1))]);
        let second = database.node_renew("b", HOUR).await.unwrap();
        assert_eq!(second, Roster { nodes: 2, held: vec![], free: all_but(&[ONE, TWO]) });
        assert_eq!(database.leases_take("b", &[TWO, THREE]).await.unwrap(), [(THREE, Epoch(1))]);
        assert_eq!(database.leases_take("a", &[ONE]).await.unwrap(), [(ONE, Epoch(2))], "its own, under another epoch");
        let first = database.node_renew("a", HOUR).await.unwrap();
        assert_eq!(first.held, [(ONE, Epoch(2)), (TWO, Epoch(1))]);
    })
    .await;
}

#[tokio::test]
async fn what_a_silent_node_holds_is_free_until_it_is_heard_of() {
    each(|fresh| async move {
        let database = &fresh.database;
        database.node_renew("a", HOUR).await.unwrap();
        database.leases_take("a", &[ONE, TWO]).await.unwrap();
        database.node_renew("a", Duration::ZERO).await.unwrap();
        let roster = database.node_renew("b", HOUR).await.unwrap();
        assert_eq!(roster, Roster { nodes: 1, held: vec![], free: all_but(&[]) });
        assert_eq!(database.leases_take("b", &[ONE]).await.unwrap(), [(ONE, Epoch(2))]);
        let back = database.node_renew("a", HOUR).await.unwrap();
        assert_eq!(back, Roster { nodes: 2, held: vec![(TWO, Epoch(1))], free: all_but(&[ONE, TWO]) });
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_is_free_at_once_and_an_older_epoch_gives_nothing_back() {
    each(|fresh| async move {
        let database = &fresh.database;
        database.node_renew("a", HOUR).await.unwrap();
        database.leases_take("a", &[ONE, TWO, THREE]).await.unwrap();
        database.leases_take("a", &[TWO]).await.unwrap();
        database.leases_release("a", &[(ONE, Epoch(1)), (TWO, Epoch(1))]).await.unwrap();
        database.leases_release("b", &[(THREE, Epoch(1))]).await.unwrap();
        let roster = database.node_renew("b", HOUR).await.unwrap();
        assert_eq!(roster.free, all_but(&[TWO, THREE]));
        database.node_leave("a").await.unwrap();
        let roster = database.node_renew("b", HOUR).await.unwrap();
        assert_eq!(roster, Roster { nodes: 1, held: vec![], free: all_but(&[]) });
        assert_eq!(database.leases_take("b", &[ONE, TWO]).await.unwrap(), [(ONE, Epoch(2)), (TWO, Epoch(3))]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_stands_still_holds_up_its_own_partitions_alone() {
    each(|fresh| async move {
        if fresh.database.kind() == "sqlite" {
            return;
        }
        let raw = fresh.raw().await;
        let commit = raw.begin().await.unwrap();
        commit.execute_unprepared("SELECT id FROM partitions WHERE id = 1 FOR SHARE").await.unwrap();
        fresh.database.node_renew("a", HOUR).await.unwrap();
        let taken = fresh.database.leases_take("a", &[ONE, TWO]).await.unwrap();
        assert_eq!(taken, [(TWO, Epoch(1))]);
        commit.commit().await.unwrap();
        assert_eq!(fresh.database.leases_take("a", &[ONE]).await.unwrap(), [(ONE, Epoch(1))]);
    })
    .await;
}
