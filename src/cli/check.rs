//! `stepwell check`: everything that is wrong with files of workflows.
//!
//! Invariant: a file that can't be read is a mistake like any other; the rest is checked all the same.

mod files;

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::lang::{self, Compiled, Severity, Source};

use super::Exit;
use super::args::{CheckArgs, Format};
use super::color::{self, Paint};
use super::output;

pub(super) use files::{Unread, read_source};

/// What came of a file.
struct Checked {
    path: String,
    result: Result<(Source, Compiled), String>,
}

/// How many of what.
#[derive(Default)]
struct Counts {
    files: usize,
    workflows: usize,
    errors: usize,
    warnings: usize,
}

/// Checks files and folders.
pub(super) fn run(args: &CheckArgs) -> Exit {
    let found = match files::find(&args.paths) {
        Ok(found) => found,
        Err((message, help)) => return output::usage(&message, Some(&help)),
    };
    let checked: Vec<Checked> = found.iter().map(|path| check(path)).collect();
    let counts = count(&checked);
    let text = match args.format {
        Format::Json => format!("{:#}\n", as_json(&checked, &counts)),
        Format::Text => as_text(&checked, &counts, color::stdout()),
    };
    match output::print(&text) {
        Exit::Done if counts.errors > 0 => Exit::Failed,
        exit => exit,
    }
}

fn check(path: &Path) -> Checked {
    let result = match read_source(path) {
        Ok(source) => {
            let compiled = lang::compile(&source, &lang::builtin_task_types());
            Ok((source, compiled))
        }
        Err(Unread::Refused(refused)) => {
            let diagnostics = vec![refused.diagnostic];
            Ok((refused.source, Compiled { diagnostics, ..Compiled::default() }))
        }
        Err(Unread::Failed(reason)) => Err(reason),
    };
    Checked { path: path.display().to_string(), result }
}

fn count(checked: &[Checked]) -> Counts {
    let mut counts = Counts { files: checked.len(), ..Counts::default() };
    for file in checked {
        match &file.result {
            Err(_) => counts.errors += 1,
            Ok((_, compiled)) => {
                let errors = compiled.diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
                counts.errors += errors;
                counts.warnings += compiled.diagnostics.len() - errors;
                counts.workflows += compiled.plans.len();
            }
        }
    }
    counts
}

fn as_text(checked: &[Checked], counts: &Counts, color: bool) -> String {
    let mut text = String::new();
    for file in checked {
        match &file.result {
            Err(reason) => {
                text.push_str(&format!("{} `{}`: {reason}\n\n", Paint::Red.on("error:", color), file.path));
            }
            Ok((source, compiled)) if !compiled.diagnostics.is_empty() => {
                text.push_str(lang::render(source, &compiled.diagnostics, color).trim_end());
                text.push_str("\n\n");
            }
            Ok(_) => {}
        }
    }
    text + &summary(counts, color)
}

fn summary(counts: &Counts, color: bool) -> String {
    let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let warnings = match counts.warnings {
        0 => String::new(),
        number => format!(", {}", Paint::Yellow.on(&plural(number, "warning"), color)),
    };
    let result = match counts.errors {
        0 => format!("{}, {}", Paint::Green.on("ok", color), plural(counts.workflows, "workflow")),
        number => Paint::Red.on(&plural(number, "error"), color),
    };
    format!("{}: {result}{warnings}\n", plural(counts.files, "file"))
}

fn as_json(checked: &[Checked], counts: &Counts) -> Json {
    let files = checked.iter().map(|file| match &file.result {
        Err(reason) => json!({ "file": file.path, "error": reason, "workflows": [], "diagnostics": [] }),
        Ok((source, compiled)) => json!({
            "file": file.path,
            "workflows": compiled.plans.iter().map(|plan| plan.workflow.to_string()).collect::<Vec<_>>(),
            "diagnostics": lang::report(source, &compiled.diagnostics),
        }),
    });
    json!({
        "files": files.collect::<Vec<_>>(),
        "errors": counts.errors,
        "warnings": counts.warnings,
    })
}
