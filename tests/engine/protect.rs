//! `try`, `catch` and `finally`: who takes an error, what is stopped for it, and what runs whatever comes.

use stepwell::engine::{Event, ExecutionStatus, LogLevel, Refusal, StepStatus, Stop};
use stepwell::ids::StepPath;

use super::world::{World, both, broken, cancel, echo, fail_at, json};

const CAUGHT: &str = r#"workflow w {
  try {
    step a: work { n = 1 }
    step b: work { n = 2 }
  } catch error {
    step mend: work { code = error.code, message = error.message, step = error.step, attempt = error.attempt }
  }
  step after: work { mended = mend, b = b }
  return after
}"#;

#[test]
fn a_catch_sees_the_error_and_the_execution_goes_on_after_it() {
    both(CAUGHT, "{}", |world| {
        let world = world.run(fail_at(&["b"]));
        assert_eq!(world.story(), ["a#1 completed", "b#1 failed", "mend#1 completed", "after#1 completed"]);
        let mended = r#"{"code":"BROKEN","message":"no use","step":"b","attempt":1}"#;
        assert_eq!(world.output(), format!(r#"{{"mended":{mended},"b":null}}"#), "what has not run is null");
    });
}

#[test]
fn a_catch_whose_body_went_well_does_not_run() {
    both(CAUGHT, "{}", |world| {
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 completed", "b#1 completed", "after#1 completed"]);
        assert_eq!(world.output(), r#"{"mended":null,"b":{"n":2}}"#);
    });
}

#[test]
fn the_first_catch_whose_condition_holds_takes_the_error() {
    let text = r#"workflow w {
  try { step a: work { } }
  catch error if error.code == "OTHER" { step one: work { } }
  catch error if error.code == "BROKEN" { step two: work { } }
  catch error { step three: work { } }
}"#;
    both(text, "{}", |world| {
        assert_eq!(world.run(fail_at(&["a"])).story(), ["a#1 failed", "two#1 completed"]);
    });
}

#[test]
fn an_error_that_no_catch_takes_is_the_executions_and_a_retry_goes_on_from_it() {
    let text = r#"workflow w { try { step a: work { } } catch error if error.code == "OTHER" { step one: work { } } }"#;
    both(text, "{}", |world| {
        let mut world = world.run(fail_at(&["a"]));
        assert_eq!(world.error_code(), "BROKEN");
        world.apply(Event::Retry).unwrap();
        assert_eq!(world.run(echo).story(), ["a#1 failed", "a#2 completed"]);
    });
}

#[test]
fn a_condition_without_a_value_is_itself_the_error_and_leaves_the_try() {
    let text = r#"workflow w {
  input zero: int
  try {
    try { step a: work { } }
    catch error if 1 / input.zero == 1 { step one: work { } }
    catch error { step two: work { } }
  } catch outer { step last: work { code = outer.code } }
  return last.code
}"#;
    both(text, r#"{"zero": 0}"#, |world| {
        assert_eq!(world.run(fail_at(&["a"])).output(), "\"EXPRESSION\"");
    });
}

#[test]
fn an_error_in_a_catch_goes_outward_and_the_finally_runs_first() {
    let text = r#"workflow w {
  try {
    try { step a: work { } }
    catch error { step b: work { } }
    finally { step c: work { } }
  } catch error { step d: work { step = error.step } }
  return d.step
}"#;
    both(text, "{}", |world| {
        let world = world.run(fail_at(&["a", "b"]));
        assert_eq!(world.story(), ["a#1 failed", "b#1 failed", "c#1 completed", "d#1 completed"]);
        assert_eq!(world.output(), "\"b\"");
    });
}

#[test]
fn errors_of_the_same_name_do_not_meet() {
    let text = r#"workflow w {
  parallel {
    branch x {
      try { step a: work { } } catch error { step b: work { is = error.step }, step c: work { is = error.step } }
    }
    branch y {
      try { step d: work { } } catch error {
        try { step e: work { } } catch error { step f: work { is = error.step } }
        step g: work { is = error.step }
      }
    }
  }
  return [b.is, c.is, f.is, g.is]
}"#;
    both(text, "{}", |world| {
        assert_eq!(world.run(fail_at(&["a", "d", "e"])).output(), r#"["a","a","e","d"]"#);
    });
}

