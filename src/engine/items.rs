//! `for`: a body once for each item of a list, so many at once.

use std::sync::Arc;

use crate::expr::{Expr, Timestamp, Value};
use crate::ids::Attempt;
use crate::plan::{ForNode, NodeKind};

use super::machine::{Machine, Place};
use super::scope::wrong_type;
use super::state::{FrameId, FrameKind, Resume, ScopeId};
use super::{StepError, StepRow, StepStatus, code};

/// The most items that a loop goes over.
pub const MAX_FAN_OUT: usize = 100_000;

/// The largest list that a loop may yield, in bytes.
pub const MAX_LIST_BYTES: usize = 64 * 1024 * 1024;

/// A loop that is under way.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub items: Arc<Vec<Value>>,
    /// The next item to start.
    pub next: usize,
    /// How many are under way.
    pub running: usize,
    /// How many may be.
    pub width: usize,
    /// What items gave, by index, where the loop gives a list.
    pub results: Vec<Value>,
    /// What the results take, in bytes.
    pub bytes: usize,
    /// How many more items may fail, where it keeps going.
    pub spare: Option<usize>,
    pub attempt: Attempt,
    pub since: Timestamp,
}

impl Loop {
    /// Whether an item may fail without the loop.
    pub fn may_lose(&self) -> bool {
        self.spare.is_some_and(|spare| spare > 0)
    }

    /// An item fails without the loop.
    pub fn lose(&mut self) {
        self.spare = self.spare.map(|spare| spare.saturating_sub(1));
    }

    /// What an item's error is to those around the loop: of one that keeps going, that too many failed.
    pub fn overflow(&self, error: &mut StepError) {
        if self.spare.is_some() {
            // Each loop around puts it deeper: what would be too deep is left out.
            let details = Some(Value::object([("error", error.to_value())])).filter(|all| all.fits(MAX_LIST_BYTES));
            let message = format!("more items failed than the loop tolerates, the last with {error}");
            *error = StepError { details, ..StepError::fatal(code::TOO_MANY_FAILURES, message) };
        }
    }
}

/// How a loop goes over its items.
struct Bounds {
    items: Arc<Vec<Value>>,
    width: usize,
    spare: Option<usize>,
}

impl Machine<'_> {
    pub(super) fn enter_loop(&mut self, place: Place, node: &ForNode, attempt: Attempt) {
        let Bounds { items, width, spare } = match self.loop_bounds(place, node) {
            Ok(bounds) => bounds,
            Err(error) => return self.fail_row(place, attempt, None, error),
        };
        let results = if gives_list(node) { vec![Value::Null; items.len()] } else { Vec::new() };
        let since = self.now;
        let looped = Loop { items, next: 0, running: 0, width, results, bytes: 0, spare, attempt, since };
        let frame = self.open(place, FrameKind::Loop(Box::new(looped)));
        self.start_items(frame);
    }

    fn loop_bounds(&self, place: Place, node: &ForNode) -> Result<Bounds, StepError> {
        let items = match self.evaluate(place, &node.list)? {
            Value::List(items) => items,
            other => return Err(wrong_type(&node.list, "a list", &other)),
        };
        if items.len() > MAX_FAN_OUT {
            let message = format!("a loop goes over at most {MAX_FAN_OUT} items, this list has {}", items.len());
            return Err(StepError::fatal(code::LIMIT, message));
        }
        let width = match &node.parallel {
            Some(width) => self.count(place, width, 1)?,
            None => 1,
        };
        let spare = match &node.keep_going {
            Some(keep) => Some(keep.max.as_ref().map_or(Ok(usize::MAX), |max| self.count(place, max, 0))?),
            None => None,
        };
        Ok(Bounds { items, width, spare })
    }

    /// Evaluates a whole number of at least `least`.
    pub(super) fn count(&self, place: Place, expr: &Expr, least: i64) -> Result<usize, StepError> {
        match self.evaluate(place, expr)? {
            Value::Int(count) if count >= least => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            other => Err(wrong_type(expr, &format!("a whole number of at least {least}"), &other)),
        }
    }

    /// Starts items until as many are under way as may be; settles the loop when none is left.
    fn start_items(&mut self, frame: FrameId) {
        let plan = self.plan;
        loop {
            let spent = self.is_spent();
            let Some(open) = self.state.frames.get_mut(frame) else { return };
            let (node, outer) = (open.node, open.scope);
            let FrameKind::Loop(looped) = &mut open.kind else { return };
            if looped.next == looped.items.len() && looped.running == 0 {
                return self.finish_loop(frame);
            }
            if looped.next == looped.items.len() || looped.running >= looped.width || (spent && looped.running > 0) {
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
        if gives_list(node) {
            match self.item_result(node, place).and_then(|value| self.keep_result(frame, slot, value)) {
                Ok(()) => {}
                Err(error) => return self.raise(place, 1, Resume::Yield, error),
            }
        }
        self.forget(place);
        self.item_over(frame);
    }

    fn item_result(&self, node: &ForNode, place: Place) -> Result<Value, StepError> {
        let value = node.yields.as_ref().map_or(Ok(Value::Null), |yields| self.evaluate(place, yields))?;
        Ok(if node.keep_going.is_some() { kept(value, Value::Null) } else { value })
    }

    /// An item failed, and the loop keeps going.
    pub(super) fn item_failed(&mut self, frame: FrameId, slot: usize, error: &StepError) {
        let Some(FrameKind::Loop(looped)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else {
            return;
        };
        if let Some(result) = looped.results.get_mut(slot) {
            let mut value = kept(Value::Null, error.to_value());
            if looped.bytes + value.approx_bytes() > MAX_LIST_BYTES {
                // The list has its limit, and the loop goes on: what the error says more is left out.
                value = kept(Value::Null, StepError { details: None, ..error.clone() }.to_value());
            }
            looped.bytes += value.approx_bytes();
            *result = value;
        }
        self.item_over(frame);
    }

    fn item_over(&mut self, frame: FrameId) {
        if let Some(FrameKind::Loop(looped)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) {
            looped.running -= 1;
        }
        self.start_items(frame);
    }

    fn keep_result(&mut self, frame: FrameId, slot: usize, value: Value) -> Result<(), StepError> {
        let Some(FrameKind::Loop(looped)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else {
            return Ok(());
        };
        let bytes = looped.bytes + value.approx_bytes();
        if bytes > MAX_LIST_BYTES {
            let message = format!("the list that a loop yields is at most {MAX_LIST_BYTES} bytes");
            return Err(StepError::fatal(code::LIMIT, message));
        }
        looped.bytes = bytes;
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
        let output = gives_list(node).then(|| list.clone());
        self.effects.steps.push(StepRow { input, output, created_at: since, started_at: Some(since), ..row });
        if let Some(name) = &node.name {
            self.state.bind(place.scope, name.clone(), list);
        }
        self.settled(place);
    }
}

/// Whether a loop has results: those of its `yield`, or how each item went.
fn gives_list(node: &ForNode) -> bool {
    node.yields.is_some() || (node.keep_going.is_some() && node.name.is_some())
}

/// An item of a loop that keeps going. It has both fields, of which one is null: so it is of one type, whatever came of it.
fn kept(ok: Value, error: Value) -> Value {
    Value::object([("ok", ok), ("error", error)])
}
