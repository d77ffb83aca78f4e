//! An execution of a world: its state, and the rows as a store would keep them.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::engine::{
    Compensation, ControlRow, Effects, Event, ExecutionState, ExecutionStatus, Refusal, Start, StepRow, StepStatus,
    advance, replay,
};
use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, ExecutionId, StepPath};

use super::library::Known;

/// An execution: the one under test, or a child of it.
#[derive(Debug)]
pub struct Life<'w> {
    /// Its workflow.
    pub workflow: &'w Known,
    /// What it has, and where it stands.
    pub state: ExecutionState,
    /// Its rows, in the order in which they were first written.
    pub rows: IndexMap<(StepPath, Attempt), StepRow>,
    /// How far its undos are.
    pub compensation: Compensation,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The execution and the attempt that wait for it.
    pub(super) parent: Option<(usize, StepPath, Attempt)>,
    controls: Vec<ControlRow>,
    start: Start,
    /// For each node whether it was entered, in states that were thrown away.
    entered: Vec<bool>,
}

/// What came of an event.
pub(super) struct Applied {
    /// What follows, but for the rows, which are kept.
    pub effects: Effects,
    /// Where an `approve` has just come to wait.
    pub asks: Vec<StepPath>,
}

impl<'w> Life<'w> {
    pub(super) fn new(workflow: &'w Known, start: Start, parent: Option<(usize, StepPath, Attempt)>) -> Self {
        let mut state = ExecutionState::new(&workflow.plan, start.clone());
        state.watch_nodes(&workflow.plan);
        Self {
            workflow,
            state,
            rows: IndexMap::new(),
            compensation: Compensation::None,
            started_at: Timestamp(0),
            ended_at: None,
            parent,
            controls: Vec::new(),
            start,
            entered: vec![false; workflow.plan.nodes.len()],
        }
    }

    /// Its id.
    pub(super) fn id(&self) -> ExecutionId {
        self.start.id
    }

    /// The execution's state.
    pub fn status(&self) -> ExecutionStatus {
        self.state.status()
    }

    /// What it was given.
    pub fn input(&self) -> &Value {
        &self.start.input
    }

    /// Its settings.
    pub fn settings(&self) -> &Value {
        &self.start.settings
    }

    /// For each node of the plan whether it was entered.
    pub fn entered(&self) -> Vec<bool> {
        self.entered.iter().zip(self.state.entered()).map(|(before, now)| *before || *now).collect()
    }

    /// Applies an event, and keeps what a store would.
    pub(super) fn apply(&mut self, event: Event, now: Timestamp) -> Result<Applied, Refusal> {
        if event == Event::Started {
            self.started_at = now;
        }
        let mut effects = advance(&self.workflow.plan, &mut self.state, event, now)?;
        let mut asks = Vec::new();
        for row in std::mem::take(&mut effects.steps) {
            let (path, asked) = (row.path.clone(), row.status == StepStatus::Waiting && &*row.task_type == "approve");
            if self.rows.insert((path.clone(), row.attempt), row).is_none() && asked {
                asks.push(path);
            }
        }
        self.controls.append(&mut effects.controls);
        if let Some(update) = &effects.execution {
            self.compensation = update.compensation;
        }
        if effects.ended {
            self.ended_at = Some(now);
        }
        Ok(Applied { effects, asks })
    }

    /// Throws the state away and makes it again from the rows, as after a crash.
    ///
    /// # Errors
    /// Rows that don't fold: a bug of the engine.
    pub(super) fn crash(&mut self) -> Result<(), String> {
        self.entered = self.entered();
        let plan = &self.workflow.plan;
        let started = (self.status() != ExecutionStatus::Pending).then_some(self.started_at);
        let rows = self.rows.values().cloned().collect();
        let folded = replay(plan, self.start.clone(), started, rows, self.controls.clone());
        let mut folded = folded.map_err(|error| error.to_string())?;
        self.compare(&folded)?;
        // What the execution's own row tells of, which a replay does not fold.
        folded.continue_after(self.state.seq());
        folded.watch_nodes(plan);
        self.state = folded;
        Ok(())
    }

    fn compare(&self, folded: &ExecutionState) -> Result<(), String> {
        let (live, plan) = (&self.state, &self.workflow.plan);
        let same = |what: &str, live: String, folded: String| match live == folded {
            true => Ok(()),
            false => Err(format!("after a crash {what} is {folded}, and was {live}")),
        };
        same("the status", live.status().to_string(), folded.status().to_string())?;
        same("the error", format!("{:?}", live.error()), format!("{:?}", folded.error()))?;
        same("the output", format!("{:?}", live.output()), format!("{:?}", folded.output()))?;
        same("what is waited for", format!("{:?}", live.timers()), format!("{:?}", folded.timers()))?;
        let outstanding = |state: &ExecutionState| format!("{:?}", state.outstanding(plan));
        same("what is dispatched", outstanding(live), outstanding(folded))?;
        same("the children", format!("{:?}", live.children()), format!("{:?}", folded.children()))
    }

    /// The last row of each path, in the order in which the paths were reached.
    pub(super) fn last_rows(&self) -> IndexMap<&StepPath, &StepRow> {
        let mut last: IndexMap<&StepPath, &StepRow> = IndexMap::new();
        for row in self.rows.values() {
            let kept = last.entry(&row.path).or_insert(row);
            if row.attempt > kept.attempt {
                *kept = row;
            }
        }
        last
    }
}

/// What `secrets` is in a test: a word in place of each.
pub(super) fn placeholders(names: &[Arc<str>]) -> Option<Value> {
    (!names.is_empty())
        .then(|| Value::object(names.iter().map(|name| (name.clone(), Value::str(format!("***{name}***"))))))
}
