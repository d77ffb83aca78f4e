//! The tests that stand in `workflows/`.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::said;
use crate::e2e::server::{BINARY, clean};

fn test_the_examples(more: &[&str]) -> Value {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command.args(["test", "workflows", "--format", "json"]).args(more);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).output().unwrap();
    let (_, out, err) = said(&output);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

#[test]
fn the_tests_of_the_examples_pass() {
    for more in [&[][..], &["--crashes"]] {
        let document = test_the_examples(more);
        assert_eq!(document["broken_files"], Value::Array(Vec::new()), "{document:#}");
        let failed: Vec<_> =
            document["tests"].as_array().unwrap().iter().filter(|test| test["passed"] != true).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
}

#[test]
fn every_example_runs_to_its_end_whatever_fails() {
    let document = test_the_examples(&["--faults"]);
    for workflow in document["workflows"].as_array().unwrap() {
        for run in workflow["runs"].as_array().unwrap() {
            let status = run["status"].as_str().unwrap();
            assert!(["completed", "failed", "cancelled"].contains(&status), "{}: {run:#}", workflow["workflow"]);
        }
    }
}
