//! The walk: nodes are entered and settle, one after the other, until all that is left waits for the world.
//!
//! A worklist rather than recursion: a sequence of ten thousand pure steps is one long walk, not a deep one.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, StepPath};
use crate::plan::{NodeId, NodeKind, Plan};

use super::scope::Names;
use super::state::{Bindings, ExecutionState, Frame, FrameId, FrameKind, Resume, ScopeId};
use super::{
    Effects, ExecutionStatus, ExecutionUpdate, LogEntry, LogLevel, StepError, StepRow, StepStatus, Timer, TimerTarget,
    code,
};

/// The most nodes that one event's walk enters: loops in loops of pure steps would go on for days, and hold all their rows.
const MAX_ENTERED: usize = 1_000_000;

/// One event's walk over a state.
pub(super) struct Machine<'a> {
    pub plan: &'a Plan,
    pub state: &'a mut ExecutionState,
    pub now: Timestamp,
    pub effects: Effects,
    work: VecDeque<Work>,
    /// How many nodes were entered, or are to be.
    entered: usize,
    /// Set once the execution fails for good and has nothing to unwind: what is still to be entered is parked, for a later retry.
    pub failing: bool,
    /// The last stamp of a frame before this event: what was opened since is not sent yet.
    pub before: u64,
    /// What was opened in this walk and stopped in it.
    pub unsent: HashSet<(StepPath, Attempt)>,
}

/// A place in the tree: a node, who is told when it settles, and where its names are bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub node: NodeId,
    pub parent: Option<FrameId>,
    pub slot: usize,
    pub scope: ScopeId,
}

/// What is to be done at a place. It is void once the frame above is gone, or drained: then that has another stamp.
#[derive(Clone, Debug)]
pub(super) struct Work {
    place: Place,
    stamp: u64,
    task: Todo,
}

#[derive(Clone, Debug)]
enum Todo {
    Enter(Attempt),
    Settle,
    Raise(Attempt, Resume, Box<StepError>),
}

impl<'a> Machine<'a> {
    pub fn new(plan: &'a Plan, state: &'a mut ExecutionState, now: Timestamp) -> Self {
        let before = state.frames.last_stamp();
        let (effects, work, unsent) = (Effects::default(), VecDeque::new(), HashSet::new());
        Self { plan, state, now, effects, work, entered: 0, failing: false, before, unsent }
    }

    /// Enters a node; `attempt` is the number of this try at it.
    pub fn enter(&mut self, place: Place, attempt: Attempt) {
        self.entered += 1;
        self.push(place, Todo::Enter(attempt));
    }

    /// Whether the walk has entered as much as it may: what is still to be entered fails, a loop one item at a time.
    pub fn is_spent(&self) -> bool {
        self.entered > MAX_ENTERED
    }

    /// Whether a place is not entered any more. What runs because something was drained has as much again: the end is decided.
    fn is_refused(&self, place: Place) -> bool {
        self.is_spent() && !(self.entered <= 2 * MAX_ENTERED && self.is_ending(place))
    }

    /// Tells the parent that a place has settled.
    pub fn settled(&mut self, place: Place) {
        self.push(place, Todo::Settle);
    }

    fn push(&mut self, place: Place, task: Todo) {
        let stamp = self.state.frames.stamp(place.parent);
        self.work.push_back(Work { place, stamp, task });
    }

    /// Holds an error until the execution goes on.
    pub fn raise_later(&mut self, place: Place, attempt: Attempt, resume: Resume, error: StepError) {
        self.push(place, Todo::Raise(attempt, resume, Box::new(error)));
    }

    /// Takes up what was held while the execution was paused.
    pub fn take_up(&mut self) {
        self.work.append(&mut self.state.held);
    }

    /// Walks until nothing is left to do now. A paused execution stands: what it would do is held.
    pub fn walk(&mut self) {
        if self.is_paused() {
            return self.state.held.append(&mut self.work);
        }
        while let Some(Work { place, stamp, task }) = self.work.pop_front() {
            if self.state.frames.stamp(place.parent) != stamp {
                self.forget(place);
                continue;
            }
            match (task, place.parent) {
                (Todo::Enter(attempt), _) if self.failing => {
                    self.park(place, attempt.saturating_sub(1), Resume::Node);
                }
                (Todo::Enter(attempt), _) => self.visit(place, attempt),
                (Todo::Settle, None) => self.complete_body(place.scope),
                (Todo::Settle, Some(parent)) => self.child_settled(parent, place),
                (Todo::Raise(attempt, resume, error), _) => self.raise(place, attempt, resume, *error),
            }
        }
        if self.failing {
            self.fail();
        }
        self.keep_back();
    }

