//! Undos: what is undone, in which order, once, and what becomes of an undo that fails.

use stepwell::engine::{Compensation, Event, ExecutionStatus, Refusal, StepError, StepStatus};
use stepwell::ids::StepPath;

use super::world::{World, both, broken, cancel, echo, fail_at, json};

const TWO: &str = r#"workflow w {
  step a: work { n = 1, undo work { back = a?.n } }
  step b: work { n = 2, undo work { back = b?.n, of = a.n } }
  step plain: work { }
  step c: work { n = 3, undo work { back = c?.n } }
}"#;

#[test]
fn a_failure_undoes_what_completed_newest_first() {
    both(TWO, "{}", |mut world| {
        world.end("a", Ok(json(r#"{"n": 10}"#)));
        world.end("b", Ok(json(r#"{"n": 20}"#)));
        world.end("plain", Ok(json("1")));
        world.end("c", broken());
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Running, Compensation::Running));
        assert_eq!(world.outstanding(), ["b.undo"]);
        let mut world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Done));
        assert_eq!(world.error_code(), "BROKEN");
        assert_eq!(world.story()[3..], ["c#1 failed", "b.undo#1 completed", "a.undo#1 completed"]);
        assert_eq!(world.step("b.undo", 1).input, Some(json(r#"{"back": 20, "of": 10}"#)));
        assert_eq!(world.apply(Event::Retry).unwrap_err(), Refusal::Compensated);
        assert!(world.apply(Event::RetryUndo).is_err(), "none failed");
    });
}

#[test]
fn undo_never_leaves_everything_as_it_is_and_the_failed_step_can_be_retried() {
    let text = TWO.replacen('{', "{\n undo never", 1);
    both(&text, "{}", |world| {
        let mut world = world.run(fail_at(&["c"]));
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::None));
        assert_eq!(world.attempts("a.undo"), 0);
        world.apply(Event::Retry).unwrap();
        assert_eq!(world.run(echo).status(), ExecutionStatus::Completed);
    });
}

#[test]
fn what_completes_is_not_undone() {
    both(TWO, "{}", |world| {
        let world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Completed, Compensation::None));
        assert_eq!(world.attempts("a.undo"), 0);
    });
}

#[test]
fn a_cancel_undoes_unless_it_says_otherwise() {
    for (undo, compensation) in [(true, Compensation::Done), (false, Compensation::None)] {
        both(TWO, "{}", |mut world| {
            world.end("a", Ok(json(r#"{"n": 10}"#)));
            world.apply(Event::Cancel { reason: "enough".into(), undo }).unwrap();
            let world = world.run(echo);
            assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Cancelled, compensation));
            let undone = usize::from(undo);
            assert_eq!((world.attempts("b.undo"), world.attempts("a.undo")), (undone, undone), "`b` was with a worker");
        });
    }
}

#[test]
fn a_cancel_while_undos_run_changes_nothing() {
    both(TWO, "{}", |mut world| {
        world.end("a", Ok(json(r#"{"n": 10}"#)));
        world.end("b", broken());
        assert_eq!(world.outstanding(), ["a.undo"]);
        assert_eq!(world.apply(cancel()).unwrap(), Default::default());
        let world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Done));
    });
}

#[test]
fn a_step_whose_end_is_not_known_is_undone_with_its_own_output_null() {
    let unknown = || Err(StepError { unknown: true, ..StepError::fatal("TIMEOUT", "too long") });
    both(TWO, "{}", |mut world| {
        for path in ["a", "b"] {
            world.end(path, Ok(json(r#"{"n": 1}"#)));
        }
        world.end("plain", Ok(json("1")));
        world.end("c", unknown());
        let world = world.run(echo);
        assert_eq!(world.step("c.undo", 1).input, Some(json(r#"{"back": null}"#)));
        assert_eq!(world.story()[4..], ["c.undo#1 completed", "b.undo#1 completed", "a.undo#1 completed"]);
    });
}

#[test]
fn an_attempt_that_is_known_to_have_failed_makes_an_earlier_unknown_one_void() {
    for forgetful in [false, true] {
        let mut world = World::retried("workflow w { step a: work { undo work { } } }", 1, forgetful);
        world.end("a", Err(StepError { unknown: true, ..StepError::fatal("TIMEOUT", "too long") }));
        assert_eq!(world.status(), ExecutionStatus::Retrying, "a retry comes first");
        assert!(world.ring());
        world.end("a", broken());
        assert_eq!((world.status(), world.attempts("a.undo")), (ExecutionStatus::Failed, 0));
    }
}

#[test]
fn a_worker_that_is_lost_for_good_leaves_something_to_undo() {
    both("workflow w { step a: work { undo work { } } }", "{}", |mut world| {
        for attempt in 1..=3 {
            world.apply(Event::Lost { path: StepPath::new("a"), attempt }).unwrap();
        }
        let world = world.run(echo);
        assert_eq!((world.error_code(), world.attempts("a.undo")), ("POISONED".to_owned(), 1));
    });
}

#[test]
fn a_step_that_is_stopped_while_it_runs_is_undone_and_one_between_two_attempts_is_not() {
    let text = r#"workflow w {
  parallel {
    step a: work { retry 3 backoff 1h, undo work { } }
    step b: work { undo work { } }
    step c: work { retry 3 backoff 1h, undo work { } }
    step d: work { }
  }
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Err(StepError::retryable("BUSY", "later")));
        world.end("c", Err(StepError { unknown: true, ..StepError::retryable("TIMEOUT", "too long") }));
        world.end("d", broken());
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a", "b", "c"]);
        let world = world.run(echo);
        assert_eq!((world.attempts("a.undo"), world.attempts("b.undo"), world.attempts("c.undo")), (0, 1, 1));
        assert_eq!(world.state.compensation(), Compensation::Done);
    });
}

#[test]
fn undos_of_items_run_newest_first_each_with_the_names_of_its_item() {
    let text = r#"workflow w {
  for x in ["p", "q", "r"] parallel 3 { step a: work { x = x, undo work { free = x, got = a.n } } }
  fail "no"
}"#;
    both(text, "{}", |mut world| {
        for (path, n) in [("a[1]", 1), ("a[2]", 2), ("a[0]", 0)] {
            world.end(path, Ok(json(&format!(r#"{{"n": {n}}}"#))));
        }
        let world = world.run(echo);
        let story = world.story();
        let undone: Vec<_> = story.iter().filter(|row| row.contains("undo")).collect();
        assert_eq!(undone, ["a.undo[0]#1 completed", "a.undo[2]#1 completed", "a.undo[1]#1 completed"]);
        assert_eq!(world.step("a.undo[2]", 1).input, Some(json(r#"{"free": "r", "got": 2}"#)));
    });
}

#[test]
fn an_undo_has_retries_of_its_own_and_one_that_fails_stops_no_other() {
    let text = r#"workflow w {
  step a: work { undo work { } }
  step b: work { undo work { retry 1 backoff 1s } }
  fail "no"
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Ok(json("1")));
        world.end("b", Ok(json("1")));
        world.end("b.undo", Err(StepError::retryable("BUSY", "later")));
        assert!(world.ring());
        world.end("b.undo", Err(StepError::retryable("BUSY", "later")));
        assert_eq!(world.outstanding(), ["a.undo"]);
        let mut world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Failed));
        assert_eq!(world.error_code(), "FAILED", "the execution's own error stands");

        world.apply(Event::RetryUndo).unwrap();
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Running, Compensation::Running));
        assert_eq!(world.outstanding(), ["b.undo"], "only the one that failed");
        assert_eq!(world.step("b.undo", 3).status, StepStatus::Running);
        let mut world = world.run(fail_at(&["b.undo"]));
        assert_eq!(world.state.compensation(), Compensation::Failed);
        world.apply(Event::RetryUndo).unwrap();
        let world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Done));
        assert_eq!((world.error_code(), world.attempts("a.undo")), ("FAILED".to_owned(), 1));
    });
}

#[test]
fn a_cancelled_execution_whose_undo_failed_ends_cancelled_again() {
    both(TWO, "{}", |mut world| {
        world.end("a", Ok(json(r#"{"n": 10}"#)));
        world.apply(cancel()).unwrap();
        let mut world = world.run(fail_at(&["a.undo"]));
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Cancelled, Compensation::Failed));
        world.apply(Event::RetryUndo).unwrap();
        let world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Cancelled, Compensation::Done));
        assert_eq!(world.story().last().unwrap(), "a.undo#2 completed");
    });
}

#[test]
fn an_undo_whose_configuration_has_no_value_fails_alone() {
    let text = r#"workflow w {
  step a: work { undo work { } }
  step b: work { undo work { x = 1 / b.n } }
  fail "no"
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Ok(json("1")));
        world.end("b", Ok(json(r#"{"n": 0}"#)));
        let world = world.run(echo);
        assert_eq!((world.state.compensation(), world.attempts("a.undo")), (Compensation::Failed, 1));
        assert_eq!(world.step("b.undo", 1).status, StepStatus::Failed);
    });
}

#[test]
fn an_undo_may_be_of_the_engines_own() {
    let text = r#"workflow w {
  step a: work { undo log { message = "undo ${a.n}" } }
  step b: work { undo delay { duration = 1h } }
  fail "no"
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Ok(json(r#"{"n": 5}"#)));
        world.end("b", Ok(json("1")));
        assert_eq!(world.step("b.undo", 1).status, StepStatus::Waiting);
        let world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Done));
        assert!(world.logs.iter().any(|entry| entry.message == "undo 5"));
    });
}

