//! Undos: what was done is kept in order, and undone newest first, once each.
//!
//! An undo is kept with the values of the names that it reads, as they are when its step ends. It runs later as a step of its
//! own: with attempts, retries and rows.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::Value;
use crate::ids::{Attempt, StepPath};
use crate::plan::{NodeId, NodeKind, StepNode};

use super::machine::{Machine, Place};
use super::protect::TryPhase;
use super::state::{Bindings, Frame, FrameId, FrameKind};
use super::unwind::Ending;
use super::{Compensation, ExecutionStatus, LogLevel, StepError, code};

/// The undos of an execution, in the order in which their steps ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Undos {
    kept: Vec<Undo>,
    /// The latest of each step that has one.
    latest: HashMap<StepPath, usize>,
    /// How many are to be run.
    pending: usize,
    /// Whether any was begun.
    ran: bool,
}

#[derive(Clone, Debug)]
struct Undo {
    node: NodeId,
    /// The `[i]`s of the items that its step stands in.
    suffix: Arc<str>,
    names: HashMap<Arc<str>, Value>,
    /// The last attempt that was made; 0 before the first.
    attempt: Attempt,
    state: UndoState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UndoState {
    Pending,
    Done,
    Failed,
    /// Its step was made again: this one holds no more.
    Void,
}

/// Undos that run, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Undoing {
    /// What is left, the newest last.
    left: Vec<usize>,
    current: Option<usize>,
    done: i64,
    failed: Option<StepError>,
    then: Then,
}

/// What follows on undos.
#[derive(Clone, Debug)]
enum Then {
    /// The statement `compensate` settles, or fails.
    Statement(Attempt),
    /// It was drained.
    Nothing,
    /// The execution ends.
    End(Ending),
}

impl Undoing {
    /// It is drained: the undo that runs is not broken off, the rest stay to be run.
    pub fn stop_after_this_one(&mut self) {
        self.left.clear();
        self.then = Then::Nothing;
    }
}

impl Undos {
    pub fn any_pending(&self) -> bool {
        self.pending > 0
    }

    /// Whether any was begun: from then on nothing goes on from where it failed.
    pub fn ran(&self) -> bool {
        self.ran
    }

    /// Roughly how much memory they take, in bytes.
    pub fn bytes(&self) -> usize {
        let held = |undo: &Undo| size_of::<Undo>() + undo.names.values().map(Value::approx_bytes).sum::<usize>();
        self.kept.iter().map(held).sum()
    }

    fn keep(&mut self, path: StepPath, undo: Undo) -> usize {
        self.drop_at(&path);
        self.latest.insert(path, self.kept.len());
        self.kept.push(undo);
        self.pending += 1;
        self.kept.len() - 1
    }

    /// The step at this path has had no effect after all.
    pub fn drop_at(&mut self, path: &StepPath) {
        if let Some(at) = self.latest.remove(path) {
            self.mark(at, UndoState::Void);
        }
    }

    fn mark(&mut self, at: usize, state: UndoState) {
        let Some(undo) = self.kept.get_mut(at) else { return };
        let counts = |state| usize::from(state == UndoState::Pending);
        self.pending = self.pending + counts(state) - counts(undo.state);
        undo.state = state;
        if matches!(state, UndoState::Done | UndoState::Void) {
            undo.names = HashMap::new();
        }
    }

    /// Those in this state, the newest last.
    fn all(&self, state: UndoState) -> Vec<usize> {
        self.kept.iter().enumerate().filter(|(_, undo)| undo.state == state).map(|(at, _)| at).collect()
    }

    fn is_pending(&self, at: usize) -> bool {
        self.kept.get(at).is_some_and(|undo| undo.state == UndoState::Pending)
    }

    fn outcome(&self) -> Compensation {
        let failed = self.kept.iter().any(|undo| undo.state == UndoState::Failed);
        if failed { Compensation::Failed } else { Compensation::Done }
    }
}

