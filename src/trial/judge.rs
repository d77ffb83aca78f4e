//! Expectations against what happened.

use crate::engine::{ExecutionStatus, StepRow, StepStatus};
use crate::expr::{EvalError, Expr, Span, Value, duration_text};
use crate::lang::Diagnostic;
use crate::lang::ast::{Expectation, Name, TestEntry};

use super::library::base_of;
use super::life::Life;
use super::names::{After, count, text, value_of};
use super::trace::short;
use super::workers::Trouble;
use super::world::World;

/// An expectation did not come true.
pub(super) const EXPECTED: &str = "T001";

/// Nothing answers an effect that was reached.
pub(super) const UNANSWERED: &str = "T002";

/// The test itself is wrong: what it gives does not fit, or an expression of it has no value.
pub(super) const BROKEN: &str = "T003";

/// It goes on and on.
pub(super) const ENDLESS: &str = "T004";

/// The engine contradicts itself.
pub(super) const ENGINE: &str = "T005";

/// How many differences of two values are told.
const MAX_DIFFERENCES: usize = 5;

/// The diagnostic of an expression of a test that has no value.
pub(super) fn no_value(error: &EvalError) -> Diagnostic {
    Diagnostic::error(BROKEN, error.message.clone(), error.span)
}

/// The diagnostic of what stopped a world; `at` is the place of the test's name.
pub(super) fn stopped(trouble: &Trouble, at: Span) -> Diagnostic {
    match trouble {
        Trouble::Broken { message, span } => Diagnostic::error(BROKEN, message.clone(), *span),
        Trouble::Endless => Diagnostic::error(ENDLESS, "the execution goes on and on", at),
        Trouble::Unanswered { step, task_type, path, attempt, undo, used_up, example } => {
            let what = if *undo { format!("the undo of `{step}`") } else { format!("`{step}`") };
            let mock = format!("mock {step}{} = {}", if *undo { " undo" } else { "" }, super::literal(example));
            if *used_up {
                let message = format!("attempt {attempt} of `{path}` has no mock: those of {what} are used up");
                return Diagnostic::error(UNANSWERED, message, at).help(format!("add `{mock}`, or leave out `times`"));
            }
            let message = format!("{what} (`{task_type}`) was reached and is not mocked");
            Diagnostic::error(UNANSWERED, message, at).help(format!("add `{mock}`"))
        }
    }
}

/// What is wrong with an expectation; nothing, where it came true.
pub(super) fn judge(world: &World<'_>, entry: &TestEntry, expectation: &Expectation) -> Option<Diagnostic> {
    let judge = Judge { world, life: world.root(), span: entry.span };
    match expectation {
        Expectation::Completed { output } => judge.completed(output.as_ref()),
        Expectation::Failed { code } => judge.failed(code.as_ref()),
        Expectation::Cancelled => judge.ended_as(ExecutionStatus::Cancelled),
        Expectation::Ran { not, steps, times } => {
            steps.iter().find_map(|step| judge.ran(step, *not, times.as_ref()).map(|wrong| wrong.at(step)))
        }
        Expectation::Undone { not, steps } => {
            steps.iter().find_map(|step| judge.undone(step, *not).map(|wrong| wrong.at(step)))
        }
        Expectation::That(expr) => judge.that(expr),
    }
}

struct Judge<'a, 'w> {
    world: &'a World<'w>,
    life: &'a Life<'w>,
    span: Span,
}

/// A diagnostic whose place is a name.
trait At {
    fn at(self, name: &Name) -> Diagnostic;
}

impl At for Diagnostic {
    fn at(mut self, name: &Name) -> Diagnostic {
        self.labels.iter_mut().take(1).for_each(|label| label.span = name.span);
        self
    }
}

impl Judge<'_, '_> {
    fn wrong(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(EXPECTED, message, self.span)
    }

