//! The error of a step, as it is recorded, shown and seen by `retry … unless`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::Value;

/// Codes that the engine itself gives. A handler may give others.
pub mod code {
    /// An attempt took longer than its time-out.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// The worker that held the task died or was cut off.
    pub const WORKER_LOST: &str = "WORKER_LOST";
    /// The step took down its worker again and again.
    pub const POISONED: &str = "POISONED";
    /// The execution was cancelled.
    pub const CANCELLED: &str = "CANCELLED";
    /// An expression could not be evaluated.
    pub const EXPRESSION: &str = "EXPRESSION";
    /// A secret that is read has no value.
    pub const SECRET: &str = "SECRET";
    /// A value is past a limit.
    pub const LIMIT: &str = "LIMIT";
    /// A configuration does not fit its task type.
    pub const CONFIG: &str = "CONFIG";
    /// A `fail` statement without a code.
    pub const FAILED: &str = "FAILED";
    /// The handler panicked.
    pub const PANIC: &str = "PANIC";
    /// No worker knows the task type.
    pub const UNKNOWN_TASK: &str = "UNKNOWN_TASK";
    /// A value does not fit the type that was declared for it.
    pub const TYPE: &str = "TYPE";
    /// A child execution did not complete.
    pub const CHILD_FAILED: &str = "CHILD_FAILED";
    /// No arm of a `match` fits.
    pub const NO_MATCH: &str = "NO_MATCH";
    /// A `repeat` ran out of passes.
    pub const REPEAT_EXHAUSTED: &str = "REPEAT_EXHAUSTED";
    /// A person refused.
    pub const APPROVAL_REFUSED: &str = "APPROVAL_REFUSED";
    /// More items of a loop failed than it tolerates.
    pub const TOO_MANY_FAILURES: &str = "TOO_MANY_FAILURES";
    /// An undo failed for good.
    pub const COMPENSATION_FAILED: &str = "COMPENSATION_FAILED";
    /// There were as many executions with the key as may be.
    pub const CONCURRENCY: &str = "CONCURRENCY";
}

/// Why an attempt, a step or an execution failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    /// What kind of error: one of `code`, or the handler's or the workflow's own.
    pub code: Arc<str>,
    /// What happened, for a person.
    pub message: String,
    /// The handler's verdict: whether another attempt may help.
    #[serde(default)]
    pub retryable: bool,
    /// How long the other side asks to wait before another attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether it is not known if the attempt had its effect: it timed out, its worker was lost, or the connection broke after
    /// the request was sent. An undo runs for it as for a completed step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// The HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The step it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// The attempt it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// More, for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl StepError {
    /// An error that no further attempt can help.
    pub fn fatal(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
            retry_after_ms: None,
            unknown: false,
            status: None,
            step: None,
            attempt: None,
            details: None,
        }
    }

    /// An error that another attempt may help.
    pub fn retryable(code: &str, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::fatal(code, message) }
    }

    /// As expressions see it.
    pub fn to_value(&self) -> Value {
        Value::object([
            ("code", Value::Str(self.code.clone())),
            ("message", Value::str(self.message.as_str())),
            ("step", self.step.clone().map_or(Value::Null, Value::Str)),
            ("attempt", self.attempt.map_or(Value::Null, |attempt| Value::Int(attempt.into()))),
            ("status", self.status.map_or(Value::Null, |status| Value::Int(status.into()))),
            ("retryable", Value::Bool(self.retryable)),
            ("details", self.details.clone().unwrap_or_default()),
        ])
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for StepError {}
