//! Several nodes over one database and one queue: they share the partitions, take over from one that dies, and write nothing
//! that is another's.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stepwell::engine::ExecutionStatus;
use stepwell::ids::ExecutionId;
use stepwell::runtime::Node;
use stepwell::service::ports::RuntimeError;
use tokio::time::Instant;

use crate::sim::queue::QueueFaults;
use crate::sim::world::{Crashes, World, simulate};

const LEASE: Duration = Duration::from_secs(3);

fn world(seed: u64) -> World {
    let world = World::new(seed, true, Crashes::Never);
    world.queue.set_faults(QueueFaults { long: 200, duplicates: 200, ..QueueFaults::default() });
    world
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(600), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn shared_as(world: &World, shares: &[(&str, usize)]) {
    let wanted = shares.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect();
    until(&format!("{shares:?}"), || world.shares() == wanted).await;
}

/// Starts a few executions at each of these nodes.
async fn load(world: &World, nodes: &[&Arc<Node>]) -> Vec<ExecutionId> {
    let mut ids = Vec::new();
    for n in 0..24 {
        for workflow in ["sequence", "diamond", "loop", "parent", "returns"] {
            ids.push(world.start_at(nodes[n as usize % nodes.len()], workflow, n).await);
        }
    }
    ids
}

/// Waits until all have ended, and holds that they did as they should.
async fn all_complete(world: &World, ids: &[ExecutionId]) {
    let ended = |id: &ExecutionId| world.find(*id).unwrap().status.is_terminal();
    let began = Instant::now();
    while !ids.iter().all(ended) {
        assert!(began.elapsed() < Duration::from_secs(7_200), "not all ended:\n{}", world.describe());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for id in ids {
        let execution = world.find(*id).unwrap();
        assert_eq!(execution.status, ExecutionStatus::Completed, "{}: {:?}", execution.workflow_name, execution.error);
    }
    world.check();
}

/// No attempt was sent twice, and none was made again.
fn assert_nothing_was_repeated(world: &World) {
    let dispatched = world.queue.dispatched();
    assert!(dispatched.iter().all(|key| key.attempt == 1), "an attempt was lost");
    assert_eq!(dispatched.iter().collect::<HashSet<_>>().len(), dispatched.len(), "an attempt was sent twice");
}

#[test]
fn nodes_share_the_partitions_evenly_as_they_come_and_go() {
    simulate(async {
        let world = world(1);
        let one = world.join("one", LEASE).await;
        assert_eq!(one.partitions(), 64, "the first has all at once");
        let two = world.join("two", LEASE).await;
        shared_as(&world, &[("one", 32), ("two", 32)]).await;
        let three = world.join("three", LEASE).await;
        until("thirds", || world.shares().len() == 3 && world.shares().values().all(|share| (20..=22).contains(share)))
            .await;
        two.drain(Duration::from_secs(5)).await;
        assert_eq!(world.shares().get("two"), None, "it gave everything back before it was gone");
        shared_as(&world, &[("one", 32), ("three", 32)]).await;
        until("as they know themselves", || one.partitions() == 32 && three.partitions() == 32).await;
    });
}

#[test]
fn the_rest_take_over_from_a_node_that_dies_and_every_execution_ends() {
    for seed in 0..5 {
        simulate(async {
            let world = world(seed);
            let (one, two) = (world.join("one", LEASE).await, world.join("two", LEASE).await);
            shared_as(&world, &[("one", 32), ("two", 32)]).await;
            let ids = load(&world, &[&one, &two]).await;
            tokio::time::sleep(Duration::from_millis(20 * seed)).await;
            one.kill();
            let died = Instant::now();
            shared_as(&world, &[("two", 64)]).await;
            assert!(died.elapsed() <= Duration::from_secs(5), "{:?}", died.elapsed());
            all_complete(&world, &ids).await;
        });
    }
}

#[test]
fn a_node_that_joins_and_one_that_leaves_repeat_nothing() {
    for seed in 0..5 {
        simulate(async {
            let world = world(seed);
            let one = world.join("one", LEASE).await;
            let mut ids = load(&world, &[&one]).await;
            let two = world.join("two", LEASE).await;
            shared_as(&world, &[("one", 32), ("two", 32)]).await;
            ids.extend(load(&world, &[&one, &two]).await);
            tokio::time::sleep(Duration::from_millis(20 * seed)).await;
            one.drain(Duration::from_secs(60)).await;
            shared_as(&world, &[("two", 64)]).await;
            all_complete(&world, &ids).await;
            assert_nothing_was_repeated(&world);
        });
    }
}

#[test]
fn a_node_that_cannot_renew_acts_for_nothing_before_its_leases_lapse_and_joins_again() {
    simulate(async {
        let world = world(3);
        let (one, two) = (world.join("one", LEASE).await, world.join("two", LEASE).await);
        shared_as(&world, &[("one", 32), ("two", 32)]).await;
        let ids = load(&world, &[&one, &two]).await;
        world.store.set_away(true);
        let lapses = world.store.rows().nodes["one"];
        until("it stops", || one.partitions() == 0).await;
        assert!(Instant::now() < lapses, "it acted for longer than its leases last");
        let (execution, plan) = world.execution("sequence", 1, None);
        let refused = stepwell::service::ports::Runtime::start(&*one, execution, plan).await;
        assert!(matches!(refused, Err(RuntimeError::Unavailable(_))));
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.store.set_away(false);
        shared_as(&world, &[("one", 32), ("two", 32)]).await;
        all_complete(&world, &ids).await;
    });
}

#[test]
fn an_id_is_drawn_in_a_partition_of_its_node() {
    simulate(async {
        let world = world(4);
        let (one, two) = (world.join("one", LEASE).await, world.join("two", LEASE).await);
        shared_as(&world, &[("one", 32), ("two", 32)]).await;
        for (node, name) in [(&one, "one"), (&two, "two")] {
            for n in 0..20 {
                let id = world.start_at(node, "sequence", n).await;
                assert_eq!(world.store.rows().owners[&id.partition()], name);
            }
        }
    });
}

/// Runs executions over a node that believes in its leases though another has taken its partitions over, and gives what was
/// seen that must not be.
fn superseded(seed: u64, guarded: bool) -> Vec<String> {
    simulate(async {
        let world = world(seed);
        if !guarded {
            world.store.without_guards();
        }
        let old = world.join("old", Duration::from_secs(3_600)).await;
        let ids = load(&world, &[&old]).await;
        tokio::time::sleep(Duration::from_millis(5 + seed)).await;
        world.store.rows().nodes.insert("old".to_owned(), Instant::now());
        let _new = world.join("new", LEASE).await;
        if guarded {
            all_complete(&world, &ids).await;
        } else {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        let rows = world.store.rows();
        rows.violations.clone()
    })
}

#[test]
fn a_node_that_was_superseded_writes_nothing_though_it_believes_in_its_leases() {
    for seed in 0..5 {
        assert_eq!(superseded(seed, true), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn without_the_guards_a_superseded_node_is_found_out() {
    assert!((0..5).all(|seed| !superseded(seed, false).is_empty()));
}
