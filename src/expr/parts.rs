//! The parts that an expression is made of, and the names that it reads.

use super::{Expr, ExprKind, ListItem, ObjectEntry, TemplatePart};

/// Calls `$visit` with each direct part of a `kind`, in the order written: by reference, or to change it.
macro_rules! visit_parts {
    ($kind:expr, $visit:ident, $iter:ident, $as_deref:ident) => {
        match $kind {
            ExprKind::Literal(_) | ExprKind::Name(_) => {}
            ExprKind::Field { base, .. } | ExprKind::Has(base) => $visit(base),
            ExprKind::Index { base, index, .. } => {
                $visit(base);
                $visit(index);
            }
            ExprKind::List(items) => {
                items.$iter().for_each(|(ListItem::Item(item) | ListItem::Spread(item))| $visit(item));
            }
            ExprKind::Object(entries) => entries
                .$iter()
                .for_each(|(ObjectEntry::Field { value, .. } | ObjectEntry::Spread(value))| $visit(value)),
            ExprKind::Unary { operand, .. } => $visit(operand),
            ExprKind::Binary { left, right, .. } => {
                $visit(left);
                $visit(right);
            }
            ExprKind::Conditional { test, then, otherwise } => {
                $visit(test);
                $visit(then);
                $visit(otherwise);
            }
            ExprKind::Call { receiver, args, .. } => receiver.$as_deref().into_iter().chain(args).for_each($visit),
            ExprKind::Macro { list, filter, body, .. } => {
                $visit(list);
                filter.$as_deref().into_iter().for_each(&mut *$visit);
                $visit(body);
            }
            ExprKind::Template(parts) => parts.$iter().for_each(|part| {
                if let TemplatePart::Expr(part) = part {
                    $visit(part);
                }
            }),
        }
    };
}

impl Expr {
    /// Calls `visit` with each direct part, in the order written.
    pub fn each_part<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit_parts!(&self.kind, visit, iter, as_deref);
    }

    /// Calls `visit` with each direct part, in the order written, to change it.
    pub fn each_part_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        visit_parts!(&mut self.kind, visit, iter_mut, as_deref_mut);
    }

    /// Calls `visit` with each name that is read, the variables of macros among them.
    pub fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a std::sync::Arc<str>)) {
        match &self.kind {
            ExprKind::Name(name) => visit(name),
            _ => self.each_part(&mut |part| part.each_name(visit)),
        }
    }

    /// Whether the root name `name` is read, where no macro's variable hides it.
    pub fn reads(&self, name: &str) -> bool {
        match &self.kind {
            ExprKind::Name(read) => &**read == name,
            ExprKind::Macro { list, var, .. } if &**var == name => list.reads(name),
            _ => {
                let mut found = false;
                self.each_part(&mut |part| found = found || part.reads(name));
                found
            }
        }
    }
}
