//! What names mean in a test's expressions.

use std::borrow::Cow;

use crate::engine::{ExecutionStatus, StepError, StepRow, StepStatus};
use crate::expr::{Budget, EvalError, Expr, Scope, Value, evaluate};
use crate::plan::NodeKind;

use super::library::{base_of, items_of};
use super::life::Life;
use super::world::World;

/// Names and their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(pub Vec<(&'static str, Value)>);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| Cow::Borrowed(value))
    }
}

/// The value of an expression of a test.
pub(super) fn value_of(expr: &Expr, names: &dyn Scope) -> Result<Value, EvalError> {
    evaluate(expr, names, &mut Budget::default())
}

/// A length of time in milliseconds.
pub(super) fn duration_ms(expr: &Expr, names: &dyn Scope) -> Result<u64, EvalError> {
    let wrong = |found: &Value| EvalError {
        message: format!("expected a duration such as `10m`, found {}", crate::expr::describe(found)),
        span: expr.span,
        limit: false,
    };
    match value_of(expr, names)? {
        Value::Duration(micros) if micros >= 0 => Ok(u64::try_from(micros).unwrap_or(0).div_ceil(1_000)),
        other => Err(wrong(&other)),
    }
}

/// A count from nothing up.
pub(super) fn count(expr: &Expr, names: &dyn Scope) -> Result<u32, EvalError> {
    match value_of(expr, names)? {
        Value::Int(count) if u32::try_from(count).is_ok() => Ok(u32::try_from(count).unwrap_or(0)),
        other => Err(EvalError {
            message: format!("expected a whole number, found {}", crate::expr::describe(&other)),
            span: expr.span,
            limit: false,
        }),
    }
}

/// Text.
pub(super) fn text(expr: &Expr, names: &dyn Scope) -> Result<String, EvalError> {
    Ok(match value_of(expr, names)? {
        Value::Str(text) => text.to_string(),
        other => serde_json::to_string(&other).unwrap_or_default(),
    })
}

/// What an expectation may read: how the execution ended, and what its steps gave.
pub(super) struct After<'a, 'w> {
    world: &'a World<'w>,
}

impl<'a, 'w> After<'a, 'w> {
    pub fn new(world: &'a World<'w>) -> Self {
        Self { world }
    }

    fn known(&self, name: &str) -> Option<Value> {
        let life = self.world.root();
        match name {
            "input" => Some(life.input().clone()),
            "settings" => Some(life.settings().clone()),
            "output" => Some(life.state.output().cloned().unwrap_or_default()),
            "status" => Some(Value::str(life.status().as_str())),
            "elapsed" => {
                let end = life.ended_at.unwrap_or_else(|| self.world.now());
                Some(Value::Duration(end.0.saturating_sub(life.started_at.0)))
            }
            "error" => Some(error_of(life)),
            _ => None,
        }
    }
}

impl Scope for After<'_, '_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.known(name).or_else(|| given_under(self.world.root(), name)).map(Cow::Owned)
    }
}

fn error_of(life: &Life<'_>) -> Value {
    let error = life.state.error().filter(|_| life.status() != ExecutionStatus::Completed);
    error.map_or(Value::Null, StepError::to_value)
}

/// What was given under a name: null where nothing was; of a name inside a loop, the list over its items.
fn given_under(life: &Life<'_>, name: &str) -> Option<Value> {
    let plan = &life.workflow.plan;
    let node = plan.nodes.iter().find(|node| match &node.kind {
        NodeKind::Step(step) => !plan.is_undo(node) && &*step.ident == name,
        NodeKind::Let { name: bound, .. } => &**bound == name,
        NodeKind::For(each) => each.name.as_deref() == Some(name),
        NodeKind::Wait(wait) => &*wait.name == name,
        NodeKind::Approve(approve) => &*approve.name == name,
        _ => false,
    })?;
    let completed = |row: &&StepRow| row.status == StepStatus::Completed && base_of(row.path.as_str()) == &*node.id;
    let mut rows: Vec<&StepRow> = life.rows.values().filter(completed).collect();
    rows.sort_by_key(|row| (items_of(row.path.as_str()), row.attempt));
    let output = |row: &StepRow| row.output.clone().unwrap_or_default();
    match rows.last() {
        None => Some(Value::Null),
        Some(last) if items_of(last.path.as_str()).is_empty() => Some(output(last)),
        Some(_) => Some(Value::list(rows.into_iter().map(output).collect())),
    }
}