const COMPENSATES: &str = r#"workflow w {
  step before: work { undo work { } }
  try {
    step a: work { undo work { } }
    for x in [1, 2] { step b: work { undo work { } } }
    step c: work { }
  } catch error {
    compensate
    step after: work { }
    fail "no" cause error
  }
}"#;

#[test]
fn compensate_undoes_the_body_and_the_end_undoes_the_rest_each_once() {
    both(COMPENSATES, "{}", |world| {
        let world = world.run(fail_at(&["c"]));
        let story = world.story();
        let undone = ["b.undo[1]", "b.undo[0]", "a.undo"].map(|path| format!("{path}#1 completed"));
        assert_eq!(story[6..9], undone[..], "{story:?}");
        let rest = ["compensate-1#1 completed", "after#1 completed", "before.undo#1 completed"];
        assert_eq!(story.iter().filter(|row| rest.contains(&row.as_str())).count(), 3, "{story:?}");
        assert_eq!(story.last().unwrap(), "before.undo#1 completed");
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Done));
        assert_eq!(world.error_code(), "FAILED");
        assert_eq!(world.attempts("a.undo"), 1);
    });
}

#[test]
fn an_execution_may_complete_after_a_compensate() {
    let text = COMPENSATES.replace("fail \"no\" cause error", "return \"mended\"");
    both(&text, "{}", |world| {
        let world = world.run(fail_at(&["c"]));
        assert_eq!((world.output(), world.state.compensation()), ("\"mended\"".to_owned(), Compensation::Done));
        assert_eq!(world.attempts("before.undo"), 0);
    });
}

