//! `wait`: an event is waited for, in a row, until one comes that fits, or its time is up.
//!
//! Invariant: an event is taken once, by the oldest wait that it fits; what fits none is kept where it was sent to this
//! execution alone, and refused else. Which wait takes what is a function of the state: a replay comes to the same.

use std::sync::Arc;

use crate::expr::{Expr, Timestamp, Value};
use crate::ids::{Attempt, StepPath};
use crate::plan::{NodeKind, Plan, WaitNode};

use super::machine::{Machine, Place};
use super::mailbox::{MAX_KEPT_BYTES, MAX_KEPT_SIGNALS, Signal};
use super::scope::Names;
use super::state::{Awaiting, ExecutionState, FrameKind, Resume};
use super::{Control, EventWait, LogLevel, Refusal, StepError, StepRow, StepStatus, code};

impl Machine<'_> {
    pub(super) fn enter_wait(&mut self, place: Place, node: &WaitNode, attempt: Attempt) {
        let due = match self.time_limit(place, node.timeout.as_ref(), attempt) {
            Ok(due) => due,
            Err(error) => return self.fail_row(place, attempt, None, error),
        };
        let path = self.path_of(place);
        let kept = self
            .state
            .mailbox
            .find(&node.event, |data| self.state.takes(self.plan, place, node, data).unwrap_or(false));
        if let Some(signal) = kept.and_then(|at| self.state.mailbox.take(at)) {
            let open = Awaiting { attempt, since: self.now, due };
            return self.event_came(place, node, &path, &open, signal.data);
        }
        let row = self.row(place, path.clone(), attempt, StepStatus::Waiting);
        let waits_for = Some(node.event.clone());
        self.effects.steps.push(StepRow { input: Some(asked(&node.event, due)), wake_at: due, waits_for, ..row });
        self.effects.waits.push(EventWait { path: path.clone(), event: node.event.clone() });
        self.await_at(place, path, attempt, due);
    }

    /// When what is entered now and may take this long is over.
    pub(super) fn time_limit(
        &self,
        place: Place,
        timeout: Option<&Expr>,
        attempt: Attempt,
    ) -> Result<Option<Timestamp>, StepError> {
        let Some(timeout) = timeout else { return Ok(None) };
        let due = self.due_after(place, timeout)?;
        Ok(Some(self.state.recorded.wake_at(&self.path_of(place), attempt).unwrap_or(due)))
    }

    /// Opens the frame of what waits for an event or a person, and arms its time-out.
    pub(super) fn await_at(&mut self, place: Place, path: StepPath, attempt: Attempt, due: Option<Timestamp>) {
        let open = Awaiting { attempt, since: self.now, due };
        self.open_waiting(place, path.clone(), FrameKind::Await(open));
        if let Some(due) = due {
            self.arm(path, attempt, due);
        }
    }

    /// An event came. One that is here already changes nothing.
    pub(super) fn signal(&mut self, signal: Signal, keep: bool) -> Result<(), Refusal> {
        if self.state.mailbox.has_seen(&signal.id) {
            return Ok(());
        }
        let (taker, broken) = self.taker_of(&signal);
        if taker.is_none() && !keep {
            return Err(Refusal::NotAwaited { name: signal.name });
        }
        if taker.is_none() && !self.state.mailbox.has_room_for(&signal) {
            return Err(Refusal::MailboxFull { signals: MAX_KEPT_SIGNALS, bytes: MAX_KEPT_BYTES });
        }
        self.state.mailbox.see(signal.id.clone());
        let Signal { id, name, data } = signal.clone();
        self.control(Control::Signal { id, name, data });
        for (path, error) in broken {
            let told = format!("the `where` of `{path}` has no answer for the event `{}`: {error}", signal.name);
            self.log(LogLevel::Warn, told, Some(path));
        }
        match taker {
            Some(path) => self.hand_over(&path, signal.data),
            None => self.state.mailbox.keep(signal),
        }
        Ok(())
    }

    /// The oldest wait that takes a signal, and those whose `where` has no answer for it: they don't.
    fn taker_of(&self, signal: &Signal) -> (Option<StepPath>, Vec<(StepPath, StepError)>) {
        let mut broken = Vec::new();
        for (path, place) in self.state.waits_for(self.plan, &signal.name) {
            let NodeKind::Wait(node) = &self.plan.node(place.node).kind else { continue };
            match self.state.takes(self.plan, place, node, &signal.data) {
                Ok(true) => return (Some(path), broken),
                Ok(false) => {}
                Err(error) => broken.push((path, error)),
            }
        }
        (None, broken)
    }

    fn hand_over(&mut self, path: &StepPath, data: Value) {
        let plan = self.plan;
        let Some((place, open)) = self.close_awaiting(path) else { return };
        if let NodeKind::Wait(node) = &plan.node(place.node).kind {
            self.event_came(place, node, path, &open, data);
        }
    }

    /// Closes the frame of what waits for an event or a person.
    pub(super) fn close_awaiting(&mut self, path: &StepPath) -> Option<(Place, Awaiting)> {
        let frame = self.state.frames.get(*self.state.waiting.get(path)?)?;
        let FrameKind::Await(open) = frame.kind else { return None };
        self.close_waiting(path).map(|place| (place, open))
    }

    fn event_came(&mut self, place: Place, node: &WaitNode, path: &StepPath, open: &Awaiting, data: Value) {
        let row = self.awaited_row(place, path, open, StepStatus::Completed);
        let (input, waits_for) = (Some(asked(&node.event, open.due)), Some(node.event.clone()));
        self.effects.steps.push(StepRow { input, output: Some(data.clone()), waits_for, ..row });
        self.state.bind(place.scope, node.name.clone(), data);
        self.settled(place);
    }

    /// The row that ends a wait for an event or a person.
    pub(super) fn awaited_row(
        &mut self,
        place: Place,
        path: &StepPath,
        open: &Awaiting,
        status: StepStatus,
    ) -> StepRow {
        let row = self.row(place, path.clone(), open.attempt, status);
        StepRow { created_at: open.since, started_at: Some(open.since), ..row }
    }

    /// What was waited for did not come in time.
    pub(super) fn wait_timed_out(&mut self, path: &StepPath) {
        let plan = self.plan;
        let Some((place, open)) = self.close_awaiting(path) else { return };
        let (waited_for, input, what) = match &plan.node(place.node).kind {
            NodeKind::Wait(node) => {
                (&node.event, asked(&node.event, open.due), format!("no event `{}` came", node.event))
            }
            NodeKind::Approve(node) => {
                (&node.group, super::approve::asked(node, open.due), format!("nobody of `{}` decided", node.group))
            }
            _ => return,
        };
        let error = StepError {
            step: Some(plan.node(place.node).id.clone()),
            attempt: Some(open.attempt),
            ..StepError::fatal(code::TIMEOUT, format!("{what} before its `timeout` passed"))
        };
        let row = self.awaited_row(place, path, &open, StepStatus::Failed);
        let (input, waits_for) = (Some(input), Some(waited_for.clone()));
        self.effects.steps.push(StepRow { input, waits_for, error: Some(error.clone()), ..row });
        self.raise(place, open.attempt, Resume::Node, error);
    }
}

