//! What can happen to an execution.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, StepPath};

use super::{Control, LogEntry, StepError};

/// Something that happened. Time comes beside it, as an argument of `advance`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    Cancel { reason: Arc<str>, undo: bool },
    /// It is not to start: there are as many of its kind as may be.
    Reject { error: Box<StepError> },
    /// Somebody asked to start no further step.
    Pause,
    /// Somebody asked to go on.
    Resume,
    /// An event. With `keep` it waits in the execution for a wait that takes it; without, it is refused where none takes it now.
    Signal { id: Arc<str>, name: Arc<str>, data: Value, keep: bool },
    /// A person's word on an `approve`.
    Decide { path: StepPath, approved: bool, form: Value, by: Option<Arc<str>>, reason: Option<Arc<str>> },
    /// Somebody asked to run the undos that failed again.
    RetryUndo,
    /// Somebody asked to go on from the failed step.
    Retry,
}

impl From<Control> for Event {
    /// What a control asks for; a signal is kept until a wait takes it.
    fn from(control: Control) -> Self {
        match control {
            Control::Cancel { reason, undo } => Self::Cancel { reason, undo },
            Control::Reject { error } => Self::Reject { error },
            Control::Pause => Self::Pause,
            Control::Resume => Self::Resume,
            Control::Signal { id, name, data } => Self::Signal { id, name, data, keep: true },
            Control::Decide { path, approved, form, by, reason } => Self::Decide { path, approved, form, by, reason },
            Control::RetryUndo => Self::RetryUndo,
            Control::Retry => Self::Retry,
            Control::TimedOut => Self::TimedOut,
            Control::Woken => Self::ExecutionWoken,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// An attempt that is no longer the step's current one, or a step that is not running.
    #[error("attempt {attempt} of `{path}` is superseded")]
    Superseded { path: StepPath, attempt: Attempt },
    /// No wait takes the event.
    #[error("no `wait` of the execution takes the event `{name}` now")]
    NotAwaited { name: Arc<str> },
    /// The execution keeps as many signals as it may.
    #[error("the execution keeps as much as it may that no `wait` has taken: {signals} signals or {bytes} bytes")]
    MailboxFull { signals: usize, bytes: usize },
    /// There is no `approve` at this path that waits.
    #[error("no `approve` waits at `{path}`")]
    NoApproval { path: StepPath },
    /// The form does not fit what the `approve` asks for.
    #[error("{0}")]
    BadForm(String),
    /// A `finally` or an undo has run, so that going on from the failed step would go on from what is no more.
    #[error("the execution has run its `finally` or its undos, and can't go on from the failed step; start it again")]
    Compensated,
    /// The execution's state does not allow the event.
    #[error("{what} is not possible while the execution is {state}; it is possible while it is {allowed}")]
    Illegal { what: Cow<'static, str>, state: super::ExecutionStatus, allowed: Cow<'static, str> },
}
