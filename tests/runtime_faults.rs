//! What the runtime comes through: a crash at each named point, commits that fail or seem to, a queue that forgets, another
//! process that takes over. Whatever it is, executions end as they would have.

use std::time::Duration;

use stepwell::engine::{Control, ExecutionStatus, StepStatus};
use stepwell::service::ports::{CrashPoint, Runtime, RuntimeError};

use crate::sim::queue::{QueueFaults, SimQueue};
use crate::sim::store::StoreFaults;
use crate::sim::world::{Crashes, Endings, World, expected, jobs, simulate};

/// One of each shape.
const JOBS: i64 = 8;

/// Crashes the n-th time that a point is passed, for many n, with queues that outlive the process and ones that don't.
fn crash_at(point: CrashPoint, passes: impl Iterator<Item = u64>) {
    let expected = expected(JOBS);
    for nth in passes {
        let durable = nth % 2 == 0;
        let (endings, lives) = simulate(async {
            let mut world = World::new(nth, durable, Crashes::at(point, nth));
            let endings = world.run(&jobs(JOBS)).await;
            world.check();
            (endings, world.lives)
        });
        assert_eq!(lives, 2, "{point:?} was not passed {nth} times");
        assert_eq!(endings, expected, "a crash at {point:?}, pass {nth}, durable {durable}");
    }
}

#[test]
fn a_crash_before_a_commit_changes_no_ending() {
    crash_at(CrashPoint::BeforeCommit, 1..24);
}

#[test]
fn a_crash_after_a_commit_changes_no_ending() {
    crash_at(CrashPoint::AfterCommit, 1..24);
}

#[test]
fn a_crash_after_a_dispatch_changes_no_ending() {
    crash_at(CrashPoint::AfterDispatch, 1..24);
}

#[test]
fn a_crash_after_an_acknowledgement_changes_no_ending() {
    crash_at(CrashPoint::AfterAck, 1..24);
}

#[test]
fn a_crash_after_the_partitions_were_taken_changes_no_ending() {
    crash_at(CrashPoint::AfterTake, 1..2);
}

#[test]
fn a_crash_after_histories_were_read_changes_no_ending() {
    let expected = expected(JOBS);
    // The first life dies in the middle of its work, the second while it recovers.
    for nth in 1..12 {
        let endings = simulate(async {
            let mut world = World::new(nth, nth % 2 == 0, Crashes::at(CrashPoint::AfterLoad, 1));
            let node = world.node().await;
            for (key, workflow, n) in jobs(JOBS) {
                world.start(&node, &workflow, n, &key).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(nth * 9)).await;
            node.kill();
            world.queue.owner_died();
            let endings = world.run(&jobs(JOBS)).await;
            world.check();
            assert_eq!(world.lives, 3, "nothing was read");
            endings
        });
        assert_eq!(endings, expected, "killed after {} ms", nth * 9);
    }
}

fn run_with(seed: u64, durable: bool, prepare: impl FnOnce(&World)) -> Endings {
    simulate(async {
        let mut world = World::new(seed, durable, Crashes::Never);
        prepare(&world);
        let endings = world.run(&jobs(JOBS)).await;
        world.check();
        endings
    })
}

#[test]
fn commits_that_fail_or_seem_to_change_no_ending() {
    let expected = expected(JOBS);
    for seed in 0..12 {
        let endings = run_with(seed, seed % 2 == 0, |world| {
            world.store.set_faults(StoreFaults { failing: 150, slowness: 3_000 });
        });
        assert_eq!(endings, expected, "seed {seed}");
    }
}

#[test]
fn workers_that_die_or_repeat_themselves_change_no_ending() {
    let expected = expected(JOBS);
    for seed in 0..12 {
        let endings = run_with(seed, seed % 2 == 0, |world| {
            world.queue.set_faults(QueueFaults { losses: 60, duplicates: 200, long: 50, refusals: 100 });
        });
        assert_eq!(endings, expected, "seed {seed}");
    }
}

#[test]
fn a_failed_commit_gives_its_caller_unavailable_and_the_start_can_be_repeated() {
    for applied in [false, true] {
        simulate(async {
            let mut world = World::new(3, true, Crashes::Never);
            let node = world.node().await;
            world.store.fail_next(applied);
            let answer = world.start(&node, "sequence", 1, "key").await;
            assert!(matches!(answer, Err(RuntimeError::Unavailable(_))));
            let id = world.start(&node, "sequence", 1, "key").await.unwrap();
            assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
            assert_eq!(world.store.rows().executions.len(), 1);
            world.check();
        });
    }
}

#[test]
fn what_was_committed_by_a_commit_that_seemed_to_fail_goes_on_without_a_client() {
    simulate(async {
        let mut world = World::new(3, false, Crashes::Never);
        let node = world.node().await;
        world.store.fail_next(true);
        assert!(world.start(&node, "sequence", 1, "key").await.is_err());
        tokio::time::sleep(Duration::from_secs(10)).await;
        let statuses: Vec<_> = world.store.rows().executions.values().map(|execution| execution.status).collect();
        assert_eq!(statuses, [ExecutionStatus::Completed]);
        // It was never dispatched, so nothing of it was lost.
        assert!(world.store.rows().steps.values().all(|row| row.status == StepStatus::Completed));
        world.check();
    });
}