    fn ended_as(&self, wanted: ExecutionStatus) -> Option<Diagnostic> {
        let found = self.life.status();
        if found == wanted {
            return None;
        }
        let error = self.life.state.error();
        let how = match (found, error) {
            (ExecutionStatus::Failed, Some(error)) => format!("it failed: {error}"),
            (ended, _) if ended.is_terminal() => format!("it {}", past(ended)),
            (open, _) => format!("it is still {open}"),
        };
        let wrong = self.wrong(format!("the execution was expected to {}, and {how}", to_be(wanted)));
        Some(match waits(self.life).as_slice() {
            [] => wrong,
            waits => wrong.help(format!("it still waits for {}", waits.join(", "))),
        })
    }

    fn completed(&self, output: Option<&Expr>) -> Option<Diagnostic> {
        let wrong = self.ended_as(ExecutionStatus::Completed);
        if wrong.is_some() {
            return wrong;
        }
        let expr = output?;
        let wanted = match value_of(expr, &After::new(self.world)) {
            Ok(wanted) => wanted,
            Err(error) => return Some(no_value(&error)),
        };
        let found = self.life.state.output().cloned().unwrap_or_default();
        let mut differences = Vec::new();
        differ("output", &wanted, &found, &mut differences);
        if differences.is_empty() {
            return None;
        }
        let wrong = Diagnostic::error(EXPECTED, "the output is another", expr.span);
        Some(wrong.label(differences.join("; ")))
    }

    fn failed(&self, code: Option<&Expr>) -> Option<Diagnostic> {
        let wrong = self.ended_as(ExecutionStatus::Failed);
        if wrong.is_some() {
            return wrong;
        }
        let expr = code?;
        let wanted = match text(expr, &After::new(self.world)) {
            Ok(wanted) => wanted,
            Err(error) => return Some(no_value(&error)),
        };
        let error = self.life.state.error()?;
        (*error.code != *wanted).then(|| {
            let message = format!("the execution failed with `{}`, and not with `{wanted}`", error.code);
            Diagnostic::error(EXPECTED, message, expr.span).label(error.message.clone())
        })
    }

    /// The attempts at a step that were made.
    fn attempts(&self, step: &str) -> impl Iterator<Item = &StepRow> {
        let step = step.to_owned();
        let rows = self.life.rows.values();
        rows.filter(move |row| base_of(row.path.as_str()) == step && row.status != StepStatus::Skipped)
    }

    fn ran(&self, step: &Name, not: bool, times: Option<&Expr>) -> Option<Diagnostic> {
        let made = self.attempts(&step.value).count();
        let times = match times.map(|times| count(times, &After::new(self.world))).transpose() {
            Ok(times) => times.map(|times| times as usize),
            Err(error) => return Some(no_value(&error)),
        };
        let counted = |number: usize| if number == 1 { "once".to_owned() } else { format!("{number} times") };
        let (step, held) = (&step.value, times.map_or(made > 0, |times| made == times));
        match (held, not, times) {
            (true, false, _) | (false, true, _) => None,
            (false, false, None) => Some(self.wrong(format!("`{step}` was expected to run, and did not"))),
            (false, false, Some(times)) => {
                Some(self.wrong(format!("`{step}` was expected to run {}, and ran {}", counted(times), counted(made))))
            }
            (true, true, _) => Some(self.wrong(format!("`{step}` was expected not to run, and ran {}", counted(made)))),
        }
    }

    fn undone(&self, step: &Name, not: bool) -> Option<Diagnostic> {
        let step = &*step.value;
        let completed = |row: &&StepRow| row.status == StepStatus::Completed;
        let undo = format!("{step}.undo");
        let undone: Vec<&StepRow> = self.attempts(&undo).filter(completed).collect();
        if not {
            return (!undone.is_empty()).then(|| self.wrong(format!("`{step}` was expected to stand, and was undone")));
        }
        let is_undone = |row: &StepRow| {
            let path = row.path.as_str().replacen(step, &undo, 1);
            undone.iter().any(|undone| undone.path.as_str() == path)
        };
        let left = self.attempts(step).filter(completed).find(|row| !is_undone(row));
        match (left, undone.is_empty()) {
            (Some(row), _) => Some(self.wrong(format!("`{}` was expected to be undone, and was not", row.path))),
            (None, true) => Some(self.wrong(format!("`{step}` was expected to be undone, and has not completed"))),
            (None, false) => None,
        }
    }

