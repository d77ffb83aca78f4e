//! How a workflow reads its names: what a value must look like where its type says nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, UnaryOp, Value};
use crate::plan::{Node, NodeKind, Plan, Wake};

/// How a value is read: its fields, and what kind of value it is taken for.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses {
    /// How its fields are read.
    pub fields: BTreeMap<Arc<str>, Uses>,
    /// What it is taken for.
    pub kind: Option<Kind>,
}

/// What a value is taken for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A condition.
    Bool,
    /// An operand of arithmetic, or of an order.
    Number,
    /// What a macro goes over.
    List,
    /// It is compared with this.
    Is(Value),
}

impl Uses {
    /// How a plan reads its root names, by name.
    pub fn of(plan: &Plan) -> Self {
        let mut uses = Self::default();
        for node in &plan.nodes {
            each_expr(node, &mut |expr| uses.read(expr, None));
        }
        uses
    }

    /// How this name, or this field, is read.
    pub fn field(&self, name: &str) -> Option<&Uses> {
        self.fields.get(name)
    }

    /// Notes what an expression reads, whose own value is taken for `kind`.
    pub fn read(&mut self, expr: &Expr, kind: Option<Kind>) {
        if let Some(path) = path_of(expr) {
            return self.note(&path, kind);
        }
        match &expr.kind {
            ExprKind::Binary { op, left, right } => self.read_binary(*op, left, right),
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.read(operand, Some(Kind::Bool)),
            ExprKind::Unary { op: UnaryOp::Negate, operand } => self.read(operand, Some(Kind::Number)),
            ExprKind::Conditional { test, then, otherwise } => {
                self.read(test, Some(Kind::Bool));
                self.read(then, kind.clone());
                self.read(otherwise, kind);
            }
            ExprKind::Macro { list, filter, body, .. } => {
                self.read(list, Some(Kind::List));
                filter.as_deref().into_iter().for_each(|filter| self.read(filter, Some(Kind::Bool)));
                self.read(body, None);
            }
            _ => expr.each_part(&mut |part| self.read(part, None)),
        }
    }

    fn read_binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let literal = |expr: &Expr| match &expr.kind {
            ExprKind::Literal(value) => Some(Kind::Is(value.clone())),
            _ => None,
        };
        let (of_left, of_right) = match op {
            BinaryOp::And | BinaryOp::Or => (Some(Kind::Bool), Some(Kind::Bool)),
            BinaryOp::Eq => (literal(right), literal(left)),
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => (Some(Kind::Number), Some(Kind::Number)),
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => (Some(Kind::Number), Some(Kind::Number)),
            _ => (None, None),
        };
        self.read(left, of_left);
        self.read(right, of_right);
    }

    fn note(&mut self, path: &[Arc<str>], kind: Option<Kind>) {
        let mut at = self;
        for name in path {
            at = at.fields.entry(name.clone()).or_default();
        }
        at.kind = at.kind.take().or(kind);
    }
}

/// The names of `a.b.c`.
pub(super) fn path_of(expr: &Expr) -> Option<Vec<Arc<str>>> {
    match &expr.kind {
        ExprKind::Name(name) => Some(vec![name.clone()]),
        ExprKind::Field { base, name, .. } => {
            let mut path = path_of(base)?;
            path.push(name.clone());
            Some(path)
        }
        _ => None,
    }
}

/// Calls `visit` with each expression of a node that reads what others gave.
fn each_expr<'a>(node: &'a Node, visit: &mut dyn FnMut(&'a Expr)) {
    match &node.kind {
        NodeKind::Step(step) => {
            step.when.iter().for_each(&mut *visit);
            step.action.each_expr(visit);
        }
        NodeKind::Let { value, .. } => visit(value),
        NodeKind::If { arms, .. } => arms.iter().for_each(|arm| visit(&arm.condition)),
        NodeKind::Match(node) => visit(&node.subject),
        NodeKind::For(each) => {
            visit(&each.list);
            each.parallel.iter().chain(&each.yields).for_each(visit);
        }
        NodeKind::Repeat(node) => node.every.iter().chain([&node.max, &node.until]).for_each(visit),
        NodeKind::Return { value } => value.iter().for_each(visit),
        NodeKind::Fail { message, code, cause } => {
            visit(message);
            code.iter().chain(cause).for_each(visit);
        }
        NodeKind::Sleep(Wake::After(wake) | Wake::At(wake)) => visit(wake),
        _ => {}
    }
}
