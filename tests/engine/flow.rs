//! Control flow.

use stepwell::engine::{Dispatch, ExecutionStatus, StepError, StepStatus};

use super::world::{World, both, echo, json};

fn fatal(_: &Dispatch) -> Result<stepwell::expr::Value, StepError> {
    Err(StepError::fatal("BROKEN", "no use"))
}

#[test]
fn loops_in_loops_of_pure_steps_fail_in_good_time_and_the_finally_runs() {
    let text = r#"workflow w {
  let many = range(100000)
  try { for a in many LIKE { for b in many LIKE { } } } catch error { return 1 } finally { step last: work { } }
}"#;
    for like in ["", "parallel 100000"] {
        let mut world = World::flow(&text.replace("LIKE", like), "{}").unfolded().started();
        assert_eq!(world.outstanding(), ["last"], "{like}");
        world.end("last", Ok(json("1")));
        assert_eq!((world.status(), &*world.error_code()), (ExecutionStatus::Failed, "LIMIT"), "{like}");
        if like.is_empty() {
            assert_eq!(world.folded().error(), world.state.error());
        }
    }
}

#[test]
fn what_an_item_yields_reads_the_data_of_its_steps() {
    let text = r#"workflow w {
  let all = for x in [1, 2] { step a: work { n = x }
    yield data.n }
  return all
}"#;
    both(text, "{}", |world| assert_eq!(world.run(echo).output(), "[1,2]"));
}

#[test]
fn statements_run_in_the_order_written() {
    let text = r#"workflow w {
  step a: work { n = 1 }
  let twice = a.n * 2
  step b: work { n = twice }
  return b.n + 1
}"#;
    both(text, "{}", |world| {
        let world = world.run(echo);
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!(world.output(), "3");
        assert_eq!(world.story(), ["a#1 completed", "twice#1 completed", "b#1 completed"]);
    });
}

#[test]
fn an_if_takes_the_first_arm_that_holds_and_skips_the_steps_of_the_others() {
    let text = r#"workflow w {
  input n: int
  if input.n > 10 { step big: work { } }
  else if input.n > 5 { step middle: work { } }
  else { step small: work { } }
  return { middle: middle, small: small }
}"#;
    both(text, r#"{"n": 7}"#, |world| {
        let world = world.run(|_| Ok(json("1")));
        assert_eq!(world.output(), r#"{"middle":1,"small":null}"#);
        assert_eq!(world.statuses(StepStatus::Skipped), ["big", "small"]);
    });
}

#[test]
fn parallel_starts_what_has_nothing_before_it_and_joins() {
    let text = r#"workflow w {
  parallel {
    step a: work { n = 1 }
    step b: work { n = 2 }
    step c: work { n = a.n + b.n, after a, b }
  }
  return c.n
}"#;
    both(text, "{}", |mut world| {
        let names: Vec<_> = world.dispatches.iter().map(|dispatch| dispatch.path.to_string()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(world.answer(echo));
        assert_eq!(world.dispatches.len(), 1, "c waits for both");
        assert_eq!(world.run(echo).output(), "3");
    });
}

#[test]
fn a_loop_keeps_to_its_width_and_yields_in_the_order_of_the_list() {
    let text = r#"workflow w {
  input list: list<int>
  let doubled = for n in input.list parallel 2 {
    step pick: work { n = n }
    yield pick.n * 2
  }
  return doubled
}"#;
    both(text, r#"{"list": [1, 2, 3, 4]}"#, |mut world| {
        assert_eq!(world.dispatches.len(), 2);
        let second = world.dispatches.remove(1).unwrap();
        assert_eq!(second.path.as_str(), "pick[1]");
        world.outcome(&second.path, 1, Ok(second.config.clone())).unwrap();
        let next: Vec<_> = world.dispatches.iter().map(|dispatch| dispatch.path.to_string()).collect();
        assert_eq!(next, ["pick[0]", "pick[2]"]);
        assert_eq!(world.run(echo).output(), "[2,4,6,8]");
    });
}

