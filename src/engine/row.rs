//! The rows that the engine writes: an execution's changes, its steps' attempts, its log and its controls.
//!
//! These rows, folded by `seq` through `advance` again, are the execution: see `replay`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, ExecutionId, StepPath};

use super::StepError;

/// The state of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// Recorded, not started: its time has not come.
    Pending,
    /// Under way.
    Running,
    /// A step failed for good, and the execution goes on from it after a wait.
    Retrying,
    /// Held by somebody.
    Paused,
    /// Ended well.
    Completed,
    /// Ended by an error.
    Failed,
    /// Ended by a cancel.
    Cancelled,
}

impl ExecutionStatus {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Running, Self::Retrying, Self::Paused, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether it has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// As stored and as the API shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// The state of an attempt at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Dispatched.
    Running,
    /// Waits for a time, an event or a person.
    Waiting,
    /// This attempt failed and another one follows at `wake_at`.
    Retrying,
    /// Ended well.
    Completed,
    /// Ended by an error.
    Failed,
    /// Not run: `when` was false, or its branch was not taken.
    Skipped,
    /// Stopped by a cancel, or by a failure beside it.
    Cancelled,
}

impl StepStatus {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Running, Self::Waiting, Self::Retrying, Self::Completed, Self::Failed, Self::Skipped, Self::Cancelled];

    /// As stored and as the API shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far the undoing of an execution's completed steps is: a column beside its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compensation {
    /// Nothing was undone.
    #[default]
    None,
    /// Undos run.
    Running,
    /// All that was to be undone is.
    Done,
    /// An undo failed for good; it can be retried.
    Failed,
}

impl Compensation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Running, Self::Done, Self::Failed];

    /// As stored and as the API shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What changes of an execution's row. Written when its state changes, not for every step.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionUpdate {
    /// Which.
    pub id: ExecutionId,
    /// The state.
    pub status: ExecutionStatus,
    /// The `seq` of this change.
    pub seq: i64,
    /// How many execution retries were used.
    pub retry_count: u32,
    /// How far the undoing is.
    pub compensation: Compensation,
    /// What it gave.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// When it next wants to be woken (an execution retry, or its time-out); the row's timer.
    pub wake_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// When a cancel was asked for.
    pub cancel_requested_at: Option<Timestamp>,
    /// The order of the furthest step that it has reached; none before the first.
    pub furthest: Option<u32>,
}

/// An attempt at a step, or the record of a statement (`let`, `if`, `for`, `sleep`), whose `task_type` is its keyword.
/// Unique on (execution, path, attempt); a later write of the same key replaces the earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRow {
    /// The execution.
    pub execution: ExecutionId,
    /// Where.
    pub path: StepPath,
    /// Which attempt, from 1.
    pub attempt: Attempt,
    /// The `seq` of its last change.
    pub seq: i64,
    /// The step's name, or the node's id.
    pub name: Arc<str>,
    /// The step's place among the workflow's steps; 0 for a statement that is none.
    pub order: u32,
    /// The task type, or the statement's keyword.
    pub task_type: Arc<str>,
    /// The state.
    pub status: StepStatus,
    /// The resolved configuration.
    pub input: Option<Value>,
    /// What it gave. Of an `if`, the index of the arm taken (null for none).
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// When it wants to be woken; the row's timer. Null where nothing is waited for.
    pub wake_at: Option<Timestamp>,
    /// Of a `wait` the event's type, of an `approve` the group: what it is found by.
    pub waits_for: Option<Arc<str>>,
    /// When it was reached.
    pub created_at: Timestamp,
    /// When a worker claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

impl StepRow {
    /// The child execution that it started, where it is of a step that starts one.
    pub fn child(&self) -> Option<ExecutionId> {
        self.input.as_ref()?.get("execution_id")?.as_str()?.parse().ok().map(ExecutionId)
    }
}

/// How much an entry of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is its own name")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// As stored and as the API shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

/// An entry of an execution's log, appended in the transaction of what it tells of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// More, for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// The step it tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<StepPath>,
    /// When.
    pub at: Timestamp,
}

/// Something that somebody asked of an execution; recorded, since it is no function of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlRow {
    /// The execution.
    pub execution: ExecutionId,
    /// Its place among the execution's rows.
    pub seq: i64,
    /// What was asked.
    pub control: Control,
    /// When.
    pub at: Timestamp,
}

fn yes() -> bool {
    true
}

/// What may be asked of an execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Stop.
    Cancel {
        reason: Arc<str>,
        /// Whether the undos of completed steps run.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        undo: bool,
    },
    /// Not to start: there were as many of its kind as may be.
    Reject { error: Box<StepError> },
    /// Start no further step until told to go on.
    Pause,
    /// Go on.
    Resume,
    /// An event: one that was sent to this execution alone, or one that a wait of it took. Kept until a wait takes it.
    Signal { id: Arc<str>, name: Arc<str>, data: Value },
    /// A person's word on an `approve`.
    Decide {
        path: StepPath,
        approved: bool,
        #[serde(default)]
        form: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Arc<str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
    },
    /// Run the undos that failed again.
    RetryUndo,
    /// Go on from the failed step.
    Retry,
    /// The execution's `timeout` passed.
    TimedOut,
    /// The wait before an execution retry is over.
    Woken,
}
