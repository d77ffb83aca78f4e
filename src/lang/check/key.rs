//! Expressions as text, for telling whether two are the same.
//!
//! Names never change what they mean while a scope lasts, so the same expression gives the same value. What reads `data` or
//! `execution`, which do change, has no key.

use std::fmt::Write;

use crate::expr::{BinaryOp, Expr, ExprKind, ListItem, ObjectEntry, TemplatePart, UnaryOp, Value};

/// The longest key; what is longer is the same as nothing.
const MAX_KEY: usize = 400;

/// The text of an expression; two of one text have one value.
pub fn key(expr: &Expr) -> Option<String> {
    let mut out = String::new();
    write_key(expr, &mut out)?;
    Some(out)
}

/// What holds where `key` does not.
pub fn negated(key: &str) -> String {
    match key.strip_prefix('!') {
        Some(rest) => rest.to_owned(),
        None => format!("!{key}"),
    }
}

/// The text of a plain path: `a.b[0]`, whether or not it goes by `?.`.
pub fn path(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Field { base, name, .. } => Some(format!("{}.{name}", path(base)?)),
        ExprKind::Index { base, index, .. } => match &index.kind {
            ExprKind::Literal(Value::Int(at)) => Some(format!("{}[{at}]", path(base)?)),
            ExprKind::Literal(Value::Str(key)) => Some(format!("{}[{key:?}]", path(base)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The name at the root of a path.
pub fn root(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

fn write_key(expr: &Expr, out: &mut String) -> Option<()> {
    if out.len() > MAX_KEY {
        return None;
    }
    match &expr.kind {
        ExprKind::Literal(value) => out.push_str(&format!("{value:?}")),
        ExprKind::Name(name) if matches!(&**name, "data" | "execution") => return None,
        ExprKind::Name(name) => out.push_str(name),
        ExprKind::Field { base, name, optional } => {
            write_key(base, out)?;
            out.push_str(if *optional { "?." } else { "." });
            out.push_str(name);
        }
        ExprKind::Index { base, index, optional } => {
            write_key(base, out)?;
            out.push_str(if *optional { "?.[" } else { "[" });
            write_key(index, out)?;
            out.push(']');
        }
        ExprKind::Unary { op: UnaryOp::Not, operand } => {
            let inner = key(operand)?;
            out.push_str(&negated(&inner));
        }
        ExprKind::Unary { op: UnaryOp::Negate, operand } => {
            out.push_str("-(");
            write_key(operand, out)?;
            out.push(')');
        }
        ExprKind::Binary { op, left, right } => write_binary(*op, left, right, out)?,
        ExprKind::Call { function, receiver, args, .. } => {
            write!(out, "{function}(").ok()?;
            for part in receiver.as_deref().into_iter().chain(args) {
                write_key(part, out)?;
                out.push(',');
            }
            out.push(')');
        }
        ExprKind::Has(inner) => {
            out.push_str("has(");
            write_key(inner, out)?;
            out.push(')');
        }
        _ => write_parts(expr, out)?,
    }
    Some(())
}

fn write_binary(op: BinaryOp, left: &Expr, right: &Expr, out: &mut String) -> Option<()> {
    // `a != b` is the negation of `a == b`.
    let op = if op == BinaryOp::Ne {
        out.push('!');
        BinaryOp::Eq
    } else {
        op
    };
    out.push('(');
    write_key(left, out)?;
    write!(out, " {op:?} ").ok()?;
    write_key(right, out)?;
    out.push(')');
    Some(())
}

/// Forms that are seldom a condition: all that they are made of, in order.
fn write_parts(expr: &Expr, out: &mut String) -> Option<()> {
    match &expr.kind {
        ExprKind::List(items) => {
            out.push('[');
            for item in items {
                let (ListItem::Item(part) | ListItem::Spread(part)) = item;
                out.push_str(if matches!(item, ListItem::Spread(_)) { "..." } else { "" });
                write_key(part, out)?;
                out.push(',');
            }
            out.push(']');
        }
        ExprKind::Object(entries) => {
            out.push('{');
            for entry in entries {
                match entry {
                    ObjectEntry::Field { key, value, .. } => {
                        write!(out, "{key:?}:").ok()?;
                        write_key(value, out)?;
                    }
                    ObjectEntry::Spread(part) => {
                        out.push_str("...");
                        write_key(part, out)?;
                    }
                }
                out.push(',');
            }
            out.push('}');
        }
        ExprKind::Template(parts) => {
            out.push('"');
            for part in parts {
                match part {
                    TemplatePart::Text(text) => write!(out, "{text:?}").ok()?,
                    TemplatePart::Expr(part) => write_key(part, out)?,
                }
                out.push('~');
            }
        }
        ExprKind::Macro { kind, list, var, filter, body } => {
            write!(out, "{kind:?}(").ok()?;
            write_key(list, out)?;
            write!(out, " as {var}:").ok()?;
            for part in filter.as_deref().into_iter().chain([&**body]) {
                out.push(',');
                write_key(part, out)?;
            }
            out.push(')');
        }
        ExprKind::Conditional { test, then, otherwise } => {
            for part in [test, then, otherwise] {
                write_key(part, out)?;
                out.push('?');
            }
        }
        _ => return None,
    }
    Some(())
}