#[test]
fn loops_nest_and_each_item_has_its_own_names() {
    let text = r#"workflow w {
  let rows = for x in [1, 2] {
    let cells = for y in [10, 20] { step cell: work { n = x * y }, yield cell.n }
    yield cells.sum()
  }
  return rows
}"#;
    both(text, "{}", |world| {
        let world = world.run(echo);
        assert_eq!(world.output(), "[30,60]");
        assert!(world.rows.keys().any(|(path, _)| path.as_str() == "cell[1][0]"));
    });
}

#[test]
fn an_empty_list_gives_an_empty_list() {
    both("workflow w { let out = for x in [] { step s: work { }, yield s }\n return out }", "{}", |world| {
        assert_eq!(world.run(echo).output(), "[]");
    });
}

#[test]
fn a_sleep_waits_in_a_row_until_it_is_due() {
    both("workflow w { sleep 1h\n return 1 }", "{}", |mut world| {
        let row = world.step("sleep-1", 1).clone();
        assert_eq!(row.status, StepStatus::Waiting);
        assert_eq!(row.wake_at, Some(world.now.plus_ms(3_600_000)));
        assert!(world.ring());
        assert_eq!(world.status(), ExecutionStatus::Completed);
        assert_eq!(world.step("sleep-1", 1).status, StepStatus::Completed);
    });
}

#[test]
fn a_return_stops_what_runs_beside_it() {
    let text = r#"workflow w {
  parallel {
    step slow: work { }
    branch quick { step fast: work { }
      return "done" }
  }
}"#;
    both(text, "{}", |mut world| {
        let fast = world.dispatches.iter().position(|dispatch| dispatch.path.as_str() == "fast").unwrap();
        let fast = world.dispatches.remove(fast).unwrap();
        world.outcome(&fast.path, 1, Ok(json("1"))).unwrap();
        assert_eq!(world.output(), "\"done\"");
        assert_eq!(world.step("slow", 1).status, StepStatus::Cancelled);
        assert_eq!(world.stops.len(), 1);
    });
}

#[test]
fn a_failing_branch_stops_its_siblings_and_its_error_is_the_executions() {
    let text = "workflow w { parallel { step a: work { }\n step b: work { } } }";
    both(text, "{}", |mut world| {
        world.answer(fatal);
        assert_eq!(world.status(), ExecutionStatus::Failed);
        let error = world.state.error().unwrap();
        assert_eq!((&*error.code, error.step.as_deref()), ("BROKEN", Some("a")));
        assert_eq!(world.step("b", 1).status, StepStatus::Cancelled);
    });
}

#[test]
fn fail_ends_the_execution_with_its_message_and_code() {
    both(
        r#"workflow w { input n: int
  fail "no ${input.n}" code "NO" }"#,
        r#"{"n": 3}"#,
        |world| {
            let error = world.state.error().unwrap();
            assert_eq!((&*error.code, &*error.message), ("NO", "no 3"));
        },
    );
}

#[test]
fn a_mistake_in_an_expression_fails_the_statement_with_its_place() {
    both("workflow w { input a: any\n let x = 1 / input.a }", r#"{"a": 0}"#, |world| {
        let error = world.state.error().unwrap();
        assert_eq!(&*error.code, "EXPRESSION");
        assert!(error.details.is_some());
        assert_eq!(world.step("x", 1).status, StepStatus::Failed);
    });
}

#[test]
fn ten_thousand_pure_steps_are_one_walk() {
    let mut text = String::from("workflow w {\n let x0 = 0\n");
    for at in 1..5_000 {
        text.push_str(&format!(" let x{at} = x{} + 1\n", at - 1));
    }
    text.push_str(" return x4999\n}");
    let world = World::flow(&text, "{}").started();
    assert_eq!(world.output(), "4999");
}
