//! Faults: what becomes of a workflow when one of its steps goes wrong.

use stepwell::trial::{FaultReport, run_faults};

use super::suite::Suite;

fn report(text: &str, workflow: &str) -> FaultReport {
    let suite = Suite::of(text);
    let tests: Vec<_> = suite.file.tests.iter().filter(|test| &*test.workflow.value == workflow).collect();
    run_faults(&suite.library, suite.workflow(workflow), &tests)
}

fn rows(report: &FaultReport) -> Vec<String> {
    let row = |run: &stepwell::trial::FaultRun| {
        let code = run.error.as_ref().map(|error| format!(" {}", error.code)).unwrap_or_default();
        let left: Vec<_> = run.left.iter().map(|left| format!("{}: {}", left.path, left.why)).collect();
        format!("{} {} → {}{code}, {} effects {left:?}", run.step, run.fault.as_str(), run.status, run.effects)
    };
    report.runs.iter().map(row).collect()
}

#[test]
fn each_step_goes_wrong_in_each_way_and_effects_that_stand_are_told() {
    let text = r#"workflow w {
  input amount: number
  step look: http_request { url = "https://x/look", output { ok: bool } }
  if !look.body.ok { fail "no" }
  step charge: http_request { method = "POST", url = "https://x/charge", body = { amount: input.amount } }
  step ship: work { id = charge.body.id, retry 1 }
}"#;
    let report = report(text, "w");
    assert!(report.good[0].test.is_none());
    assert_eq!(report.good[0].status.as_str(), "completed");
    assert_eq!(
        rows(&report),
        [
            "look fails → failed FAULT, 0 effects []",
            "look times out → failed TIMEOUT, 0 effects []",
            "look succeeds, but is lost → completed, 2 effects []",
            "charge fails → failed FAULT, 0 effects []",
            "charge times out → failed TIMEOUT, 0 effects [\"charge: it has no `undo`\"]",
            "charge succeeds, but is lost → completed, 2 effects []",
            "ship fails → failed FAULT, 0 effects [\"charge: it has no `undo`\"]",
            "ship times out → failed TIMEOUT, 0 effects [\"charge: it has no `undo`\", \"ship: it has no `undo`\"]",
            "ship succeeds, but is lost → completed, 2 effects []",
        ]
    );
}

#[test]
fn the_mocks_of_tests_lead_further_than_what_is_made_up() {
    let text = r#"workflow w {
  input n: int
  step a: work { }
  if a == "left" { step left: work { } } else { step right: work { } }
}
test "left" for w { given { n: 1 }
  mock a = "left"
  mock left = 1
  expect completed }
test "right" for w { given { n: 1 }
  mock a = "right"
  mock right = 1
  expect completed }"#;
    let report = report(text, "w");
    let steps: Vec<_> = report.runs.iter().map(|run| run.step.to_string()).collect();
    assert_eq!(steps, ["a", "a", "a", "left", "left", "left", "right", "right", "right"]);
    assert!(report.unreached.is_empty());
}
