//! The life of an execution: cancel, retries, time-outs, and the transitions that are refused.

use proptest::prelude::*;
use stepwell::engine::{Event, ExecutionStatus, StepError, StepStatus};
use stepwell::ids::StepPath;
use stepwell::lang::Notation;

use super::world::{World, cancel, echo, json, plan_of};

const TWO: &str = "workflow w { step a: work { }\n step b: work { }\n return b }";

#[test]
fn a_cancel_stops_what_runs_and_a_late_outcome_changes_nothing() {
    let mut world = World::flow(TWO, "{}").started();
    world.apply(cancel()).unwrap();
    assert_eq!(world.status(), ExecutionStatus::Cancelled);
    assert_eq!(world.step("a", 1).status, StepStatus::Cancelled);
    assert!(world.outcome(&StepPath::new("a"), 1, Ok(json("1"))).is_err());
    assert_eq!(world.step("a", 1).status, StepStatus::Cancelled);
}

#[test]
fn an_illegal_transition_says_which_states_allow_it() {
    let mut world = World::flow(TWO, "{}").started().run(echo);
    let refused = world.apply(cancel()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "a cancel is not possible while the execution is completed; it is possible while it is pending, running, retrying or paused"
    );
    assert!(world.apply(Event::Retry).is_err());
}

#[test]
fn an_execution_retry_goes_on_from_the_failed_step_with_the_next_attempt() {
    for forgetful in [false, true] {
        let mut world = World::new(plan_of(Notation::Flow, TWO), "{}", 1);
        world.forgetful = forgetful;
        let mut world = world.started();
        world.answer(echo);
        world.answer(|_| Err(StepError::fatal("NO", "no")));
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        assert!(world.ring());
        assert_eq!(world.status(), ExecutionStatus::Running);
        world.answer(|_| Err(StepError::fatal("NO", "no")));
        assert_eq!(world.status(), ExecutionStatus::Failed, "none is left");
        world.apply(Event::Retry).unwrap();
        let world = world.run(|_| Ok(json("3")));
        assert_eq!(world.output(), "3");
        assert_eq!(world.story(), ["a#1 completed", "b#1 failed", "b#2 failed", "b#3 completed"]);
    }
}

#[test]
fn a_retry_by_hand_takes_up_the_siblings_that_were_stopped() {
    for forgetful in [false, true] {
        let text = "workflow w { parallel { step a: work { }\n step b: work { }\n branch x { let c = 1 } } }";
        let mut world = World::flow(text, "{}");
        world.forgetful = forgetful;
        let mut world = world.started();
        world.answer(|_| Err(StepError::fatal("NO", "no")));
        assert_eq!(world.status(), ExecutionStatus::Failed);
        world.apply(Event::Retry).unwrap();
        let world = world.run(echo);
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!(world.step("b", 1).status, StepStatus::Cancelled);
        assert_eq!(world.step("b", 2).status, StepStatus::Completed);
    }
}

#[test]
fn an_execution_past_its_timeout_fails_whatever_retries_it_has() {
    let text = "workflow w { timeout 1m\n step a: work { } }";
    let mut world = World::new(plan_of(Notation::Flow, text), "{}", 5).started();
    assert!(world.ring());
    assert_eq!(world.status(), ExecutionStatus::Failed);
    assert_eq!(&*world.state.error().unwrap().code, "TIMEOUT");
    assert_eq!(world.step("a", 1).status, StepStatus::Cancelled);
}

#[test]
fn a_timer_that_rings_too_early_is_armed_again() {
    let mut world = World::flow("workflow w { sleep 1h }", "{}").started();
    let path = StepPath::new("sleep-1");
    let effects = world.apply(Event::Woken { path, attempt: 1 }).unwrap();
    assert_eq!(effects.timers.len(), 1);
    assert_eq!(world.status(), ExecutionStatus::Running);
}

const WIDE: &str = r#"workflow w {
  input n: int
  step first: work { n = input.n, retry 2 backoff 1s }
  let sums = for x in [1, 2, 3] parallel 2 {
    parallel {
      step left: work { n = x, retry 1 backoff 1s }
      step right: work { n = x * 2, after left }
    }
    if x > 1 { step more: work { n = left.n } } else { sleep 5s }
    yield left.n + right.n
  }
  return sums.sum()
}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails, is lost or comes twice, and whatever is forgotten on the way: the rows fold to the state after each
    /// event (checked inside), and the end is the same.
    #[test]
    fn every_history_folds_to_the_state_that_wrote_it(script in proptest::collection::vec(0u8..8, 0..60), forget in any::<bool>()) {
        let mut world = World::new(plan_of(Notation::Flow, WIDE), r#"{"n": 1}"#, 2);
        world.forgetful = forget;
        let mut world = world.started();
        for choice in script {
            if world.status().is_terminal() {
                break;
            }
            let last = world.dispatches.back().map(|dispatch| (dispatch.path.clone(), dispatch.attempt));
            match (choice, last) {
                (0, _) => { world.answer(|_| Err(StepError::retryable("BUSY", "later"))); }
                (1, Some((path, attempt))) if world.state.awaits(&path, attempt) => {
                    world.apply(Event::Lost { path, attempt }).unwrap();
                }
                (2, Some((path, attempt))) if world.state.awaits(&path, attempt) => {
                    let claimed_at = world.now;
                    world.apply(Event::Running { path, attempt, claimed_at }).unwrap();
                }
                (3, _) => { world.ring(); }
                (4, _) => { world.answer(|_| Err(StepError::fatal("NO", "no"))); }
                _ => { world.answer(echo); }
            }
        }
        if world.status() == ExecutionStatus::Failed {
            world.apply(Event::Retry).unwrap();
        }
        let world = world.run(echo);
        prop_assert_eq!(world.output(), "18");
    }
}