    fn visit(&mut self, place: Place, attempt: Attempt) {
        let plan = self.plan;
        if self.is_refused(place) {
            let message = format!("the execution enters more than {MAX_ENTERED} statements without a wait between");
            return self.raise(place, attempt, Resume::Node, StepError::fatal(code::LIMIT, message));
        }
        if let Some(entered) = &mut self.state.entered {
            entered[place.node.0 as usize] = true;
        }
        match &plan.node(place.node).kind {
            NodeKind::Block { .. } => {
                let frame = self.open(place, FrameKind::Block);
                self.next_in_block(frame, 0);
            }
            NodeKind::Step(step) => self.enter_step(place, step, attempt),
            NodeKind::Let { name, value } => self.enter_let(place, name, value, attempt),
            NodeKind::If { arms, otherwise } => self.enter_if(place, arms, *otherwise, attempt),
            NodeKind::Parallel { children, mode } => self.enter_parallel(place, children, mode, attempt),
            NodeKind::For(looped) => self.enter_loop(place, looped, attempt),
            NodeKind::Sleep(wake) => self.enter_sleep(place, wake, attempt),
            NodeKind::Return { value } => self.enter_return(place, value.as_ref(), attempt),
            NodeKind::Try(node) => self.enter_try(place, node),
            NodeKind::Compensate => self.enter_compensate(place, attempt),
            NodeKind::Match(node) => self.enter_match(place, node, attempt),
            NodeKind::Repeat(node) => self.enter_repeat(place, node, attempt),
            NodeKind::Wait(node) => self.enter_wait(place, node, attempt),
            NodeKind::Approve(node) => self.enter_approve(place, node, attempt),
            NodeKind::Fail { message, code, cause } => {
                let error = self.fail_error(place, message, code.as_ref(), cause.as_ref());
                self.raise(place, attempt, Resume::Node, error);
            }
        }
    }

    fn child_settled(&mut self, parent: FrameId, child: Place) {
        let Some(frame) = self.state.frames.get(parent) else { return };
        match frame.kind {
            FrameKind::Block => self.next_in_block(parent, child.slot + 1),
            FrameKind::Branch => {
                let place = self.close(parent);
                self.settled(place);
            }
            FrameKind::Parallel(_) => self.child_joined(parent, child.slot),
            FrameKind::Loop(_) => self.item_settled(parent, child.slot, child.scope),
            FrameKind::Repeat(_) => self.pass_settled(parent, child),
            FrameKind::Try(_) => self.protected_settled(parent, child),
            FrameKind::Undoing(_) => self.undo_settled(parent, child),
            // Only frames with children are told of them, and what a drained one had was dropped.
            FrameKind::Step(_)
            | FrameKind::Wait { .. }
            | FrameKind::Await(_)
            | FrameKind::Stalled { .. }
            | FrameKind::Unwinding(_) => {}
        }
    }

