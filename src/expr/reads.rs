//! Which names an expression reads.

use super::{Expr, ExprKind, ListItem, ObjectEntry, TemplatePart};

impl Expr {
    /// Whether the root name `name` is read anywhere within (a variable of a macro may hide it; then this says so all the same).
    pub fn reads(&self, name: &str) -> bool {
        match &self.kind {
            ExprKind::Name(read) => &**read == name,
            _ => self.parts().into_iter().any(|part| part.reads(name)),
        }
    }

    /// The expressions that this one is made of.
    pub fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) => Vec::new(),
            ExprKind::Field { base, .. } => vec![base],
            ExprKind::Index { base, index, .. } => vec![base, index],
            ExprKind::List(items) => items.iter().map(|(ListItem::Item(expr) | ListItem::Spread(expr))| expr).collect(),
            ExprKind::Object(entries) => entries.iter().map(entry_value).collect(),
            ExprKind::Unary { operand, .. } | ExprKind::Has(operand) => vec![operand],
            ExprKind::Binary { left, right, .. } => vec![left, right],
            ExprKind::Conditional { test, then, otherwise } => vec![test, then, otherwise],
            ExprKind::Call { receiver, args, .. } => receiver.as_deref().into_iter().chain(args).collect(),
            ExprKind::Macro { list, filter, body, .. } => {
                [Some(&**list), filter.as_deref(), Some(&**body)].into_iter().flatten().collect()
            }
            ExprKind::Template(parts) => parts.iter().filter_map(template_expr).collect(),
        }
    }
}

fn entry_value(entry: &ObjectEntry) -> &Expr {
    match entry {
        ObjectEntry::Field { value, .. } | ObjectEntry::Spread(value) => value,
    }
}

fn template_expr(part: &TemplatePart) -> Option<&Expr> {
    match part {
        TemplatePart::Text(_) => None,
        TemplatePart::Expr(expr) => Some(expr),
    }
}