impl ExecutionState {
    /// Whether a wait that is open takes an event with this data: asked, and nothing changes.
    pub fn takes_event(&self, plan: &Plan, event: &str, data: &Value) -> bool {
        self.waits_for(plan, event).into_iter().any(|(_, place)| match &plan.node(place.node).kind {
            NodeKind::Wait(node) => self.takes(plan, place, node, data).unwrap_or(false),
            _ => false,
        })
    }

    /// Whether a wait takes an event with this data.
    fn takes(&self, plan: &Plan, place: Place, node: &WaitNode, data: &Value) -> Result<bool, StepError> {
        let Some(condition) = &node.condition else { return Ok(true) };
        let mut names = Names::new(self, plan, place.scope);
        names.data = condition.reads("data").then(|| self.data_before(plan, place.parent, place.slot, place.scope));
        names.local = Some(("event", data.clone()));
        names.truth(condition)
    }

    /// The open waits for an event, oldest first.
    fn waits_for(&self, plan: &Plan, event: &str) -> Vec<(StepPath, Place)> {
        let mut found = Vec::new();
        for (path, id) in &self.waiting {
            let Some(frame) = self.frames.get(*id) else { continue };
            let FrameKind::Await(open) = &frame.kind else { continue };
            if matches!(&plan.node(frame.node).kind, NodeKind::Wait(node) if &*node.event == event) {
                found.push((open.since, path.clone(), frame.place()));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        found.into_iter().map(|(_, path, place)| (path, place)).collect()
    }
}

/// What the row of a wait says that it waits for.
fn asked(event: &Arc<str>, due: Option<Timestamp>) -> Value {
    let until = due.map(|due| ("until", Value::Timestamp(due.0)));
    Value::object([("event", Value::Str(event.clone()))].into_iter().chain(until))
}
