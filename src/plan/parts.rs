//! What nodes are made of: their children, and the expressions and names that a step reads.

use std::sync::Arc;

use crate::expr::Expr;

use super::{Action, Condition, NodeId, NodeKind, RetryFilter, StepNode, TransformOp, TryNode, Wake};

impl NodeKind {
    /// The name that a step's output, an event or a form is bound to: known around the block that it stands in.
    pub fn bound_name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Step(step) => Some(&step.ident),
            Self::Wait(wait) => Some(&wait.name),
            Self::Approve(approve) => Some(&approve.name),
            _ => None,
        }
    }

    /// Calls `visit` with each child, in the order written. What undoes a step is none.
    pub fn each_child(&self, visit: &mut dyn FnMut(NodeId)) {
        match self {
            Self::Block { children } => children.iter().copied().for_each(visit),
            Self::If { arms, otherwise } => arms.iter().map(|arm| arm.block).chain(*otherwise).for_each(visit),
            Self::Match(node) => node.arms.iter().map(|arm| arm.block).chain(node.otherwise).for_each(visit),
            Self::Parallel { children, .. } => children.iter().map(|child| child.node).for_each(visit),
            Self::For(node) => visit(node.body),
            Self::Repeat(node) => visit(node.body),
            Self::Try(node) => node.blocks().for_each(visit),
            Self::Step(_)
            | Self::Let { .. }
            | Self::Compensate
            | Self::Wait(_)
            | Self::Approve(_)
            | Self::Sleep(_)
            | Self::Return { .. }
            | Self::Fail { .. } => {}
        }
    }
}

impl TryNode {
    /// The body, the blocks of the `catch`es, the `finally`.
    pub fn blocks(&self) -> impl Iterator<Item = NodeId> {
        std::iter::once(self.body).chain(self.catches.iter().map(|arm| arm.block)).chain(self.finally)
    }
}

impl StepNode {
    /// Calls `visit` with each name that the step's own expressions read, some more than once. What a macro binds is among them.
    pub fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a Arc<str>)) {
        let mut each = |expr: &'a Expr| expr.each_name(visit);
        self.when.iter().chain(self.rarely.cache.as_ref().map(|cache| &cache.key)).for_each(&mut each);
        match &self.retry.filter {
            Some(RetryFilter::Unless(expr) | RetryFilter::Only(expr)) => each(expr),
            None => {}
        }
        self.action.each_expr(&mut each);
    }
}

impl Action {
    /// Calls `visit` with each expression of the configuration.
    pub fn each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Task { config } => visit(config),
            Self::Transform { source, ops, value } => {
                source.iter().chain(ops.iter().filter_map(TransformOp::value)).chain(value).for_each(visit);
            }
            Self::Conditional(config) => config.condition.each_expr(visit),
            Self::Log { message, level, details } => {
                std::iter::once(message).chain(level).chain(details).for_each(visit);
            }
            Self::Delay(Wake::After(expr) | Wake::At(expr)) => visit(expr),
            Self::Child { workflow, input, version, .. } => {
                std::iter::once(workflow).chain(input).chain(version).for_each(visit);
            }
        }
    }
}

impl TransformOp {
    /// The value that it takes.
    fn value(&self) -> Option<&Expr> {
        match self {
            Self::Set { value, .. }
            | Self::Default { value, .. }
            | Self::Map { value, .. }
            | Self::Merge { value, .. } => Some(value),
            Self::Rename { .. } | Self::Remove { .. } | Self::Copy { .. } | Self::Pick { .. } | Self::Cast { .. } => {
                None
            }
        }
    }
}

impl Condition {
    fn each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Expr(expr) => visit(expr),
            Self::Test { value, .. } => value.iter().for_each(visit),
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|inner| inner.each_expr(visit)),
            Self::Not(inner) => inner.each_expr(visit),
        }
    }
}
