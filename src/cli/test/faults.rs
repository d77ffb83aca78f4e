//! `stepwell test --faults`: what becomes of each workflow when one of its steps goes wrong.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::cli::Exit;
use crate::cli::args::{TestArgs, TestFormat};
use crate::cli::color::{self, Paint};
use crate::cli::output;
use crate::engine::{Compensation, ExecutionStatus};
use crate::lang::ast::Test;
use crate::trial::{FaultReport, FaultRun, Known, run_faults};

use super::human::compile_errors;
use super::in_threads;
use super::loading::Loaded;

/// Runs the workflows with faults, and shows what came of it.
pub(super) fn run(args: &TestArgs, loaded: &Loaded) -> Exit {
    let wanted = |name: &&std::sync::Arc<str>| args.filter.as_ref().is_none_or(|filter| name.contains(filter));
    let known: Vec<&Known> = loaded.workflows().filter(wanted).filter_map(|name| loaded.library.get(name)).collect();
    let reports = in_threads(known.len(), |at| {
        let name = &known[at].plan.workflow;
        let tests: Vec<&Test> =
            loaded.tests().map(|(_, test)| test).filter(|test| test.workflow.value == *name).collect();
        run_faults(&loaded.library, known[at], &tests)
    });
    let text = match args.format {
        TestFormat::Json => format!("{:#}\n", json!({ "workflows": reports.iter().map(as_json).collect::<Vec<_>>() })),
        TestFormat::Junit => {
            return output::usage("faults are no tests, and have no JUnit form", Some("use `--format json`"));
        }
        TestFormat::Human => human(loaded, &reports, color::stdout()),
    };
    let stands = reports.iter().flat_map(|report| &report.runs).any(|run| !run.left.is_empty());
    match output::print(&text) {
        Exit::Done if loaded.broken() > 0 || (args.strict && stands) => Exit::Failed,
        exit => exit,
    }
}

fn human(loaded: &Loaded, reports: &[FaultReport], color: bool) -> String {
    let mut text = compile_errors(loaded, color);
    for report in reports {
        text.push_str(&format!("{}  {}\n", report.workflow, Paint::Dim.on(&good(report), color)));
        let width = report.runs.iter().map(|run| run.step.len()).max().unwrap_or(0);
        for run in &report.runs {
            let ends = ends(run);
            let ends = match run.status {
                ExecutionStatus::Completed => Paint::Green.on(&ends, color),
                _ if run.left.is_empty() => Paint::Yellow.on(&ends, color),
                _ => Paint::Red.on(&ends, color),
            };
            line(&mut text, &format!("  {:<width$}  {:<21}  {ends}", run.step, run.fault.as_str()));
        }
        for (what, when) in standing(report) {
            line(&mut text, &format!("  {} {what}, where {when}", Paint::Red.on("stands:", color)));
        }
        if !report.unreached.is_empty() {
            let steps = report.unreached.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
            line(
                &mut text,
                &format!("  {} {steps}: give a test that leads there", Paint::Yellow.on("not reached:", color)),
            );
        }
        text.push('\n');
    }
    let runs: usize = reports.iter().map(|report| report.runs.len()).sum();
    let stands: usize = reports.iter().map(|report| standing(report).len()).sum();
    let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    text + &format!(
        "{}, {}: {} that nothing takes back\n",
        plural(reports.len(), "workflow"),
        plural(runs, "fault"),
        plural(stands, "effect")
    )
}

fn line(text: &mut String, content: &str) {
    let written = writeln!(text, "{content}");
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

/// How the runs without a fault ended.
fn good(report: &FaultReport) -> String {
    let told = report.good.iter().map(|run| {
        let from =
            run.test.as_ref().map_or_else(|| "made up from types".to_owned(), |test| format!("by the test {test:?}"));
        match (&run.error, run.waits.as_slice()) {
            (Some(error), _) => format!("{from}: without a fault it failed: {error}"),
            (None, []) => format!("{from}: without a fault it {}", run.status),
            (None, waits) => format!("{from}: without a fault it waits for {}", waits.join(", ")),
        }
    });
    let told = told.collect::<Vec<_>>().join("; ");
    if told.is_empty() { "nothing fits its input".to_owned() } else { told }
}

/// How a run ended, in words.
fn ends(run: &FaultRun) -> String {
    let mut ends = match run.status {
        ExecutionStatus::Completed if run.recovered && run.attempts > 1 => "completed, by another attempt".to_owned(),
        ExecutionStatus::Completed if run.recovered => "completed".to_owned(),
        ExecutionStatus::Completed => "caught, and completed".to_owned(),
        ExecutionStatus::Failed => format!("failed {}", run.error.as_ref().map_or("", |error| &*error.code)),
        ExecutionStatus::Cancelled => "cancelled".to_owned(),
        _ => format!("waits for ever for {}", run.waits.join(", ")),
    };
    ends.push_str(match run.compensation {
        Compensation::Done => ", undone",
        Compensation::Failed => ", an undo failed",
        Compensation::Running => ", undos under way",
        Compensation::None => "",
    });
    if run.effects > 1 {
        ends.push_str(&format!("; its effect happened {} times", run.effects));
    }
    ends
}

/// Each effect that stands, and in which runs.
fn standing(report: &FaultReport) -> Vec<(String, String)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for run in &report.runs {
        for left in &run.left {
            let inside =
                if left.workflow == report.workflow { String::new() } else { format!(" of `{}`", left.workflow) };
            let what = format!("`{}`{inside}: {}", left.step, left.why);
            let when = format!("`{}` {}", run.step, run.fault.as_str());
            match found.iter_mut().find(|(known, _)| *known == what) {
                Some((_, runs)) if runs.contains(&when) => {}
                Some((_, runs)) => runs.push(when),
                None => found.push((what, vec![when])),
            }
        }
    }
    found.into_iter().map(|(what, when)| (what, when.join(", "))).collect()
}

fn as_json(report: &FaultReport) -> Json {
    let good = report.good.iter().map(
        |run| json!({ "test": run.test.as_deref(), "status": run.status, "error": run.error, "waits_for": run.waits }),
    );
    let runs = report.runs.iter().map(|run| {
        let left = run.left.iter().map(
            |left| json!({ "workflow": &*left.workflow, "step": &*left.step, "path": left.path, "why": left.why }),
        );
        json!({
            "step": &*run.step,
            "fault": run.fault.as_str(),
            "status": run.status,
            "error": run.error,
            "compensation": run.compensation,
            "attempts": run.attempts,
            "effects": run.effects,
            "ends": ends(run),
            "stands": left.collect::<Vec<_>>(),
        })
    });
    json!({
        "workflow": &*report.workflow,
        "good": good.collect::<Vec<_>>(),
        "runs": runs.collect::<Vec<_>>(),
        "not_reached": report.unreached.iter().map(|step| &**step).collect::<Vec<_>>(),
    })
}
