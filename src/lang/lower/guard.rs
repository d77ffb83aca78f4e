//! `then` and `else` of a `conditional`: each step named runs only where the decision is its own.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, ListItem, Span, Value};
use crate::lang::MAX_EXPR_DEPTH;
use crate::lang::ast::{Name, Step, StmtKind, Workflow};
use crate::lang::constant::constant_value;
use crate::lang::statements::each_statement;

use super::flow::ident;

/// The guards of all steps.
#[derive(Default)]
pub struct Guards {
    by_step: HashMap<Arc<str>, Vec<Guard>>,
}

/// One guard: the `conditional`, and the answer that lets the step run.
struct Guard {
    conditional: Arc<str>,
    wanted: bool,
    span: Span,
}

/// The steps that a `conditional` names under `key` (`then` or `else`).
pub fn targets(step: &Step, key: &str) -> Vec<Name> {
    let Some(attribute) = step.config.iter().find(|attribute| &*attribute.key.value == key) else { return Vec::new() };
    let name = |expr: &Expr| match constant_value(expr)? {
        Value::Str(value) => Some(Name { value, span: expr.span }),
        _ => None,
    };
    match &attribute.value.kind {
        ExprKind::List(items) => {
            items.iter().filter_map(|(ListItem::Item(item) | ListItem::Spread(item))| name(item)).collect()
        }
        _ => name(&attribute.value).into_iter().collect(),
    }
}

impl Guards {
    /// The guards of a workflow in the flat notation; the language has none.
    pub fn of(workflow: &Workflow) -> Self {
        let mut guards = Self::default();
        if !workflow.flat {
            return guards;
        }
        each_statement(&workflow.body, &mut |statement| {
            let StmtKind::Step(step) = &statement.kind else { return };
            if &*step.task_type.value != "conditional" {
                return;
            }
            for (key, wanted) in [("then", true), ("else", false)] {
                for target in targets(step, key) {
                    let guard = Guard { conditional: step.name.value.clone(), wanted, span: target.span };
                    guards.by_step.entry(target.value).or_default().push(guard);
                }
            }
        });
        guards
    }

    /// The conditionals that decide over a step, and so have to be settled before it.
    pub fn waits(&self, step: Option<&str>) -> Vec<Arc<str>> {
        let guards = step.and_then(|step| self.by_step.get(step));
        guards.into_iter().flatten().map(|guard| guard.conditional.clone()).collect()
    }

    /// The condition of a step: its guards and its own `when`.
    pub fn apply(&self, step: &Arc<str>, when: Option<Expr>) -> Option<Expr> {
        let guards = self.by_step.get(step).into_iter().flatten().map(Guard::expr);
        all_of(guards.chain(when).collect())
    }
}

impl Guard {
    /// `check?.result == true`: false too where the conditional itself was skipped.
    fn expr(&self) -> Expr {
        let at = |kind| Expr::new(kind, self.span);
        let base = Box::new(at(ExprKind::Name(ident(&self.conditional))));
        let result = at(ExprKind::Field { base, name: "result".into(), optional: true });
        let wanted = at(ExprKind::Literal(Value::Bool(self.wanted)));
        at(ExprKind::Binary { op: BinaryOp::Eq, left: Box::new(result), right: Box::new(wanted) })
    }
}

/// All of these conditions as one. Thousands may decide over a step, and the tree must not be as deep: of so many, rows are made
/// first.
fn all_of(mut conditions: Vec<Expr>) -> Option<Expr> {
    while conditions.len() > MAX_EXPR_DEPTH {
        let (mut rest, mut rows) = (conditions.into_iter(), Vec::new());
        while let Some(row) = rest.by_ref().take(MAX_EXPR_DEPTH / 2).reduce(and) {
            rows.push(row);
        }
        conditions = rows;
    }
    conditions.into_iter().reduce(and)
}

fn and(left: Expr, right: Expr) -> Expr {
    let span = right.span;
    Expr::new(ExprKind::Binary { op: BinaryOp::And, left: Box::new(left), right: Box::new(right) }, span)
}