impl Machine<'_> {
    /// Keeps the undo of a step that has had its effect, or may have.
    pub(super) fn keep_undo(&mut self, place: Place, step: &StepNode) {
        let plan = self.plan;
        let Some(node) = step.undo else { return };
        let NodeKind::Step(undo) = &plan.node(node).kind else { return };
        let suffix = self.state.scopes.get(place.scope).map(|scope| scope.suffix.clone()).unwrap_or_default();
        let mut names = HashMap::new();
        undo.each_name(&mut |name| {
            if let Some(value) = self.state.bound(place.scope, name) {
                names.insert(name.clone(), value.clone());
            }
        });
        if undo.reads_data {
            names.insert("data".into(), self.data_at(place));
        }
        let undo = Undo { node, suffix, names, attempt: 0, state: UndoState::Pending };
        let at = self.state.undos.keep(self.path_of(place), undo);
        let around: Vec<FrameId> = self.state.frames.around(place.parent).map(|(id, _)| id).collect();
        for id in around {
            if let Some(FrameKind::Try(protected)) = self.state.frames.get_mut(id).map(|frame| &mut frame.kind)
                && protected.is_in_body()
            {
                protected.undos.push(at);
            }
        }
    }

    /// Whether stopping a frame leaves something to undo.
    pub(super) fn leaves_undo(&self, id: FrameId, frame: &Frame) -> bool {
        let plan = self.plan;
        let NodeKind::Step(step) = &plan.node(frame.node).kind else { return false };
        step.undo.is_some() && self.is_unknown(id, frame, &self.path_of(frame.place()))
    }

    /// `compensate`: runs the undos of what the body of the `try` around it did.
    pub(super) fn enter_compensate(&mut self, place: Place, attempt: Attempt) {
        let mut around = self.state.frames.around(place.parent);
        let left = around.find_map(|(_, frame)| match &frame.kind {
            FrameKind::Try(protected) if !matches!(protected.phase, TryPhase::Body) => Some(protected.undos.clone()),
            _ => None,
        });
        drop(around);
        self.undo(place, left.unwrap_or_default(), Then::Statement(attempt));
    }

    fn undo(&mut self, place: Place, mut left: Vec<usize>, then: Then) {
        left.retain(|at| self.state.undos.is_pending(*at));
        if !left.is_empty() {
            self.state.compensation = Compensation::Running;
            self.update_execution();
        }
        let undoing = Undoing { left, current: None, done: 0, failed: None, then };
        let frame = self.open(place, FrameKind::Undoing(Box::new(undoing)));
        self.next_undo(frame);
    }

    fn next_undo(&mut self, frame: FrameId) {
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let FrameKind::Undoing(undoing) = &mut open.kind else { return };
        undoing.current = undoing.left.pop();
        let Some(undo) = undoing.current.and_then(|at| self.state.undos.kept.get(at)) else {
            return self.undone(frame);
        };
        let (node, attempt) = (undo.node, undo.attempt + 1);
        let (suffix, values) = (undo.suffix.clone(), undo.names.clone());
        let scope = self.state.scopes.insert(Bindings { parent: None, open: false, suffix, values });
        self.state.undos.ran = true;
        self.enter(Place { node, parent: Some(frame), slot: 0, scope }, attempt);
    }

    /// An undo is done.
    pub(super) fn undo_settled(&mut self, frame: FrameId, child: Place) {
        self.forget(child);
        let Some(FrameKind::Undoing(undoing)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else {
            return;
        };
        undoing.done += 1;
        if let Some(at) = undoing.current {
            self.state.undos.mark(at, UndoState::Done);
        }
        self.next_undo(frame);
    }

    /// An undo failed for good; the rest run all the same.
    pub(super) fn undo_failed(&mut self, frame: FrameId, attempt: Attempt, error: StepError) {
        let Some(FrameKind::Undoing(undoing)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else {
            return;
        };
        let told = format!("an undo failed: {error}");
        undoing.failed = Some(error);
        if let Some(at) = undoing.current {
            self.state.undos.mark(at, UndoState::Failed);
            if let Some(undo) = self.state.undos.kept.get_mut(at) {
                undo.attempt = attempt;
            }
        }
        self.log(LogLevel::Error, told, None);
        self.next_undo(frame);
    }

    /// Nothing is left to undo.
    fn undone(&mut self, frame: FrameId) {
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let FrameKind::Undoing(undoing) = &mut open.kind else { return };
        let (done, failed) = (undoing.done, undoing.failed.take());
        let then = std::mem::replace(&mut undoing.then, Then::Nothing);
        if self.state.compensation == Compensation::Running {
            self.state.compensation = self.state.undos.outcome();
            self.update_execution();
        }
        match then {
            Then::Nothing => self.gone(frame),
            Then::End(ending) => {
                self.close(frame);
                self.close_by(&ending);
            }
            Then::Statement(attempt) => {
                let place = self.close(frame);
                match failed {
                    None => {
                        self.record(place, attempt, None, Value::object([("undone", Value::Int(done))]));
                        self.settled(place);
                    }
                    Some(error) => self.fail_row(place, attempt, None, compensation_failed(&error)),
                }
            }
        }
    }

    /// All is drained: the execution returns, or undoes what it did and then ends.
    pub(super) fn finish(&mut self, ending: Ending) {
        let undoes = match &ending {
            Ending::Fail => true,
            Ending::Cancel { undo } => *undo,
            Ending::Return(output) => return self.complete(output.clone()),
            Ending::Up | Ending::Failed(_) | Ending::Settled { .. } => return,
        };
        let left = self.state.undos.all(UndoState::Pending);
        if undoes && !self.plan.undo_never && !left.is_empty() {
            self.undo(self.root_place(), left, Then::End(ending));
        } else {
            self.close_by(&ending);
        }
    }

    fn close_by(&mut self, ending: &Ending) {
        match ending {
            Ending::Fail => self.end_failed(),
            _ => self.end(ExecutionStatus::Cancelled),
        }
    }

    /// Runs the undos that failed again; the execution then ends as it had.
    pub(super) fn retry_undo(&mut self) {
        let ending = match self.state.status {
            ExecutionStatus::Failed => Ending::Fail,
            // That it is not to undo was said of those that had not failed.
            _ => Ending::Cancel { undo: false },
        };
        let failed = self.state.undos.all(UndoState::Failed);
        failed.iter().for_each(|at| self.state.undos.mark(*at, UndoState::Pending));
        self.state.status = ExecutionStatus::Running;
        self.state.completed_at = None;
        self.undo(self.root_place(), failed, Then::End(ending));
    }
}

fn compensation_failed(error: &StepError) -> StepError {
    let details = Value::object([("error", error.to_value())]);
    StepError {
        details: Some(details),
        ..StepError::fatal(code::COMPENSATION_FAILED, format!("an undo failed: {error}"))
    }
}
