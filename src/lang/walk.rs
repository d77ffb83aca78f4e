//! Giving all of an expression one place.

use crate::expr::{Expr, ExprKind, ObjectEntry, Span};

/// Gives all of `expr` the place `span`: for text whose inner places are not known.
pub fn respan(expr: &mut Expr, span: Span) {
    expr.span = span;
    if let ExprKind::Call { name_span, .. } = &mut expr.kind {
        *name_span = span;
    }
    if let ExprKind::Object(entries) = &mut expr.kind {
        for entry in entries {
            if let ObjectEntry::Field { key_span, .. } = entry {
                *key_span = span;
            }
        }
    }
    expr.each_part_mut(&mut |part| respan(part, span));
}
