//! A step to its node.

use std::sync::Arc;

use crate::expr::{Expr, Type};
use crate::lang::ast::{Attribute, Name, Policy, PolicyKind, Step, Undo};
use crate::lang::constant::{constant_text, duration_ms};
use crate::plan::{
    Action, Condition, DEFAULT_TIMEOUT_MS, NodeId, NodeKind, PATIENT_TIMEOUT_MS, RetryPolicy, StepNode, TransformOp,
};

use super::Lowering;
use super::flow::{Place, ident};
use super::policy;

/// The queue of steps that name none.
const DEFAULT_QUEUE: &str = "default";

/// What a step and an `undo` have in common.
struct Parts<'a> {
    name: Arc<str>,
    task_type: &'a Name,
    config: &'a [Attribute],
    policies: &'a [Policy],
    order: u32,
}

impl Lowering<'_> {
    /// The node of a step, and after it the node of its `undo`.
    pub fn step(&mut self, step: &Step, place: Place) -> NodeId {
        self.steps += 1;
        let parts = Parts {
            name: step.name.value.clone(),
            task_type: &step.task_type,
            config: &step.config,
            policies: &step.policies,
            order: self.steps,
        };
        let at = self.reserve(step.name.value.clone(), Some(place.parent), place.span);
        let mut node = self.step_node(&parts, DEFAULT_QUEUE, place);
        let when = self.guards.apply(&step.name.value, node.when.take());
        node.reads_data = node.reads_data || when.as_ref().is_some_and(|when| when.reads("data"));
        node.when = when;
        let undo = step.policies.iter().find_map(|policy| match &policy.kind {
            PolicyKind::Undo(undo) => Some((undo, policy.span)),
            _ => None,
        });
        node.undo = undo.map(|(undo, span)| self.undo(undo, &node, Place { parent: at, span }));
        self.fill(at, NodeKind::Step(Box::new(node)));
        at
    }

    /// What undoes `step`. It goes to the same queue, unless it or its task type names another: who did it can undo it.
    fn undo(&mut self, undo: &Undo, step: &StepNode, place: Place) -> NodeId {
        let parts = Parts {
            name: format!("{}.undo", step.name).into(),
            task_type: &undo.task_type,
            config: &undo.config,
            policies: &undo.policies,
            order: step.order,
        };
        let at = self.reserve(parts.name.clone(), Some(place.parent), place.span);
        let node = self.step_node(&parts, &step.queue, place);
        self.fill(at, NodeKind::Step(Box::new(node)));
        at
    }

    fn step_node(&self, parts: &Parts<'_>, queue: &str, place: Place) -> StepNode {
        let action = self.action(&parts.task_type.value, parts.config, place.span);
        let own = Own::of(parts.policies);
        let defaults = self.task_types.get(&parts.task_type.value).map(|known| &known.defaults);
        let patient = matches!(action, Action::Delay(_) | Action::Child { .. });
        let default_timeout = if patient { PATIENT_TIMEOUT_MS } else { DEFAULT_TIMEOUT_MS };
        let default_timeout = defaults.and_then(|defaults| defaults.timeout_ms).unwrap_or(default_timeout);
        let default_queue = defaults.and_then(|defaults| defaults.queue.clone());
        let mut rarely = policy::rarely(parts.policies);
        rarely.idempotent |= defaults.is_some_and(|defaults| defaults.idempotent);
        StepNode {
            name: parts.name.clone(),
            ident: ident(&parts.name),
            task_type: parts.task_type.value.clone(),
            order: parts.order,
            reads_data: reads_data(&action),
            action,
            when: own.when,
            timeout_ms: own.timeout_ms.unwrap_or(default_timeout),
            retry: own.retry.unwrap_or_else(|| self.retry.clone()),
            queue: own.queue.or(default_queue).unwrap_or_else(|| queue.into()),
            output: own.output,
            undo: None,
            rarely,
        }
    }
}

/// What a step's own policies say, `after` and those that few steps have apart.
#[derive(Default)]
struct Own {
    when: Option<Expr>,
    timeout_ms: Option<u64>,
    retry: Option<RetryPolicy>,
    queue: Option<Arc<str>>,
    output: Option<Type>,
}

impl Own {
    fn of(policies: &[Policy]) -> Self {
        let mut own = Self { retry: policy::retry(policies), ..Self::default() };
        for policy in policies {
            match &policy.kind {
                PolicyKind::When(condition) => own.when = Some(condition.clone()),
                PolicyKind::Timeout(duration) => own.timeout_ms = duration_ms(duration),
                PolicyKind::Queue(name) => own.queue = constant_text(name),
                PolicyKind::Output(ty) => own.output = Some(ty.value.clone()),
                _ => {}
            }
        }
        own
    }
}

/// Whether carrying the action out needs `data`.
fn reads_data(action: &Action) -> bool {
    let reads = |expr: &Expr| expr.reads("data");
    let maybe = |expr: &Option<Expr>| expr.as_ref().is_some_and(reads);
    match action {
        Action::Task { config } => reads(config),
        Action::Transform { source, ops, value } => {
            (source.is_none() && !ops.is_empty()) || maybe(source) || maybe(value) || ops.iter().any(op_reads_data)
        }
        Action::Conditional(config) => condition_reads_data(&config.condition),
        Action::Log { message, level, details } => reads(message) || maybe(level) || maybe(details),
        Action::Delay(crate::plan::Wake::After(expr) | crate::plan::Wake::At(expr)) => reads(expr),
        Action::Child { workflow, input, version, .. } => reads(workflow) || maybe(input) || maybe(version),
    }
}

fn op_reads_data(op: &TransformOp) -> bool {
    match op {
        TransformOp::Set { value, .. }
        | TransformOp::Default { value, .. }
        | TransformOp::Map { value, .. }
        | TransformOp::Merge { value, .. } => value.reads("data"),
        _ => false,
    }
}

fn condition_reads_data(condition: &Condition) -> bool {
    match condition {
        Condition::Expr(expr) => expr.reads("data"),
        Condition::Test { .. } => true,
        Condition::All(inner) | Condition::Any(inner) => inner.iter().any(condition_reads_data),
        Condition::Not(inner) => condition_reads_data(inner),
    }
}
