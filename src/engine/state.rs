//! The state of a live execution.

use std::sync::Arc;

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, ExecutionId, StepPath};
use crate::plan::Plan;

use super::{ChildStart, ControlRow, Dispatch, Effects, Event, ExecutionStatus, Refusal, StepRow, Timer};

/// What an execution starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its id.
    pub id: ExecutionId,
    /// The version of its workflow.
    pub version: i64,
    /// Its input, checked, defaults filled in.
    pub input: Value,
    /// The workflow's settings, as they were at the start.
    pub settings: Value,
    /// How many execution retries there are.
    pub max_retries: u32,
    /// How deep it stands below an execution without a parent: 0 for one that a client started.
    pub depth: u32,
}

/// The state of a live execution: what it has and where it stands.
#[derive(Clone, Debug)]
pub struct ExecutionState {
    start: Start,
}

impl ExecutionState {
    /// The state of an execution that is PENDING.
    pub fn new(plan: &Plan, start: Start) -> Self {
        let _ = plan;
        Self { start }
    }

    /// Its id.
    pub fn id(&self) -> ExecutionId {
        self.start.id
    }

    /// The execution's state.
    pub fn status(&self) -> ExecutionStatus {
        ExecutionStatus::Pending
    }

    /// The attempts that are dispatched and have no outcome, and whether each has a row.
    pub fn outstanding(&self) -> Vec<Outstanding> {
        Vec::new()
    }

    /// The timers that are armed: all of them stand in rows too.
    pub fn timers(&self) -> Vec<Timer> {
        Vec::new()
    }

    /// The child executions that are waited for.
    pub fn children(&self) -> Vec<ChildStart> {
        Vec::new()
    }

    /// Whether the step at this path is at this attempt and has no outcome.
    pub fn awaits(&self, path: &StepPath, attempt: Attempt) -> bool {
        let _ = (path, attempt);
        false
    }

    /// Roughly how much memory it takes, in bytes.
    pub fn footprint(&self) -> usize {
        0
    }
}

/// An attempt that is dispatched and has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Outstanding {
    /// The task.
    pub dispatch: Dispatch,
    /// Whether a row says that it is running.
    pub recorded: bool,
    /// When it was dispatched.
    pub since: Timestamp,
}

/// Why rows do not fold into a state. A bug of ours, or a database that somebody edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows of execution {execution} do not fold: {reason}")]
pub struct ReplayError {
    /// The execution.
    pub execution: ExecutionId,
    /// The row that does not fit, and why.
    pub reason: Arc<str>,
}

/// What follows from an event: the one transition function.
///
/// # Errors
/// A refusal, which has changed nothing.
pub fn advance(plan: &Plan, state: &mut ExecutionState, event: Event, now: Timestamp) -> Result<Effects, Refusal> {
    let _ = (plan, state, event, now);
    Ok(Effects::default())
}

/// Folds an execution's rows, by `seq`, through `advance` into the state that wrote them.
///
/// # Errors
/// Rows that this plan can't have written.
pub fn replay(
    plan: &Plan,
    start: Start,
    started_at: Option<Timestamp>,
    steps: Vec<StepRow>,
    controls: Vec<ControlRow>,
) -> Result<ExecutionState, ReplayError> {
    let _ = (started_at, steps, controls);
    Ok(ExecutionState::new(plan, start))
}
