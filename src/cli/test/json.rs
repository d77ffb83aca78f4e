//! The results for programs.

use serde_json::{Value as Json, json};

use crate::lang;

use super::coverage::Covered;
use super::loading::Loaded;
use super::{Done, Results};

/// `{ tests: […], failed, passed, files: […], coverage? }`.
pub(super) fn document(loaded: &Loaded, results: &Results<'_>) -> Json {
    let broken = loaded.files.iter().filter(|file| file.wanted && file.is_broken());
    let broken = broken.map(
        |file| json!({ "file": &*file.source.name, "diagnostics": lang::report(&file.source, &file.diagnostics) }),
    );
    let mut document = json!({
        "tests": results.done.iter().map(|done| one(loaded, done)).collect::<Vec<_>>(),
        "passed": results.done.len() - results.failed(),
        "failed": results.failed(),
        "broken_files": broken.collect::<Vec<_>>(),
        "seconds": results.took.as_secs_f64(),
        "tests_per_second": results.per_second(),
    });
    if let Some(coverage) = &results.coverage {
        document["coverage"] = coverage.iter().map(covered).collect();
    }
    document
}

fn one(loaded: &Loaded, done: &Done<'_>) -> Json {
    let source = &loaded.files[done.case.file].source;
    let trace = done.verdict.trace.iter().map(|line| {
        json!({
            "at": line.at,
            "took": line.took,
            "path": line.path,
            "attempt": line.attempt,
            "task_type": line.task_type,
            "status": line.status,
            "detail": line.detail,
        })
    });
    json!({
        "name": &*done.case.test.name.value,
        "workflow": &*done.case.test.workflow.value,
        "file": &*source.name,
        "passed": done.verdict.passed(),
        "ended": done.verdict.status,
        "seconds": done.took.as_secs_f64(),
        "failures": lang::report(source, &done.verdict.failures),
        "trace": trace.collect::<Vec<_>>(),
    })
}

fn covered(covered: &Covered) -> Json {
    let missed = covered.missed.iter();
    let missed = missed.map(|one| json!({ "kind": one.kind.as_str(), "name": one.name, "line": one.line }));
    json!({
        "workflow": covered.workflow,
        "file": covered.file,
        "percent": covered.percent(),
        "steps": { "reached": covered.steps.0, "all": covered.steps.1 },
        "branches": { "reached": covered.branches.0, "all": covered.branches.1 },
        "missed": missed.collect::<Vec<_>>(),
    })
}
