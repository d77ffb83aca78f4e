//! A step to its node.

use std::sync::Arc;

use crate::expr::{Expr, Span, Type};
use crate::lang::ast::{PolicyKind, Step};
use crate::lang::constant::{constant_text, duration_ms};
use crate::plan::{
    Action, Condition, DEFAULT_TIMEOUT_MS, NodeId, NodeKind, PATIENT_TIMEOUT_MS, Rarely, StepNode, TransformOp,
};

use super::Lowering;
use super::flow::ident;
use super::policy;

/// The queue of steps that name none.
const DEFAULT_QUEUE: &str = "default";

impl Lowering<'_> {
    /// The node of a step.
    pub fn step(&mut self, step: &Step, parent: NodeId, span: Span) -> NodeId {
        self.steps += 1;
        let order = self.steps;
        let at = self.reserve(step.name.value.clone(), Some(parent), span);
        let action = self.action(step, span);
        let own = Own::of(step);
        let when = self.guards.apply(&step.name.value, own.when);
        let patient = matches!(action, Action::Delay(_) | Action::Child { .. });
        let default_timeout = if patient { PATIENT_TIMEOUT_MS } else { DEFAULT_TIMEOUT_MS };
        let node = StepNode {
            name: step.name.value.clone(),
            ident: ident(&step.name.value),
            task_type: step.task_type.value.clone(),
            order,
            reads_data: reads_data(&action) || when.as_ref().is_some_and(|when| when.reads("data")),
            action,
            when,
            timeout_ms: own.timeout_ms.unwrap_or(default_timeout),
            retry: policy::retry(&step.policies).unwrap_or_else(|| self.retry.clone()),
            queue: own.queue.unwrap_or_else(|| DEFAULT_QUEUE.into()),
            output: own.output,
            undo: None,
            rarely: Rarely::default(),
        };
        self.fill(at, NodeKind::Step(Box::new(node)));
        at
    }
}

/// What a step's own policies say, `retry` and `after` apart.
#[derive(Default)]
struct Own {
    when: Option<Expr>,
    timeout_ms: Option<u64>,
    queue: Option<Arc<str>>,
    output: Option<Type>,
}

impl Own {
    fn of(step: &Step) -> Self {
        let mut own = Self::default();
        for policy in &step.policies {
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
        Action::Child { workflow, input, version } => reads(workflow) || maybe(input) || maybe(version),
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
