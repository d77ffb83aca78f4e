//! Limits in the runtime, in virtual time: slots of concurrency, rates, kept outputs. Over crashes, too.

use std::sync::Arc;
use std::time::Duration;

use stepwell::engine::{Control, ExecutionStatus, StepStatus};
use stepwell::expr::{Expr, Timestamp, Value};
use stepwell::ids::ExecutionId;
use stepwell::lang::parse_expr;
use stepwell::plan::{CachePolicy, Concurrency, NodeKind, Overflow, Plan, RatePolicy, StepNode};
use stepwell::runtime::Node;
use stepwell::service::ports::{Runtime, RuntimeError};

use crate::sim::plans::compiled;
use crate::sim::world::{Crashes, World, simulate};

fn expr(text: &str) -> Expr {
    parse_expr(text, 0).0.unwrap()
}

/// The plan of a text, changed.
fn plan(text: &str, change: impl FnOnce(&mut Plan)) -> Arc<Plan> {
    let mut plan = (*compiled(text)[0]).clone();
    change(&mut plan);
    Arc::new(plan)
}

/// A workflow of which one execution takes two seconds, and `limit` run at once.
fn limited(limit: u32, otherwise: Overflow) -> Arc<Plan> {
    let text = "workflow limited {\n input n: int\n sleep 2s\n step a: work { value = input.n }\n}";
    plan(text, |plan| plan.concurrency = Some(Concurrency { key: expr("input.n % 2 == 0"), limit, otherwise }))
}

/// A workflow of one step, which has a policy.
fn of_one_step(change: impl FnOnce(&mut StepNode)) -> Arc<Plan> {
    plan("workflow one {\n input n: int\n step a: work { value = input.n }\n return { value: a.value }\n}", |plan| {
        let step = plan.nodes.iter_mut().find_map(|node| match &mut node.kind {
            NodeKind::Step(step) => Some(step),
            _ => None,
        });
        change(step.unwrap());
    })
}

async fn started(world: &World, node: &Node, workflow: &str, n: i64) -> ExecutionId {
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.start(node, workflow, n, &format!("{workflow} {n}")).await.unwrap()
}

async fn all_end(world: &World, node: &Node, ids: &[ExecutionId]) {
    for id in ids {
        assert!(node.wait_ended(*id, Duration::from_secs(600)).await.unwrap().has_ended(), "{:?}", world.find(*id));
    }
}

fn statuses(world: &World, ids: &[ExecutionId]) -> Vec<ExecutionStatus> {
    ids.iter().map(|id| world.find(*id).unwrap().status).collect()
}

/// When these ran, in the order of their starts.
fn spans(world: &World, ids: &[ExecutionId]) -> Vec<(Timestamp, Timestamp, ExecutionId)> {
    let span = |id: &ExecutionId| {
        let execution = world.find(*id).unwrap();
        Some((execution.started_at?, execution.completed_at?, *id))
    };
    let mut spans: Vec<_> = ids.iter().filter_map(span).collect();
    spans.sort();
    spans
}

/// The most that ran at once.
fn most_at_once(spans: &[(Timestamp, Timestamp, ExecutionId)]) -> usize {
    let at = |moment: Timestamp| spans.iter().filter(|(from, to, _)| *from <= moment && moment < *to).count();
    spans.iter().map(|(from, _, _)| at(*from)).max().unwrap_or(0)
}

#[test]
fn those_past_the_limit_wait_and_run_in_the_order_of_arrival() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        world.store.publish(&limited(2, Overflow::Queue));
        let node = world.node().await;
        let mut ids = Vec::new();
        for n in [0, 2, 4, 6, 8] {
            ids.push(started(&world, &node, "limited", n).await);
        }
        let other = started(&world, &node, "limited", 1).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(
            statuses(&world, &[ids[1], ids[2], other]),
            [ExecutionStatus::Running, ExecutionStatus::Pending, ExecutionStatus::Running]
        );
        all_end(&world, &node, &ids).await;
        let spans = spans(&world, &ids);
        assert_eq!(most_at_once(&spans), 2);
        assert!(spans.iter().map(|(_, _, id)| id).eq(&ids), "{spans:?}");
        world.check();
    });
}

#[test]
fn without_a_limit_all_of_them_run_at_once() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        world.store.publish(&limited(100, Overflow::Queue));
        let node = world.node().await;
        let mut ids = Vec::new();
        for n in [0, 2, 4] {
            ids.push(started(&world, &node, "limited", n).await);
        }
        all_end(&world, &node, &ids).await;
        assert_eq!(most_at_once(&spans(&world, &ids)), 3);
    });
}

#[test]
fn the_limit_holds_over_crashes_and_failed_commits_and_everybody_gets_a_turn() {
    for seed in 0..30 {
        simulate(async {
            let mut world = World::new(seed, true, Crashes::random(seed, 30, 4));
            world.store.publish(&limited(1, Overflow::Queue));
            world.store.set_faults(crate::sim::store::StoreFaults { failing: 100, slowness: 5_000 });
            let jobs: Vec<_> = (0..6).map(|n| (format!("job {n}"), "limited".to_owned(), n)).collect();
            let endings = world.run(&jobs).await;
            assert!(endings.values().all(|ending| ending.status == ExecutionStatus::Completed), "{endings:?}");
            let of = |even: bool| {
                let rows = world.store.rows();
                let ids = rows.executions.values().filter(|one| {
                    &*one.workflow_name == "limited"
                        && one.concurrency_key.as_deref() == Some(if even { "true" } else { "false" })
                });
                ids.map(|one| one.id).collect::<Vec<_>>()
            };
            for even in [true, false] {
                assert_eq!(most_at_once(&spans(&world, &of(even))), 1, "seed {seed}");
            }
            world.check();
        });
    }
}

