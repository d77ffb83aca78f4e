//! What follows from an event: rows to write, and what to do once they are written.

use std::sync::Arc;

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, ExecutionId, StepPath};

use super::{ControlRow, ExecutionUpdate, LogEntry, StepRow};

/// What follows from an event. First the rows are written, in one transaction; the rest is done after the commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// The execution's row, where its state changed.
    pub execution: Option<ExecutionUpdate>,
    /// Steps' rows.
    pub steps: Vec<StepRow>,
    /// The log's entries.
    pub logs: Vec<LogEntry>,
    /// The controls that were applied.
    pub controls: Vec<ControlRow>,
    /// Tasks for workers.
    pub dispatches: Vec<Dispatch>,
    /// Times to be woken at; each stands in a row too.
    pub timers: Vec<Timer>,
    /// Child executions to start.
    pub children: Vec<ChildStart>,
    /// What runs and is to be told to stop.
    pub stops: Vec<Stop>,
    /// Waits for events that were opened: what was sent before may end them.
    pub waits: Vec<EventWait>,
    /// Outputs to keep for steps with the same key.
    pub caches: Vec<CacheWrite>,
    /// Whether the execution ended.
    pub ended: bool,
}

/// A wait for an event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventWait {
    /// Where.
    pub path: StepPath,
    /// The event's type.
    pub event: Arc<str>,
}

/// What names a cached output, and how long it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheKey {
    /// The key: a hash over the workflow, the step and what its `cache` says.
    pub key: Arc<str>,
    /// How long an output is kept, in milliseconds.
    pub ttl_ms: u64,
}

/// An output to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheWrite {
    /// Its key.
    pub key: Arc<str>,
    /// The output.
    pub output: Value,
    /// From when …
    pub created_at: Timestamp,
    /// … until when.
    pub expires_at: Timestamp,
}

/// A task for a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The step.
    pub path: StepPath,
    /// The attempt.
    pub attempt: Attempt,
    /// The task type.
    pub task_type: Arc<str>,
    /// The queue.
    pub queue: Arc<str>,
    /// The resolved configuration: an object.
    pub config: Value,
    /// How long it may take from its claim, in milliseconds.
    pub timeout_ms: u64,
    /// 0 to 9, the higher first.
    pub priority: u8,
    /// How long its handler may be silent, in milliseconds.
    pub heartbeat_ms: Option<u64>,
    /// What names its output among those that are kept: where one is there, it is the outcome and nothing is dispatched.
    pub cache: Option<CacheKey>,
    /// How often tasks of this name may be dispatched.
    pub rate: Option<Rate>,
    /// Whether it is not to be sent again where it may have been sent.
    pub at_most_once: bool,
}

/// A limit on how often tasks are dispatched.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// Its name: shared by all that name it.
    pub name: Arc<str>,
    /// This many …
    pub count: u32,
    /// … in this long, in milliseconds.
    pub per_ms: u64,
}

/// A time to be woken at.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    /// When.
    pub due: Timestamp,
    /// Whom.
    pub target: TimerTarget,
}

/// Whom a timer wakes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerTarget {
    /// A step: `Event::Woken`.
    Step { path: StepPath, attempt: Attempt },
    /// An execution in RETRYING: `Event::ExecutionWoken`.
    Execution,
    /// An execution past its `timeout`: `Event::TimedOut`.
    Timeout,
}

/// A child execution to start. Starting it again changes nothing: its id is a function of the parent and the path.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildStart {
    /// The step that waits for it.
    pub path: StepPath,
    /// The attempt of that step.
    pub attempt: Attempt,
    /// The child's id.
    pub child: ExecutionId,
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// The version, where one is named; else the active one.
    pub version: Option<i64>,
    /// Its input.
    pub input: Value,
    /// Whether it is started and not waited for: its start is the outcome.
    pub detached: bool,
    /// How deep it stands below an execution that nobody started but a client.
    pub depth: u32,
}

/// What is to be told to stop.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// An attempt on a worker.
    Task { path: StepPath, attempt: Attempt },
    /// A child execution.
    Child(ExecutionId),
}
