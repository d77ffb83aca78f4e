//! The runtime over a store in memory and simulated workers, in virtual time.

use std::time::Duration;

use stepwell::engine::{Compensation, Control, ExecutionStatus};
use stepwell::expr::Value;
use stepwell::service::model::ExecutionView;
use stepwell::service::ports::{Progress, Runtime, RuntimeError, Started, Waited};

use crate::sim::world::{Crashes, World, expected, jobs, simulate};

#[test]
fn every_shape_of_workflow_runs_to_its_end() {
    let endings = expected(8);
    for (key, workflow, _) in jobs(8) {
        let ending = &endings[&key];
        let status = if workflow == "fails" { ExecutionStatus::Failed } else { ExecutionStatus::Completed };
        assert_eq!(ending.status, status, "{workflow}: {ending:?}");
    }
    let value = |key: &str| endings[key].output.as_ref().unwrap().get("value").cloned();
    assert_eq!(value("job 0"), Some(Value::Int(4)));
    assert_eq!(value("job 3"), Some(Value::Int(5)));
    assert_eq!(value("job 7"), Some(Value::Int(12)), "one more than the event and the last signal say");
    assert_eq!(endings["job 6"].error.as_deref(), Some("BAD"));
}

#[test]
fn whoever_waits_is_told_what_the_rows_say() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        for workflow in ["sequence", "fails", "parent", "waits"] {
            let (id, other) = (
                world.start(&node, workflow, 1, "one").await.unwrap(),
                world.start(&node, workflow, 2, "two").await.unwrap(),
            );
            let wait = || node.wait_ended(id, Duration::from_secs(60));
            let (first, second, other) = tokio::join!(wait(), wait(), node.wait_ended(other, Duration::from_secs(60)));
            assert_eq!(told(first), world.view(id), "{workflow}");
            assert_eq!(told(second), world.view(id), "{workflow}");
            assert_ne!(told(other).execution.id, id);
        }
    });
}

fn told(waited: Result<Waited, RuntimeError>) -> ExecutionView {
    match waited.unwrap() {
        Waited::Ended(Some(view)) => *view,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_that_runs_through_at_once_answers_what_the_rows_say() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let text = "workflow pure {\ninput n: int\nlet a = input.n + 1\nlet b = a * 2\nreturn b\n}";
        world.store.publish(&crate::sim::plans::compiled(text)[0]);
        let node = world.node().await;
        let (execution, plan) = world.execution("pure", 1, None);
        let Started::New(view) = node.start(execution, plan).await.unwrap() else { panic!("it was there") };
        assert_eq!(view.execution.status, ExecutionStatus::Completed);
        assert_eq!(view, world.view(view.execution.id));
        assert!(view.current_step_order.is_some());
    });
}

#[test]
fn ten_steps_take_eleven_commits() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let text: String = (1..=10).map(|n| format!("step s{n}: work {{ value = {n} }}\n")).collect();
        world.store.publish(&crate::sim::plans::compiled(&format!("workflow ten {{\ninput n: int\n{text}}}"))[0]);
        let node = world.node().await;
        let before = world.store.rows().commits;
        let id = world.start(&node, "ten", 1, "key").await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        assert_eq!(world.store.rows().commits - before, 11);
    });
}

#[test]
fn a_key_that_is_taken_gives_the_execution_that_is_there() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let (first, plan) = world.execution("sequence", 1, Some("key"));
        let (second, _) = world.execution("sequence", 2, Some("key"));
        assert!(matches!(node.start(first.clone(), plan.clone()).await.unwrap(), Started::New(_)));
        let Started::Existing(there) = node.start(second.clone(), plan).await.unwrap() else {
            panic!("it was started")
        };
        assert_eq!(there.id, first.id);
        assert!(node.wait_ended(first.id, Duration::from_secs(60)).await.unwrap().has_ended());
        assert_eq!(world.find(second.id), None);
        assert!(world.queue.dispatched().iter().all(|key| key.execution == first.id), "the twin acted");
        world.check();
    });
}

