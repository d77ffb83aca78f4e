//! A recorded execution as a test: what it was given, what its steps came to, and how it ended.
//!
//! Invariant: nothing that looks like a credential gets into the test.

mod mask;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{ExecutionStatus, StepError, StepStatus, code};
use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, Span, Timestamp, Value};
use crate::lang::ast::{Answer, Ask, Expectation, Mock, Name, Spanned, Test, TestEntry, TestKind};

use super::library::{base_of, items_of};
use mask::masked;

/// What the engine carries out itself, by its task type or keyword: that needs no mock.
const OWN: &[&str] = &[
    "block",
    "step",
    "let",
    "if",
    "parallel",
    "for",
    "match",
    "repeat",
    "try",
    "compensate",
    "sleep",
    "return",
    "fail",
    "data_transform",
    "conditional",
    "log",
    "delay",
];

/// From how many milliseconds on it is told how long something took.
const TOLD_MS: u64 = 100;

/// An execution as a server recorded it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The workflow.
    pub workflow: Arc<str>,
    /// What the test is to be called.
    pub name: String,
    /// Its input.
    pub input: Value,
    /// Its settings.
    pub settings: Value,
    /// How it ended.
    pub status: ExecutionStatus,
    /// What it gave.
    pub output: Option<Value>,
    /// The code of its error.
    pub code: Option<Arc<str>>,
    /// When it started.
    pub started_at: Timestamp,
    /// When a cancel was asked for.
    pub cancel_requested_at: Option<Timestamp>,
    /// Its attempts.
    pub rows: Vec<RecordedRow>,
}

