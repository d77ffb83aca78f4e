//! Recovery: an execution's rows, folded by `seq` through `advance` again, are its state.
//!
//! What was decided is not decided again: the outputs of pure steps, the arms taken and the times waited for come from the
//! rows. Effects are dropped: they happened, or follow from what the state still waits for.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, ExecutionId, StepPath};
use crate::plan::{Action, NodeKind, Plan};

use super::state::{ExecutionState, Start};
use super::{ControlRow, Event, Outcome, Refusal, StepError, StepRow, StepStatus, advance, code};

/// Why rows do not fold into a state. A bug of ours, or a database that somebody edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows of execution {execution} do not fold: {reason}")]
pub struct ReplayError {
    /// The execution.
    pub execution: ExecutionId,
    /// The row that does not fit, and why.
    pub reason: Arc<str>,
}

/// What rows say of places that are entered again in a replay.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    rows: HashMap<(StepPath, Attempt), Record>,
}

/// What a row says.
#[derive(Clone, Debug)]
struct Record {
    output: Option<Value>,
    wake_at: Option<Timestamp>,
    /// Of one that was stopped: whether nobody knows if it had its effect.
    unknown: Option<bool>,
    /// The child that it started.
    child: Option<ExecutionId>,
}

impl Recorded {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn get(&self, path: &StepPath, attempt: Attempt) -> Option<&Record> {
        if self.rows.is_empty() {
            return None;
        }
        self.rows.get(&(path.clone(), attempt))
    }

    /// The output of a place that settled.
    pub fn output(&self, path: &StepPath, attempt: Attempt) -> Option<Value> {
        self.get(path, attempt)?.output.clone()
    }

    /// The time that a place waits for.
    pub fn wake_at(&self, path: &StepPath, attempt: Attempt) -> Option<Timestamp> {
        self.get(path, attempt)?.wake_at
    }

    /// Of an attempt that was stopped: whether nobody knows if it had its effect.
    pub fn unknown(&self, path: &StepPath, attempt: Attempt) -> Option<bool> {
        self.get(path, attempt)?.unknown
    }

    /// The child that was started there.
    pub fn child(&self, path: &StepPath, attempt: Attempt) -> Option<ExecutionId> {
        self.get(path, attempt)?.child
    }

    fn of(rows: &[StepRow]) -> Self {
        let entry = |row: &StepRow| {
            let stopped = row.status == StepStatus::Cancelled;
            let record = Record {
                output: row.output.clone().filter(|_| row.status == StepStatus::Completed),
                wake_at: row.wake_at,
                unknown: stopped.then(|| row.error.as_ref().is_some_and(|error| error.unknown)),
                child: row.child(),
            };
            ((row.path.clone(), row.attempt), record)
        };
        Self { rows: rows.iter().map(entry).collect() }
    }
}

/// Folds an execution's rows, by `seq`, through `advance` into the state that wrote them.
///
/// # Errors
/// Rows that this plan can't have written.
pub fn replay(
    plan: &Plan,
    start: Start,
    started_at: Option<Timestamp>,
    mut steps: Vec<StepRow>,
    mut controls: Vec<ControlRow>,
) -> Result<ExecutionState, ReplayError> {
    steps.sort_by_key(|row| row.seq);
    controls.sort_by_key(|row| row.seq);
    let last = steps.last().map(|row| row.seq).max(controls.last().map(|row| row.seq)).unwrap_or(0);
    let mut fold = Fold::new(plan, start, &steps);
    if let Some(at) = started_at {
        fold.feed(Event::Started, at).map_err(|refusal| fold.error(format!("{refusal}, at the start")))?;
    }
    let mut controls = controls.into_iter().peekable();
    for row in &steps {
        while let Some(control) = controls.next_if(|control| control.seq < row.seq) {
            fold.control(control)?;
        }
        fold.step(row)?;
    }
    for control in controls {
        fold.control(control)?;
    }
    fold.state.recorded = Recorded::default();
    fold.state.seq = fold.state.seq.max(last);
    Ok(fold.state)
}

struct Fold<'a> {
    plan: &'a Plan,
    state: ExecutionState,
    kinds: HashMap<&'a str, Kind>,
    /// When each attempt was reached: what a retry's wait ended at.
    reached: HashMap<(&'a StepPath, Attempt), Timestamp>,
}

/// What rows of a node tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An event from outside ended it: a worker's or a child's outcome.
    Outside,
    /// A time ended it.
    Time,
    /// An event or a person ended it, and so the control that says so did; or its time-out.
    Asked,
    /// A time ended it, where it was waited for; else the walk itself wrote it.
    Between,
    /// The walk itself wrote it.
    Walk,
}

impl<'a> Fold<'a> {
    fn new(plan: &'a Plan, start: Start, steps: &'a [StepRow]) -> Self {
        let mut state = ExecutionState::new(plan, start);
        state.recorded = Recorded::of(steps);
        let kinds = plan.nodes.iter().map(|node| (&*node.id, kind_of(&node.kind))).collect();
        let reached = steps.iter().map(|row| ((&row.path, row.attempt), row.created_at)).collect();
        Self { plan, state, kinds, reached }
    }

    fn feed(&mut self, event: Event, at: Timestamp) -> Result<(), Refusal> {
        advance(self.plan, &mut self.state, event, at).map(drop)
    }

    fn error(&self, reason: String) -> ReplayError {
        ReplayError { execution: self.state.id(), reason: reason.into() }
    }