#[test]
fn a_start_for_later_is_a_row_alone_until_its_time() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let (mut execution, plan) = world.execution("sequence", 1, None);
        let due = execution.created_at.plus_ms(9_000);
        execution.scheduled_at = Some(due);
        let id = execution.id;
        assert!(matches!(node.start(execution, plan).await.unwrap(), Started::New(_)));
        assert_eq!(node.live(), 0);
        assert_eq!(world.find(id).unwrap().status, ExecutionStatus::Pending);
        assert!(!node.wait_ended(id, Duration::from_secs(8)).await.unwrap().has_ended());
        assert!(node.wait_ended(id, Duration::from_secs(10)).await.unwrap().has_ended());
        let started_at = world.find(id).unwrap().started_at.unwrap();
        assert!(started_at >= due && started_at.since_ms(due) < 100, "due {due}, started {started_at}");
    });
}

#[test]
fn what_waits_long_leaves_memory_and_goes_on_in_time() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let id = world.start(&node, "waits", 1, "key").await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(node.live(), 0, "it waits for eight seconds and is in memory");
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        let execution = world.find(id).unwrap();
        assert_eq!(execution.status, ExecutionStatus::Completed);
        let took = execution.completed_at.unwrap().since_ms(execution.started_at.unwrap());
        assert!((10_000..10_200).contains(&took), "{took} ms");
    });
}

#[test]
fn what_has_ended_leaves_memory() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let id = world.start(&node, "parent", 1, "key").await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(node.live(), 0);
    });
}

#[test]
fn a_cancel_reaches_the_children_and_is_refused_once_all_has_ended() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let text = "workflow mother { input n: int
            step kid: workflow { name = \"waits\", input = { n: input.n } } }";
        world.store.publish(&crate::sim::plans::compiled(text)[0]);
        let id = world.start(&node, "mother", 1, "key").await.unwrap();
        // Long enough for both to have left memory.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(node.live(), 0);
        let cancel = || Control::Cancel { reason: "enough".into(), undo: true };
        node.control(id, cancel()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let statuses: Vec<_> = world.store.rows().executions.values().map(|execution| execution.status).collect();
        assert_eq!(statuses, [ExecutionStatus::Cancelled; 2]);
        assert!(matches!(node.control(id, cancel()).await, Err(RuntimeError::Refused(_))));
        world.check();
    });
}

#[test]
fn a_retry_by_hand_goes_on_from_the_failed_step_of_an_execution_that_left_memory() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let id = world.start(&node, "fails", 1, "key").await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(600)).await.unwrap().has_ended());
        tokio::time::sleep(Duration::from_secs(10)).await;
        let attempts = || world.queue.dispatched().iter().filter(|key| key.path.as_str() == "b").count();
        let before = attempts();
        node.control(id, Control::Retry).await.unwrap();
        assert!(!world.find(id).unwrap().status.is_terminal());
        assert!(node.wait_ended(id, Duration::from_secs(600)).await.unwrap().has_ended());
        assert!(attempts() > before);
        assert_eq!(world.queue.dispatched().iter().filter(|key| key.path.as_str() == "a").count(), 1);
        world.check();
    });
}

#[test]
fn the_undos_that_failed_are_retried_of_an_execution_that_ended_and_left_memory() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let text = "workflow sells { input n: int
            step a: work { value = input.n, undo flaky { value = a?.value } }
            sleep 1h }";
        world.store.publish(&crate::sim::plans::compiled(text)[0]);
        let id = world.start(&node, "sells", 1, "key").await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        node.control(id, Control::Cancel { reason: "enough".into(), undo: true }).await.unwrap();
        for wanted in [Compensation::Failed, Compensation::Failed, Compensation::Done] {
            assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
            tokio::time::sleep(Duration::from_secs(5)).await;
            let ended = world.find(id).unwrap();
            assert_eq!((ended.status, ended.compensation), (ExecutionStatus::Cancelled, wanted));
            assert_eq!(node.control(id, Control::RetryUndo).await.is_ok(), wanted == Compensation::Failed);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(node.live(), 0);
        world.check();
    });
}

#[test]
fn a_control_of_nothing_is_not_found() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let (execution, _) = world.execution("sequence", 1, None);
        let answer = node.control(execution.id, Control::Retry).await;
        assert!(matches!(answer, Err(RuntimeError::NotFound(id)) if id == execution.id));
        let answer = node.wait_ended(execution.id, Duration::from_secs(1)).await;
        assert!(matches!(answer, Err(RuntimeError::NotFound(_))));
    });
}