/// An attempt as a server recorded it.
#[derive(Clone, Debug)]
pub struct RecordedRow {
    /// Where.
    pub path: String,
    /// Which attempt.
    pub attempt: u32,
    /// The task type, or the statement's keyword.
    pub task_type: String,
    /// The state.
    pub status: StepStatus,
    /// What it gave.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// Of a `wait` the event's type.
    pub waits_for: Option<Arc<str>>,
    /// When it was reached.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

impl RecordedRow {
    fn took_ms(&self) -> u64 {
        self.completed_at.map_or(0, |end| end.since_ms(self.created_at))
    }
}

/// The test that an execution makes.
pub fn test_of(recorded: &Recorded) -> Test {
    let mut rows: Vec<&RecordedRow> = recorded.rows.iter().collect();
    rows.sort_by_key(|row| (row.created_at, row.path.clone(), row.attempt));
    let mut kinds = vec![TestKind::Given(expr_of(&masked(&recorded.input)))];
    if !is_empty(&recorded.settings) {
        kinds.push(TestKind::Settings(expr_of(&masked(&recorded.settings))));
    }
    kinds.push(TestKind::At(expr_of(&Value::str(recorded.started_at.to_string()))));
    kinds.extend(mocks(&rows));
    kinds.extend(rows.iter().filter_map(|row| happening(recorded, row)));
    kinds.extend(
        recorded
            .cancel_requested_at
            .map(|at| TestKind::Ask { what: Ask::Cancel, after: Some(duration(at.since_ms(recorded.started_at))) }),
    );
    kinds.push(TestKind::Expect(end_of(recorded)));
    let undone: Vec<Name> = undone(&rows);
    if !undone.is_empty() {
        kinds.push(TestKind::Expect(Expectation::Undone { not: false, steps: undone }));
    }
    let entry = |kind| TestEntry { keyword: name(keyword(&kind)), kind, span: Span::default() };
    Test {
        name: name(&recorded.name),
        workflow: name(&recorded.workflow),
        entries: kinds.into_iter().map(entry).collect(),
        span: Span::default(),
    }
}

/// The mocks of what workers and children did, each step's together. Those of one item that all came to the same need no item.
fn mocks(rows: &[&RecordedRow]) -> Vec<TestKind> {
    let outside = rows.iter().filter(|row| !OWN.contains(&&*row.task_type) && !is_wait(row));
    let mut steps: Vec<&str> = Vec::new();
    let mut by_path: BTreeMap<(&str, Vec<usize>), Vec<&RecordedRow>> = BTreeMap::new();
    for row in outside.filter(|row| answer_of(row).is_some()) {
        let base = base_of(&row.path);
        if !steps.contains(&base) {
            steps.push(base);
        }
        by_path.entry((base, items_of(&row.path))).or_default().push(row);
    }
    let mut mocks = Vec::new();
    for step in steps {
        for ((_, items), rows) in by_path.iter().filter(|((base, _), _)| *base == step) {
            mocks.extend(rows.iter().filter_map(|row| mock_of(step, items, row)));
        }
    }
    mocks
}

fn mock_of(step: &str, items: &[usize], row: &RecordedRow) -> Option<TestKind> {
    let (step, undo) = step.strip_suffix(".undo").map_or((step, false), |step| (step, true));
    let answer = answer_of(row)?;
    let told = row.took_ms() >= TOLD_MS && !matches!(answer, Answer::TimesOut);
    let item = |item: &usize| expr_of(&Value::Int(i64::try_from(*item).unwrap_or(i64::MAX)));
    Some(TestKind::Mock(Box::new(Mock {
        step: name(step),
        items: items.iter().map(item).collect(),
        undo,
        after: told.then(|| duration(row.took_ms())),
        answer,
        times: None,
    })))
}

/// What came of an attempt; nothing, where it was stopped or did not run.
fn answer_of(row: &RecordedRow) -> Option<Answer> {
    match (row.status, &row.error) {
        (StepStatus::Completed, _) => {
            Some(Answer::Gives(expr_of(&masked(row.output.as_ref().unwrap_or(&Value::Null)))))
        }
        (StepStatus::Failed | StepStatus::Retrying, Some(error)) => Some(match &*error.code {
            code::WORKER_LOST => Answer::Lost,
            code::TIMEOUT if error.unknown => Answer::TimesOut,
            // The engine itself said so, without asking anybody.
            code::EXPRESSION | code::LIMIT if row.completed_at == Some(row.created_at) => return None,
            _ => Answer::Fails {
                code: expr_of(&Value::Str(error.code.clone())),
                message: Some(expr_of(&Value::str(error.message.as_str()))),
                status: error.status.map(|status| expr_of(&Value::Int(status.into()))),
                fatal: !error.retryable,
            },
        }),
        _ => None,
    }
}

fn is_wait(row: &RecordedRow) -> bool {
    matches!(&*row.task_type, "wait" | "approve")
}

/// What came from outside: events that were taken, and people's words.
fn happening(recorded: &Recorded, row: &RecordedRow) -> Option<TestKind> {
    let at = row.completed_at?;
    let given = row.output.as_ref().map(|output| expr_of(&masked(output)));
    match (&*row.task_type, row.status, &row.error) {
        ("wait", StepStatus::Completed, _) => Some(TestKind::Send {
            event: name(row.waits_for.as_deref()?),
            data: given,
            after: Some(duration(at.since_ms(recorded.started_at))),
        }),
        ("approve", StepStatus::Completed, _) => {
            let with = given.filter(|_| row.output.as_ref().is_some_and(|form| !is_empty(form)));
            Some(decision(row, true, with))
        }
        ("approve", StepStatus::Failed, Some(error)) if &*error.code == code::APPROVAL_REFUSED => {
            Some(decision(row, false, None))
        }
        _ => None,
    }
}

fn decision(row: &RecordedRow, approved: bool, with: Option<Expr>) -> TestKind {
    let after = Some(duration(row.took_ms()));
    TestKind::Decide { name: name(base_of(&row.path)), approved, with, after }
}

fn end_of(recorded: &Recorded) -> Expectation {
    match recorded.status {
        ExecutionStatus::Completed => {
            let output = recorded.output.as_ref().filter(|output| **output != Value::Null);
            Expectation::Completed { output: output.map(|output| expr_of(&masked(output))) }
        }
        ExecutionStatus::Cancelled => Expectation::Cancelled,
        _ => Expectation::Failed { code: recorded.code.clone().map(|code| expr_of(&Value::Str(code))) },
    }
}

/// The steps that were undone, all of them that completed.
fn undone(rows: &[&RecordedRow]) -> Vec<Name> {
    let mut found: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.status == StepStatus::Completed) {
        let Some(step) = base_of(&row.path).strip_suffix(".undo") else { continue };
        let completed = |suffix: &str| {
            let of_step = |row: &&&RecordedRow| base_of(&row.path) == format!("{step}{suffix}");
            rows.iter().filter(of_step).filter(|row| row.status == StepStatus::Completed).count()
        };
        if !found.contains(&step) && completed("") > 0 && completed("") == completed(".undo") {
            found.push(step);
        }
    }
    found.into_iter().map(name).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.is_empty(),
        other => *other == Value::Null,
    }
}

fn keyword(kind: &TestKind) -> &'static str {
    match kind {
        TestKind::Given(_) => "given",
        TestKind::Settings(_) => "settings",
        TestKind::At(_) => "at",
        TestKind::Mock(_) => "mock",
        TestKind::Send { .. } => "send",
        TestKind::Decide { approved: true, .. } => "approve",
        TestKind::Decide { .. } => "refuse",
        TestKind::Ask { .. } => "cancel",
        TestKind::Expect(_) => "expect",
    }
}

fn name(text: &str) -> Name {
    Spanned { value: text.into(), span: Span::default() }
}

fn duration(ms: u64) -> Expr {
    let micros = i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000);
    Expr::literal(Value::Duration(micros), Span::default())
}

/// A value as an expression.
fn expr_of(value: &Value) -> Expr {
    let kind = match value {
        Value::List(items) => ExprKind::List(items.iter().map(|item| ListItem::Item(expr_of(item))).collect()),
        Value::Map(map) => ExprKind::Object(
            map.iter()
                .map(|(key, value)| ObjectEntry::Field {
                    key: key.clone(),
                    key_span: Span::default(),
                    value: expr_of(value),
                })
                .collect(),
        ),
        other => ExprKind::Literal(other.clone()),
    };
    Expr::new(kind, Span::default())
}