#[test]
fn a_compensate_that_fails_is_an_error_and_what_failed_can_be_retried() {
    both(COMPENSATES, "{}", |world| {
        let mut world = world.run(fail_at(&["c", "b.undo[0]"]));
        assert_eq!(world.error_code(), "COMPENSATION_FAILED");
        assert_eq!((world.attempts("a.undo"), world.attempts("before.undo"), world.attempts("after")), (1, 1, 0));
        assert_eq!(world.state.compensation(), Compensation::Failed);
        world.apply(Event::RetryUndo).unwrap();
        assert_eq!(world.outstanding(), ["b.undo[0]"]);
        assert_eq!(world.run(echo).state.compensation(), Compensation::Done);
    });
}

#[test]
fn a_compensate_in_an_item_undoes_that_item_alone() {
    let text = r#"workflow w {
  for x in [1, 2, 3] parallel 3 {
    try { step a: work { undo work { n = x } }
      step b: work { } } catch error { compensate }
  }
}"#;
    both(text, "{}", |world| {
        let world = world.run(fail_at(&["b[1]"]));
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!([0, 1, 2].map(|at| world.attempts(&format!("a.undo[{at}]"))), [0, 1, 0]);
    });
}

#[test]
fn a_compensate_that_is_drained_finishes_its_undo_and_the_end_runs_the_rest() {
    let text = r#"workflow w {
  try {
    step a: work { undo work { } }
    step b: work { undo work { } }
    fail "no"
  } catch error { compensate
    step never: work { } }
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Ok(json("1")));
        world.end("b", Ok(json("1")));
        assert_eq!(world.outstanding(), ["b.undo"]);
        world.apply(cancel()).unwrap();
        assert_eq!(world.outstanding(), ["b.undo"], "an undo is not broken off");
        let world = world.run(echo);
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Cancelled, Compensation::Done));
        assert_eq!((world.attempts("a.undo"), world.attempts("b.undo"), world.attempts("never")), (1, 1, 0));
    });
}

