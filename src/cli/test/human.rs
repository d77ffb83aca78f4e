//! The results for people: each test on a line, what failed drawn and traced, and a sum.

use crate::cli::color::Paint;
use crate::engine::StepStatus;
use crate::lang;
use crate::trial::TraceLine;

use super::coverage::Covered;
use super::loading::Loaded;
use super::{Done, Results};

/// All of it.
pub(super) fn text(loaded: &Loaded, results: &Results<'_>, color: bool) -> String {
    let mut text = compile_errors(loaded, color);
    let mut file = None;
    for done in &results.done {
        if file.replace(done.case.file) != Some(done.case.file) {
            text.push_str(&format!("{}\n", loaded.files[done.case.file].source.name));
        }
        text.push_str(&one(loaded, done, color));
    }
    if !results.done.is_empty() {
        text.push('\n');
    }
    results.coverage.iter().for_each(|coverage| text.push_str(&covered(coverage, color)));
    text + &sum(results, color)
}

/// What is wrong with files that do not compile.
pub(super) fn compile_errors(loaded: &Loaded, color: bool) -> String {
    let mut text = String::new();
    for file in loaded.files.iter().filter(|file| file.wanted && file.is_broken()) {
        text.push_str(lang::render(&file.source, &file.diagnostics, color).trim_end());
        text.push_str("\n\n");
    }
    text
}

fn one(loaded: &Loaded, done: &Done<'_>, color: bool) -> String {
    let name = &done.case.test.name.value;
    if done.verdict.passed() {
        return format!("  {} {name}\n", Paint::Green.on("ok  ", color));
    }
    let mut text = format!("  {} {name}\n\n", Paint::Red.on("FAIL", color));
    let source = &loaded.files[done.case.file].source;
    text.push_str(lang::render(source, &done.verdict.failures, color).trim_end());
    text.push_str("\n\n");
    text + &traced(&done.verdict.trace, color)
}

/// The steps of an execution, in columns.
fn traced(trace: &[TraceLine], color: bool) -> String {
    let named = |line: &TraceLine| match line.attempt {
        1 => line.path.clone(),
        attempt => format!("{} #{attempt}", line.path),
    };
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0).min(40);
    let at = width(&mut trace.iter().map(|line| line.at.len()));
    let path = width(&mut trace.iter().map(|line| named(line).len()));
    let took = width(&mut trace.iter().map(|line| line.took.as_ref().map_or(0, String::len)));
    let kind = width(&mut trace.iter().map(|line| line.task_type.len()));
    let mut text = String::new();
    for line in trace {
        let status = format!("{:<9}", line.status.as_str());
        let status = match line.status {
            StepStatus::Completed => Paint::Green.on(&status, color),
            StepStatus::Failed => Paint::Red.on(&status, color),
            StepStatus::Retrying | StepStatus::Waiting => Paint::Yellow.on(&status, color),
            _ => Paint::Dim.on(&status, color),
        };
        let (name, task_type, detail) = (named(line), &line.task_type, &line.detail);
        let (begun, lasted) = (&line.at, line.took.as_deref().unwrap_or_default());
        let row = format!("    {begun:<at$}  {name:<path$}  {task_type:<kind$}  {status}  {lasted:<took$}  {detail}");
        text.push_str(row.trim_end());
        text.push('\n');
    }
    if text.is_empty() { text } else { text + "\n" }
}

fn covered(coverage: &[Covered], color: bool) -> String {
    let mut text = String::from("coverage\n");
    let width = coverage.iter().map(|covered| covered.workflow.len()).max().unwrap_or(0);
    for covered in coverage {
        let percent = format!("{:>3.0} %", covered.percent());
        let paint = if covered.missed.is_empty() { Paint::Green } else { Paint::Yellow };
        let (steps, branches) = (covered.steps, covered.branches);
        text.push_str(&format!(
            "  {:<width$}  {}  {} of {} steps, {} of {} branches\n",
            covered.workflow,
            paint.on(&percent, color),
            steps.0,
            steps.1,
            branches.0,
            branches.1
        ));
        for missed in &covered.missed {
            text.push_str(&format!(
                "    {}:{}  {} `{}` was not reached\n",
                covered.file,
                missed.line,
                missed.kind.as_str(),
                missed.name
            ));
        }
    }
    text + "\n"
}

fn sum(results: &Results<'_>, color: bool) -> String {
    let (count, failed) = (results.done.len(), results.failed());
    let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let broken = match results.broken {
        0 => String::new(),
        number => format!(", {}", Paint::Red.on(&format!("{} that do not compile", plural(number, "file")), color)),
    };
    if count == 0 {
        return format!("no tests{broken}\n");
    }
    let result = match failed {
        0 => Paint::Green.on("all passed", color),
        failed => format!("{} passed, {}", count - failed, Paint::Red.on(&format!("{failed} failed"), color)),
    };
    let took = results.took.as_secs_f64() * 1_000.0;
    format!("{}: {result}{broken}; {took:.1} ms, {:.0} tests/s\n", plural(count, "test"), results.per_second())
}
