//! Events, signals and pauses over a whole node: who takes what, once, whatever dies on the way.

use std::time::Duration;

use stepwell::engine::{Control, ExecutionStatus, StepStatus};
use stepwell::expr::Value;
use stepwell::ids::{ExecutionId, StepPath};
use stepwell::runtime::Node;
use stepwell::service::ports::{CrashPoint, Runtime, RuntimeError};
use stepwell::service::waits::SentEvent;

use crate::sim::plans::compiled;
use crate::sim::world::{Crashes, World, simulate};

const LISTENS: &str = r#"
workflow hears {
  input n: int
  wait heard: "news" where event.least <= input.n
  return { heard: heard.what }
}
workflow also {
  input n: int
  wait heard: "news"
  return { heard: heard.what }
}
"#;

/// A world in which two workflows wait for news.
fn world(crashes: Crashes) -> World {
    let world = World::new(1, true, crashes);
    compiled(LISTENS).iter().for_each(|plan| world.store.publish(plan));
    world
}

fn news(what: &str, least: i64) -> Value {
    Value::object([("what", Value::str(what)), ("least", Value::Int(least))])
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}

/// What an execution heard, or its state.
fn heard(world: &World, id: ExecutionId) -> String {
    let execution = world.find(id).unwrap();
    let heard = execution.output.as_ref().and_then(|output| output.get("heard")).and_then(Value::as_str);
    heard.map_or_else(|| execution.status.to_string(), str::to_owned)
}

