//! `parallel first` and `any N of`: some win, the rest are cancelled.

use stepwell::engine::{ExecutionStatus, StepStatus, Stop};
use stepwell::ids::StepPath;

use super::world::{World, both, broken, cancel, echo, json};

const FIRST: &str = r#"workflow w {
  parallel first {
    step a: work { }
    branch b { step one: work { }
      step two: work { } }
    step c: work { }
  }
  step after: work { a = a, one = one, two = two, c = c }
  return after
}"#;

#[test]
fn the_first_to_complete_wins_and_the_rest_are_cancelled() {
    both(FIRST, "{}", |mut world| {
        world.end("one", Ok(json("1")));
        world.end("c", Ok(json("3")));
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a", "two"]);
        assert_eq!(world.stops.len(), 2, "{:?}", world.stops);
        assert_eq!(world.step("parallel-1", 1).output, Some(json(r#"{"winners": ["c"]}"#)));
        assert!(world.outcome(&StepPath::new("a"), 1, Ok(json("1"))).is_err());
        let world = world.run(echo);
        assert_eq!(world.output(), r#"{"a":null,"one":null,"two":null,"c":3}"#, "what lost is null, though it ran");
    });
}

#[test]
fn a_failure_is_out_of_the_race() {
    both(FIRST, "{}", |mut world| {
        world.end("a", broken());
        world.end("one", broken());
        assert_eq!(world.status(), ExecutionStatus::Running);
        world.end("c", Ok(json("3")));
        assert_eq!(world.run(echo).status(), ExecutionStatus::Completed);
    });
}

#[test]
fn a_race_that_nobody_can_win_fails_with_the_last_error() {
    both(FIRST, "{}", |mut world| {
        world.end("a", broken());
        world.end("c", broken());
        world.end("one", Err(stepwell::engine::StepError::fatal("LAST", "no")));
        assert_eq!((world.status(), world.error_code()), (ExecutionStatus::Failed, "LAST".to_owned()));
        world.apply(stepwell::engine::Event::Retry).unwrap();
        assert_eq!(world.outstanding(), ["one"], "those that were out stay out");
        world.end("one", Ok(json("1")));
        assert_eq!(world.run(echo).status(), ExecutionStatus::Completed);
    });
}

#[test]
fn any_n_of_them_win() {
    let text = r#"workflow w {
  input n: int
  parallel any input.n of { step a: work { }
    step b: work { }
    step c: work { }
    step d: work { } }
  return [a, b, c, d]
}"#;
    both(text, r#"{"n": 2}"#, |mut world| {
        world.end("d", Ok(json("4")));
        world.end("b", broken());
        assert_eq!(world.outstanding(), ["a", "c"]);
        world.end("a", Ok(json("1")));
        assert_eq!(world.output(), "[1,null,null,4]");
        assert_eq!(world.step("parallel-1", 1).output, Some(json(r#"{"winners": ["d", "a"]}"#)));
        assert_eq!(world.statuses(StepStatus::Cancelled), ["c"]);
    });
    both(text, r#"{"n": 3}"#, |mut world| {
        world.end("a", broken());
        assert_eq!(world.status(), ExecutionStatus::Running);
        world.end("b", broken());
        assert_eq!(world.error_code(), "BROKEN", "of two that are left, three can't win");
    });
    both(text, r#"{"n": 5}"#, |world| assert_eq!(world.error_code(), "LIMIT"));
    both(text, r#"{"n": 0}"#, |world| assert_eq!(world.error_code(), "EXPRESSION"));
}

#[test]
fn who_waits_for_a_loser_is_out_too() {
    let text = r#"workflow w {
  parallel any 2 of { step a: work { }
    step b: work { after a }
    step c: work { } }
}"#;
    both(text, "{}", |mut world| {
        world.end("a", broken());
        assert_eq!(world.error_code(), "BROKEN", "only `c` could still win");
    });
}

#[test]
fn the_finally_of_a_loser_runs_before_the_race_settles() {
    let text = r#"workflow w {
  parallel first {
    branch x { try { step a: work { } } finally { step clean: work { } } }
    step b: work { }
  }
  step after: work { }
}"#;
    both(text, "{}", |mut world| {
        world.end("b", Ok(json("1")));
        assert_eq!(world.outstanding(), ["clean"]);
        world.end("clean", broken());
        assert_eq!(world.outstanding(), ["after"], "an error there is not the race's");
        assert_eq!(world.run(echo).status(), ExecutionStatus::Completed);
    });
}

#[test]
fn a_cancel_stops_all_who_race() {
    both(FIRST, "{}", |mut world| {
        world.apply(cancel()).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Cancelled);
        let stop = |path| Stop::Task { path: StepPath::new(path), attempt: 1 };
        assert_eq!(world.stops, [stop("a"), stop("one"), stop("c")]);
    });
}

#[test]
fn a_race_in_a_loop_that_keeps_going_loses_one_item_alone() {
    let text = r#"workflow w {
  let list = for x in [1, 2] parallel 2 keep going {
    parallel first { step a: work { n = x }
      step b: work { n = x } }
    yield a?.n ?? b?.n
  }
  return list.map(item, has(item.ok) ? item.ok : item.error?.code)
}"#;
    both(text, "{}", |mut world| {
        world.end("a[0]", broken());
        world.end("b[0]", broken());
        world.end("b[1]", Ok(json(r#"{"n": 2}"#)));
        assert_eq!(world.output(), r#"["BROKEN",2]"#);
    });
}

#[test]
fn an_execution_retry_goes_on_in_the_race() {
    for forgetful in [false, true] {
        let mut world = World::retried(FIRST, 1, forgetful);
        world.end("a", broken());
        world.end("c", broken());
        world.end("one", broken());
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        assert!(world.ring());
        assert_eq!(world.outstanding(), ["one"]);
        assert_eq!(world.run(echo).status(), ExecutionStatus::Completed);
    }
}