#[test]
fn a_watcher_sees_every_row_once_it_is_written() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let (execution, plan) = world.execution("sequence", 1, None);
        let id = execution.id;
        let mut progress = node.watch(id).await;
        node.start(execution, plan).await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        let (mut steps, mut last) = (Vec::new(), None);
        while let Ok(seen) = progress.try_recv() {
            match seen {
                Progress::Step(row) => steps.push(row.name.to_string()),
                Progress::Execution(update) => last = Some(update.status),
                Progress::Log(_) => {}
            }
        }
        assert_eq!(steps, ["a", "half", "b", "say", "c", "d"].map(str::to_owned));
        assert_eq!(last, Some(ExecutionStatus::Completed));
    });
}

#[test]
fn a_missing_workflow_is_a_failed_step_with_a_clear_message() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let node = world.node().await;
        let text = "workflow mother { input n: int
            step kid: workflow { name = \"nobody\", input = { n: input.n } } }";
        world.store.publish(&crate::sim::plans::compiled(text)[0]);
        let (mut execution, plan) = world.execution("mother", 1, None);
        execution.max_retries = 0;
        let id = execution.id;
        node.start(execution, plan).await.unwrap();
        assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
        let error = world.find(id).unwrap().error.unwrap();
        assert_eq!((&*error.code, &*error.message), ("CHILD_FAILED", "there is no workflow `nobody`"));
    });
}

#[test]
fn a_child_gets_its_defaults_and_settings_and_what_does_not_fit_fails_the_step() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let text = "workflow kid { input n: int
                input m: int = 5
                setting more: int = 7
                return { sum: input.n + input.m + settings.more } }
            workflow fits { input n: int
                step kid: workflow { name = \"kid\", input = { n: input.n } }
                return kid }
            workflow misfits { input n: int
                step say: work { value = 1, output any }
                step kid: workflow { name = \"kid\", input = { n: say } } }";
        crate::sim::plans::compiled(text).iter().for_each(|plan| world.store.publish(plan));
        let node = world.node().await;
        let mut ended = Vec::new();
        for name in ["fits", "misfits"] {
            let (mut execution, plan) = world.execution(name, 1, None);
            execution.max_retries = 0;
            let id = execution.id;
            node.start(execution, plan).await.unwrap();
            assert!(node.wait_ended(id, Duration::from_secs(60)).await.unwrap().has_ended());
            ended.push(world.find(id).unwrap());
        }
        assert_eq!(ended[0].output.as_ref().unwrap().get("sum"), Some(&Value::Int(13)));
        let error = ended[1].error.as_ref().unwrap();
        assert_eq!(&*error.code, "CHILD_FAILED");
        assert!(error.message.contains("`input.n`"), "{}", error.message);
    });
}

#[test]
fn a_long_task_gets_its_running_row_and_a_drain_writes_the_others() {
    use crate::sim::queue::QueueFaults;
    use stepwell::engine::StepStatus;
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        world.queue.set_faults(QueueFaults { long: 1_000, ..QueueFaults::default() });
        let node = world.node().await;
        let id = world.start(&node, "sequence", 1, "key").await.unwrap();
        let running = || {
            let rows = world.store.rows();
            rows.steps.values().filter(|row| row.execution == id && row.status == StepStatus::Running).count()
        };
        assert_eq!(running(), 0);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(running(), 0, "a row for what may be done in a moment");
        node.drain(Duration::from_secs(5)).await;
        assert_eq!(running(), 1);
        let (execution, plan) = world.execution("sequence", 1, None);
        assert!(matches!(node.start(execution, plan).await, Err(RuntimeError::Unavailable(_))));
    });
}

#[test]
fn a_full_node_turns_starts_away() {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let options = stepwell::runtime::Options { max_in_flight: 2, ..world.options() };
        let node = stepwell::runtime::Node::start(options, world.ports()).await.unwrap();
        world.store.set_away(true);
        let (first, plan) = world.execution("sequence", 1, None);
        let (second, _) = world.execution("sequence", 2, None);
        let (third, _) = world.execution("sequence", 3, None);
        let starts = async {
            tokio::join!(node.start(first, plan.clone()), node.start(second, plan.clone()), node.start(third, plan))
        };
        let (_, _, third) = starts.await;
        assert!(matches!(third, Err(RuntimeError::Unavailable(why)) if why.contains("under way")));
        world.lives += 1;
    });
}
