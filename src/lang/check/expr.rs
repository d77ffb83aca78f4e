//! Expressions: every name, field, operator and function in them is checked, and their type comes out.
//!
//! `Any` is "not known": nothing is said of it, but in a strict check. What was told of has that type too, so that one mistake
//! is told once.

use crate::expr::{Expr, ExprKind, Type};
use crate::lang::Diagnostic;
use crate::lang::constant::constant;

use super::Checker;
use super::algebra::union;
use super::call::MacroCall;
use super::codes::{ALWAYS_FAILS, NOT_KNOWN};
use super::literal::type_of_value;

/// How a value gets a type.
const NOT_KNOWN_HELP: &str = "a step's `output` and a task's `output` declare what comes back";

impl Checker<'_> {
    /// Checks an expression that stands by itself: also that it does not always fail.
    pub fn value(&mut self, expr: &Expr) -> Type {
        let before = self.diagnostics.len();
        let ty = self.expr(expr);
        if self.diagnostics.len() == before
            && !self.quiet
            && let Some(Err(error)) = constant(expr)
            && !error.limit
        {
            let message = format!("this always fails: {}", error.message);
            self.error(ALWAYS_FAILS, message, error.span);
        }
        ty
    }

    /// The type of an expression that is checked elsewhere.
    pub fn type_of(&mut self, expr: &Expr) -> Type {
        let quiet = std::mem::replace(&mut self.quiet, true);
        let ty = self.expr(expr);
        self.quiet = quiet;
        ty
    }

    /// Checks an expression and gives what is known of its type.
    pub fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Literal(value) => type_of_value(value),
            ExprKind::Name(name) => {
                let ty = Type::clone(&self.name(name, expr.span));
                self.narrowed(expr, ty)
            }
            ExprKind::Field { base, name, optional } => {
                let ty = self.field(expr, base, name, *optional);
                self.narrowed(expr, ty)
            }
            ExprKind::Index { base, index, optional } => {
                let ty = self.index(base, index, *optional);
                self.narrowed(expr, ty)
            }
            ExprKind::List(items) => self.list(items),
            ExprKind::Object(entries) => self.object(entries),
            ExprKind::Unary { op, operand } => self.unary(*op, operand),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, expr),
            ExprKind::Conditional { test, then, otherwise } => {
                self.truth(test, "what stands before `?`");
                self.decided(test);
                let then = self.expr_where(test, true, then);
                let otherwise = self.expr_where(test, false, otherwise);
                union([then, otherwise])
            }
            ExprKind::Call { function, name_span, receiver, args } => {
                self.call(function, *name_span, receiver.as_deref(), args)
            }
            ExprKind::Macro { kind, list, var, filter, body } => {
                self.macro_call(&MacroCall { kind: *kind, list, var, filter: filter.as_deref(), body })
            }
            ExprKind::Has(inner) => {
                self.has(inner);
                Type::Bool
            }
            ExprKind::Template(parts) => self.template(parts),
        }
    }

    /// An expression where a condition holds, or does not.
    fn expr_where(&mut self, test: &Expr, holds: bool, expr: &Expr) -> Type {
        let mark = self.facts.mark();
        self.assume(test, holds);
        let ty = self.expr(expr);
        self.facts.forget(mark);
        ty
    }

    /// `has(a.b)`: the last field may be absent and what has it may be null; what is before it is checked.
    fn has(&mut self, inner: &Expr) {
        match &inner.kind {
            ExprKind::Field { base, name, .. } => {
                self.reads_field(base, name);
                self.expr(base);
            }
            ExprKind::Index { base, index, .. } => {
                self.expr(base);
                self.expr(index);
            }
            _ => {
                self.expr(inner);
            }
        }
    }

    /// In a strict check: tells of a value whose type is not known, where one is asked for.
    pub fn known(&mut self, expr: &Expr, ty: &Type, what: &str) {
        // What could not be read, and what is told of, has no type either.
        if self.strict && *ty == Type::Any && !crate::lang::unread::has_unread(expr) && !self.told_within(expr) {
            let message = format!("the type of this is not known, and {what}");
            self.tell(Diagnostic::warning(NOT_KNOWN, message, expr.span).help(NOT_KNOWN_HELP));
        }
    }

    /// Whether something inside of an expression is told of.
    fn told_within(&self, expr: &Expr) -> bool {
        let inside = |one: &Diagnostic| {
            let first = one.labels.first();
            first.is_some_and(|label| label.span.start >= expr.span.start && label.span.end <= expr.span.end)
        };
        self.diagnostics.iter().rev().take(16).any(inside)
    }
}
