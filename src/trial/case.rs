//! One test: set up, run, judged.

use crate::engine::{Control, ExecutionStatus};
use crate::expr::{EvalError, Expr, Mismatch, Span, Timestamp, Value, parse_timestamp, path_under};
use crate::lang::Diagnostic;
use crate::lang::ast::{Ask, Test, TestEntry, TestKind};

use super::judge::{BROKEN, ENGINE, judge, no_value, stopped};
use super::library::{Known, Library};
use super::mocks::Mocks;
use super::names::{Names, duration_ms, value_of};
use super::trace::{TraceLine, trace};
use super::world::{Begin, World};

/// When executions start where a test says nothing: 2026-01-01T00:00:00Z.
pub(super) const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// How a test is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the state is thrown away after every event, and made again from the rows.
    pub crashes: bool,
}

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What is wrong, in the test's source; nothing, where it passed.
    pub failures: Vec<Diagnostic>,
    /// What happened; of a test that failed.
    pub trace: Vec<TraceLine>,
    /// Which nodes of which workflows were entered.
    pub entered: Vec<(std::sync::Arc<str>, Vec<bool>)>,
    /// How the execution ended.
    pub status: ExecutionStatus,
}

impl Verdict {
    /// Whether all came true.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Of a test that could not be run.
    pub fn broken(failure: Diagnostic) -> Self {
        Self { failures: vec![failure], trace: Vec::new(), entered: Vec::new(), status: ExecutionStatus::Pending }
    }
}

/// Runs a test of a workflow.
pub fn run_test(library: &Library, workflow: &Known, test: &Test, options: Options) -> Verdict {
    let begin = match begin_of(workflow, test) {
        Ok(begin) => begin,
        Err(wrong) => return Verdict::broken(wrong),
    };
    let mut mocks = match Mocks::of(test, &begin.input, &begin.settings) {
        Ok(mocks) => mocks,
        Err(error) => return Verdict::broken(no_value(&error)),
    };
    let names = Names(vec![("input", begin.input.clone()), ("settings", begin.settings.clone())]);
    let mut world = World::new(library, workflow, &mut mocks, begin);
    if options.crashes {
        world = world.crashing();
    }
    if let Err(error) = schedule(&mut world, test, &names) {
        return Verdict::broken(no_value(&error));
    }
    world.run();
    verdict_of(&world, test)
}

fn verdict_of(world: &World<'_>, test: &Test) -> Verdict {
    let failures = if let Some(broken) = world.broken() {
        vec![Diagnostic::error(ENGINE, format!("a bug of the engine: {broken}"), test.name.span)]
    } else if let Some(trouble) = world.trouble() {
        vec![stopped(trouble, test.name.span)]
    } else {
        let judged = |entry: &TestEntry| match &entry.kind {
            TestKind::Expect(expected) => judge(world, entry, expected),
            _ => None,
        };
        test.entries.iter().filter_map(judged).collect()
    };
    let trace = if failures.is_empty() { Vec::new() } else { trace(world) };
    let entered = world.lives().iter().map(|life| (life.workflow.plan.workflow.clone(), life.entered()));
    Verdict { failures, trace, entered: entered.collect(), status: world.root().status() }
}

/// What the execution starts from.
pub(super) fn begin_of(workflow: &Known, test: &Test) -> Result<Begin, Diagnostic> {
    let (mut input, mut settings, mut at) = ((Value::Null, test.name.span), (Value::Null, test.name.span), START);
    for entry in &test.entries {
        match &entry.kind {
            TestKind::Given(expr) => input = given(expr)?,
            TestKind::Settings(expr) => settings = given(expr)?,
            TestKind::At(expr) => at = moment(expr)?,
            _ => {}
        }
    }
    let admitted = workflow.admission.input(input.0);
    let input = admitted.map_err(|misfits| misfit("input", &misfits, input.1))?;
    let replaced = |name: &str| settings.0.get(name).cloned();
    let admitted = workflow.admission.settings("the defaults and the test's `settings`", replaced);
    let settings = admitted.map_err(|misfits| misfit("settings", &misfits, settings.1))?;
    Ok(Begin { at, input, settings, max_retries: 0 })
}

fn given(expr: &Expr) -> Result<(Value, Span), Diagnostic> {
    let value = value_of(expr, &Names::default()).map_err(|error| no_value(&error))?;
    Ok((value, expr.span))
}

fn moment(expr: &Expr) -> Result<Timestamp, Diagnostic> {
    let (value, span) = given(expr)?;
    let micros = match &value {
        Value::Timestamp(micros) => Some(*micros),
        Value::Str(text) => parse_timestamp(text),
        _ => None,
    };
    let wrong = || {
        let message =
            format!("expected a timestamp such as \"2026-01-31T08:00:00Z\", found {}", super::literal(&value));
        Diagnostic::error(BROKEN, message, span)
    };
    micros.map(Timestamp).ok_or_else(wrong)
}

fn misfit(root: &str, misfits: &[Mismatch], span: Span) -> Diagnostic {
    let told = misfits.iter().map(|one| format!("`{}`: {}", path_under(root, &one.path), one.message));
    Diagnostic::error(BROKEN, told.collect::<Vec<_>>().join("; "), span)
}

/// Puts what the test says happens on the world's clock.
pub(super) fn schedule(world: &mut World<'_>, test: &Test, names: &Names) -> Result<(), EvalError> {
    let after_ms = |after: &Option<Expr>| after.as_ref().map_or(Ok(0), |after| duration_ms(after, names));
    for entry in &test.entries {
        match &entry.kind {
            TestKind::Send { event, data, after } => {
                let data = data.as_ref().map_or_else(|| Ok(Value::object::<&str>([])), |data| value_of(data, names))?;
                world.send(after_ms(after)?, event.value.clone(), data);
            }
            TestKind::Ask { what, after } => {
                let control = match what {
                    Ask::Cancel => Control::Cancel { reason: "the test asked for it".into(), undo: true },
                    Ask::Pause => Control::Pause,
                    Ask::Resume => Control::Resume,
                };
                world.ask(after_ms(after)?, control);
            }
            _ => {}
        }
    }
    Ok(())
}