#[test]
fn what_runs_beside_an_error_is_stopped_before_the_catch_and_late_words_change_nothing() {
    let text = r#"workflow w {
  try { parallel {
    step a: work { }
    step b: work { }
    step c: work { after b }
    branch s { sleep 1h
      step late: work { } }
  } } catch error { step mend: work { } }
}"#;
    both(text, "{}", |mut world| {
        world.end("a", broken());
        assert_eq!(world.stops, [Stop::Task { path: StepPath::new("b"), attempt: 1 }]);
        assert_eq!(world.statuses(StepStatus::Cancelled), ["b", "sleep-1"]);
        assert!(world.outcome(&StepPath::new("b"), 1, Ok(json("1"))).is_err());
        assert!(world.state.timers().is_empty());
        let world = world.run(echo);
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!(world.attempts("c") + world.attempts("late"), 0);
    });
}

#[test]
fn an_error_in_the_very_walk_that_would_send_a_task_keeps_it_back() {
    let text = r#"workflow w {
  try { parallel {
    branch one { step a: work { } }
    branch two { fail "no" }
  } } catch error { step mend: work { } }
}"#;
    both(text, "{}", |world| {
        let sent: Vec<_> = world.dispatches.iter().map(|task| task.path.to_string()).collect();
        assert_eq!(sent, ["mend"]);
        assert!(world.stops.is_empty());
        assert_eq!(world.run(echo).status(), ExecutionStatus::Completed);
    });
}

#[test]
fn an_error_deep_in_a_loop_ends_the_loop_and_its_names() {
    let text = r#"workflow w {
  let list = try_list
  return list
}"#
    .replace("let list = try_list", "try {\n for x in [1, 2, 3] parallel 3 { step a: work { n = x }\n step b: work { n = x } }\n } catch error { step mend: work { is = error.step } }\n let list = mend.is");
    both(&text, "{}", |mut world| {
        world.end("a[0]", echo_of("1"));
        world.end("a[1]", broken());
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a[2]", "b[0]"]);
        assert_eq!(world.run(echo).output(), "\"a\"");
    });
}

fn echo_of(text: &str) -> super::world::Answer {
    Ok(json(text))
}

const FINALLY: &str = r#"workflow w {
  try { step a: work { } } finally { step clean: work { } }
  step after: work { }
}"#;

#[test]
fn a_finally_runs_when_all_went_well() {
    both(FINALLY, "{}", |world| {
        assert_eq!(world.run(echo).story(), ["a#1 completed", "clean#1 completed", "after#1 completed"]);
    });
}

#[test]
fn a_finally_runs_when_the_execution_fails_and_then_nothing_goes_on() {
    both(FINALLY, "{}", |mut world| {
        world.end("a", broken());
        assert_eq!(world.status(), ExecutionStatus::Running, "the `finally` is not done");
        let mut world = world.run(echo);
        assert_eq!(world.status(), ExecutionStatus::Failed);
        assert_eq!(world.error_code(), "BROKEN");
        assert_eq!(world.story(), ["a#1 failed", "clean#1 completed"]);
        assert_eq!(world.apply(Event::Retry).unwrap_err(), Refusal::Compensated);
    });
}

#[test]
fn an_execution_retry_comes_before_any_finally() {
    for forgetful in [false, true] {
        let mut world = World::retried(FINALLY, 1, forgetful);
        world.end("a", broken());
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        assert!(world.ring());
        world.end("a", broken());
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 failed", "a#2 failed", "clean#1 completed"]);
        assert_eq!(world.status(), ExecutionStatus::Failed);
    }
}

#[test]
fn a_catch_comes_before_an_execution_retry() {
    for forgetful in [false, true] {
        let world = World::retried(CAUGHT, 3, forgetful).run(fail_at(&["b"]));
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!(world.attempts("b"), 1);
    }
}

#[test]
fn an_error_in_a_finally_replaces_what_came_before() {
    let text = r#"workflow w {
  try {
    try { step a: work { } } finally { step b: work { } }
    step never: work { }
  } catch error { step c: work { is = error.step } }
  return c.is
}"#;
    both(text, "{}", |world| {
        let world = world.run(fail_at(&["b"]));
        assert_eq!(world.story(), ["a#1 completed", "b#1 failed", "c#1 completed"]);
        assert_eq!(world.output(), "\"b\"");
    });
}

#[test]
fn a_finally_that_failed_on_its_own_way_can_be_retried_by_hand() {
    both(FINALLY, "{}", |world| {
        let mut world = world.run(fail_at(&["clean"]));
        assert_eq!(world.status(), ExecutionStatus::Failed);
        world.apply(Event::Retry).unwrap();
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 completed", "clean#1 failed", "clean#2 completed", "after#1 completed"]);
    });
}