    fn that(&self, expr: &Expr) -> Option<Diagnostic> {
        let names = After::new(self.world);
        let wrong = match value_of(expr, &names) {
            Ok(Value::Bool(true)) => return None,
            Ok(Value::Bool(false)) => Diagnostic::error(EXPECTED, "this does not hold", expr.span),
            Ok(other) => {
                let message = format!("expected true or false, found {}", crate::expr::describe(&other));
                return Some(Diagnostic::error(BROKEN, message, expr.span));
            }
            Err(error) => return Some(no_value(&error)),
        };
        Some(wrong.label(sides(expr, &names)))
    }
}

/// What the sides of a comparison are.
fn sides(expr: &Expr, names: &After<'_, '_>) -> String {
    let mut parts = Vec::new();
    expr.each_part(&mut |part| parts.push(part));
    let is_literal = |part: &&&Expr| !matches!(part.kind, crate::expr::ExprKind::Literal(_));
    let values = parts.iter().filter(is_literal).filter_map(|part| value_of(part, names).ok());
    let shown: Vec<String> = values.map(|value| short(&value)).collect();
    if shown.is_empty() { String::new() } else { format!("here: {}", shown.join(", ")) }
}

/// What an execution waits for.
pub(super) fn waits(life: &Life<'_>) -> Vec<String> {
    if life.status().is_terminal() {
        return Vec::new();
    }
    let told = |row: &&StepRow| match row.status {
        StepStatus::Waiting => Some(match (&*row.task_type, &row.waits_for) {
            ("wait", Some(event)) => format!("the event `{event}` at `{}`", row.path),
            ("approve", Some(group)) => format!("the word of `{group}` at `{}`", row.path),
            _ => format!("`{}`", row.path),
        }),
        StepStatus::Running | StepStatus::Retrying => Some(format!("`{}`", row.path)),
        _ => None,
    };
    life.last_rows().values().filter_map(told).collect()
}

fn past(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Completed => "completed",
        ExecutionStatus::Cancelled => "was cancelled",
        other => other.as_str(),
    }
}

fn to_be(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Completed => "complete",
        ExecutionStatus::Failed => "fail",
        _ => "be cancelled",
    }
}

/// Where two values differ. Times are text in what was written, and may be times in what was found.
fn differ(path: &str, wanted: &Value, found: &Value, told: &mut Vec<String>) {
    if told.len() >= MAX_DIFFERENCES || wanted == found {
        return;
    }
    match (wanted, found) {
        (Value::Map(wanted), Value::Map(found)) => {
            for (key, value) in wanted.iter() {
                differ(&format!("{path}.{key}"), value, found.get(key).unwrap_or(&Value::Null), told);
            }
            for (key, value) in found.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                told.push(format!("`{path}.{key}` is {}, and was not expected", short(value)));
            }
        }
        (Value::List(wanted), Value::List(found)) if wanted.len() == found.len() => {
            for (at, (wanted, found)) in wanted.iter().zip(found.iter()).enumerate() {
                differ(&format!("{path}[{at}]"), wanted, found, told);
            }
        }
        (Value::Str(text), Value::Duration(micros)) if **text == *duration_text(*micros) => {}
        (Value::Str(_), Value::Timestamp(_)) if wanted.to_json() == found.to_json() => {}
        _ => told.push(format!("`{path}` is {}, expected {}", short(found), short(wanted))),
    }
}