#[test]
fn the_oldest_wait_of_each_workflow_that_fits_takes_an_event_and_no_other_does() {
    simulate(async {
        let mut world = world(Crashes::Never);
        let node = world.node().await;
        let mut ids = Vec::new();
        for (workflow, n) in [("hears", 1), ("hears", 5), ("hears", 9), ("also", 0), ("also", 0)] {
            ids.push(world.start(&node, workflow, n, &format!("key {}", ids.len())).await.unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let taken = world.send(&node, "news", "one", news("first", 5)).await;
        assert_eq!(taken.iter().map(|one| one.execution).collect::<Vec<_>>(), [ids[1], ids[3]]);
        settle().await;
        let told: Vec<String> = ids.iter().map(|id| heard(&world, *id)).collect();
        assert_eq!(told, ["running", "first", "running", "first", "running"]);
        assert!(world.send(&node, "news", "one", news("again", 0)).await.is_empty(), "an id goes once");
        world.check();
    });
}

#[test]
fn what_nobody_takes_is_kept_oldest_first_for_waits_that_open_later() {
    simulate(async {
        let mut world = world(Crashes::Never);
        let node = world.node().await;
        world.send(&node, "news", "b", news("older", 5)).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        world.send(&node, "news", "a", news("newer", 0)).await;
        let small = world.start(&node, "hears", 1, "small").await.unwrap();
        let large = world.start(&node, "hears", 9, "large").await.unwrap();
        let other = world.start(&node, "also", 9, "other").await.unwrap();
        settle().await;
        assert_eq!([small, large, other].map(|id| heard(&world, id)), ["newer", "older", "older"]);
        let late = world.start(&node, "hears", 9, "late").await.unwrap();
        settle().await;
        assert_eq!(heard(&world, late), "running", "each is taken once for a workflow");
        world.check();
    });
}

#[test]
fn an_event_is_kept_as_long_as_its_workflow_says() {
    simulate(async {
        let mut world = world(Crashes::Never);
        let node = world.node().await;
        world.send(&node, "news", "old", news("old", 0)).await;
        tokio::time::sleep(Duration::from_secs(23 * 3_600)).await;
        let early = world.start(&node, "also", 1, "early").await.unwrap();
        tokio::time::sleep(Duration::from_secs(2 * 3_600)).await;
        let late = world.start(&node, "hears", 1, "late").await.unwrap();
        settle().await;
        assert_eq!([early, late].map(|id| heard(&world, id)), ["old", "running"], "a day is over");
    });
}

#[test]
fn a_broadcast_goes_to_every_wait_that_is_open_and_is_not_kept() {
    simulate(async {
        let mut world = world(Crashes::Never);
        let node = world.node().await;
        let mut ids = Vec::new();
        for n in [1, 5, 9] {
            ids.push(world.start(&node, "hears", n, &format!("key {n}")).await.unwrap());
        }
        let at = stepwell::service::ports::Clock::now(&*world.clock);
        let data = news("all", 5);
        let event =
            SentEvent { name: "news".into(), id: "x".into(), data, kept: false, at, expires_at: at.plus_ms(1_000) };
        let taken = node.event(event, Duration::from_secs(60)).await.unwrap();
        assert_eq!(taken.len(), 2);
        settle().await;
        let late = world.start(&node, "hears", 9, "late").await.unwrap();
        settle().await;
        ids.push(late);
        let told: Vec<String> = ids.iter().map(|id| heard(&world, *id)).collect();
        assert_eq!(told, ["running", "all", "all", "running"]);
    });
}

/// Sends two events while processes die at a point; how the executions that wait for them end, and in how many lives.
fn news_with(crashes: Crashes, failing: bool) -> (Vec<String>, u64) {
    simulate(async {
        let mut world = world(crashes);
        let mut ids: Vec<Option<ExecutionId>> = vec![None; 3];
        let mut sent = 0;
        for life in 0.. {
            assert!(life < 60, "it does not end");
            let node = world.node().await;
            tokio::select! {
                biased;
                () = node.stopped() => world.queue.owner_died(),
                () = news_once(&world, &node, &mut ids, &mut sent, failing) => break,
            }
        }
        world.check();
        (ids.into_iter().map(|id| heard(&world, id.unwrap())).collect(), world.lives)
    })
}

async fn news_once(world: &World, node: &Node, ids: &mut [Option<ExecutionId>], sent: &mut u64, failing: bool) {
    // Two wait before the events come, and one of the other workflow after.
    for (at, (workflow, n)) in [("hears", 1), ("hears", 9)].into_iter().enumerate() {
        started(world, node, workflow, n, &mut ids[at]).await;
    }
    if failing {
        world.store.fail_next((*sent).is_multiple_of(2));
    }
    for (id, least) in [("first", 5), ("second", 0)] {
        *sent += 1;
        world.send(node, "news", id, news(id, least)).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started(world, node, "also", 0, &mut ids[2]).await;
    for _ in 0..40 {
        settle().await;
        if ids.iter().flatten().all(|id| world.find(*id).is_some_and(|one| one.status.is_terminal())) {
            return;
        }
    }
    panic!("not all heard: {:?}", ids.iter().flatten().map(|id| heard(world, *id)).collect::<Vec<_>>());
}

async fn started(world: &World, node: &Node, workflow: &str, n: i64, id: &mut Option<ExecutionId>) {
    while id.is_none() {
        match world.start(node, workflow, n, &format!("{workflow} {n}")).await {
            Ok(started) => *id = Some(started),
            Err(RuntimeError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn an_event_is_taken_once_wherever_the_process_dies() {
    for point in [CrashPoint::BeforeCommit, CrashPoint::AfterCommit, CrashPoint::AfterDispatch, CrashPoint::AfterAck] {
        let mut died = 0;
        for nth in 1..10 {
            let (told, lives) = news_with(Crashes::at(point, nth), false);
            assert_eq!(told[0], "second", "{point:?}, pass {nth}");
            assert_eq!(told[1], "first", "{point:?}, pass {nth}");
            assert_eq!(told[2], "first", "{point:?}, pass {nth}");
            died += lives - 1;
        }
        assert!(died >= 5, "{point:?} was passed too seldom: {died}");
    }
}

#[test]
fn an_event_is_taken_once_whatever_becomes_of_its_commit() {
    for crash in 1..6 {
        let (told, _) = news_with(Crashes::at(CrashPoint::AfterCommit, crash), true);
        assert_eq!(told, ["second", "first", "first"], "crash {crash}");
    }
}

#[test]
fn a_wait_that_is_out_of_memory_takes_its_event_and_one_in_its_middle_outlives_a_restart() {
    simulate(async {
        let mut world = world(Crashes::Never);
        let node = world.node().await;
        let id = world.start(&node, "hears", 1, "key").await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(node.live(), 0, "it waits for an event and is in memory");
        node.kill();
        drop(node);
        world.queue.owner_died();
        let node = world.node().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(node.live(), 0);
        world.send(&node, "news", "one", news("it", 0)).await;
        assert!(node.wait_ended(id, Duration::from_secs(10)).await.unwrap().has_ended());
        assert_eq!(heard(&world, id), "it");
    });
}

#[test]
fn a_paused_execution_stands_over_a_restart_and_goes_on_where_it_stood() {
    let text = r#"workflow stands { input n: int
  step a: work { value = 1 }
  sleep 4s
  step b: work { value = 2 }
  return { value: b.value } }"#;
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        compiled(text).iter().for_each(|plan| world.store.publish(plan));
        let mut node = world.node().await;
        let id = world.start(&node, "stands", 1, "key").await.unwrap();
        settle().await;
        node.control(id, Control::Pause).await.unwrap();
        assert!(matches!(node.control(id, Control::Pause).await, Err(RuntimeError::Refused(_))));
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert_eq!(world.find(id).unwrap().status, ExecutionStatus::Paused);
            let sleep = world.store.rows().steps[&(id, StepPath::new("sleep-1"), 1)].status;
            assert_eq!(sleep, StepStatus::Waiting, "its timer has fired");
            node.kill();
            world.queue.owner_died();
            node = world.node().await;
        }
        node.control(id, Control::Resume).await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(10)).await.unwrap().has_ended());
        assert_eq!(world.find(id).unwrap().status, ExecutionStatus::Completed);
        world.check();
    });
}

#[test]
fn what_is_done_at_most_once_is_not_sent_again_when_the_queue_forgets() {
    for (policy, status, dispatches) in
        [("at most once, ", ExecutionStatus::Failed, 1), ("", ExecutionStatus::Completed, 2)]
    {
        let text = format!(
            "workflow once {{ input n: int\n step pay: work {{ {policy}value = 1 }}\n return {{ value: pay.value }} }}"
        );
        simulate(async {
            let mut world = World::new(1, true, Crashes::Never);
            compiled(&text).iter().for_each(|plan| world.store.publish(plan));
            world.queue.set_faults(crate::sim::queue::QueueFaults { long: 1_000, ..Default::default() });
            let node = world.node().await;
            let id = world.start(&node, "once", 1, "key").await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.queue.flush();
            assert!(node.wait_ended(id, Duration::from_secs(600)).await.unwrap().has_ended());
            let execution = world.find(id).unwrap();
            assert_eq!(execution.status, status, "{policy}{:?}", execution.error);
            assert_eq!(world.queue.dispatched().len(), dispatches, "{policy}");
            if status == ExecutionStatus::Failed {
                assert_eq!(&*execution.error.unwrap().code, "WORKER_LOST");
            }
        });
    }
}