#[test]
fn no_execution_retry_goes_on_from_what_is_undone() {
    for forgetful in [false, true] {
        let mut world = World::retried(COMPENSATES, 3, forgetful).run(fail_at(&["c"]));
        assert_eq!(world.status(), ExecutionStatus::Failed);
        assert_eq!(world.apply(Event::Retry).unwrap_err(), Refusal::Compensated);
        let retried = world.logs.iter().filter(|entry| entry.message.contains("goes on")).count();
        assert_eq!(retried, 0);
    }
}

#[test]
fn nobody_goes_on_from_what_a_compensate_has_undone() {
    let text = r#"workflow w {
  try { step a: work { undo work { } }
    step b: work { } } catch error { compensate
    fail "no" cause error }
}"#;
    both(text, "{}", |world| {
        let mut world = world.run(fail_at(&["b"]));
        assert_eq!((world.status(), world.state.compensation()), (ExecutionStatus::Failed, Compensation::Done));
        assert_eq!(world.apply(Event::Retry).unwrap_err(), Refusal::Compensated);
    });
}

#[test]
fn a_step_that_fails_in_a_sibling_of_what_is_undone_later_waits_for_every_finally() {
    let text = r#"workflow w {
  try {
    step a: work { undo work { } }
    parallel { step b: work { }
      branch x { try { step c: work { undo work { } } } finally { step clean: work { undo work { } } } } }
  } finally { step last: work { } }
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Ok(json("1")));
        world.end("b", broken());
        let world = world.run(echo);
        let story = world.story();
        let tail = [
            "clean#1 completed",
            "last#1 completed",
            "clean.undo#1 completed",
            "c.undo#1 completed",
            "a.undo#1 completed",
        ];
        assert_eq!(story[story.len() - 5..], tail);
    });
}

#[test]
fn a_race_keeps_the_undo_of_a_loser_that_completed_something() {
    let text = r#"workflow w {
  parallel first {
    branch x { step a: work { undo work { } }
      step b: work { } }
    step c: work { }
  }
  fail "no"
}"#;
    both(text, "{}", |mut world| {
        world.end("a", Ok(json("1")));
        world.end("c", Ok(json("1")));
        let world = world.run(echo);
        assert_eq!((world.attempts("a.undo"), world.state.compensation()), (1, Compensation::Done));
    });
}
