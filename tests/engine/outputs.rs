//! What a step gives against what the checker knew of its task type: it is in the plan, and holds for as long as the plan.

use std::sync::Arc;

use stepwell::engine::{Compensation, ExecutionStatus, output_misfit};
use stepwell::ids::StepPath;
use stepwell::lang::Notation;
use stepwell::plan::Plan;

use super::world::{Answer, World, both, echo, json, plan_of};

const COUNT: &str = r#"
task files.count { config { path: string } output { words: int, lines: list<int>?, at: timestamp? } }
task files.forget { config { path: string } output { done: bool } }
workflow w {
  step count: files.count {
    path = "a.txt"
    retry 3
    undo files.forget { path = "a.txt" }
  }
  return count.words + 1
}"#;

fn counted(output: &'static str) -> impl FnMut(&stepwell::engine::Dispatch) -> Answer {
    move |dispatch| Ok(json(if dispatch.path.as_str() == "count" { output } else { "\"whatever\"" }))
}

#[test]
fn an_output_that_does_not_fit_its_task_type_fails_the_step_for_good_and_says_all_of_it() {
    both(COUNT, "{}", |world| {
        let world = world.run(counted(r#"{"words": "four", "lines": [1, 2.5]}"#));
        let error = world.state.error().unwrap();
        assert_eq!(
            (world.status(), &*error.code, error.step.as_deref()),
            (ExecutionStatus::Failed, "TYPE", Some("count"))
        );
        assert_eq!(
            error.message,
            "the output of `count` (task type `files.count`) does not fit what its task type was known to give when this \
             version was published: `output.words`: expected `int`, found text \"four\"; `output.lines[1]`: expected `int`, \
             found the number 2.5; let the worker give what the type says; or correct the type, by the `output_schema` that \
             it is registered with or the `task` in the source, and publish the workflow again"
        );
        assert_eq!(world.attempts("count"), 1, "another attempt would give the same");
        // It was done all the same, and is undone; what nothing reads is held against nothing.
        assert!(world.step("count", 1).error.as_ref().unwrap().unknown);
        assert_eq!((world.state.compensation(), world.attempts("count.undo")), (Compensation::Done, 1));
    });
}

#[test]
fn what_fits_is_made_what_the_type_says() {
    both(COUNT, "{}", |world| {
        let world = world.run(counted(r#"{"words": 4.0, "at": "2030-01-31T12:00:00+02:00"}"#));
        assert_eq!(world.output(), "5");
        let output = serde_json::to_value(&world.step("count", 1).output).unwrap();
        assert_eq!(output, serde_json::json!({ "words": 4, "at": "2030-01-31T10:00:00Z", "lines": null }));
    });
    for wrong in
        ["null", "4", "[]", "{}", r#"{"words": null}"#, r#"{"words": 1, "more": 1}"#, r#"{"words": 1, "at": "now"}"#]
    {
        both(COUNT, "{}", |world| assert_eq!(world.run(counted(wrong)).error_code(), "TYPE", "{wrong}"));
    }
}

/// What an execution of this plan comes to with an output that does not fit.
fn with_a_misfit(plan: Plan) -> World {
    World::new(Arc::new(plan), "{}", 0).forgetful().started().run(counted(r#"{"words": 4, "more": 1}"#))
}

#[test]
fn a_plan_without_the_types_takes_any_output() {
    let plan = Plan::clone(&plan_of(Notation::Flow, COUNT));
    assert_eq!(with_a_misfit(plan.clone()).error_code(), "TYPE");
    // As it was stored before they were kept.
    let stored = Plan { task_outputs: Default::default(), ..plan }.to_json();
    assert!(!stored.contains("task_outputs"));
    let world = with_a_misfit(Plan::from_json(&stored).unwrap());
    assert_eq!((world.status(), world.output()), (ExecutionStatus::Completed, "5".to_owned()));
}

#[test]
fn what_the_step_declares_itself_holds_in_place_of_its_task_type() {
    let own = COUNT.replace("retry 3", "output { words: number }");
    both(&own, "{}", |world| {
        assert!(world.plan.task_outputs.is_empty());
        assert_eq!(world.run(counted(r#"{"words": 4.5}"#)).output(), "5.5");
    });
    both(&own, "{}", |world| {
        let world = world.run(counted(r#"{"words": 4, "lines": []}"#));
        let message = &world.state.error().unwrap().message;
        assert!(message.contains("the type that the step declares: `output.lines`: unknown field"), "{message}");
    });
}

#[test]
fn an_item_of_a_loop_is_held_against_it_and_told_by_its_own_error() {
    let text = r#"
task files.count { config { path: string } output { words: int } }
workflow w {
  let counts = for path in ["a", "b", "c"] parallel 2 keep going {
    step count: files.count { path = path }
    yield count.words
  }
  return counts.map(each, each.ok ?? -1)
}"#;
    both(text, "{}", |world| {
        let world = world.run(|dispatch| {
            Ok(json(if dispatch.path.as_str() == "count[1]" { r#"{"words": null}"# } else { r#"{"words": 3}"# }))
        });
        assert_eq!(world.output(), "[3,-1,3]");
        assert_eq!(&*world.step("count[1]", 1).error.as_ref().unwrap().code, "TYPE");
    });
}

#[test]
fn the_error_is_caught_and_retried_like_another() {
    let text = r#"
task files.count { config { path: string } output { words: int } }
workflow w {
  try {
    step count: files.count {
      path = "a"
      retry 1 backoff 1s..1s only error.code == "TYPE"
    }
    return count.words
  } catch error if error.code == "TYPE" {
    return error.attempt
  }
}"#;
    both(text, "{}", |world| {
        let world = world.run(echo);
        assert_eq!((world.output(), world.attempts("count")), ("2".to_owned(), 2));
    });
}

#[test]
fn what_is_kept_for_others_is_kept_for_those_who_can_take_it() {
    let text = r#"
task files.count { output OUTPUT }
workflow w { step count: files.count { cache key "a" for 1h } }
"#;
    let key = |output: &str| {
        let world = World::flow(&text.replace("OUTPUT", output), "{}").started();
        world.dispatches[0].cache.clone().unwrap().key
    };
    assert_eq!(key("{ words: int }"), key("{ words: int }"));
    assert_ne!(key("{ words: int }"), key("{ words: string }"));
}

#[test]
fn a_misfit_is_known_before_the_engine_takes_it() {
    let plan = plan_of(Notation::Flow, COUNT);
    let misfit = |path: &str, output: &str| output_misfit(&plan, &StepPath::new(path), json(output));
    assert_eq!(misfit("count", r#"{"words": 4}"#), None);
    let found = misfit("count", r#"{"lines": [null]}"#).unwrap();
    let places: Vec<_> = found.places.iter().map(|place| place.path.as_str()).collect();
    assert_eq!(places, ["output.words", "output.lines[0]"]);
    assert_eq!(misfit("count.undo", "1"), None);
    assert_eq!(misfit("nothing", "1"), None);
}

#[test]
fn the_error_of_a_very_wrong_output_is_of_a_size_to_read() {
    let key = "k".repeat(100_000);
    let text = "task many { output map<list<int>> }\nworkflow w { step all: many { } }";
    let output = format!("{{\"{key}\": [{}]}}", vec!["null"; 1_000].join(","));
    let world = World::flow(text, "{}").started().run(|_| Ok(json(&output)));
    let message = &world.state.error().unwrap().message;
    assert!(message.contains("; and 90 more; ") && message.len() < 5_000, "{} bytes", message.len());
}