    fn next_in_block(&mut self, frame: FrameId, next: usize) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get(frame) else { return };
        let NodeKind::Block { children } = &plan.node(open.node).kind else { return };
        match children.get(next) {
            Some(node) => {
                let place = Place { node: *node, parent: Some(frame), slot: next, scope: open.scope };
                self.enter(place, 1);
            }
            None => {
                let place = self.close(frame);
                self.settled(place);
            }
        }
    }

    /// Opens a frame.
    pub fn open(&mut self, place: Place, kind: FrameKind) -> FrameId {
        let Place { node, parent, slot, scope } = place;
        self.state.frames.insert(Frame { node, parent, slot, scope, kind })
    }

    /// Opens a frame that an event will find by its path.
    pub fn open_waiting(&mut self, place: Place, path: StepPath, kind: FrameKind) -> FrameId {
        let frame = self.open(place, kind);
        self.state.waiting.insert(path, frame);
        frame
    }

    /// Closes a frame and gives its place.
    pub fn close(&mut self, id: FrameId) -> Place {
        self.state.frames.remove(id).place()
    }

    /// Lets go of what a place had for itself: the names of an item, of a `catch` or of an undo.
    pub fn forget(&mut self, place: Place) {
        if self.plan.has_own_names(place.node) || self.is_between_passes(place) {
            self.state.scopes.try_remove(place.scope);
        }
    }

    /// Closes the frame that waits under a path.
    pub fn close_waiting(&mut self, path: &StepPath) -> Option<Place> {
        let id = self.state.waiting.remove(path)?;
        Some(self.close(id))
    }

    /// A new scope below `parent`, for item `index` of a loop.
    pub fn open_scope(&mut self, parent: ScopeId, index: usize) -> ScopeId {
        let suffix = self.state.scopes.get(parent).map_or("", |scope| &*scope.suffix);
        let suffix = format!("{suffix}[{index}]").into();
        self.state.scopes.insert(Bindings { parent: Some(parent), suffix, ..Bindings::default() })
    }

    /// The names at a place.
    pub fn names(&self, scope: ScopeId) -> Names<'_> {
        Names::new(self.state, self.plan, scope)
    }

    /// A path: `name` with the indexes of the enclosing items.
    pub fn path(&self, name: &Arc<str>, scope: ScopeId) -> StepPath {
        match self.state.scopes.get(scope) {
            Some(scope) if !scope.suffix.is_empty() => StepPath::new(format!("{name}{}", scope.suffix)),
            _ => StepPath::new(name.clone()),
        }
    }

    /// The path of a place: a step's name or a statement's id, with the indexes of the enclosing items.
    pub fn path_of(&self, place: Place) -> StepPath {
        let plan = self.plan;
        self.path(&plan.node(place.node).id, place.scope)
    }

    /// The next `seq`.
    pub fn next_seq(&mut self) -> i64 {
        self.state.seq += 1;
        self.state.seq
    }

    /// A row of a place, with nothing in it but where and what it is.
    pub fn row(&mut self, place: Place, path: StepPath, attempt: Attempt, status: StepStatus) -> StepRow {
        let node = self.plan.node(place.node);
        let (name, order, task_type) = match &node.kind {
            NodeKind::Step(step) => (step.name.clone(), step.order, step.task_type.clone()),
            other => (node.id.clone(), 0, keyword(other).into()),
        };
        let ended = !matches!(status, StepStatus::Running | StepStatus::Waiting);
        self.state.furthest = self.state.furthest.max(Some(order));
        StepRow {
            execution: self.state.start.id,
            path,
            attempt,
            seq: self.next_seq(),
            name,
            order,
            task_type,
            status,
            input: None,
            output: None,
            error: None,
            wake_at: None,
            waits_for: None,
            created_at: self.now,
            started_at: Some(self.now),
            completed_at: ended.then_some(self.now),
        }
    }

    /// Records that a place settled at once, with an output.
    pub fn record(&mut self, place: Place, attempt: Attempt, input: Option<Value>, output: Value) {
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Completed);
        self.effects.steps.push(StepRow { input, output: Some(output), ..row });
    }

    /// Arms the timer of a step.
    pub fn arm(&mut self, path: StepPath, attempt: Attempt, due: Timestamp) {
        self.effects.timers.push(Timer { due, target: TimerTarget::Step { path, attempt } });
    }

    /// Writes to the execution's log.
    pub fn log(&mut self, level: LogLevel, message: String, path: Option<StepPath>) {
        let entry = LogEntry { level, message, details: None, path, at: self.now };
        self.effects.logs.push(entry);
    }

    /// A place failed for good, and a row says so.
    pub fn fail_row(&mut self, place: Place, attempt: Attempt, input: Option<Value>, error: StepError) {
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Failed);
        self.effects.steps.push(StepRow { input, error: Some(error.clone()), ..row });
        self.raise(place, attempt, Resume::Node, error);
    }

    /// Says of an error in which step it happened.
    pub fn sign(&self, place: Place, attempt: Attempt, error: &mut StepError) {
        if let NodeKind::Step(step) = &self.plan.node(place.node).kind {
            error.step.get_or_insert_with(|| step.name.clone());
            error.attempt.get_or_insert(attempt);
        }
    }

    /// Leaves a frame where a retry of the execution goes on.
    pub fn park(&mut self, place: Place, attempt: Attempt, resume: Resume) {
        self.open(place, FrameKind::Stalled { attempt, resume });
    }

    /// Whether the execution has taken longer than it may.
    pub fn past_deadline(&self) -> bool {
        self.state.deadline.is_some_and(|deadline| deadline <= self.now)
    }

    /// Drops what the walk still had to do: the execution has ended.
    pub fn stop_walking(&mut self) {
        self.work.clear();
    }

    /// Writes the execution's row as it is now.
    pub fn update_execution(&mut self) {
        let seq = self.next_seq();
        let state = &self.state;
        self.effects.execution = Some(ExecutionUpdate {
            id: state.start.id,
            status: state.status,
            seq,
            retry_count: state.retry_count,
            compensation: state.compensation,
            output: state.output.clone(),
            error: state.error.clone().filter(|_| state.status != ExecutionStatus::Completed),
            wake_at: state.own_timer().map(|timer| timer.due),
            started_at: state.started_at,
            completed_at: state.completed_at,
            cancel_requested_at: state.cancel_requested_at,
            furthest: state.furthest,
        });
    }
}

/// The keyword of a statement, as the `task_type` of its row.
pub(super) fn keyword(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Block { .. } => "block",
        NodeKind::Step(_) => "step",
        NodeKind::Let { .. } => "let",
        NodeKind::If { .. } => "if",
        NodeKind::Parallel { .. } => "parallel",
        NodeKind::For(_) => "for",
        NodeKind::Match(_) => "match",
        NodeKind::Repeat(_) => "repeat",
        NodeKind::Try(_) => "try",
        NodeKind::Compensate => "compensate",
        NodeKind::Wait(_) => "wait",
        NodeKind::Approve(_) => "approve",
        NodeKind::Sleep(_) => "sleep",
        NodeKind::Return { .. } => "return",
        NodeKind::Fail { .. } => "fail",
    }
}
