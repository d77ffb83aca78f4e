//! What is known of an expression before anything runs: constants, and what policies mean by them.

use std::borrow::Cow;

use crate::expr::{Budget, EvalError, Expr, ExprKind, Scope, Value, evaluate};

/// The names that stand where there are none.
struct Nothing;

impl Scope for Nothing {
    fn lookup(&self, _name: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

/// Whether the expression reads no name but the variables of its own macros.
pub fn is_constant(expr: &Expr) -> bool {
    closed(expr, &mut Vec::new())
}

fn closed<'a>(expr: &'a Expr, bound: &mut Vec<&'a str>) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => bound.contains(&&**name),
        // What could not be read has no value.
        ExprKind::Template(parts) if parts.is_empty() => false,
        ExprKind::Macro { list, var, filter, body, .. } => {
            if !closed(list, bound) {
                return false;
            }
            bound.push(var);
            let inner = filter.as_deref().is_none_or(|filter| closed(filter, bound)) && closed(body, bound);
            bound.pop();
            inner
        }
        _ => {
            let mut all = true;
            expr.each_part(&mut |part| all = all && closed(part, bound));
            all
        }
    }
}

/// The value of a constant expression; none where it reads a name.
pub fn constant(expr: &Expr) -> Option<Result<Value, EvalError>> {
    if let ExprKind::Literal(value) = &expr.kind {
        return Some(Ok(value.clone()));
    }
    is_constant(expr).then(|| evaluate(expr, &Nothing, &mut Budget { steps: 100_000, ..Budget::default() }))
}

/// The value of a constant expression that has one.
pub fn constant_value(expr: &Expr) -> Option<Value> {
    constant(expr)?.ok()
}

/// The text of a constant expression.
pub fn constant_text(expr: &Expr) -> Option<std::sync::Arc<str>> {
    match constant_value(expr)? {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// A length of time in milliseconds, at least one where it is more than nothing.
pub fn duration_ms(expr: &Expr) -> Option<u64> {
    match constant_value(expr)? {
        Value::Duration(micros) => u64::try_from(micros).ok().map(|micros| micros.div_ceil(1_000)),
        _ => None,
    }
}

/// A count from nothing up.
pub fn count(expr: &Expr) -> Option<u32> {
    match constant_value(expr)? {
        Value::Int(count) => u32::try_from(count).ok(),
        _ => None,
    }
}

/// A number.
#[allow(clippy::cast_precision_loss, reason = "a factor is small")]
pub fn number(expr: &Expr) -> Option<f64> {
    match constant_value(expr)? {
        Value::Int(int) => Some(int as f64),
        Value::Num(number) => Some(number),
        _ => None,
    }
}
