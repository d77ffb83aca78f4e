//! `for … keep going`: an item that fails ends only itself.

use stepwell::engine::{Event, ExecutionStatus, StepError, StepStatus};

use super::world::{World, both, broken, echo, fail_at, json, unchecked};

const KEEPS: &str = r#"workflow w {
  input max: int
  let list = for x in [1, 2, 3] parallel 2 keep going max input.max {
    step a: work { n = x }
    step b: work { n = x }
    yield b.n
  }
  return list.map(item, has(item.ok) ? { n: item.ok } : { code: item.error?.code, step: item.error?.step })
}"#;

#[test]
fn each_item_gives_what_it_came_to_in_the_order_of_the_list() {
    both(KEEPS, r#"{"max": 2}"#, |world| {
        let world = world.run(fail_at(&["b[1]", "a[2]"]));
        assert_eq!(world.output(), r#"[{"n":1},{"code":"BROKEN","step":"b"},{"code":"BROKEN","step":"a"}]"#);
        assert_eq!(world.attempts("b[2]"), 0);
    });
}

#[test]
fn one_more_than_the_most_fails_the_loop_and_stops_the_rest() {
    both(KEEPS, r#"{"max": 0}"#, |mut world| {
        world.end("a[1]", broken());
        assert_eq!(world.error_code(), "TOO_MANY_FAILURES");
        assert_eq!(world.statuses(StepStatus::Cancelled), ["a[0]"]);
        let error = world.state.error().unwrap();
        assert_eq!(error.details, Some(json(&format!(r#"{{"error": {}}}"#, error_json("a", 1)))));
        world.apply(Event::Retry).unwrap();
        let world = world.run(echo);
        assert_eq!(
            world.output(),
            r#"[{"n":1},{"n":2},{"n":3}]"#,
            "a retry goes on from the item that was one too many"
        );
    });
}

fn error_json(step: &str, attempt: u32) -> String {
    format!(
        r#"{{"code": "BROKEN", "message": "no use", "step": "{step}", "attempt": {attempt}, "status": null, "retryable": false, "details": null}}"#
    )
}

#[test]
fn too_many_failures_are_an_error_that_is_caught() {
    let text = r#"workflow w {
  try { for x in [1, 2, 3] keep going max 1 { step a: work { n = x } } }
  catch error { step mend: work { code = error.code, last = error.details.error.step } }
  return mend
}"#;
    both(text, "{}", |world| {
        let world = world.run(fail_at(&["a[0]", "a[1]"]));
        assert_eq!(world.output(), r#"{"code":"TOO_MANY_FAILURES","last":"a"}"#);
        assert_eq!(world.attempts("a[2]"), 0);
    });
}

#[test]
fn a_yield_without_a_value_is_the_items_error() {
    let text = r#"workflow w {
  input zero: int
  let list = for x in [0, 1] keep going { yield 1 / (x + input.zero) }
  return list.map(item, has(item.ok) ? 1 : 0)
}"#;
    both(text, r#"{"zero": 0}"#, |world| assert_eq!(world.output(), "[0,1]"));
}

#[test]
fn an_item_that_fails_stops_what_runs_beside_in_it_and_runs_its_finally() {
    let text = r#"workflow w {
  let list = for x in [1, 2] parallel 2 keep going max 1 {
    try { parallel { step a: work { n = x }
      step b: work { n = x } } }
    finally { step clean: work { n = x } }
    yield x
  }
  return list.map(item, has(item.ok))
}"#;
    both(text, "{}", |mut world| {
        world.end("a[0]", broken());
        assert_eq!(world.statuses(StepStatus::Cancelled), ["b[0]"]);
        assert_eq!(world.outstanding(), ["a[1]", "b[1]", "clean[0]"]);
        world.end("clean[0]", broken());
        assert_eq!(world.run(echo).output(), "[false,true]");
    });
    both(text, "{}", |mut world| {
        world.end("a[0]", broken());
        world.end("b[1]", broken());
        assert_eq!(world.outstanding(), ["clean[0]", "clean[1]"], "it counts at once, before its `finally` is done");
        assert_eq!(world.run(echo).error_code(), "TOO_MANY_FAILURES");
    });
}

#[test]
fn a_retry_of_the_step_comes_before_the_items_failure() {
    let text = "workflow w { let list = for x in [1] keep going { step a: work { retry 1 backoff 1s }\n yield a }\n return list }";
    both(text, "{}", |mut world| {
        world.end("a[0]", Err(StepError::retryable("BUSY", "later")));
        assert_eq!(world.run(|_| Ok(json("7"))).output(), r#"[{"ok":7,"error":null}]"#);
    });
}

#[test]
fn a_loop_that_keeps_going_uses_no_execution_retry() {
    let text = "workflow w { for x in [1, 2] keep going { step a: work { n = x } } }";
    for forgetful in [false, true] {
        let world = World::retried(text, 3, forgetful).run(fail_at(&["a[0]", "a[1]"]));
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!(world.attempts("a[0]"), 1);
    }
}

#[test]
fn a_hundred_thousand_items_fail_in_good_time_and_leave_nothing() {
    let text = r#"workflow w {
  input list: list<int>
  for x in input.list parallel 100000 keep going {
    parallel { branch one { sleep 1h }
      branch two { fail "no" } }
  }
  try { for x in input.list parallel 100000 { fail "no" } } catch error { }
  return "done"
}"#;
    let items: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    let input = format!(r#"{{"list": [{}]}}"#, items.join(","));
    let world = World::new(unchecked(text), &input, 0).unfolded().started();
    assert_eq!(world.output(), "\"done\"");
    let left = world.state.footprint() - json(&input).approx_bytes();
    assert!(left < 10_000, "{left} bytes are left beside the input");
}
