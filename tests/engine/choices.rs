//! `match` and `repeat`.

use stepwell::engine::{Event, ExecutionStatus, StepError, StepStatus};

use super::world::{World, both, echo, json, unchecked};

const MATCH: &str = r#"workflow w {
  input n: any
  match input.n {
    1, 2 { step few: work { } }
    "many", [1, 2] { step many: work { } }
    else { step other: work { } }
  }
  return [few, many, other]
}"#;

#[test]
fn the_patterns_of_a_match_read_data() {
    let text = r#"workflow w {
  input n: int
  match 1 { data.n { return "same" }
    else { return "other" } }
}"#;
    for (n, given) in [(1, "\"same\""), (2, "\"other\"")] {
        both(text, &format!("{{\"n\": {n}}}"), |world| assert_eq!(world.output(), given));
    }
}

#[test]
fn a_match_takes_the_first_arm_with_an_equal_value_and_skips_the_others() {
    for (n, taken, output) in
        [("2", "few", "[1,null,null]"), ("1.0", "few", "[1,null,null]"), ("[1, 2]", "many", "[null,1,null]")]
    {
        both(MATCH, &format!(r#"{{"n": {n}}}"#), |world| {
            let world = world.run(|_| Ok(json("1")));
            assert_eq!(world.statuses(StepStatus::Completed)[0], taken, "for {n}");
            assert_eq!(world.output(), output);
        });
    }
    both(MATCH, r#"{"n": null}"#, |world| {
        assert_eq!(world.step("match-1", 1).output, Some(json("2")), "the number of arms is the `else`");
        assert_eq!(world.statuses(StepStatus::Skipped), ["few", "many"]);
        assert_eq!(world.run(|_| Ok(json("1"))).output(), "[null,null,1]");
    });
}

#[test]
fn a_match_that_fits_nothing_fails_and_shows_the_value() {
    both("workflow w { input s: any\n match input.s { \"a\" { } } }", r#"{"s": "b\n"}"#, |world| {
        let error = world.state.error().unwrap();
        assert_eq!(&*error.code, "NO_MATCH");
        assert_eq!(error.message, r#"no arm of the `match` fits "b\n", and there is no `else`"#);
        assert_eq!(world.step("match-1", 1).status, StepStatus::Failed);
    });
}

#[test]
fn the_steps_waits_and_approvals_of_an_arm_that_is_not_taken_are_null() {
    let text = r#"workflow w {
  match 1 { 2 {
    repeat max 3 until true { step a: work { } }
    wait came: "x"
    approve said: "group"
  } else { } }
  return [a, came, said]
}"#;
    both(text, "{}", |world| {
        assert_eq!(world.output(), "[null,null,null]");
        assert_eq!(world.statuses(StepStatus::Skipped), ["a", "came", "said"]);
    });
}

const POLL: &str = r#"workflow w {
  repeat every 30s max 3 until poll.done {
    step poll: work { }
    let seen = poll.n
  }
  return poll.n
}"#;

fn poll(n: u32, done: bool) -> stepwell::expr::Value {
    json(&format!(r#"{{"n": {n}, "done": {done}}}"#))
}

#[test]
fn a_repeat_goes_on_until_its_condition_holds_and_waits_between_its_passes() {
    both(POLL, "{}", |mut world| {
        assert_eq!(world.dispatches[0].path.as_str(), "poll[0]");
        world.answer(|_| Ok(poll(1, false)));
        let wait = world.step("repeat-1[0]", 1).clone();
        assert_eq!((wait.status, wait.wake_at), (StepStatus::Waiting, Some(world.now.plus_ms(30_000))));
        assert!(world.state.is_idle() && world.dispatches.is_empty());
        assert!(world.ring());
        assert_eq!(world.dispatches[0].path.as_str(), "poll[1]");
        world.answer(|_| Ok(poll(2, true)));
        assert_eq!(world.output(), "2", "the steps of the last pass are known after the loop");
        assert_eq!(world.step("repeat-1", 1).output, Some(json(r#"{"passes": 2}"#)));
    });
}

#[test]
fn a_repeat_without_passes_left_fails_and_a_retry_goes_on_with_the_next_pass() {
    both(POLL, "{}", |world| {
        let mut world = world.run(|_| Ok(poll(1, false)));
        let error = world.state.error().unwrap();
        assert_eq!(&*error.code, "REPEAT_EXHAUSTED");
        assert!(error.message.contains("after 3 passes"), "{}", error.message);
        world.apply(Event::Retry).unwrap();
        let world = world.run(|dispatch| Ok(poll(4, dispatch.path.as_str() == "poll[3]")));
        assert_eq!(world.output(), "4");
        assert_eq!(world.step("repeat-1", 1).status, StepStatus::Failed);
        assert_eq!(world.step("repeat-1", 2).output, Some(json(r#"{"passes": 4}"#)));
    });
}

#[test]
fn a_repeat_keeps_nothing_of_the_passes_that_are_over() {
    let text = "workflow w { repeat max 1000 until false { step big: work { } } }";
    let mut world = World::new(unchecked(text), "{}", 0);
    world.state.watch_nodes(&world.plan.clone());
    let mut world = world.started();
    let answer = format!("{:?}", "x".repeat(1_000));
    let mut most = 0;
    for _ in 0..50 {
        world.answer(|_| Ok(json(&answer)));
        most = most.max(world.state.footprint());
    }
    assert!(most < 10_000, "{most} bytes after 50 passes of 1,000");
}

#[test]
fn repeats_nest_in_loops_and_in_each_other() {
    let text = r#"workflow w {
  let sums = for x in [1, 2] parallel 2 {
    repeat max 9 until inner.n >= x {
      repeat max 9 until inner.n > 0 { step inner: work { n = x } }
    }
    yield inner.n
  }
  return sums
}"#;
    both(text, "{}", |world| {
        let world = world.run(echo);
        assert_eq!(world.output(), "[1,2]");
        assert_eq!(world.step("inner[1][0][0]", 1).status, StepStatus::Completed);
        assert_eq!(world.step("repeat-2[1][0]", 1).output, Some(json(r#"{"passes": 1}"#)));
    });
}

#[test]
fn a_repeat_takes_a_whole_number_of_passes_and_not_too_many() {
    for (max, code) in [("0", "EXPRESSION"), ("1.5", "EXPRESSION"), ("100001", "LIMIT")] {
        let text = "workflow w { input m: any\n repeat max input.m until true { } }";
        both(text, &format!(r#"{{"m": {max}}}"#), |world| {
            assert_eq!(&*world.state.error().unwrap().code, code, "for {max}");
        });
    }
}

#[test]
fn a_step_that_fails_in_a_pass_goes_on_there() {
    let mut world = World::new(unchecked(POLL), "{}", 1).started();
    world.answer(|_| Ok(poll(1, false)));
    world.ring();
    world.answer(|_| Err(StepError::fatal("NO", "no")));
    assert_eq!(world.status(), ExecutionStatus::Retrying);
    world.ring();
    world.answer(|_| Ok(poll(2, true)));
    assert_eq!(world.output(), "2");
    assert_eq!(world.step("poll[1]", 2).status, StepStatus::Completed);
}