#[test]
fn a_database_that_is_away_for_a_while_holds_executions_up_and_loses_none() {
    simulate(async {
        let mut world = World::new(5, false, Crashes::Never);
        let node = world.node().await;
        let mut started = Vec::new();
        for n in 0..5 {
            started.push(world.start(&node, "sequence", n, &format!("key {n}")).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        world.store.set_away(true);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(world.start(&node, "sequence", 9, "key").await.is_err());
        world.store.set_away(false);
        for id in started {
            assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        }
        world.check();
    });
}

#[test]
fn a_queue_that_lost_everything_is_given_it_again() {
    simulate(async {
        let mut world = World::new(7, true, Crashes::Never);
        world.queue.set_faults(QueueFaults { long: 1_000, ..QueueFaults::default() });
        let node = world.node().await;
        let id = world.start(&node, "sequence", 1, "key").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.queue.flush();
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        let first: Vec<_> = world.queue.dispatched().into_iter().filter(|key| key.path.as_str() == "a").collect();
        assert_eq!(first.len(), 2, "sent twice: {first:?}");
        assert_eq!(first[0], first[1], "the same attempt: nobody had failed it");
        world.check();
    });
}

#[test]
fn a_poison_step_ends_its_execution_after_three_crashes() {
    simulate(async {
        let mut world = World::new(7, true, Crashes::Never);
        world.queue.set_faults(QueueFaults { losses: 1_000, ..QueueFaults::default() });
        let node = world.node().await;
        let (mut execution, plan) = world.execution("sequence", 1, None);
        execution.max_retries = 0;
        let id = execution.id;
        node.start(execution, plan).await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        assert_eq!(&*world.find(id).unwrap().error.unwrap().code, "POISONED");
        assert_eq!(world.queue.dispatched().len(), 3);
    });
}

const MOTHER: &str = "workflow mother { input n: int
    step kid: workflow { name = \"waits\", input = { n: input.n } } }";

/// A parent with a child under way, both long out of memory.
async fn mother_and_child(world: &mut World) -> (std::sync::Arc<stepwell::runtime::Node>, stepwell::ids::ExecutionId) {
    world.store.publish(&crate::sim::plans::compiled(MOTHER)[0]);
    let node = world.node().await;
    let id = world.start(&node, "mother", 1, "key").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    (node, id)
}

fn all_cancelled(world: &World) -> bool {
    world.store.rows().executions.values().all(|execution| execution.status == ExecutionStatus::Cancelled)
}

#[test]
fn a_child_is_stopped_though_its_parents_cancel_only_seemed_to_fail() {
    simulate(async {
        let mut world = World::new(2, false, Crashes::Never);
        let (node, id) = mother_and_child(&mut world).await;
        world.store.fail_next(true);
        let answer = node.control(id, Control::Cancel { reason: "enough".into(), undo: true }).await;
        assert!(matches!(answer, Err(RuntimeError::Unavailable(_))));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(all_cancelled(&world));
        world.check();
    });
}

#[test]
fn a_child_is_stopped_though_the_process_died_before_it_could_say_so() {
    simulate(async {
        let mut world = World::new(2, false, Crashes::Never);
        let (node, id) = mother_and_child(&mut world).await;
        // The commit is long in coming back, so that the process dies after it and before anything else.
        world.store.set_faults(StoreFaults { failing: 0, slowness: 50_000 });
        tokio::select! {
            biased;
            _ = node.control(id, Control::Cancel { reason: "enough".into(), undo: true }) => panic!("it was answered"),
            () = async {
                while !world.find(id).unwrap().status.is_terminal() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            } => node.kill(),
        }
        assert!(!all_cancelled(&world));
        let _node = world.node().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(all_cancelled(&world));
        world.check();
    });
}

/// Runs executions over a node that does not know that another has taken over, and gives what was seen that must not be.
fn two_owners(seed: u64, guarded: bool) -> Vec<String> {
    simulate(async {
        let mut world = World::new(seed, false, Crashes::Never);
        world.queue.set_faults(QueueFaults { long: 300, ..QueueFaults::default() });
        if !guarded {
            world.store.without_guards();
        }
        let old = world.node().await;
        let mut ids = Vec::new();
        for (key, workflow, n) in jobs(6) {
            ids.push(world.start(&old, &workflow, n, &key).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(5 + seed)).await;
        // The new process has a queue of its own, as with the queue inside a process.
        world.queue = SimQueue::new(seed, world.store.clone(), false, QueueFaults::default());
        let new = world.node().await;
        if guarded {
            let lost = tokio::time::timeout(Duration::from_secs(600), old.fenced()).await.unwrap();
            assert!(!lost.is_empty());
            for id in ids {
                assert!(new.wait_ended(id, Duration::from_secs(3_600)).await.unwrap().has_ended());
            }
            world.check();
        } else {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        let rows = world.store.rows();
        rows.violations.clone()
    })
}

#[test]
fn a_process_that_was_replaced_writes_nothing_though_it_lives_on() {
    for seed in 0..10 {
        assert_eq!(two_owners(seed, true), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn without_the_guards_two_owners_are_found_out() {
    assert!((0..10).all(|seed| !two_owners(seed, false).is_empty()));
}
