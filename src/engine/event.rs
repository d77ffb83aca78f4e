//! What can happen to an execution.

use std::sync::Arc;

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, StepPath};

use super::{LogEntry, StepError};

/// Something that happened. Time comes beside it, as an argument of `advance`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The start is due.
    Started,
    /// An attempt ended: a worker's, or a child execution's.
    Outcome(Outcome),
    /// An attempt is still running a moment after its claim.
    Running { path: StepPath, attempt: Attempt, claimed_at: Timestamp },
    /// The worker of an attempt is gone, and so is whatever it did.
    Lost { path: StepPath, attempt: Attempt },
    /// The wait of a step is over: a sleep, a delay, or the backoff before another attempt.
    Woken { path: StepPath, attempt: Attempt },
    /// The wait of the execution is over: the backoff before an execution retry.
    ExecutionWoken,
    /// The execution took longer than its `timeout`.
    TimedOut,
    /// Somebody, or the parent, asked to stop it.
    Cancel { reason: Arc<str> },
    /// Somebody asked to go on from the failed step.
    Retry,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The step.
    pub path: StepPath,
    /// The attempt.
    pub attempt: Attempt,
    /// What it gave.
    pub result: Result<Value, StepError>,
    /// When a worker claimed it, on the owner's clock.
    pub started_at: Timestamp,
    /// What the handler logged.
    pub logs: Vec<LogEntry>,
}

/// Why an event was not applied. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An attempt that is no longer the step's current one, or a step that is not running.
    #[error("attempt {attempt} of `{path}` is superseded")]
    Superseded { path: StepPath, attempt: Attempt },
    /// The execution's state does not allow the event.
    #[error("{what} is not possible while the execution is {state}; it is possible while it is {allowed}")]
    Illegal { what: &'static str, state: super::ExecutionStatus, allowed: &'static str },
}
