//! `wait`, signals and `approve`.

use proptest::prelude::*;
use stepwell::engine::{Event, EventWait, ExecutionStatus, MAX_KEPT_SIGNALS, Refusal, StepError, StepStatus};
use stepwell::ids::StepPath;

use super::world::{World, both, broken, echo, json, unchecked};

const WAIT: &str = r#"workflow w {
  input order: string
  wait accepted: "carrier.accepted" where event.order == input.order timeout 1d
  return accepted.by
}"#;

const ORDER: &str = r#"{"order": "o1"}"#;

#[test]
fn a_wait_stands_in_a_row_until_an_event_fits() {
    both(WAIT, ORDER, |mut world| {
        let row = world.step("accepted", 1).clone();
        assert_eq!((row.status, row.waits_for.as_deref()), (StepStatus::Waiting, Some("carrier.accepted")));
        assert_eq!(row.wake_at, Some(world.now.plus_ms(86_400_000)));
        assert!(world.state.is_idle());
        let path = StepPath::new("accepted");
        assert_eq!(world.state.waits(&world.plan), [EventWait { path, event: "carrier.accepted".into() }]);
        let refused = world.offer("e1", "carrier.accepted", r#"{"order": "o2"}"#).unwrap_err();
        assert_eq!(refused, Refusal::NotAwaited { name: "carrier.accepted".into() });
        world.offer("e2", "carrier.accepted", r#"{"order": "o1", "by": "bob"}"#).unwrap();
        assert_eq!(world.output(), "\"bob\"");
        assert_eq!(world.step("accepted", 1).status, StepStatus::Completed);
    });
}

#[test]
fn what_is_waited_for_too_long_is_a_timeout() {
    both(WAIT, ORDER, |mut world| {
        assert!(world.ring());
        let error = world.state.error().unwrap();
        assert_eq!((&*error.code, error.step.as_deref()), ("TIMEOUT", Some("accepted")));
        assert_eq!(world.step("accepted", 1).status, StepStatus::Failed);
        world.apply(Event::Retry).unwrap();
        assert_eq!(world.step("accepted", 2).status, StepStatus::Waiting);
        assert!(world.state.timers()[0].due > world.now, "a retry waits its time again");
        world.signal("e", "carrier.accepted", r#"{"order": "o1", "by": "late"}"#).unwrap();
        assert_eq!(world.output(), "\"late\"");
    });
}

const TWICE: &str = r#"workflow w {
  step first: work { }
  wait a: "x" where event.n > 1
  wait b: "x"
  return [a.n, b.n]
}"#;

#[test]
fn signals_are_kept_until_a_wait_takes_them_oldest_first_and_once() {
    both(TWICE, "{}", |mut world| {
        for (id, n) in [("1", 1), ("2", 2), ("3", 3)] {
            world.signal(id, "x", &format!(r#"{{"n": {n}}}"#)).unwrap();
        }
        let before = world.controls.clone();
        let again = world.signal("2", "x", r#"{"n": 9}"#).unwrap();
        assert_eq!((again, &world.controls), (Default::default(), &before), "an id that came before changes nothing");
        world.answer(echo);
        assert_eq!(world.output(), "[2,1]");
    });
}

#[test]
fn a_pending_execution_keeps_signals() {
    for forgetful in [false, true] {
        let mut world = World::new(unchecked(TWICE), "{}", 0);
        world.forgetful = forgetful;
        world.signal("1", "x", r#"{"n": 5}"#).unwrap();
        world.signal("2", "x", r#"{"n": 6}"#).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Pending);
        let world = world.started().run(echo);
        assert_eq!(world.output(), "[5,6]");
    }
}

#[test]
fn an_event_that_is_offered_and_not_taken_leaves_no_trace() {
    both(TWICE, "{}", |mut world| {
        assert!(world.offer("1", "x", r#"{"n": 2}"#).is_err());
        assert!(world.controls.is_empty());
        world.answer(echo);
        assert_eq!(world.step("a", 1).status, StepStatus::Waiting);
        world.offer("1", "x", r#"{"n": 2}"#).unwrap();
        let effects = world.offer("1", "x", r#"{"n": 2}"#).unwrap();
        assert_eq!(effects, Default::default(), "offered twice, taken once");
        assert_eq!(world.step("b", 1).status, StepStatus::Waiting);
    });
}

#[test]
fn the_mailbox_is_bounded() {
    let mut world = World::new(unchecked(TWICE), "{}", 0);
    for at in 0..MAX_KEPT_SIGNALS {
        let event = Event::Signal { id: at.to_string().into(), name: "x".into(), data: json("1"), keep: true };
        stepwell::engine::advance(&world.plan, &mut world.state, event, world.now).unwrap();
    }
    let event = Event::Signal { id: "one more".into(), name: "x".into(), data: json("1"), keep: true };
    let refused = stepwell::engine::advance(&world.plan, &mut world.state, event, world.now).unwrap_err();
    assert!(refused.to_string().contains("1024 signals"), "{refused}");
}

#[test]
fn a_mailbox_is_bounded_in_bytes_too() {
    let mut world = World::new(unchecked(TWICE), "{}", 0);
    let large = format!("{:?}", "x".repeat(900_000));
    let sent = (0..20).take_while(|at| world.signal(&at.to_string(), "x", &large).is_ok()).count();
    assert_eq!(sent, 9);
}

#[test]
fn the_oldest_wait_takes_an_event_and_one_whose_where_has_no_answer_does_not() {
    let text = r#"workflow w {
  parallel {
    branch one { wait a: "x" where event.missing > 1 }
    branch two { step s: work { }
      wait b: "x" }
    branch three { wait c: "x" }
  }
}"#;
    both(text, "{}", |mut world| {
        world.answer(echo);
        world.signal("1", "x", "{}").unwrap();
        assert_eq!(world.step("c", 1).status, StepStatus::Completed);
        assert_eq!(world.step("b", 1).status, StepStatus::Waiting);
        let told = world.logs.iter().find(|entry| entry.message.contains("`where` of `a`"));
        assert!(told.is_some(), "{:?}", world.logs);
        world.signal("2", "x", "{}").unwrap();
        assert_eq!(world.step("b", 1).status, StepStatus::Completed);
        assert_eq!(world.status(), ExecutionStatus::Running);
    });
}

#[test]
fn a_wait_in_a_repeat_takes_one_event_after_the_other() {
    let text = r#"workflow w {
  repeat max 10 until item.last { wait item: "item" }
  return item.n
}"#;
    both(text, "{}", |mut world| {
        world.offer("1", "item", r#"{"n": 1, "last": false}"#).unwrap();
        world.signal("2", "item", r#"{"n": 2, "last": false}"#).unwrap();
        let effects = world.signal("3", "item", r#"{"n": 3, "last": true}"#).unwrap();
        assert!(effects.ended);
        assert_eq!(world.output(), "3");
    });
}

const APPROVE: &str = r#"workflow w {
  approve risk: "risk-team" timeout 4h form { note: string?, limit: int }
  return risk
}"#;

#[test]
fn an_approval_binds_its_form_and_says_who_gave_it() {
    both(APPROVE, "{}", |mut world| {
        let row = world.step("risk", 1).clone();
        assert_eq!((row.status, row.waits_for.as_deref()), (StepStatus::Waiting, Some("risk-team")));
        let form = row.input.as_ref().and_then(|input| input.get("form")).unwrap();
        assert_eq!(form.get("type").and_then(|ty| ty.as_str()), Some("object"), "{form:?}");
        let refused = world.decide("risk", true, r#"{"limit": "high", "x": 1}"#).unwrap_err();
        let Refusal::BadForm(told) = &refused else { panic!("{refused}") };
        assert!(told.contains("`form.limit`") && told.contains("`form.x`"), "{told}");
        world.decide("risk", true, r#"{"limit": 5}"#).unwrap();
        assert_eq!(world.output(), r#"{"limit":5,"note":null}"#, "what may be absent is filled in");
        assert_eq!(world.step("risk", 1).input.as_ref().unwrap().get("by"), Some(&json("\"ada\"")));
    });
}

#[test]
fn a_decision_is_made_once_and_where_there_is_an_approval_to_decide() {
    let text = "workflow w { parallel { branch a { approve one: \"g\" }\n branch b { wait two: \"x\" } } }";
    both(text, "{}", |mut world| {
        world.decide("one", true, "null").unwrap();
        for path in ["one", "two", "three"] {
            let refused = world.decide(path, true, "null").unwrap_err();
            assert_eq!(refused, Refusal::NoApproval { path: StepPath::new(path) });
        }
    });
}

#[test]
fn a_form_that_nobody_asks_for_is_refused() {
    both("workflow w { approve one: \"g\" }", "{}", |mut world| {
        assert!(matches!(world.decide("one", true, r#"{"a": 1}"#), Err(Refusal::BadForm(_))));
        world.decide("one", true, "{}").unwrap();
        assert_eq!(world.status(), ExecutionStatus::Completed);
    });
}

#[test]
fn a_refusal_fails_with_who_and_why_and_a_retry_asks_again() {
    both(APPROVE, "{}", |mut world| {
        world.decide("risk", false, "null").unwrap();
        let error = world.state.error().unwrap();
        assert_eq!(&*error.code, "APPROVAL_REFUSED");
        assert_eq!(error.message, "`risk` was refused by ada: seen");
        world.apply(Event::Retry).unwrap();
        world.decide("risk", true, r#"{"limit": 1, "note": "well"}"#).unwrap();
        assert_eq!(world.output(), r#"{"limit":1,"note":"well"}"#);
        assert_eq!(world.story().first().map(String::as_str), Some("risk#1 failed"));
    });
}

#[test]
fn nobody_who_decides_in_time_is_a_timeout() {
    both(APPROVE, "{}", |mut world| {
        assert!(world.ring());
        let error = world.state.error().unwrap();
        assert_eq!((&*error.code, error.step.as_deref()), ("TIMEOUT", Some("risk")));
    });
}

#[test]
fn a_cancel_ends_what_waits() {
    let text = "workflow w { parallel { branch a { approve one: \"g\" }\n branch b { wait two: \"x\" } } }";
    both(text, "{}", |mut world| {
        world.apply(Event::Cancel { reason: "enough".into(), undo: true }).unwrap();
        assert_eq!(world.statuses(StepStatus::Cancelled), ["one", "two"]);
        assert!(world.signal("1", "x", "1").is_err());
    });
}

const ONCE: &str = "workflow w { step pay: work { at most once, retry 5 backoff 1s }\n return pay }";

#[test]
fn what_is_done_at_most_once_has_its_row_before_it_is_dispatched_and_is_not_repeated() {
    both(ONCE, "{}", |mut world| {
        assert_eq!(world.story(), ["pay#1 running"]);
        assert_eq!(world.dispatches.len(), 1);
        world.apply(Event::Lost { path: StepPath::new("pay"), attempt: 1 }).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Failed);
        let error = world.state.error().unwrap();
        assert_eq!((&*error.code, error.unknown), ("WORKER_LOST", true));
        assert_eq!(world.story(), ["pay#1 failed"]);
        assert_eq!(world.dispatches.len(), 1, "it was dispatched once");
    });
    let without = ONCE.replace("at most once, ", "");
    both(&without, "{}", |mut world| {
        assert!(world.rows.is_empty());
        world.apply(Event::Lost { path: StepPath::new("pay"), attempt: 1 }).unwrap();
        assert_eq!(world.dispatches.len(), 2, "without the policy it is made again");
    });
}

#[test]
fn what_is_done_at_most_once_is_retried_only_where_it_is_known_not_to_have_been_done() {
    both(ONCE, "{}", |mut world| {
        world.answer(|_| Err(StepError::retryable("BUSY", "no")));
        assert_eq!(world.step("pay", 1).status, StepStatus::Retrying);
        world.ring();
        world.answer(|_| Err(StepError { unknown: true, ..StepError::retryable("TIMEOUT", "slow") }));
        assert_eq!(world.status(), ExecutionStatus::Failed);
        assert_eq!(world.story(), ["pay#1 failed", "pay#2 failed"]);
    });
}

#[test]
fn an_execution_retry_does_not_repeat_what_may_have_been_done() {
    for forgetful in [false, true] {
        let mut world = World::new(unchecked(ONCE), "{}", 3);
        world.forgetful = forgetful;
        let mut world = world.started();
        world.apply(Event::Lost { path: StepPath::new("pay"), attempt: 1 }).unwrap();
        assert_eq!(world.status(), ExecutionStatus::Failed, "whatever retries are left");
        world.apply(Event::Retry).unwrap();
        assert_eq!(world.run(|_| Ok(json("1"))).output(), "1", "a person may");
    }
}

#[test]
fn the_retry_that_another_step_waits_for_does_not_repeat_what_may_have_been_done() {
    let text = "workflow w { parallel { step other: work { }\n step pay: work { at most once } } }";
    for forgetful in [false, true] {
        let mut world = World::retried(text, 3, forgetful);
        world.end("other", broken());
        assert_eq!(world.status(), ExecutionStatus::Retrying);
        world.apply(Event::Lost { path: StepPath::new("pay"), attempt: 1 }).unwrap();
        assert_eq!((world.status(), world.error_code()), (ExecutionStatus::Failed, "WORKER_LOST".to_owned()));
        world.apply(Event::Retry).unwrap();
        assert_eq!(world.outstanding(), ["other", "pay"], "a person may");
    }
}

#[test]
fn an_error_of_what_may_have_been_done_that_becomes_another_on_its_way_out_does_not_repeat_it() {
    let in_a_loop = "for x in [1] keep going max 0 { step pay: work { at most once } }";
    let in_a_try = "try { step pay: work { at most once } } catch error if error.details.none { }";
    for (body, path, code) in [(in_a_loop, "pay[0]", "TOO_MANY_FAILURES"), (in_a_try, "pay", "EXPRESSION")] {
        for forgetful in [false, true] {
            let mut world = World::retried(&format!("workflow w {{ {body} }}"), 3, forgetful);
            world.apply(Event::Lost { path: StepPath::new(path), attempt: 1 }).unwrap();
            assert_eq!((world.status(), &*world.error_code()), (ExecutionStatus::Failed, code));
        }
    }
}

const MIXED: &str = r#"workflow w {
  input n: int
  step first: work { n = input.n, retry 1 backoff 1s }
  parallel {
    branch loop {
      repeat every 5s max 50 until poll.n >= 1 && item.n > 0 {
        step poll: work { n = 1, retry 2 backoff 1s }
        wait item: "item" where event.n >= 0 timeout 1h
      }
    }
    branch people {
      approve word: "team" timeout 2h form { note: string? }
      step after-word: work { n = 2 }
    }
    branch once { step pay: work { n = 3, retry 1 backoff 1s } }
  }
  try {
    match poll.n {
      1 { wait last: "last" timeout 1h }
      else { }
    }
    step more: work { n = last.n, retry 1 backoff 1s }
  } catch error if error.code == "TIMEOUT" {
    step sorry: work { n = 1 }
  } finally {
    step audit: work { n = 2 }
  }
  parallel first {
    branch never { wait never: "never" timeout 3h }
    branch other { sleep 4h }
  }
  return item.n + pay.n
}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever comes in whatever order, a pause in the middle of it, and whatever is forgotten on the way: the rows fold to
    /// the state after each event (checked inside), and the end is the same.
    #[test]
    fn waits_and_pauses_fold_to_the_state_that_wrote_them(script in proptest::collection::vec(0u8..14, 0..80), forget in any::<bool>()) {
        let mut world = World::new(unchecked(MIXED), r#"{"n": 1}"#, 3);
        world.forgetful = forget;
        let mut world = world.started();
        for (at, choice) in script.into_iter().enumerate() {
            if world.status().is_terminal() {
                break;
            }
            step(&mut world, choice, at);
        }
        let _ = world.apply(Event::Resume);
        if world.status() == ExecutionStatus::Failed {
            world.apply(Event::Retry).unwrap();
        }
        for at in 0..1_000 {
            if world.status().is_terminal() {
                break;
            }
            let _ = world.decide("word", true, "{}");
            let _ = world.offer(&format!("item {at}"), "item", r#"{"n": 1}"#);
            let _ = world.offer(&format!("last {at}"), "last", r#"{"n": 1}"#);
            let _ = world.answer(echo) || world.ring();
        }
        prop_assert_eq!(world.status(), ExecutionStatus::Completed);
    }
}

fn step(world: &mut World, choice: u8, at: usize) {
    let id = at.to_string();
    let last = world.dispatches.back().map(|dispatch| (dispatch.path.clone(), dispatch.attempt));
    let last = last.filter(|(path, attempt)| world.state.awaits(path, *attempt));
    match (choice, last) {
        (0, _) => drop(world.answer(|_| Err(StepError::retryable("BUSY", "later")))),
        (1, Some((path, attempt))) => drop(world.apply(Event::Lost { path, attempt }).unwrap()),
        (2, Some((path, attempt))) => {
            let claimed_at = world.now;
            world.apply(Event::Running { path, attempt, claimed_at }).unwrap();
        }
        (3, _) if world.status() != ExecutionStatus::Paused => drop(world.ring()),
        (4, _) => drop(world.signal(&id, "item", r#"{"n": 0}"#).unwrap()),
        (5, _) => drop(world.offer(&id, "item", r#"{"n": 1}"#)),
        (6, _) => drop(world.signal(&id, "last", r#"{"n": 1}"#).unwrap()),
        (7, _) => drop(world.decide("word", true, r#"{"note": "yes"}"#)),
        (8, _) => drop(world.apply(Event::Pause)),
        (9, _) => drop(world.apply(Event::Resume)),
        _ => drop(world.answer(echo)),
    }
}
