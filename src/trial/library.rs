//! The workflows that tests run: each compiled once, with what a world asks of it again and again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::engine::Admission;
use crate::expr::Type;
use crate::plan::{Action, Node, NodeId, NodeKind, Plan, StepNode, TaskTypes};

/// Workflows by name.
#[derive(Debug, Default)]
pub struct Library {
    workflows: BTreeMap<Arc<str>, Known>,
}

/// A workflow that tests run.
#[derive(Debug)]
pub struct Known {
    /// Its plan.
    pub plan: Arc<Plan>,
    pub(super) admission: Admission,
    /// Its nodes, by id: what a row's path begins with.
    nodes: HashMap<Arc<str>, NodeId>,
    /// What its task types give.
    outputs: HashMap<Arc<str>, Type>,
}

impl Library {
    /// Adds a workflow; one of the same name is replaced. `types` are the task types that its file knows.
    ///
    /// # Errors
    /// A default that has no value, which the checker should have refused.
    pub fn insert(&mut self, plan: Arc<Plan>, types: &TaskTypes) -> Result<(), String> {
        self.workflows.insert(plan.workflow.clone(), Known::of(plan, types)?);
        Ok(())
    }

    /// The workflow of this name.
    pub fn get(&self, name: &str) -> Option<&Known> {
        self.workflows.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.workflows.values()
    }
}

impl Known {
    fn of(plan: Arc<Plan>, types: &TaskTypes) -> Result<Self, String> {
        let admission = Admission::of(&plan)?;
        let numbered = plan.nodes.iter().zip(0..);
        let nodes = numbered.map(|(node, at)| (node.id.clone(), NodeId(at))).collect();
        let steps = plan.nodes.iter().filter_map(step_of);
        let output = |step: &StepNode| Some((step.task_type.clone(), types.get(&step.task_type)?.output.clone()));
        let outputs = steps.filter_map(output).collect();
        Ok(Self { plan, admission, nodes, outputs })
    }

    /// The node that a path is of: `pick[3]` is of `pick`.
    pub(super) fn node_at(&self, path: &str) -> Option<&Node> {
        let id = *self.nodes.get(base_of(path))?;
        Some(self.plan.node(id))
    }

    /// The step called `name`.
    pub(super) fn step(&self, name: &str) -> Option<&StepNode> {
        self.node_at(name).and_then(step_of)
    }

    /// The step that a node undoes.
    pub(super) fn undone_by(&self, node: &Node) -> Option<&StepNode> {
        node.parent.and_then(|parent| step_of(self.plan.node(parent)))
    }

    /// What a step gives: by its task type, and of an `http_request` with the `body` that the step declares.
    pub(super) fn output_of(&self, step: &StepNode) -> Type {
        let by_type = || self.outputs.get(&step.task_type).cloned().unwrap_or(Type::Any);
        match &step.output {
            Some(declared) if &*step.task_type != "http_request" => declared.clone(),
            Some(body) => with_body(by_type(), body),
            None => by_type(),
        }
    }
}

/// The type of a response with this type of `body`.
fn with_body(response: Type, body: &Type) -> Type {
    let Type::Object(mut object) = response else { return response };
    for field in object.fields.iter_mut().filter(|field| &*field.name == "body") {
        field.ty = body.clone();
    }
    Type::Object(object)
}

/// The step that a node is.
pub(super) fn step_of(node: &Node) -> Option<&StepNode> {
    match &node.kind {
        NodeKind::Step(step) => Some(step),
        _ => None,
    }
}

/// Whether a step is carried out by the world outside: a worker, or a child execution.
pub(super) fn is_outside(step: &StepNode) -> bool {
    matches!(step.action, Action::Task { .. } | Action::Child { .. })
}

/// A path without the items of its loops.
pub(super) fn base_of(path: &str) -> &str {
    path.split('[').next().unwrap_or(path)
}

/// The items of the loops around a path: of `cell[1][0]` 1 and 0.
pub(super) fn items_of(path: &str) -> Vec<usize> {
    path.split('[').skip(1).filter_map(|item| item.trim_end_matches(']').parse().ok()).collect()
}
