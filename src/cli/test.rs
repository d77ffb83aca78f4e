//! `stepwell test`: the tests of workflows, on the real engine with mocks and a clock of their own.
//!
//! Invariant: nothing is touched: no database, no network; only files are read. (`--from` alone asks a server.)

mod coverage;
mod faults;
mod human;
mod json;
mod junit;
mod loading;
mod record;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::lang::Diagnostic;
use crate::lang::ast::Test;
use crate::trial::{Known, Options, Verdict, run_test};

use super::Exit;
use super::args::{TestArgs, TestFormat};
use super::color;
use super::output;

use coverage::Covered;
use loading::Loaded;

/// A test of a file.
struct Case<'a> {
    /// The file, by its place among those that were loaded.
    file: usize,
    test: &'a Test,
}

/// What came of a test.
struct Done<'a> {
    case: Case<'a>,
    verdict: Verdict,
    took: Duration,
}

/// What came of all tests.
struct Results<'a> {
    done: Vec<Done<'a>>,
    took: Duration,
    /// Files that do not compile.
    broken: usize,
    coverage: Option<Vec<Covered>>,
}

impl Results<'_> {
    fn failed(&self) -> usize {
        self.done.iter().filter(|done| !done.verdict.passed()).count()
    }

    /// How many tests ran in a second.
    fn per_second(&self) -> f64 {
        let count = u32::try_from(self.done.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.took.as_secs_f64().max(1e-6)
    }
}

/// Runs tests, or what was asked for instead.
pub(super) fn run(args: &TestArgs) -> Exit {
    if let Some(execution) = &args.from {
        return record::run(args, execution);
    }
    let loaded = match loading::load(&args.paths) {
        Ok(loaded) => loaded,
        Err((message, help)) => return output::usage(&message, Some(&help)),
    };
    if args.faults {
        return faults::run(args, &loaded);
    }
    let results = run_all(args, &loaded);
    let text = match args.format {
        TestFormat::Human => human::text(&loaded, &results, color::stdout()),
        TestFormat::Json => format!("{:#}\n", json::document(&loaded, &results)),
        TestFormat::Junit => junit::document(&loaded, &results),
    };
    match output::print(&text) {
        Exit::Done if results.failed() > 0 || results.broken > 0 || is_below(args, &results) => Exit::Failed,
        exit => exit,
    }
}

/// Whether a workflow is covered less than it must be. Says so.
fn is_below(args: &TestArgs, results: &Results<'_>) -> bool {
    let (Some(least), Some(coverage)) = (args.coverage_min, &results.coverage) else { return false };
    let below = coverage.iter().filter(|covered| covered.percent() < f64::from(least));
    let names: Vec<String> = below.map(|covered| format!("`{}`", covered.workflow)).collect();
    if !names.is_empty() {
        output::fail(&format!("less than {least} % of {} is covered", names.join(", ")), None);
    }
    !names.is_empty()
}

fn run_all<'a>(args: &TestArgs, loaded: &'a Loaded) -> Results<'a> {
    let wanted = |test: &Test| args.filter.as_ref().is_none_or(|filter| test.name.value.contains(filter));
    let cases: Vec<Case<'a>> =
        loaded.tests().filter(|(_, test)| wanted(test)).map(|(file, test)| Case { file, test }).collect();
    let began = Instant::now();
    let verdicts = in_threads(cases.len(), |at| {
        let began = Instant::now();
        let verdict = verdict_of(args, loaded, &cases[at]);
        (verdict, began.elapsed())
    });
    let took = began.elapsed();
    let done = cases.into_iter().zip(verdicts).map(|(case, (verdict, took))| Done { case, verdict, took });
    let mut results = Results { done: done.collect(), took, broken: loaded.broken(), coverage: None };
    if args.coverage || args.coverage_min.is_some() {
        results.coverage = Some(coverage::of(loaded, &results.done));
    }
    results
}

fn verdict_of(args: &TestArgs, loaded: &Loaded, case: &Case<'_>) -> Verdict {
    let name = &case.test.workflow;
    let known: Option<&Known> = loaded.library.get(&name.value);
    match known {
        Some(workflow) => run_test(&loaded.library, workflow, case.test, Options { crashes: args.crashes }),
        None => Verdict::broken(Diagnostic::error(
            "T003",
            format!("there is no workflow `{}`, or it does not compile", name.value),
            name.span,
        )),
    }
}

/// The results of so many calls, in order, by as many threads as there are processors.
fn in_threads<T: Send>(count: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return done;
            }
            done.push((at, call(at)));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count.max(1));
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        // A thread that panicked has told so; what it had is gone.
        others.into_iter().filter_map(|other| other.join().ok()).for_each(|more| done.extend(more));
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
