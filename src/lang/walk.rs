//! Walking an expression: its parts, and giving all of it one place.

use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, Span, TemplatePart};

/// Calls `visit` with each direct part of `expr`, to change it.
pub fn each_part_mut(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr)) {
    match &mut expr.kind {
        ExprKind::Literal(_) | ExprKind::Name(_) => {}
        ExprKind::Field { base, .. } | ExprKind::Has(base) => visit(base),
        ExprKind::Index { base, index, .. } => {
            visit(base);
            visit(index);
        }
        ExprKind::List(items) => {
            items.iter_mut().for_each(|(ListItem::Item(item) | ListItem::Spread(item))| visit(item));
        }
        ExprKind::Object(entries) => {
            entries.iter_mut().for_each(|(ObjectEntry::Field { value, .. } | ObjectEntry::Spread(value))| visit(value))
        }
        ExprKind::Unary { operand, .. } => visit(operand),
        ExprKind::Binary { left, right, .. } => {
            visit(left);
            visit(right);
        }
        ExprKind::Conditional { test, then, otherwise } => {
            visit(test);
            visit(then);
            visit(otherwise);
        }
        ExprKind::Call { receiver, args, .. } => receiver.as_deref_mut().into_iter().chain(args).for_each(visit),
        ExprKind::Macro { list, filter, body, .. } => {
            visit(list);
            filter.as_deref_mut().into_iter().for_each(&mut *visit);
            visit(body);
        }
        ExprKind::Template(parts) => parts.iter_mut().for_each(|part| {
            if let TemplatePart::Expr(part) = part {
                visit(part);
            }
        }),
    }
}

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
    each_part_mut(expr, &mut |part| respan(part, span));
}