#[test]
fn one_past_the_limit_is_cancelled_or_fails_where_the_workflow_says_so() {
    for (otherwise, status) in
        [(Overflow::Cancel, ExecutionStatus::Cancelled), (Overflow::Fail, ExecutionStatus::Failed)]
    {
        simulate(async {
            let mut world = World::new(1, true, Crashes::Never);
            world.store.publish(&limited(1, otherwise));
            let node = world.node().await;
            let first = started(&world, &node, "limited", 0).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            let second = started(&world, &node, "limited", 2).await;
            all_end(&world, &node, &[first, second]).await;
            assert_eq!(statuses(&world, &[first, second]), [ExecutionStatus::Completed, status]);
            let turned_away = world.find(second).unwrap();
            assert_eq!(turned_away.started_at, None, "it did not start");
            if status == ExecutionStatus::Failed {
                assert_eq!(&*turned_away.error.unwrap().code, "CONCURRENCY");
                let refused = node.control(second, Control::Retry).await.unwrap_err();
                assert!(matches!(refused, RuntimeError::Refused(_)), "{refused}");
            }
            world.check();
        });
    }
}

#[test]
fn a_newer_one_replaces_the_one_that_runs_and_starts_after_its_end() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        world.store.publish(&limited(1, Overflow::Replace));
        let node = world.node().await;
        let first = started(&world, &node, "limited", 0).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let second = started(&world, &node, "limited", 2).await;
        all_end(&world, &node, &[first, second]).await;
        assert_eq!(statuses(&world, &[first, second]), [ExecutionStatus::Cancelled, ExecutionStatus::Completed]);
        assert_eq!(most_at_once(&spans(&world, &[first, second])), 1);
        world.check();
    });
}

#[test]
fn one_for_later_waits_for_its_time_and_then_for_its_turn() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        world.store.publish(&limited(1, Overflow::Queue));
        let node = world.node().await;
        let (mut execution, plan) = world.execution("limited", 4, None);
        let due = execution.created_at.plus_ms(5_000);
        (execution.scheduled_at, execution.wake_at) = (Some(due), Some(due));
        let later = execution.id;
        node.start(execution, plan).await.unwrap();
        let first = started(&world, &node, "limited", 0).await;
        tokio::time::sleep(Duration::from_millis(4_500)).await;
        let second = started(&world, &node, "limited", 2).await;
        all_end(&world, &node, &[first, second, later]).await;
        let spans = spans(&world, &[first, second, later]);
        assert_eq!(most_at_once(&spans), 1);
        assert!(spans.iter().map(|(_, _, id)| *id).eq([first, second, later]), "{spans:?}");
        assert!(spans[2].0 >= due);
        world.check();
    });
}

#[test]
fn never_more_are_dispatched_than_the_rate_allows_over_a_restart_too() {
    simulate(async {
        let mut world = World::new(1, false, Crashes::Never);
        let rate = RatePolicy { name: "calls".into(), count: 3, per_ms: 10_000 };
        world.store.publish(&of_one_step(|step| step.rarely.rate = Some(rate)));
        let node = world.node().await;
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(started(&world, &node, "one", n).await);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.queue.dispatched().len(), 3);
        drop(node);
        world.queue.owner_died();
        let node = world.node().await;
        for n in 5..8 {
            ids.push(started(&world, &node, "one", n).await);
        }
        all_end(&world, &node, &ids).await;
        let mut times: Vec<Timestamp> = world.store.rows().steps.values().map(|row| row.started_at.unwrap()).collect();
        times.sort();
        assert_eq!(times.len(), 8, "each was made once: one that waits for its turn is not lost with its process");
        // A task takes a moment from its dispatch to its claim.
        assert!(times.windows(4).all(|four| four[3].since_ms(four[0]) > 9_900), "{times:?}");
        world.check();
    });
}

#[test]
fn what_is_stopped_while_it_waits_for_its_turn_is_never_dispatched() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let rate = RatePolicy { name: "calls".into(), count: 1, per_ms: 10_000 };
        world.store.publish(&of_one_step(|step| step.rarely.rate = Some(rate)));
        let node = world.node().await;
        let first = started(&world, &node, "one", 1).await;
        let second = started(&world, &node, "one", 2).await;
        all_end(&world, &node, &[first]).await;
        node.control(second, Control::Cancel { reason: "enough".into(), undo: true }).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(world.queue.dispatched().iter().all(|key| key.execution == first));
        world.check();
    });
}

#[test]
fn an_output_that_is_kept_is_the_outcome_until_it_expires() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let cache = CachePolicy { key: expr("input.n > 0"), ttl_ms: 60_000 };
        world.store.publish(&of_one_step(|step| step.rarely.cache = Some(cache)));
        let node = world.node().await;
        let output = |id: ExecutionId| {
            let output = world.find(id).unwrap().output.unwrap();
            output.get("value").unwrap().clone()
        };
        let mut outputs = Vec::new();
        for (n, wait) in [(1, 10), (2, 20), (3, 35), (4, 0)] {
            let id = started(&world, &node, "one", n).await;
            all_end(&world, &node, &[id]).await;
            outputs.push(output(id));
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
        assert_eq!(outputs, [2, 2, 2, 5].map(Value::Int), "being served does not keep it alive");
        assert_eq!(world.queue.dispatched().len(), 2);
        let rows = world.store.rows();
        let told = rows.logs.iter().filter(|(_, entry)| entry.message.contains("one that was kept")).count();
        assert_eq!(told, 2);
        assert!(rows.steps.values().all(|row| row.status == StepStatus::Completed));
    });
}
