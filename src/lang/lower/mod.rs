//! From a checked syntax tree to a plan: defaults resolved, ids given, handlers' configuration in the engine's form.
//!
//! Invariant: it decides nothing that `check` should have told. On a tree with errors it gives some plan, and never panics.

mod action;
mod control;
mod flow;
mod guard;
mod ids;
mod message;
mod policy;
mod start;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::{Expr, Type, Value};
use crate::plan::{Action, InputField, Node, NodeId, NodeKind, PLAN_FORMAT, Plan, RetryPolicy, TaskTypes};

use super::ast::{Field, PolicyKind, Workflow};
use super::constant::{constant_text, constant_value, duration_ms};
pub use flow::{child_name, child_policies};
pub use guard::{Guards, targets};
use ids::Ids;
pub use message::with_paths;

/// Lowers a workflow that has no errors.
pub fn lower(workflow: &Workflow, task_types: &TaskTypes) -> Plan {
    let mut lowering = Lowering {
        task_types,
        guards: Guards::of(workflow),
        ids: Ids::of(workflow),
        nodes: Vec::new(),
        steps: 0,
        retry: policy::default_retry(&workflow.policies),
    };
    let root = lowering.block(Arc::from("root"), None, &workflow.body, workflow.span);
    let mut plan = Plan {
        format: PLAN_FORMAT,
        workflow: workflow.name.value.clone(),
        description: attribute(workflow, "description").and_then(constant_text),
        labels: labels(workflow),
        inputs: workflow.inputs.iter().map(input_field).collect(),
        output: workflow.output.as_ref().map(|output| output.value.clone()),
        settings: workflow.settings.iter().map(input_field).collect(),
        output_is_data: workflow.flat,
        timeout_ms: workflow.policies.iter().find_map(|policy| match &policy.kind {
            PolicyKind::Timeout(duration) => duration_ms(duration),
            _ => None,
        }),
        secrets: workflow.secrets.iter().map(|secret| flow::ident(&secret.value)).collect(),
        triggers: workflow.triggers.iter().map(start::trigger).collect(),
        concurrency: start::concurrency(workflow),
        undo_never: workflow.policies.iter().any(|policy| matches!(policy.kind, PolicyKind::UndoNever)),
        keep_ms: workflow.policies.iter().find_map(|policy| match &policy.kind {
            PolicyKind::Keep(duration) => duration_ms(duration),
            _ => None,
        }),
        task_outputs: BTreeMap::new(),
        nodes: lowering.nodes,
        root,
    };
    plan.task_outputs = task_outputs(&plan, task_types);
    plan
}

/// What the task types of the steps give that declare nothing themselves, where it is known and others carry them out.
fn task_outputs(plan: &Plan, task_types: &TaskTypes) -> BTreeMap<Arc<str>, Type> {
    let mut outputs = BTreeMap::new();
    for (_, step) in plan.steps() {
        let by_others = matches!(step.action, Action::Task { .. }) && &*step.task_type != "http_request";
        if !by_others || step.output.is_some() || outputs.contains_key(&step.task_type) {
            continue;
        }
        let known = task_types.get(&step.task_type).map(|known| &known.output);
        if let Some(output) = known.filter(|output| **output != Type::Any) {
            outputs.insert(step.task_type.clone(), output.undocumented());
        }
    }
    outputs
}

/// The work so far.
struct Lowering<'a> {
    task_types: &'a TaskTypes,
    guards: Guards,
    ids: Ids,
    nodes: Vec<Node>,
    steps: u32,
    retry: RetryPolicy,
}

impl Lowering<'_> {
    /// Takes the next place, so that a parent comes before its children; `fill` says what it does.
    fn reserve(&mut self, id: Arc<str>, parent: Option<NodeId>, span: crate::expr::Span) -> NodeId {
        let at = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node { id, parent, span, kind: NodeKind::Block { children: Vec::new() } });
        at
    }

    fn fill(&mut self, at: NodeId, kind: NodeKind) {
        if let Some(node) = self.nodes.get_mut(at.0 as usize) {
            node.kind = kind;
        }
    }
}

fn attribute<'a>(workflow: &'a Workflow, key: &str) -> Option<&'a Expr> {
    workflow.attributes.iter().find(|attribute| &*attribute.key.value == key).map(|attribute| &attribute.value)
}

/// `labels`, and `metadata`, which is the same.
fn labels(workflow: &Workflow) -> BTreeMap<String, serde_json::Value> {
    let mut labels = BTreeMap::new();
    for key in ["metadata", "labels"] {
        let Some(Value::Map(entries)) = attribute(workflow, key).and_then(constant_value) else { continue };
        for (key, value) in entries.iter() {
            labels.insert(key.to_string(), serde_json::to_value(value).unwrap_or_default());
        }
    }
    labels
}

fn input_field(field: &Field) -> InputField {
    InputField {
        name: field.name.value.clone(),
        ty: field.ty.value.clone(),
        default: field.default.clone(),
        span: field.span,
    }
}
