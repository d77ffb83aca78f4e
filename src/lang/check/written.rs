//! Expressions as a message shows them: paths and calls on them, nothing longer.

use crate::expr::{Expr, ExprKind, Value};

/// The longest that is shown.
const MAX_SHOWN: usize = 60;

/// The text of a path, as it is written; none where it is no path, or a long one.
pub fn written(expr: &Expr) -> Option<String> {
    let text = text(expr)?;
    (text.chars().count() <= MAX_SHOWN).then_some(text)
}

fn text(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Field { base, name, optional } => {
            Some(format!("{}{}{name}", text(base)?, if *optional { "?." } else { "." }))
        }
        ExprKind::Index { base, index, optional } => {
            let index = match &index.kind {
                ExprKind::Literal(Value::Int(at)) => at.to_string(),
                ExprKind::Literal(Value::Str(key)) => format!("{key:?}"),
                _ => text(index)?,
            };
            Some(format!("{}{}[{index}]", text(base)?, if *optional { "?." } else { "" }))
        }
        ExprKind::Call { function, receiver: Some(receiver), args, .. } if args.is_empty() => {
            Some(format!("{}.{function}()", text(receiver)?))
        }
        _ => None,
    }
}
