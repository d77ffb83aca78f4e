//! How an execution ends over its `finally` blocks: by a `return`, a cancel, its time-out.

use stepwell::engine::{Event, ExecutionStatus, StepError, StepStatus};
use stepwell::ids::StepPath;

use super::world::{World, both, broken, cancel, echo, fail_at, json, unchecked};

const RETURNS: &str = r#"workflow w {
  try {
    for x in [1, 2, 3] parallel 3 {
      parallel {
        branch one {
          try { step a: work { n = x }
            return a.n }
          finally { step fa: work { n = x } }
        }
        branch two { step b: work { n = x } }
      }
    }
  } finally { step last: work { } }
  step never: work { }
}"#;

#[test]
fn a_return_from_any_depth_runs_every_finally_on_its_way() {
    both(RETURNS, "{}", |mut world| {
        world.end("a[1]", Ok(json(r#"{"n": 2}"#)));
        assert_eq!(world.status(), ExecutionStatus::Running);
        assert_eq!(world.outstanding(), ["fa[0]", "fa[1]", "fa[2]"]);
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a[0]", "a[2]", "b[0]", "b[1]", "b[2]"]);
        for path in ["fa[2]", "fa[0]", "fa[1]"] {
            assert_eq!(world.attempts("last"), 0, "the outer waits for the inner");
            world.end(path, Ok(json("1")));
        }
        assert_eq!(world.outstanding(), ["last"]);
        let world = world.run(echo);
        assert_eq!((world.status(), world.output()), (ExecutionStatus::Completed, "2".to_owned()));
        assert_eq!(world.attempts("never"), 0);
    });
}

#[test]
fn an_error_in_a_finally_of_a_return_is_the_end() {
    both(RETURNS, "{}", |mut world| {
        world.end("a[1]", Ok(json(r#"{"n": 2}"#)));
        world.end("fa[0]", broken());
        let world = world.run(echo);
        assert_eq!((world.status(), world.error_code()), (ExecutionStatus::Failed, "BROKEN".to_owned()));
        assert_eq!(world.attempts("last"), 1, "the rest of the `finally`s run all the same");
    });
}

#[test]
fn a_cancel_takes_the_place_of_a_return_that_is_not_done() {
    both(RETURNS, "{}", |mut world| {
        world.end("a[1]", Ok(json(r#"{"n": 2}"#)));
        world.apply(cancel()).unwrap();
        let world = world.run(echo);
        assert_eq!((world.status(), world.output()), (ExecutionStatus::Cancelled, "null".to_owned()));
        assert_eq!(world.attempts("last"), 1);
    });
}

const CLEANS: &str = r#"workflow w {
  timeout 1h
  try { step a: work { } } catch error { step mend: work { } } finally { step clean: work { }
    step more: work { } }
}"#;

#[test]
fn a_cancel_runs_the_finally_and_no_catch() {
    both(CLEANS, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Running);
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 cancelled", "clean#1 completed", "more#1 completed"]);
        assert_eq!(world.status(), ExecutionStatus::Cancelled);
    });
}

#[test]
fn a_second_cancel_changes_nothing() {
    both(CLEANS, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        world.end("clean", Ok(json("1")));
        let effects = world.apply(Event::Cancel { reason: "again".into(), undo: false }).unwrap();
        assert_eq!(effects, Default::default());
        assert_eq!(world.outstanding(), ["more"]);
        assert_eq!(world.run(echo).status(), ExecutionStatus::Cancelled);
    });
}

#[test]
fn a_cancel_of_what_fails_already_does_not_change_its_end() {
    both(CLEANS, "{}", |mut world| {
        world.end("a", broken());
        world.end("mend", broken());
        world.apply(cancel()).unwrap();
        assert_eq!(world.run(echo).error_code(), "BROKEN");
    });
}

#[test]
fn an_error_in_a_finally_of_a_cancel_does_not_change_its_end() {
    both(CLEANS, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        let world = world.run(fail_at(&["clean"]));
        assert_eq!((world.status(), world.attempts("more")), (ExecutionStatus::Cancelled, 0));
    });
}

#[test]
fn no_catch_and_no_retry_takes_the_executions_timeout() {
    for forgetful in [false, true] {
        let mut world = World::retried(CLEANS, 3, forgetful);
        assert!(world.ring());
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a"]);
        assert!(world.state.timers().is_empty(), "it has no time-out any more");
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 cancelled", "clean#1 completed", "more#1 completed"]);
        assert_eq!((world.status(), world.error_code()), (ExecutionStatus::Failed, "TIMEOUT".to_owned()));
    }
}

#[test]
fn a_cancel_between_two_execution_retries_runs_the_finally() {
    let text = "workflow w { try { step a: work { } } finally { step clean: work { } } }";
    for forgetful in [false, true] {
        let mut world = World::retried(text, 3, forgetful);
        world.end("a", broken());
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        world.apply(cancel()).unwrap();
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 failed", "clean#1 completed"]);
        assert_eq!(world.status(), ExecutionStatus::Cancelled);
    }
}

#[test]
fn an_error_that_takes_the_stalled_one_with_it_ends_the_wait_for_a_retry() {
    let text = r#"workflow w {
  try { parallel { step a: work { }
    step b: work { } } }
  catch error if error.step == "b" { step mend: work { } }
}"#;
    for forgetful in [false, true] {
        let mut world = World::retried(text, 1, forgetful);
        world.end("a", broken());
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        world.end("b", broken());
        assert_eq!(world.status(), ExecutionStatus::Running);
        assert!(world.apply(Event::ExecutionWoken).is_err(), "there is nothing to wake");
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 failed", "b#1 failed", "mend#1 completed"]);
    }
}

#[test]
fn a_late_outcome_of_a_drained_step_is_refused() {
    both(CLEANS, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        let before = world.rows.clone();
        assert!(world.outcome(&StepPath::new("a"), 1, Ok(json("1"))).is_err());
        assert!(world.apply(Event::Lost { path: StepPath::new("a"), attempt: 1 }).is_err());
        assert_eq!(world.rows, before);
    });
}

#[test]
fn a_worker_lost_in_a_finally_is_an_attempt_like_any_other() {
    both(CLEANS, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        world.apply(Event::Lost { path: StepPath::new("clean"), attempt: 1 }).unwrap();
        let world = world.run(|_| Err(StepError::fatal("NO", "no")));
        assert_eq!(world.story(), ["a#1 cancelled", "clean#1 failed", "clean#2 failed"]);
        assert_eq!(world.status(), ExecutionStatus::Cancelled);
    });
}

#[test]
fn what_stalled_in_a_finally_is_tried_again_when_the_execution_ends() {
    let text = r#"workflow w {
  parallel {
    branch x { try { let one = 1 } finally { step clean: work { }
      step more: work { } } }
    branch y { step b: work { }
      return 7 }
  }
}"#;
    for forgetful in [false, true] {
        let mut world = World::retried(text, 1, forgetful);
        world.end("clean", broken());
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        world.end("b", Ok(json("1")));
        assert_eq!((world.status(), world.outstanding()), (ExecutionStatus::Running, vec!["clean".to_owned()]));
        let world = world.run(echo);
        assert_eq!((world.output(), world.attempts("clean"), world.attempts("more")), ("7".to_owned(), 2, 1));
    }
}

#[test]
fn a_return_in_a_finally_changes_no_end_that_is_decided() {
    let text = r#"workflow w {
  try { step a: work { } } finally { step b: work { }
    return 1 }
}"#;
    // The checker refuses it; the engine has an answer all the same.
    for forgetful in [false, true] {
        let started = || {
            let world = World::new(unchecked(text), "{}", 0);
            if forgetful { world.forgetful().started() } else { world.started() }
        };
        let mut world = started();
        world.end("a", broken());
        let world = world.run(echo);
        assert_eq!((world.status(), world.error_code()), (ExecutionStatus::Failed, "BROKEN".to_owned()));
        assert_eq!(started().run(echo).output(), "1");
    }
}
