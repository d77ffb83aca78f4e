//! What stands for an expression that could not be read. That has been told of, so nothing more is said of it.

use crate::expr::{Expr, ExprKind, Span};

/// The expression that stands for one that could not be read.
pub fn unread(span: Span) -> Expr {
    Expr::new(ExprKind::Template(Vec::new()), span)
}

/// Whether something in the expression could not be read.
pub fn has_unread(expr: &Expr) -> bool {
    let mut found = matches!(&expr.kind, ExprKind::Template(parts) if parts.is_empty());
    expr.each_part(&mut |part| found = found || has_unread(part));
    found
}
