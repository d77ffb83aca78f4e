//! Values made up from types: what a step might give, what a workflow might be given.

use std::sync::Arc;

use crate::expr::{Map, Type, Value, parse_timestamp};
use crate::plan::InputField;

use super::library::Known;
use super::uses::{Kind, Uses};
use super::workers::Task;

/// How deep a made-up value is.
const MAX_DEPTH: usize = 16;

/// What an attempt might give.
pub(super) fn example_of(task: &Task<'_>) -> Value {
    let uses = Uses::of(&task.workflow.plan);
    match task.undo {
        Some(undo) => value_of(&task.workflow.output_of(undo), None, "ok"),
        None => value_of(&task.workflow.output_of(task.step), uses.field(&task.step.ident), &task.step.ident),
    }
}

/// What a workflow might be given: its defaults, and made-up values for the rest.
pub(super) fn input_of(workflow: &Known) -> Value {
    let plan = &workflow.plan;
    let uses = Uses::of(plan);
    if plan.inputs.is_empty() && plan.output_is_data {
        let read = ["input", "data"].into_iter().filter_map(|name| uses.field(name));
        let fields = read.flat_map(|uses| &uses.fields);
        return Value::object(fields.map(|(name, uses)| (name.clone(), any(Some(uses), name, 0))));
    }
    made_up(&plan.inputs, uses.field("input"))
}

/// What the settings of a workflow might be, where they have no defaults.
pub(super) fn settings_of(workflow: &Known) -> Value {
    let uses = Uses::of(&workflow.plan);
    made_up(&workflow.plan.settings, uses.field("settings"))
}

fn made_up(fields: &[InputField], uses: Option<&Uses>) -> Value {
    let missing = fields.iter().filter(|field| field.default.is_none());
    Value::object(missing.map(|field| {
        let uses = uses.and_then(|uses| uses.field(&field.name));
        (field.name.clone(), value_of(&field.ty, uses, &field.name))
    }))
}

/// A value of a type, called `name`, that is read like this.
pub(super) fn value_of(ty: &Type, uses: Option<&Uses>, name: &str) -> Value {
    make(ty, uses, name, 0)
}

fn make(ty: &Type, uses: Option<&Uses>, name: &str, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    match ty {
        Type::Any => any(uses, name, depth),
        Type::Null => Value::Null,
        Type::Bool => Value::Bool(true),
        Type::Int | Type::Number => number(uses),
        Type::String => text(uses, name),
        Type::Duration => Value::Duration(60_000_000),
        Type::Timestamp => Value::Timestamp(parse_timestamp("2026-01-01T00:00:00Z").unwrap_or_default()),
        Type::Literal(text) => Value::Str(text.clone()),
        Type::List(item) => Value::list(vec![make(item, None, name, depth + 1)]),
        Type::Map(_) => Value::map(Map::new()),
        Type::Object(object) => {
            let field = |name: &Arc<str>, ty| {
                let uses = uses.and_then(|uses| uses.field(name));
                (name.clone(), make(ty, uses, name, depth + 1))
            };
            Value::object(object.fields.iter().map(|one| field(&one.name, &one.ty)))
        }
        Type::Union(members) => {
            let member = members.iter().find(|member| **member != Type::Null);
            member.map_or(Value::Null, |member| make(member, uses, name, depth + 1))
        }
    }
}

fn number(uses: Option<&Uses>) -> Value {
    match uses.and_then(|uses| uses.kind.as_ref()) {
        Some(Kind::Is(value @ (Value::Int(_) | Value::Num(_)))) => value.clone(),
        _ => Value::Int(1),
    }
}

fn text(uses: Option<&Uses>, name: &str) -> Value {
    match uses.and_then(|uses| uses.kind.as_ref()) {
        Some(Kind::Is(value @ Value::Str(_))) => value.clone(),
        _ => Value::str(name),
    }
}

/// A value of which nothing is known but how it is read.
fn any(uses: Option<&Uses>, name: &str, depth: usize) -> Value {
    let Some(uses) = uses.filter(|_| depth <= MAX_DEPTH) else { return Value::str(name) };
    if !uses.fields.is_empty() {
        let field = |(name, uses): (&Arc<str>, &Uses)| (name.clone(), any(Some(uses), name, depth + 1));
        return Value::object(uses.fields.iter().map(field));
    }
    match &uses.kind {
        Some(Kind::Bool) => Value::Bool(true),
        Some(Kind::Number) => Value::Int(1),
        Some(Kind::List) => Value::list(Vec::new()),
        Some(Kind::Is(value)) => value.clone(),
        None => Value::str(name),
    }
}
