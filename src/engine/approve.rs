//! `approve`: a person's word is waited for, in a row, until somebody gives it, or its time is up.

use std::sync::Arc;

use crate::expr::{Timestamp, Type, Value, schema_from_type};
use crate::ids::{Attempt, StepPath};
use crate::plan::{ApproveNode, NodeKind};

use super::machine::{Machine, Place};
use super::state::{Awaiting, FrameKind, Resume};
use super::{Control, LogLevel, Refusal, StepError, StepRow, StepStatus, code};

/// A person's word.
pub(super) struct Decision {
    pub path: StepPath,
    pub approved: bool,
    pub form: Value,
    pub by: Option<Arc<str>>,
    pub reason: Option<Arc<str>>,
}

impl Machine<'_> {
    pub(super) fn enter_approve(&mut self, place: Place, node: &ApproveNode, attempt: Attempt) {
        let due = match self.time_limit(place, node.timeout.as_ref(), attempt) {
            Ok(due) => due,
            Err(error) => return self.fail_row(place, attempt, None, error),
        };
        let path = self.path_of(place);
        let row = self.row(place, path.clone(), attempt, StepStatus::Waiting);
        let (input, waits_for) = (Some(asked(node, due)), Some(node.group.clone()));
        self.effects.steps.push(StepRow { input, wake_at: due, waits_for, ..row });
        self.await_at(place, path, attempt, due);
    }

    /// A person's word on the `approve` at a path. The form is checked before anything changes.
    pub(super) fn decide(&mut self, decision: Decision) -> Result<(), Refusal> {
        let plan = self.plan;
        let none = || Refusal::NoApproval { path: decision.path.clone() };
        let frame =
            self.state.waiting.get(&decision.path).and_then(|id| self.state.frames.get(*id)).ok_or_else(none)?;
        let NodeKind::Approve(node) = &plan.node(frame.node).kind else { return Err(none()) };
        if !matches!(frame.kind, FrameKind::Await(_)) {
            return Err(none());
        }
        let form = if decision.approved { filled_in(node.form.as_ref(), decision.form.clone())? } else { Value::Null };
        let (place, open) = self.close_awaiting(&decision.path).ok_or_else(none)?;
        let Decision { path, approved, form: given, by, reason } = decision;
        self.control(Control::Decide {
            path: path.clone(),
            approved,
            form: given,
            by: by.clone(),
            reason: reason.clone(),
        });
        let word = if approved { "approved" } else { "refused" };
        let mut told = format!("`{path}` was {word}");
        by.iter().for_each(|by| told.push_str(&format!(" by {by}")));
        reason.iter().for_each(|reason| told.push_str(&format!(": {reason}")));
        self.log(LogLevel::Info, told.clone(), Some(path.clone()));
        let asked = decided(asked(node, open.due), by.as_ref());
        if approved {
            self.approved(place, node, &path, (open, asked), form);
        } else {
            let details = [("by", by), ("reason", reason)];
            let details = details.into_iter().map(|(key, text)| (key, text.map_or(Value::Null, Value::Str)));
            let error = StepError {
                step: Some(plan.node(place.node).id.clone()),
                attempt: Some(open.attempt),
                details: Some(Value::object(details)),
                ..StepError::fatal(code::APPROVAL_REFUSED, told)
            };
            let row = self.awaited_row(place, &path, &open, StepStatus::Failed);
            let waits_for = Some(node.group.clone());
            self.effects.steps.push(StepRow { input: Some(asked), waits_for, error: Some(error.clone()), ..row });
            self.raise(place, open.attempt, Resume::Node, error);
        }
        Ok(())
    }

    fn approved(
        &mut self,
        place: Place,
        node: &ApproveNode,
        path: &StepPath,
        (open, asked): (Awaiting, Value),
        form: Value,
    ) {
        let row = self.awaited_row(place, path, &open, StepStatus::Completed);
        let waits_for = Some(node.group.clone());
        self.effects.steps.push(StepRow { input: Some(asked), output: Some(form.clone()), waits_for, ..row });
        self.state.bind(place.scope, node.name.clone(), form);
        self.settled(place);
    }
}

/// The form as it is declared: defaults filled in, misfits told. One that nobody asks for must be empty.
fn filled_in(declared: Option<&Type>, form: Value) -> Result<Value, Refusal> {
    let form = if form == Value::Null { Value::object::<&str>([]) } else { form };
    match declared {
        Some(declared) => {
            declared.admit(form).map_err(|misfits| Refusal::BadForm(super::output::misfit("form", misfits).message))
        }
        None if form == Value::object::<&str>([]) => Ok(form),
        None => Err(Refusal::BadForm("this `approve` asks for no form".to_owned())),
    }
}

/// What the row of an `approve` says that it asks for; the form as a JSON Schema.
pub(super) fn asked(node: &ApproveNode, due: Option<Timestamp>) -> Value {
    let form = node.form.as_ref().map(|form| ("form", Value::from_json(schema_from_type(form))));
    let until = due.map(|due| ("until", Value::Timestamp(due.0)));
    Value::object([("group", Value::Str(node.group.clone()))].into_iter().chain(form).chain(until))
}

/// The same, once somebody has decided.
fn decided(asked: Value, by: Option<&Arc<str>>) -> Value {
    match (asked, by) {
        (Value::Map(map), Some(by)) => {
            let mut map = (*map).clone();
            map.insert("by".into(), Value::Str(by.clone()));
            Value::map(map)
        }
        (asked, _) => asked,
    }
}
