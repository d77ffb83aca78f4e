//! `stepwell check`: everything that is wrong with files of workflows.
//!
//! Invariant: a file that can't be read is a mistake like any other; the rest is checked all the same.

mod files;
mod github;
mod human;
mod json;
mod sarif;
mod watch;

use std::path::Path;

use crate::lang::{self, CompileOptions, Compiled, Report, Severity, Source};

use super::Exit;
use super::args::{CheckArgs, CheckFormat};
use super::beside::parsed_beside;
use super::color;
use super::output;
use super::source::{Unread, read_source};

pub(super) use files::find as find_files;

/// What came of a file.
struct Checked {
    path: String,
    result: Result<(Source, Compiled), String>,
}

impl Checked {
    /// What is wrong with it, as data.
    fn reports(&self) -> Vec<Report> {
        self.result
            .as_ref()
            .map_or_else(|_| Vec::new(), |(source, compiled)| lang::report(source, &compiled.diagnostics))
    }
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
    if args.watch {
        return watch::run(args);
    }
    show(args, &found.iter().map(|path| check(path, args)).collect::<Vec<_>>())
}

/// Writes what came of the files.
fn show(args: &CheckArgs, checked: &[Checked]) -> Exit {
    let counts = count(checked);
    match output::print(&written(args.format, checked, &counts)) {
        Exit::Done if counts.errors > 0 => Exit::Failed,
        exit => exit,
    }
}

fn written(format: CheckFormat, checked: &[Checked], counts: &Counts) -> String {
    match format {
        CheckFormat::Human => human::text(checked, counts, color::stdout()),
        CheckFormat::Json => format!("{:#}\n", json::document(checked, counts)),
        CheckFormat::Github => github::annotations(checked, counts),
        CheckFormat::Sarif => format!("{:#}\n", sarif::document(checked)),
    }
}

fn check(path: &Path, args: &CheckArgs) -> Checked {
    let (path, result) = match read_source(path, &args.stdin) {
        Ok(source) => {
            // Tests are of workflows that lie beside them.
            let is_tests = source.name.ends_with(lang::TEST_ENDING);
            let beside = if is_tests { parsed_beside(Path::new(&*source.name)) } else { Vec::new() };
            let options = CompileOptions { strict: args.strict, beside: &beside };
            let compiled = lang::compile_with(&source, &lang::builtin_task_types(), &options);
            (source.name.to_string(), Ok((source, compiled)))
        }
        Err(Unread::Refused(refused)) => {
            let diagnostics = vec![refused.diagnostic];
            let path = refused.source.name.to_string();
            (path, Ok((refused.source, Compiled { diagnostics, ..Compiled::default() })))
        }
        Err(Unread::Failed(reason)) => (path.display().to_string(), Err(reason)),
    };
    Checked { path, result }
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