    fn control(&mut self, row: ControlRow) -> Result<(), ReplayError> {
        let seq = row.seq;
        self.feed(row.control.into(), row.at).map_err(|refusal| self.error(format!("{refusal}, at control {seq}")))
    }

    fn step(&mut self, row: &StepRow) -> Result<(), ReplayError> {
        let id = row.path.as_str().split('[').next().unwrap_or_default();
        let Some(kind) = self.kinds.get(id) else {
            return Err(self.error(format!("`{}` is no node of the plan", row.path)));
        };
        let folded = self.step_of(*kind, row);
        folded.map_err(|refusal| self.error(format!("{refusal}, at row {} ({})", row.seq, row.status)))
    }

    fn step_of(&mut self, kind: Kind, row: &StepRow) -> Result<(), Refusal> {
        match (kind, row.status) {
            (Kind::Outside, StepStatus::Completed) => self.outcome(row, Ok(row.output.clone().unwrap_or_default())),
            (Kind::Outside, StepStatus::Failed) => self.failed(row),
            (Kind::Outside, StepStatus::Retrying) if is_loss(row) => self.lost(row),
            (Kind::Outside, StepStatus::Retrying) => self.outcome(row, Err(row.error.clone().unwrap_or_else(unknown))),
            (Kind::Outside, StepStatus::Running) => self.running(row),
            (Kind::Time, StepStatus::Completed) => self.woken(row, row.completed_at.unwrap_or(row.created_at)),
            (Kind::Between, StepStatus::Completed) | (Kind::Asked, StepStatus::Failed)
                if self.wakes(row).is_some()
                    && row.error.as_ref().is_none_or(|error| &*error.code == code::TIMEOUT) =>
            {
                self.woken(row, row.completed_at.unwrap_or(row.created_at))
            }
            _ => Ok(()),
        }
    }

    fn outcome(&mut self, row: &StepRow, result: Result<Value, StepError>) -> Result<(), Refusal> {
        let at = row.completed_at.unwrap_or(row.created_at);
        let outcome = Outcome {
            path: row.path.clone(),
            attempt: row.attempt,
            result,
            started_at: row.started_at.unwrap_or(row.created_at),
            logs: Vec::new(),
        };
        self.feed(Event::Outcome(outcome), at)
    }

    /// A failed attempt: of a worker that was lost, or one that another attempt followed, or the last.
    fn failed(&mut self, row: &StepRow) -> Result<(), Refusal> {
        let error = row.error.clone().unwrap_or_else(unknown);
        if is_loss(row) {
            return self.lost(row);
        }
        if !self.state.awaits(&row.path, row.attempt) {
            // The walk itself failed it: its `when` or its configuration has no value.
            return Ok(());
        }
        self.outcome(row, Err(error))?;
        match self.reached.get(&(&row.path, row.attempt + 1)).copied() {
            Some(next) if self.wakes(row).is_some() => self.woken(row, next),
            _ => Ok(()),
        }
    }

    /// A worker was lost with an attempt. Where another follows it does so at once, or where the execution was paused, when
    /// it went on.
    fn lost(&mut self, row: &StepRow) -> Result<(), Refusal> {
        let next = self.reached.get(&(&row.path, row.attempt + 1)).copied().filter(|_| self.goes_on(row));
        let at = next.or(row.completed_at).unwrap_or(row.created_at);
        self.feed(Event::Lost { path: row.path.clone(), attempt: row.attempt }, at)
    }

    /// Whether another attempt follows the loss of this one.
    fn goes_on(&self, row: &StepRow) -> bool {
        let frame = self.state.waiting.get(&row.path).and_then(|id| self.state.frames.get(*id));
        frame.is_some_and(|frame| frame.survives_a_loss(self.plan))
    }

    fn running(&mut self, row: &StepRow) -> Result<(), Refusal> {
        if !self.state.awaits(&row.path, row.attempt) {
            return Ok(());
        }
        let claimed_at = row.started_at.unwrap_or(row.created_at);
        let event = Event::Running { path: row.path.clone(), attempt: row.attempt, claimed_at };
        self.feed(event, claimed_at)
    }

    /// The wait of a row was over at `at`; never before it was due.
    fn woken(&mut self, row: &StepRow, at: Timestamp) -> Result<(), Refusal> {
        let at = self.wakes(row).map_or(at, |due| due.max(at));
        self.feed(Event::Woken { path: row.path.clone(), attempt: row.attempt }, at)
    }

    fn wakes(&self, row: &StepRow) -> Option<Timestamp> {
        let frame = self.state.frames.get(*self.state.waiting.get(&row.path)?)?;
        frame.wakes().filter(|(attempt, _)| *attempt == row.attempt).map(|(_, due)| due)
    }
}

fn is_loss(row: &StepRow) -> bool {
    row.error.as_ref().is_some_and(|error| &*error.code == code::WORKER_LOST)
}

fn unknown() -> StepError {
    StepError::fatal(code::FAILED, "no error was recorded")
}

fn kind_of(kind: &NodeKind) -> Kind {
    match kind {
        NodeKind::Step(step) => match step.action {
            Action::Task { .. } | Action::Child { .. } => Kind::Outside,
            Action::Delay(_) => Kind::Time,
            Action::Transform { .. } | Action::Conditional(_) | Action::Log { .. } => Kind::Walk,
        },
        NodeKind::Sleep(_) => Kind::Time,
        NodeKind::Repeat(_) => Kind::Between,
        NodeKind::Wait(_) | NodeKind::Approve(_) => Kind::Asked,
        _ => Kind::Walk,
    }
}
