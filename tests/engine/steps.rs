//! Steps: attempts, retries, losses, skips, and the engine's own task types.

use stepwell::engine::{Event, ExecutionStatus, LogLevel, Refusal, StepError, StepStatus, Stop};
use stepwell::ids::StepPath;

use super::world::{World, both, echo, json};

const RETRIED: &str = "workflow w { step a: work { n = 1\n retry 2 backoff 1s..1m jitter none }\n return a }";

fn busy() -> StepError {
    StepError::retryable("BUSY", "later")
}

#[test]
fn a_first_attempt_has_no_row_until_it_ends_or_is_still_running() {
    both(RETRIED, "{}", |mut world| {
        assert!(world.rows.is_empty());
        let path = StepPath::new("a");
        world.apply(Event::Running { path, attempt: 1, claimed_at: world.now }).unwrap();
        assert_eq!(world.story(), ["a#1 running"]);
        assert_eq!(world.run(echo).story(), ["a#1 completed"]);
    });
}

#[test]
fn a_retryable_failure_waits_and_is_tried_again() {
    both(RETRIED, "{}", |mut world| {
        world.answer(|_| Err(busy()));
        assert_eq!(world.step("a", 1).status, StepStatus::Retrying);
        assert_eq!(world.step("a", 1).wake_at, Some(world.now.plus_ms(1_000)));
        assert!(world.ring());
        assert_eq!(world.story(), ["a#1 failed", "a#2 running"]);
        world.answer(|_| Err(busy()));
        assert_eq!(world.step("a", 2).wake_at, Some(world.now.plus_ms(2_000)), "the wait doubles");
        let world = world.run(|_| Ok(json("5")));
        assert_eq!(world.output(), "5");
        assert_eq!(world.story(), ["a#1 failed", "a#2 failed", "a#3 completed"]);
    });
}

#[test]
fn retries_are_used_up() {
    both(RETRIED, "{}", |world| {
        let world = world.run(|_| Err(busy()));
        assert_eq!(world.status(), ExecutionStatus::Failed);
        assert_eq!(world.story(), ["a#1 failed", "a#2 failed", "a#3 failed"]);
        assert_eq!(world.state.error().unwrap().attempt, Some(3));
    });
}

