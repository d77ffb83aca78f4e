//! Pause and resume.

use stepwell::engine::{Event, ExecutionStatus, StepError, StepStatus};
use stepwell::ids::StepPath;

use super::world::{World, both, echo, json, unchecked};

const TWO: &str =
    "workflow w { timeout 1h\n step a: work { retry 1 backoff 1s jitter none }\n step b: work { }\n return b.n }";

fn paused(world: &mut World) {
    world.apply(Event::Pause).unwrap();
    assert_eq!(world.status(), ExecutionStatus::Paused);
}

#[test]
fn what_runs_is_recorded_and_nothing_new_starts_until_it_is_resumed() {
    both(TWO, "{}", |mut world| {
        paused(&mut world);
        world.answer(echo);
        assert_eq!(world.step("a", 1).status, StepStatus::Completed);
        assert!(world.dispatches.is_empty());
        world.apply(Event::Resume).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Running);
        assert_eq!(world.dispatches[0].path.as_str(), "b");
        assert_eq!(world.run(|_| Ok(json(r#"{"n": 3}"#))).output(), "3");
    });
}

#[test]
fn no_timer_fires_while_it_is_paused_and_what_is_due_fires_when_it_goes_on() {
    both(TWO, "{}", |mut world| {
        world.answer(|_| Err(StepError::retryable("BUSY", "later")));
        paused(&mut world);
        let due = world.step("a", 1).wake_at.unwrap();
        world.now = due.plus_ms(60_000);
        let path = StepPath::new("a");
        assert!(world.apply(Event::Woken { path, attempt: 1 }).is_err());
        let effects = world.apply(Event::Resume).unwrap();
        assert!(effects.timers.iter().any(|timer| timer.due == due), "{:?}", effects.timers);
        assert!(world.ring());
        assert_eq!(world.story(), ["a#1 failed", "a#2 running"]);
    });
}

#[test]
fn the_executions_own_timeout_does_not_pass_while_it_is_paused() {
    both(TWO, "{}", |mut world| {
        let effects = world.apply(Event::Pause).unwrap();
        assert_eq!(effects.execution.unwrap().wake_at, None);
        world.now = world.now.plus_ms(7_200_000);
        assert!(world.apply(Event::TimedOut).is_err());
        world.apply(Event::Resume).unwrap();
        world.ring();
        assert_eq!(&*world.state.error().unwrap().code, "TIMEOUT");
    });
}

#[test]
fn a_failure_while_it_is_paused_follows_when_it_goes_on() {
    for (forgetful, retries, then) in
        [(false, 0, ExecutionStatus::Failed), (true, 0, ExecutionStatus::Failed), (true, 1, ExecutionStatus::Retrying)]
    {
        let mut world = World::new(unchecked(TWO), "{}", retries);
        world.forgetful = forgetful;
        let mut world = world.started();
        paused(&mut world);
        world.answer(|_| Err(StepError::fatal("NO", "no")));
        assert_eq!(world.status(), ExecutionStatus::Paused);
        assert_eq!(world.step("a", 1).status, StepStatus::Failed);
        world.apply(Event::Resume).unwrap();
        assert_eq!(world.status(), then);
    }
}

#[test]
fn an_execution_that_was_retrying_goes_back_to_that() {
    for forgetful in [false, true] {
        let mut world = World::new(unchecked(TWO), "{}", 1);
        world.forgetful = forgetful;
        let mut world = world.started();
        world.answer(|_| Err(StepError::fatal("NO", "no")));
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        paused(&mut world);
        assert!(world.apply(Event::ExecutionWoken).is_err());
        world.apply(Event::Resume).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        assert_eq!(world.run(|_| Ok(json(r#"{"n": 1}"#))).output(), "1");
    }
}

#[test]
fn a_loss_while_it_is_paused_is_made_again_when_it_goes_on() {
    both(TWO, "{}", |mut world| {
        paused(&mut world);
        world.apply(Event::Lost { path: StepPath::new("a"), attempt: 1 }).unwrap();
        world.dispatches.clear();
        assert_eq!(world.step("a", 1).status, StepStatus::Retrying);
        world.now = world.now.plus_ms(10_000);
        world.apply(Event::Resume).unwrap();
        assert!(world.ring());
        assert_eq!(world.dispatches[0].attempt, 2);
        assert_eq!(world.story(), ["a#1 failed", "a#2 running"]);
        assert_eq!(world.run(|_| Ok(json(r#"{"n": 1}"#))).status(), ExecutionStatus::Completed);
    });
}

#[test]
fn signals_and_decisions_are_taken_and_a_cancel_works_while_it_is_paused() {
    let text = r#"workflow w {
  wait a: "x"
  approve b: "g"
  return a
}"#;
    both(text, "{}", |mut world| {
        paused(&mut world);
        world.signal("1", "x", "1").unwrap();
        assert_eq!(world.step("a", 1).status, StepStatus::Completed);
        assert!(world.decide("b", true, "{}").is_err(), "it is not reached");
        world.apply(Event::Resume).unwrap();
        paused(&mut world);
        world.decide("b", true, "{}").unwrap();
        assert_eq!(world.status(), ExecutionStatus::Paused, "it does not end by itself");
        world.apply(Event::Cancel { reason: "enough".into(), undo: true }).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Cancelled);
    });
}

#[test]
fn what_is_asked_in_the_wrong_state_is_refused_and_says_which_is_right() {
    let mut world = World::new(unchecked(TWO), "{}", 0);
    assert!(world.apply(Event::Pause).is_err());
    let mut world = world.started();
    let refused = world.apply(Event::Resume).unwrap_err().to_string();
    assert_eq!(refused, "resuming is not possible while the execution is running; it is possible while it is paused");
    paused(&mut world);
    let refused = world.apply(Event::Pause).unwrap_err().to_string();
    assert!(refused.starts_with("a pause is not possible while the execution is paused"), "{refused}");
}
