//! The steps of a version as rows, for the API to show: what the plan says, with expressions as they were written.
//!
//! Nothing runs from these rows.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, TemplatePart};
use crate::plan::{Action, Condition, PathPart, StepNode, TransformOp, ValuePath, Wake};
use crate::service::model::{DraftStep, Version};

/// The steps of a version, in order.
pub(super) fn of(version: &Version) -> Vec<DraftStep> {
    version.plan.steps().map(|(_, step)| step_of(version, step)).collect()
}

fn step_of(version: &Version, step: &StepNode) -> DraftStep {
    let text = Written { source: &version.source };
    DraftStep {
        // A function of what it is the id of: publishing needs no random source.
        id: Uuid::new_v5(&version.workflow.0, format!("{}/{}", version.n, step.name).as_bytes()),
        workflow: version.workflow,
        version: Some(version.n),
        name: step.name.to_string(),
        task_type: step.task_type.to_string(),
        step_order: i32::try_from(step.order).unwrap_or(i32::MAX),
        config: text.config(&step.action),
        timeout_seconds: Some(i32::try_from(step.timeout_ms.div_ceil(1_000)).unwrap_or(i32::MAX)),
        max_retries: Some(i32::try_from(step.retry.max).unwrap_or(i32::MAX)),
        created_at: version.created_at,
        updated_at: version.created_at,
    }
}

/// Expressions as they were written in a source.
struct Written<'a> {
    source: &'a str,
}

impl Written<'_> {
    fn config(&self, action: &Action) -> Json {
        match action {
            Action::Task { config } => self.json(config),
            Action::Transform { source, ops, value } => fields([
                ("source", source.as_ref().map(|source| self.json(source))),
                ("transforms", (!ops.is_empty()).then(|| ops.iter().map(|op| self.transform(op)).collect())),
                ("value", value.as_ref().map(|value| self.json(value))),
            ]),
            Action::Conditional(config) => json!({ "condition": self.condition(&config.condition) }),
            Action::Log { message, level, details } => fields([
                ("message", Some(self.json(message))),
                ("level", level.as_ref().map(|level| self.json(level))),
                ("details", details.as_ref().map(|details| self.json(details))),
            ]),
            Action::Delay(Wake::After(duration)) => json!({ "duration": self.json(duration) }),
            Action::Delay(Wake::At(until)) => json!({ "until": self.json(until) }),
            Action::Child { workflow, input, version, .. } => fields([
                ("workflow", Some(self.json(workflow))),
                ("input", input.as_ref().map(|input| self.json(input))),
                ("version", version.as_ref().map(|version| self.json(version))),
            ]),
        }
    }

    fn transform(&self, op: &TransformOp) -> Json {
        match op {
            TransformOp::Rename { from, to } => json!({ "rename": { "from": path(from), "to": path(to) } }),
            TransformOp::Set { path: at, value } => json!({ "set": { "path": path(at), "value": self.json(value) } }),
            TransformOp::Remove { path: at } => json!({ "remove": { "path": path(at) } }),
            TransformOp::Copy { from, to } => json!({ "copy": { "from": path(from), "to": path(to) } }),
            TransformOp::Pick { paths } => json!({ "pick": { "paths": paths.iter().map(path).collect::<Vec<_>>() } }),
            TransformOp::Default { path: at, value } => {
                json!({ "default": { "path": path(at), "value": self.json(value) } })
            }
            TransformOp::Map { path: at, value } => json!({ "map": { "path": path(at), "value": self.json(value) } }),
            TransformOp::Cast { path: at, to } => json!({ "cast": { "path": path(at), "to": to } }),
            TransformOp::Merge { path: at, value } => {
                json!({ "merge": fields([("path", at.as_ref().map(|at| path(at).into())), ("value", Some(self.json(value)))]) })
            }
        }
    }

    fn condition(&self, condition: &Condition) -> Json {
        let each = |all: &[Condition]| all.iter().map(|one| self.condition(one)).collect::<Vec<_>>();
        match condition {
            Condition::Expr(expr) => self.json(expr),
            Condition::Test { field, operator, value } => fields([
                ("field", Some(path(field).into())),
                ("operator", Some(json!(operator))),
                ("value", value.as_ref().map(|value| self.json(value))),
            ]),
            Condition::All(all) => json!({ "all": each(all) }),
            Condition::Any(any) => json!({ "any": each(any) }),
            Condition::Not(not) => json!({ "not": self.condition(not) }),
        }
    }

    /// What is written out stays as it is; the rest is `${the expression}`.
    fn json(&self, expr: &Expr) -> Json {
        let whole = || Json::String(format!("${{{}}}", self.slice(expr)));
        match &expr.kind {
            ExprKind::Literal(value) => serde_json::to_value(value).unwrap_or_default(),
            ExprKind::List(items) => {
                let items = items.iter().map(|item| match item {
                    ListItem::Item(item) => Some(self.json(item)),
                    ListItem::Spread(_) => None,
                });
                items.collect::<Option<Vec<_>>>().map_or_else(whole, Json::Array)
            }
            ExprKind::Object(entries) => {
                let entries = entries.iter().map(|entry| match entry {
                    ObjectEntry::Field { key, value, .. } => Some((key.to_string(), self.json(value))),
                    ObjectEntry::Spread(_) => None,
                });
                entries.collect::<Option<Map<_, _>>>().map_or_else(whole, Json::Object)
            }
            ExprKind::Template(parts) => {
                let parts = parts.iter().map(|part| match part {
                    TemplatePart::Text(text) => text.to_string(),
                    TemplatePart::Expr(expr) => format!("${{{}}}", self.slice(expr)),
                });
                Json::String(parts.collect())
            }
            _ => whole(),
        }
    }

    fn slice(&self, expr: &Expr) -> &str {
        self.source.get(expr.span.start as usize..expr.span.end as usize).unwrap_or("…")
    }
}

/// A path as it is written: `a.b[0]`.
fn path(path: &ValuePath) -> String {
    path.0.iter().fold(String::new(), |text, part| match part {
        PathPart::Index(index) => format!("{text}[{index}]"),
        PathPart::Key(key) if text.is_empty() => key.to_string(),
        PathPart::Key(key) => format!("{text}.{key}"),
    })
}

fn fields<const N: usize>(entries: [(&str, Option<Json>); N]) -> Json {
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Json::Object(entries.collect())
}