#[test]
fn a_step_that_reads_a_secret_fails_before_it_is_sent_and_says_which() {
    let text = r#"workflow w {
  secret pay_key
  secret other
  step call: http_request { url = "https://x", headers = { authorization: "Bearer ${READ}" }, retry 2 }
}"#;
    for read in ["secrets.pay_key", "secrets[\"pay_key\"]", "secrets.pay_key ?? secrets.other"] {
        both(&text.replace("READ", read), "{}", |world| {
            let error = world.state.error().unwrap();
            assert_eq!((world.status(), &*error.code), (ExecutionStatus::Failed, "SECRET"), "{read}");
            assert!(error.message.contains("`pay_key`"), "{error}");
            assert_eq!(error.details, Some(json(r#"{"secret": "pay_key"}"#)));
            assert_eq!(world.story(), ["call#1 failed"]);
        });
    }
}

#[test]
fn what_the_other_side_asks_for_lengthens_the_wait_up_to_an_hour() {
    both(RETRIED, "{}", |mut world| {
        world.answer(|_| Err(StepError { retry_after_ms: Some(90_000_000), ..busy() }));
        assert_eq!(world.step("a", 1).wake_at, Some(world.now.plus_ms(3_600_000)));
    });
}

#[test]
fn unless_narrows_and_only_replaces_the_verdict() {
    let unless = "workflow w { step a: work { retry 3 unless error.status == 501 } }";
    both(unless, "{}", |mut world| {
        world.answer(|_| Err(StepError { status: Some(501), ..busy() }));
        assert_eq!(world.status(), ExecutionStatus::Failed);
    });
    let only = "workflow w { step a: work { retry 3 only error.code == \"ODD\" } }";
    both(only, "{}", |mut world| {
        world.answer(|_| Err(StepError::fatal("ODD", "odd")));
        assert_eq!(world.step("a", 1).status, StepStatus::Retrying);
    });
}

#[test]
fn what_decides_over_a_retry_reads_data() {
    let text = "workflow w { input patient: bool\n step a: work { retry 2 backoff 1s only data.patient } }";
    for (patient, status) in [(true, ExecutionStatus::Running), (false, ExecutionStatus::Failed)] {
        both(text, &format!("{{\"patient\": {patient}}}"), |mut world| {
            world.answer(|_| Err(StepError::fatal("NO", "no")));
            assert_eq!((world.status(), world.attempts("a")), (status, 1));
            assert_eq!(world.error_code(), if patient { "" } else { "NO" });
        });
    }
}

#[test]
fn a_late_or_doubled_outcome_is_refused_and_changes_nothing() {
    both(RETRIED, "{}", |mut world| {
        let path = StepPath::new("a");
        world.apply(Event::Lost { path: path.clone(), attempt: 1 }).unwrap();
        let before = world.rows.clone();
        let refused = world.outcome(&path, 1, Ok(json("1"))).unwrap_err();
        assert_eq!(refused, Refusal::Superseded { path: path.clone(), attempt: 1 });
        assert_eq!(world.rows, before);
        world.outcome(&path, 2, Ok(json("2"))).unwrap();
        assert!(world.outcome(&path, 2, Ok(json("3"))).is_err());
        assert_eq!(world.output(), "2");
    });
}

#[test]
fn a_step_that_takes_down_its_worker_three_times_fails_for_good() {
    both("workflow w { step a: work { } }", "{}", |mut world| {
        for attempt in 1..=3 {
            world.apply(Event::Lost { path: StepPath::new("a"), attempt }).unwrap();
        }
        assert_eq!(&*world.state.error().unwrap().code, "POISONED");
        assert_eq!(world.story(), ["a#1 failed", "a#2 failed", "a#3 failed"]);
    });
}

#[test]
fn losses_do_not_count_as_retries() {
    both(RETRIED, "{}", |mut world| {
        world.apply(Event::Lost { path: StepPath::new("a"), attempt: 1 }).unwrap();
        world.apply(Event::Lost { path: StepPath::new("a"), attempt: 2 }).unwrap();
        let mut failures = 0;
        let world = world.run(|_| {
            failures += 1;
            if failures <= 2 { Err(busy()) } else { Ok(json("1")) }
        });
        assert_eq!(world.status(), ExecutionStatus::Completed);
    });
}

#[test]
fn a_skipped_step_is_null_and_skips_nothing_after_it() {
    let text =
        "workflow w { input go: bool\n step a: work { when input.go }\n step b: work { n = a?.n ?? 9 }\n return b.n }";
    both(text, r#"{"go": false}"#, |world| {
        let world = world.run(echo);
        assert_eq!(world.output(), "9");
        assert_eq!(world.step("a", 1).status, StepStatus::Skipped);
    });
}

#[test]
fn an_output_that_does_not_fit_its_declaration_fails_with_its_path() {
    let text = "workflow w { step a: work { output { n: int, s: string? } } }";
    both(text, "{}", |mut world| {
        world.answer(|_| Ok(json(r#"{"n": "x"}"#)));
        let error = world.state.error().unwrap();
        assert_eq!(&*error.code, "TYPE");
        assert!(error.message.contains("`output.n`"), "{}", error.message);
    });
}

#[test]
fn a_delay_is_durable_and_holds_no_worker() {
    both("workflow w { step d: delay { duration = 2d } }", "{}", |mut world| {
        assert!(world.dispatches.is_empty());
        assert!(world.state.is_idle());
        assert!(world.ring());
        assert_eq!(world.status(), ExecutionStatus::Completed);
    });
}

#[test]
fn transforms_apply_in_order_and_replace_data() {
    let text = r#"
name = "w"
[input]
order = "any"
[[step]]
name = "shape"
task = "data_transform"
with = { transforms = [
  { rename = { from = "order.id", to = "id" } },
  { set = { path = "tags[0]", value = "new" } },
] }
"#;
    let bad = World::toml(text, r#"{"order": {"id": 1}}"#).started();
    assert_eq!(bad.status(), ExecutionStatus::Failed, "an index needs a list");
    let text = text.replace("tags[0]", "tags.first");
    let world = World::toml(&text, r#"{"order": {"id": 1, "x": 2}}"#).started();
    assert_eq!(world.output(), r#"{"order":{"x":2},"id":1,"tags":{"first":"new"}}"#);
}

/// A `data_transform` of these operations, over `{ "a": [1] }`.
fn transformed(ops: &str) -> World {
    let text = format!(
        "name = \"w\"\n[input]\na = \"any\"\n[[step]]\nname = \"shape\"\ntask = \"data_transform\"\nwith = {{ transforms = [{ops}] }}"
    );
    World::toml(&text, r#"{"a": [1]}"#).started()
}

#[test]
fn copies_of_copies_are_no_larger_than_a_value_may_be() {
    let double = r#"{ copy = { from = "a", to = "b.l" } }, { rename = { from = "a", to = "b.r" } }, { rename = { from = "b", to = "a" } },"#;
    let world = transformed(&double.repeat(20));
    assert_eq!((world.status(), &*world.error_code()), (ExecutionStatus::Failed, "LIMIT"));
    assert_eq!(transformed(&double.repeat(10)).status(), ExecutionStatus::Completed);
}

#[test]
fn what_is_put_into_itself_is_no_deeper_than_a_value_may_be() {
    let deepen = r#"{ rename = { from = "a", to = "b.a" } }, { rename = { from = "b", to = "a" } },"#;
    let world = transformed(&deepen.repeat(5_000));
    assert_eq!((world.status(), &*world.error_code()), (ExecutionStatus::Failed, "LIMIT"));
    assert_eq!(transformed(&deepen.repeat(50)).status(), ExecutionStatus::Completed);
}

#[test]
fn data_is_the_input_then_the_outputs_of_what_came_before() {
    let text = r#"
name = "w"
[input]
a = "int"
[[step]]
name = "one"
task = "work"
with = { b = 2, a = 5 }
[[step]]
name = "tell"
task = "log"
with = { message = "a {a} b {b} literal {{x}} $${y}", level = "warn" }
"#;
    let world = World::toml(text, r#"{"a": 1}"#).started().run(echo);
    assert_eq!(world.state.error(), None);
    let told = world.logs.iter().find(|entry| entry.level == LogLevel::Warn).unwrap();
    assert_eq!(told.message, "a 5 b 2 literal {x} ${y}");
    assert_eq!(world.output(), r#"{"a":5,"b":2}"#);
}

#[test]
fn a_conditional_runs_the_then_and_skips_the_else() {
    let text = r#"
name = "w"
[input]
n = "int"
[[step]]
name = "big"
task = "conditional"
with = { condition = { field = "n", operator = "gt", value = 10 }, then = ["ship"], else = ["hold"] }
[[step]]
name = "ship"
task = "work"
[[step]]
name = "hold"
task = "work"
"#;
    let world = World::toml(text, r#"{"n": 11}"#).started().run(echo);
    assert_eq!(world.statuses(StepStatus::Skipped), ["hold"]);
    let world = World::toml(text, r#"{"n": 1}"#).started().run(echo);
    assert_eq!(world.statuses(StepStatus::Skipped), ["ship"]);
}

#[test]
fn a_child_is_started_once_and_its_outcome_is_the_steps() {
    let text = r#"workflow w { step c: workflow { name = "other", input = { x: 1 } }
  return c }"#;
    both(text, "{}", |mut world| {
        let child = world.children[0].clone();
        assert_eq!((&*child.workflow, child.depth), ("other", 1));
        assert_eq!(world.step("c", 1).status, StepStatus::Running);
        world.outcome(&child.path, child.attempt, Ok(json("42"))).unwrap();
        assert_eq!(world.output(), "42");
    });
}

#[test]
fn a_child_that_takes_longer_than_the_steps_timeout_is_stopped_and_may_be_tried_again() {
    let text = r#"workflow w { step c: workflow { name = "other", timeout 1m, retry 1 backoff 1s jitter none }
  return c }"#;
    both(text, "{}", |mut world| {
        let first = world.children[0].child;
        assert!(world.ring());
        assert_eq!(world.stops, [Stop::Child(first)]);
        assert_eq!(world.step("c", 1).status, StepStatus::Retrying);
        assert!(world.ring());
        let second = world.children[1].clone();
        assert_ne!(second.child, first, "each attempt starts a child of its own");
        world.outcome(&second.path, second.attempt, Ok(json("42"))).unwrap();
        assert_eq!(world.output(), "42");
    });
}

#[test]
fn a_child_that_fails_is_tried_again_as_a_child_of_its_own() {
    let text = r#"workflow w { step c: workflow { name = "other", retry 1 backoff 1s }
  return c }"#;
    both(text, "{}", |mut world| {
        let first = world.children[0].clone();
        world.outcome(&first.path, 1, Err(StepError::retryable("CHILD_FAILED", "no"))).unwrap();
        assert!(world.ring());
        assert_eq!(world.story(), ["c#1 failed", "c#2 running"]);
        let second = world.children[1].clone();
        assert_ne!(second.child, first.child);
        world.outcome(&second.path, 2, Ok(json("1"))).unwrap();
        assert_eq!(world.output(), "1");
    });
}