#[test]
fn an_error_in_a_finally_that_runs_because_of_a_failure_is_logged_and_the_failure_stands() {
    let text = "workflow w { try { step a: work { } } finally { step b: work { }\n step c: work { } } }";
    both(text, "{}", |mut world| {
        world.end("a", broken());
        world.end("b", Err(stepwell::engine::StepError::fatal("SECOND", "worse")));
        assert_eq!(world.status(), ExecutionStatus::Failed);
        assert_eq!((world.error_code(), world.attempts("c")), ("BROKEN".to_owned(), 0));
        assert!(world.logs.iter().any(|entry| entry.level == LogLevel::Error && entry.message.contains("SECOND")));
    });
}

#[test]
fn finally_blocks_run_innermost_first_and_each_branch_has_its_own() {
    let text = r#"workflow w {
  try {
    parallel {
      branch x { try { step a: work { } } finally { step fa: work { } } }
      branch y { try { step b: work { } } finally { step fb: work { }
        step fb2: work { } } }
      step c: work { }
    }
  } catch error { step mend: work { } } finally { step last: work { } }
}"#;
    both(text, "{}", |mut world| {
        world.end("c", broken());
        let running: Vec<_> = world.outstanding();
        assert_eq!(running, ["fa", "fb"], "both at once, and nothing else yet");
        world.end("fb", Ok(json("1")));
        world.end("fa", Ok(json("1")));
        assert_eq!(world.outstanding(), ["fb2"]);
        world.end("fb2", Ok(json("1")));
        assert_eq!(world.outstanding(), ["mend"]);
        let world = world.run(echo);
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a", "b"]);
        let story = world.story();
        assert_eq!(story[story.len() - 2..], ["mend#1 completed", "last#1 completed"]);
    });
}

#[test]
fn a_finally_that_runs_already_goes_on_to_its_end() {
    let text = r#"workflow w {
  parallel {
    branch x { try { let one = 1 } finally { step clean: work { }
      step more: work { } }
      step never: work { } }
    step b: work { }
  }
}"#;
    both(text, "{}", |mut world| {
        world.end("b", broken());
        assert_eq!(world.outstanding(), ["clean"]);
        assert!(world.stops.is_empty(), "it is not stopped");
        let world = world.run(echo);
        assert_eq!(world.status(), ExecutionStatus::Failed);
        assert_eq!(world.story(), ["one#1 completed", "b#1 failed", "clean#1 completed", "more#1 completed"]);
    });
}

#[test]
fn a_catch_inside_a_finally_that_runs_because_of_a_cancel_takes_its_errors() {
    let text = r#"workflow w {
  try { step a: work { } } finally {
    try { step b: work { } } catch error { step c: work { } }
    step d: work { }
  }
}"#;
    both(text, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        let world = world.run(fail_at(&["b"]));
        assert_eq!(world.story(), ["a#1 cancelled", "b#1 failed", "c#1 completed", "d#1 completed"]);
        assert_eq!(world.status(), ExecutionStatus::Cancelled);
    });
}

#[test]
fn steps_of_a_finally_have_their_retries() {
    let text = "workflow w { try { step a: work { } } finally { step b: work { retry 1 backoff 1s } } }";
    both(text, "{}", |mut world| {
        world.end("a", broken());
        world.end("b", Err(stepwell::engine::StepError::retryable("BUSY", "later")));
        assert!(world.ring());
        let world = world.run(echo);
        assert_eq!(world.story(), ["a#1 failed", "b#1 failed", "b#2 completed"]);
        assert_eq!(world.error_code(), "BROKEN");
    });
}

#[test]
fn the_condition_of_a_catch_reads_data() {
    let text = r#"workflow w {
  input fatal: bool
  try { step a: work { code = 7 }
    step b: work { } }
  catch first if data.fatal || data.code != 7 { return "fatal" }
  catch second { return "caught" }
}"#;
    for (fatal, given) in [(true, "\"fatal\""), (false, "\"caught\"")] {
        both(text, &format!("{{\"fatal\": {fatal}}}"), |world| {
            assert_eq!(world.run(fail_at(&["b"])).output(), given);
        });
    }
}

#[test]
fn data_in_a_catch_is_what_came_before_it() {
    let text = r#"workflow w {
  try { step a: work { n = 1 }
    step b: work { n = 2 } }
  catch error { step c: log { message = "n is {n}" } }
}"#;
    both(text, r#"{}"#, |world| {
        let world = world.run(fail_at(&["b"]));
        assert!(world.logs.iter().any(|entry| entry.message == "n is 1"));
    });
}
