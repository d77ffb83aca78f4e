//! Control flow: `let`, `if`, `parallel`, `for`, `sleep`, `return`, `fail`.

use std::sync::Arc;

use crate::expr::{Expr, Timestamp, Value};
use crate::ids::Attempt;
use crate::plan::{ForNode, IfArm, NodeId, NodeKind, ParallelChild, Wake};

use super::machine::{Machine, Place};
use super::state::{FrameId, FrameKind, Join, Loop, Resume, ScopeId};
use super::{StepError, StepRow, StepStatus, code};

/// The most items that a loop goes over.
pub const MAX_FAN_OUT: usize = 100_000;

/// The largest list that a loop may yield, in bytes.
pub const MAX_LIST_BYTES: usize = 64 * 1024 * 1024;

impl Machine<'_> {
    pub(super) fn enter_let(&mut self, place: Place, name: &Arc<str>, value: &Expr, attempt: Attempt) {
        let result = match self.recorded_output(place, attempt) {
            Some(output) => Ok(output),
            None => self.evaluate(place, value),
        };
        match result {
            Ok(value) => {
                self.record(place, attempt, None, value.clone());
                self.state.bind(place.scope, name.clone(), value);
                self.settled(place);
            }
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    /// The row of an `if` holds the index of the arm that was taken (the number of arms for `else`, null for none), so that
    /// a recovery takes the same.
    pub(super) fn enter_if(&mut self, place: Place, arms: &[IfArm], otherwise: Option<NodeId>, attempt: Attempt) {
        let taken = match self.recorded_output(place, attempt) {
            Some(Value::Int(arm)) => Ok(usize::try_from(arm).ok()),
            Some(_) => Ok(None),
            None => self.choose(place, arms, otherwise),
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => return self.fail_row(place, attempt, None, error),
        };
        let output = taken.map_or(Value::Null, |arm| Value::Int(i64::try_from(arm).unwrap_or(i64::MAX)));
        self.record(place, attempt, None, output);
        let blocks = arms.iter().map(|arm| arm.block).chain(otherwise);
        for (arm, block) in blocks.enumerate() {
            if taken == Some(arm) {
                let frame = self.open(place, FrameKind::Branch);
                self.enter(Place { node: block, parent: Some(frame), slot: 0, ..place }, 1);
            } else {
                self.skip_within(block, place.scope);
            }
        }
        if taken.is_none() {
            self.settled(place);
        }
    }

    fn choose(&self, place: Place, arms: &[IfArm], otherwise: Option<NodeId>) -> Result<Option<usize>, StepError> {
        for (at, arm) in arms.iter().enumerate() {
            let mut names = self.names(place.scope);
            names.data = self.data_for(place, &arm.condition);
            if names.truth(&arm.condition)? {
                return Ok(Some(at));
            }
        }
        Ok(otherwise.map(|_| arms.len()))
    }

    /// Records every step in a branch that was not taken as skipped: its value is null.
    fn skip_within(&mut self, node: NodeId, scope: ScopeId) {
        let plan = self.plan;
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match &plan.node(node).kind {
                NodeKind::Step(step) => {
                    let place = Place { node, parent: None, slot: 0, scope };
                    let path = self.path_of(place);
                    let row = self.row(place, path, 1, StepStatus::Skipped);
                    self.effects.steps.push(row);
                    self.state.bind(scope, step.ident.clone(), Value::Null);
                }
                NodeKind::Block { children } => open.extend(children.iter().rev()),
                NodeKind::Parallel { children, .. } => open.extend(children.iter().rev().map(|child| child.node)),
                NodeKind::If { arms, otherwise } => {
                    open.extend(otherwise.iter());
                    open.extend(arms.iter().rev().map(|arm| arm.block));
                }
                NodeKind::For(looped) => open.push(looped.body),
                _ => {}
            }
        }
    }

    pub(super) fn enter_parallel(&mut self, place: Place, children: &[ParallelChild]) {
        if children.is_empty() {
            return self.settled(place);
        }
        let frame = self.open(place, FrameKind::Parallel(join_of(children)));
        for (slot, child) in children.iter().enumerate().filter(|(_, child)| child.after.is_empty()) {
            self.enter(Place { node: child.node, parent: Some(frame), slot, scope: place.scope }, 1);
        }
    }

    pub(super) fn child_joined(&mut self, frame: FrameId, slot: usize) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let scope = open.scope;
        let NodeKind::Parallel { children, .. } = &plan.node(open.node).kind else { return };
        let FrameKind::Parallel(join) = &mut open.kind else { return };
        join.left -= 1;
        if join.left == 0 {
            let place = self.close(frame);
            return self.settled(place);
        }
        let mut ready = Vec::new();
        for at in join.bounds[slot]..join.bounds[slot + 1] {
            let next = join.successors[at as usize] as usize;
            join.blockers[next] -= 1;
            if join.blockers[next] == 0 {
                ready.push(next);
            }
        }
        for slot in ready {
            self.enter(Place { node: children[slot].node, parent: Some(frame), slot, scope }, 1);
        }
    }

    pub(super) fn enter_loop(&mut self, place: Place, node: &ForNode, attempt: Attempt) {
        let (items, width) = match self.loop_bounds(place, node) {
            Ok(bounds) => bounds,
            Err(error) => return self.fail_row(place, attempt, None, error),
        };
        let results = if node.yields.is_some() { vec![Value::Null; items.len()] } else { Vec::new() };
        let looped = Loop { items, next: 0, running: 0, width, results, bytes: 0, attempt, since: self.now };
        let frame = self.open(place, FrameKind::Loop(Box::new(looped)));
        self.start_items(frame);
    }

    fn loop_bounds(&self, place: Place, node: &ForNode) -> Result<(Arc<Vec<Value>>, usize), StepError> {
        let items = match self.evaluate(place, &node.list)? {
            Value::List(items) => items,
            other => return Err(super::scope::wrong_type(&node.list, "a list", &other)),
        };
        if items.len() > MAX_FAN_OUT {
            let message = format!("a loop goes over at most {MAX_FAN_OUT} items, this list has {}", items.len());
            return Err(StepError::fatal(code::LIMIT, message));
        }
        let Some(width) = &node.parallel else { return Ok((items, 1)) };
        match self.evaluate(place, width)? {
            Value::Int(width) if width >= 1 => Ok((items, usize::try_from(width).unwrap_or(usize::MAX))),
            other => Err(super::scope::wrong_type(width, "a whole number of at least 1", &other)),
        }
    }

    /// Starts items until as many are under way as may be; settles the loop when none is left.
    fn start_items(&mut self, frame: FrameId) {
        let plan = self.plan;
        loop {
            let Some(open) = self.state.frames.get_mut(frame) else { return };
            let (node, outer) = (open.node, open.scope);
            let FrameKind::Loop(looped) = &mut open.kind else { return };
            if looped.next == looped.items.len() && looped.running == 0 {
                return self.finish_loop(frame);
            }
            if looped.next == looped.items.len() || looped.running >= looped.width {
                return;
            }
            let (slot, item) = (looped.next, looped.items[looped.next].clone());
            looped.next += 1;
            looped.running += 1;
            let NodeKind::For(node) = &plan.node(node).kind else { return };
            let scope = self.open_scope(outer, slot);
            self.state.bind(scope, node.var.clone(), item);
            self.enter(Place { node: node.body, parent: Some(frame), slot, scope }, 1);
        }
    }

    /// The body of an item settled: evaluates its `yield`, and starts the next.
    pub(super) fn item_settled(&mut self, frame: FrameId, slot: usize, scope: ScopeId) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get(frame) else { return };
        let NodeKind::For(node) = &plan.node(open.node).kind else { return };
        let place = Place { node: node.body, parent: Some(frame), slot, scope };
        if let Some(yields) = &node.yields {
            match self.names(scope).value(yields).and_then(|value| self.keep_result(frame, slot, value)) {
                Ok(()) => {}
                Err(error) => return self.stall(place, 1, Resume::Yield, error),
            }
        }
        self.state.scopes.try_remove(scope);
        if let Some(FrameKind::Loop(looped)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) {
            looped.running -= 1;
        }
        self.start_items(frame);
    }

    fn keep_result(&mut self, frame: FrameId, slot: usize, value: Value) -> Result<(), StepError> {
        let Some(FrameKind::Loop(looped)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else {
            return Ok(());
        };
        looped.bytes += value.approx_bytes();
        if looped.bytes > MAX_LIST_BYTES {
            let message = format!("the list that a loop yields is at most {MAX_LIST_BYTES} bytes");
            return Err(StepError::fatal(code::LIMIT, message));
        }
        looped.results[slot] = value;
        Ok(())
    }

    fn finish_loop(&mut self, frame: FrameId) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let FrameKind::Loop(looped) = &mut open.kind else { return };
        let (results, attempt, since) = (std::mem::take(&mut looped.results), looped.attempt, looped.since);
        let count = i64::try_from(looped.items.len()).unwrap_or(i64::MAX);
        let place = self.close(frame);
        let NodeKind::For(node) = &plan.node(place.node).kind else { return };
        let list = Value::list(results);
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Completed);
        let input = Some(Value::object([("items", Value::Int(count))]));
        let output = node.yields.is_some().then(|| list.clone());
        self.effects.steps.push(StepRow { input, output, created_at: since, started_at: Some(since), ..row });
        if let Some(name) = &node.name {
            self.state.bind(place.scope, name.clone(), list);
        }
        self.settled(place);
    }

    pub(super) fn enter_sleep(&mut self, place: Place, wake: &Wake, attempt: Attempt) {
        match self.due(place, wake) {
            Ok(due) => self.wait_until(place, attempt, due),
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    /// Waits, in a row, until `due`; one that is due already settles at once.
    pub(super) fn wait_until(&mut self, place: Place, attempt: Attempt, due: Timestamp) {
        let path = self.path_of(place);
        let due = self.state.recorded.wake_at(&path, attempt).unwrap_or(due);
        let row = self.row(place, path.clone(), attempt, StepStatus::Waiting);
        let input = Some(Value::object([("until", Value::Timestamp(due.0))]));
        self.effects.steps.push(StepRow { input, wake_at: Some(due), ..row });
        let since = self.now;
        self.open_waiting(place, path.clone(), FrameKind::Wait { attempt, due, since });
        self.arm(path, attempt, due);
    }

    /// When a wait ends.
    pub(super) fn due(&self, place: Place, wake: &Wake) -> Result<Timestamp, StepError> {
        match wake {
            Wake::After(expr) => {
                let micros = match self.evaluate(place, expr)? {
                    Value::Duration(micros) => Some(micros),
                    Value::Int(seconds) => seconds.checked_mul(1_000_000),
                    Value::Num(seconds) => seconds_to_micros(seconds),
                    Value::Str(text) => crate::expr::parse_duration(&text),
                    _ => None,
                };
                let micros = micros.filter(|micros| *micros >= 0);
                let due = micros.and_then(|micros| self.now.0.checked_add(micros)).map(Timestamp);
                due.ok_or_else(|| {
                    bad_wake("a wait takes a duration such as `10m`, or a number of seconds, not below zero")
                })
            }
            Wake::At(expr) => match self.evaluate(place, expr)? {
                Value::Timestamp(at) => Ok(Timestamp(at)),
                Value::Str(text) => crate::expr::parse_timestamp(&text)
                    .map(Timestamp)
                    .ok_or_else(|| bad_wake(&format!("`{text}` is no timestamp; write it as `2026-01-31T08:00:00Z`"))),
                _ => Err(bad_wake("`until` takes a timestamp such as `2026-01-31T08:00:00Z`")),
            },
        }
    }

    pub(super) fn enter_return(&mut self, place: Place, value: Option<&Expr>, attempt: Attempt) {
        let result = value.map_or(Ok(Value::Null), |expr| self.evaluate(place, expr));
        match result.and_then(|value| self.admit_output(value)) {
            Ok(value) => self.complete(value),
            Err(error) => self.stall(place, attempt, Resume::Node, error),
        }
    }

    pub(super) fn fail_error(
        &self,
        place: Place,
        message: &Expr,
        code: Option<&Expr>,
        cause: Option<&Expr>,
    ) -> StepError {
        let text = |expr: &Expr| self.evaluate(place, expr).map(|value| display(&value));
        let message = match text(message) {
            Ok(message) => message,
            Err(error) => return error,
        };
        let code = match code.map(text).transpose() {
            Ok(code) => code,
            Err(error) => return error,
        };
        let details = match cause.map(|cause| self.evaluate(place, cause)).transpose() {
            Ok(cause) => cause.map(|cause| Value::object([("cause", cause)])),
            Err(error) => return error,
        };
        StepError { details, ..StepError::fatal(code.as_deref().unwrap_or(code::FAILED), message) }
    }

    /// Evaluates an expression at a place, `data` worked out where it is read.
    pub(super) fn evaluate(&self, place: Place, expr: &Expr) -> Result<Value, StepError> {
        let mut names = self.names(place.scope);
        names.data = self.data_for(place, expr);
        names.value(expr)
    }

    /// `data` at a place, where the expression reads it.
    pub(super) fn data_for(&self, place: Place, expr: &Expr) -> Option<Value> {
        expr.reads("data").then(|| self.data_at(place))
    }

    /// `data` at a place.
    pub(super) fn data_at(&self, place: Place) -> Value {
        self.state.data_before(self.plan, place.parent, place.slot, place.scope)
    }

    /// What a replay found recorded for this place.
    fn recorded_output(&self, place: Place, attempt: Attempt) -> Option<Value> {
        if self.state.recorded.is_empty() {
            return None;
        }
        self.state.recorded.output(&self.path_of(place), attempt)
    }
}

fn join_of(children: &[ParallelChild]) -> Join {
    let mut counts = vec![0u32; children.len() + 1];
    for before in children.iter().flat_map(|child| &child.after) {
        counts[*before as usize + 1] += 1;
    }
    for at in 1..counts.len() {
        counts[at] += counts[at - 1];
    }
    let mut successors = vec![0u32; counts.last().copied().unwrap_or(0) as usize];
    let mut fill = counts.clone();
    for (at, child) in children.iter().enumerate() {
        for before in &child.after {
            let cursor = &mut fill[*before as usize];
            successors[*cursor as usize] = u32::try_from(at).unwrap_or(u32::MAX);
            *cursor += 1;
        }
    }
    let blockers = children.iter().map(|child| u32::try_from(child.after.len()).unwrap_or(u32::MAX)).collect();
    Join { blockers, successors: successors.into(), bounds: counts.into(), left: children.len() }
}

#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn seconds_to_micros(seconds: f64) -> Option<i64> {
    let micros = seconds * 1e6;
    (0.0..9e18).contains(&micros).then_some(micros as i64)
}

fn bad_wake(message: &str) -> StepError {
    StepError::fatal(code::EXPRESSION, message)
}

/// A value as text: a string as it is, the rest as JSON.
pub(super) fn display(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
