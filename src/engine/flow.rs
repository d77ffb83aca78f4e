//! Control flow: `let`, `sleep`, `return`, `fail`.

use std::sync::Arc;

use crate::expr::{Expr, Timestamp, Value, parse_duration, parse_timestamp};
use crate::ids::Attempt;
use crate::plan::Wake;

use super::machine::{Machine, Place};
use super::state::{FrameKind, Resume};
use super::unwind::Ending;
use super::{StepError, StepRow, StepStatus, code};

impl Machine<'_> {
    pub(super) fn enter_let(&mut self, place: Place, name: &Arc<str>, value: &Expr, attempt: Attempt) {
        let result = match self.recorded_output(place, attempt) {
            Some(output) => Ok(output),
            None => self.evaluate(place, value),
        };
        match result {
            Ok(value) => {
                self.record(place, attempt, None, value.clone());
                self.state.bind(place.scope, name.clone(), value);
                self.settled(place);
            }
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    pub(super) fn enter_sleep(&mut self, place: Place, wake: &Wake, attempt: Attempt) {
        match self.due(place, wake) {
            Ok(due) => self.wait_until(place, attempt, due),
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    /// Waits, in a row, until `due`; one that is due already settles at once.
    pub(super) fn wait_until(&mut self, place: Place, attempt: Attempt, due: Timestamp) {
        let path = self.path_of(place);
        let due = self.state.recorded.wake_at(&path, attempt).unwrap_or(due);
        let row = self.row(place, path.clone(), attempt, StepStatus::Waiting);
        let input = Some(Value::object([("until", Value::Timestamp(due.0))]));
        self.effects.steps.push(StepRow { input, wake_at: Some(due), ..row });
        let since = self.now;
        self.open_waiting(place, path.clone(), FrameKind::Wait { attempt, due, since });
        self.arm(path, attempt, due);
    }

    /// When a wait ends.
    pub(super) fn due(&self, place: Place, wake: &Wake) -> Result<Timestamp, StepError> {
        match wake {
            Wake::After(length) => self.due_after(place, length),
            Wake::At(expr) => match self.evaluate(place, expr)? {
                Value::Timestamp(at) => Ok(Timestamp(at)),
                Value::Str(text) => parse_timestamp(&text)
                    .map(Timestamp)
                    .ok_or_else(|| bad_wake(&format!("`{text}` is no timestamp; write it as `2026-01-31T08:00:00Z`"))),
                _ => Err(bad_wake("`until` takes a timestamp such as `2026-01-31T08:00:00Z`")),
            },
        }
    }

    /// When a wait of this length, which begins now, ends.
    pub(super) fn due_after(&self, place: Place, length: &Expr) -> Result<Timestamp, StepError> {
        let micros = match self.evaluate(place, length)? {
            Value::Duration(micros) => Some(micros),
            Value::Int(seconds) => seconds.checked_mul(1_000_000),
            Value::Num(seconds) => seconds_to_micros(seconds),
            Value::Str(text) => parse_duration(&text),
            _ => None,
        };
        let due = micros.filter(|micros| *micros >= 0).and_then(|micros| self.now.0.checked_add(micros));
        due.map(Timestamp)
            .ok_or_else(|| bad_wake("a wait takes a duration such as `10m`, or a number of seconds, not below zero"))
    }

    pub(super) fn enter_return(&mut self, place: Place, value: Option<&Expr>, attempt: Attempt) {
        let result = value.map_or(Ok(Value::Null), |expr| self.evaluate(place, expr));
        match result.and_then(|value| self.admit_output(value)) {
            Ok(_) if self.is_drained(place) => {
                let message = "the end is decided already: a `return` in a `finally` does not change it";
                self.raise(place, attempt, Resume::Node, StepError::fatal(code::FAILED, message));
            }
            Ok(value) => self.end_by(Ending::Return(value), place.parent),
            Err(error) => self.raise(place, attempt, Resume::Node, error),
        }
    }

    pub(super) fn fail_error(
        &self,
        place: Place,
        message: &Expr,
        code: Option<&Expr>,
        cause: Option<&Expr>,
    ) -> StepError {
        let text = |expr: &Expr| self.evaluate(place, expr).map(|value| display(&value));
        let message = match text(message) {
            Ok(message) => message,
            Err(error) => return error,
        };
        let code = match code.map(text).transpose() {
            Ok(code) => code,
            Err(error) => return error,
        };
        let details = match cause.map(|cause| self.evaluate(place, cause)).transpose() {
            Ok(cause) => cause.map(|cause| Value::object([("cause", cause)])),
            Err(error) => return error,
        };
        StepError { details, ..StepError::fatal(code.as_deref().unwrap_or(code::FAILED), message) }
    }

    /// Evaluates an expression at a place, `data` worked out where it is read.
    pub(super) fn evaluate(&self, place: Place, expr: &Expr) -> Result<Value, StepError> {
        let mut names = self.names(place.scope);
        names.data = self.data_for(place, expr);
        names.value(expr)
    }

    /// `data` at a place, where the expression reads it.
    pub(super) fn data_for(&self, place: Place, expr: &Expr) -> Option<Value> {
        expr.reads("data").then(|| self.data_at(place))
    }

    /// `data` at a place; an undo has that of the step that it undoes.
    pub(super) fn data_at(&self, place: Place) -> Value {
        if let Some(data) = self.state.scopes.get(place.scope).and_then(|scope| scope.values.get("data")) {
            return data.clone();
        }
        self.state.data_before(self.plan, place.parent, place.slot, place.scope)
    }

    /// What a replay found recorded for this place.
    pub(super) fn recorded_output(&self, place: Place, attempt: Attempt) -> Option<Value> {
        if self.state.recorded.is_empty() {
            return None;
        }
        self.state.recorded.output(&self.path_of(place), attempt)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn seconds_to_micros(seconds: f64) -> Option<i64> {
    let micros = seconds * 1e6;
    (0.0..9e18).contains(&micros).then_some(micros as i64)
}

fn bad_wake(message: &str) -> StepError {
    StepError::fatal(code::EXPRESSION, message)
}

/// A value as text: a string as it is, the rest as JSON.
pub(super) fn display(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
