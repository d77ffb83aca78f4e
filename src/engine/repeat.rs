//! `repeat`: a body again and again, until a condition holds or there is no pass left.
//!
//! Invariant: of the passes that are over nothing stays in memory but their number. The steps of the last one are known
//! around the loop once it has ended.

use std::sync::Arc;

use crate::expr::{Expr, Timestamp, Value};
use crate::ids::{Attempt, StepPath};
use crate::plan::{NodeId, NodeKind, Plan, RepeatNode};

use super::items::MAX_FAN_OUT;
use super::machine::{Machine, Place};
use super::state::{FrameId, FrameKind, Resume, ScopeId};
use super::{StepError, StepRow, StepStatus, code};

/// A `repeat` that is under way.
#[derive(Clone, Debug)]
pub(super) struct Passes {
    /// How many have begun.
    begun: usize,
    /// How many `max` allows.
    allowed: usize,
    /// How many there may be: what `max` allows, once more for each retry after it ran out.
    most: usize,
    attempt: Attempt,
    since: Timestamp,
}

impl Machine<'_> {
    pub(super) fn enter_repeat(&mut self, place: Place, node: &RepeatNode, attempt: Attempt) {
        match self.passes_of(place, &node.max) {
            Ok(allowed) => {
                let passes = Passes { begun: 0, allowed, most: allowed, attempt, since: self.now };
                let frame = self.open(place, FrameKind::Repeat(passes));
                self.next_pass(frame);
            }
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    fn passes_of(&self, place: Place, max: &Expr) -> Result<usize, StepError> {
        let most = self.count(place, max, 1)?;
        if most > MAX_FAN_OUT {
            let message = format!("a loop has at most {MAX_FAN_OUT} passes, this one asks for {most}");
            return Err(StepError::fatal(code::LIMIT, message));
        }
        Ok(most)
    }

    /// Begins the next pass, in a scope of its own.
    pub(super) fn next_pass(&mut self, frame: FrameId) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let outer = open.scope;
        let NodeKind::Repeat(node) = &plan.node(open.node).kind else { return };
        let FrameKind::Repeat(passes) = &mut open.kind else { return };
        let slot = passes.begun;
        passes.begun += 1;
        let scope = self.open_scope(outer, slot);
        self.enter(Place { node: node.body, parent: Some(frame), slot, scope }, 1);
    }

    /// The body of a pass settled: the loop ends, or waits, or goes on.
    pub(super) fn pass_settled(&mut self, frame: FrameId, pass: Place) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get(frame) else { return };
        let (FrameKind::Repeat(passes), NodeKind::Repeat(node)) = (&open.kind, &plan.node(open.node).kind) else {
            return;
        };
        let is_last = passes.begun >= passes.most;
        match self.is_done(pass, node) {
            Ok(true) => self.finish_repeat(frame, node.body, pass.scope),
            Ok(false) if is_last => self.exhaust(frame, pass),
            Ok(false) => self.wait_for_pass(frame, pass, node),
            Err(error) => self.raise(pass, 1, Resume::Yield, error),
        }
    }

    fn is_done(&self, pass: Place, node: &RepeatNode) -> Result<bool, StepError> {
        let mut names = self.names(pass.scope);
        names.data = self.data_for(pass, &node.until);
        names.truth(&node.until)
    }

    /// The wait between two passes: in a row, under the path of the pass that is over.
    fn wait_for_pass(&mut self, frame: FrameId, pass: Place, node: &RepeatNode) {
        let due = match node.every.as_ref().map(|every| self.due_after(pass, every)).transpose() {
            Ok(due) => due.filter(|due| *due > self.now),
            Err(error) => return self.raise(pass, 1, Resume::Yield, error),
        };
        let Some(open) = self.state.frames.get(frame) else { return };
        let between = Place { node: open.node, ..pass };
        match due {
            Some(due) => self.wait_until(between, 1, due),
            None => self.pass_over(between),
        }
    }

    /// The wait after a pass is over: its row says so, and the next pass begins.
    pub(super) fn pass_waited(&mut self, between: Place, path: &StepPath, since: Timestamp, due: Timestamp) {
        self.close_waiting(path);
        let row = self.row(between, path.clone(), 1, StepStatus::Completed);
        let input = Some(Value::object([("until", Value::Timestamp(due.0))]));
        self.effects.steps.push(StepRow { input, created_at: since, started_at: Some(since), ..row });
        self.pass_over(between);
    }

    /// Whether a place is the wait after a pass: it has the names of the pass.
    pub(super) fn is_between_passes(&self, place: Place) -> bool {
        let around = place.parent.and_then(|parent| self.state.frames.get(parent));
        around.is_some_and(|around| around.node == place.node)
    }

    fn pass_over(&mut self, between: Place) {
        self.state.scopes.try_remove(between.scope);
        if let Some(frame) = between.parent {
            self.next_pass(frame);
        }
    }

    /// No pass is left. A retry of the execution gives it as many again, and goes on with the next.
    fn exhaust(&mut self, frame: FrameId, pass: Place) {
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let FrameKind::Repeat(passes) = &mut open.kind else { return };
        let (attempt, done, since) = (passes.attempt, passes.begun, passes.since);
        passes.attempt += 1;
        passes.most = passes.most.saturating_add(passes.allowed);
        let place = open.place();
        let message = format!("the condition after `until` did not hold after {done} passes, and `max` allows no more");
        let error = StepError::fatal(code::REPEAT_EXHAUSTED, message);
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Failed);
        self.effects.steps.push(StepRow {
            output: Some(passed(done)),
            error: Some(error.clone()),
            created_at: since,
            started_at: Some(since),
            ..row
        });
        self.raise(pass, attempt, Resume::Yield, error);
    }

    /// The loop ends: what its last pass gave is known around it.
    fn finish_repeat(&mut self, frame: FrameId, body: NodeId, scope: ScopeId) {
        let Some(open) = self.state.frames.get(frame) else { return };
        let FrameKind::Repeat(passes) = &open.kind else { return };
        let (attempt, done, since) = (passes.attempt, passes.begun, passes.since);
        let place = self.close(frame);
        if let Some(mut last) = self.state.scopes.try_remove(scope) {
            for name in names_kept(self.plan, body) {
                if let Some(value) = last.values.remove(&name) {
                    self.state.bind(place.scope, name, value);
                }
            }
        }
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Completed);
        let output = Some(passed(done));
        self.effects.steps.push(StepRow { output, created_at: since, started_at: Some(since), ..row });
        self.settled(place);
    }
}

/// The names of a pass that are kept after the last: of steps, waits and approvals.
fn names_kept(plan: &Plan, body: NodeId) -> Vec<Arc<str>> {
    let (mut names, mut open) = (Vec::new(), vec![body]);
    while let Some(node) = open.pop() {
        let kind = &plan.node(node).kind;
        names.extend(kind.bound_name().cloned());
        kind.each_child(&mut |child| open.push(child));
    }
    names
}

/// What a `repeat` gives.
fn passed(done: usize) -> Value {
    Value::object([("passes", Value::Int(i64::try_from(done).unwrap_or(i64::MAX)))])
}
