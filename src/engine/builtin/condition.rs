//! `conditional`: an expression, or `{ field, operator, value }` over `data` and `all`, `any`, `not` of these.

use std::cmp::Ordering;

use crate::expr::{BinaryOp, Expr, ExprKind, Span, Value};
use crate::plan::{Condition, Operator};

use super::super::scope::Names;
use super::super::{StepError, code};
use super::path;

/// Whether a condition holds.
pub(super) fn holds(names: &Names<'_>, condition: &Condition) -> Result<bool, StepError> {
    match condition {
        Condition::Expr(expr) => names.truth(expr),
        Condition::All(all) => {
            for condition in all {
                if !holds(names, condition)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Any(any) => {
            for condition in any {
                if holds(names, condition)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(condition) => Ok(!holds(names, condition)?),
        Condition::Test { field, operator, value } => {
            let data = names.data.clone().unwrap_or_default();
            let value = value.as_ref().map(|value| names.value(value)).transpose()?.unwrap_or_default();
            let found = path::get(&data, field);
            test(names, found, *operator, &value).map_err(|error| StepError {
                message: format!("the condition on `{}`: {}", path::text(field), error.message),
                ..error
            })
        }
    }
}

/// A test of what was found; nothing is like null there: it passes `ne`, `not_in` and `not_exists` alone.
fn test(names: &Names<'_>, found: Option<&Value>, operator: Operator, value: &Value) -> Result<bool, StepError> {
    let found = found.unwrap_or(&Value::Null);
    if matches!(found, Value::Null) && !matches!(operator, Operator::Eq | Operator::Ne) {
        return Ok(matches!(operator, Operator::NotExists | Operator::NotIn));
    }
    match operator {
        Operator::Exists => Ok(true),
        Operator::NotExists => Ok(false),
        Operator::Eq => Ok(found == value),
        Operator::Ne => Ok(found != value),
        Operator::Gt => Ok(order(names, found, value)? == Ordering::Greater),
        Operator::Gte => Ok(order(names, found, value)? != Ordering::Less),
        Operator::Lt => Ok(order(names, found, value)? == Ordering::Less),
        Operator::Lte => Ok(order(names, found, value)? != Ordering::Greater),
        Operator::In => Ok(members(value)?.contains(found)),
        Operator::NotIn => Ok(!members(value)?.contains(found)),
        Operator::Contains => match (found, value) {
            (Value::List(list), value) => Ok(list.contains(value)),
            (Value::Map(map), Value::Str(key)) => Ok(map.contains_key(key)),
            _ => texts(found, value).map(|(found, value)| found.contains(value)),
        },
        Operator::StartsWith => texts(found, value).map(|(found, value)| found.starts_with(value)),
        Operator::EndsWith => texts(found, value).map(|(found, value)| found.ends_with(value)),
        Operator::Matches => matches(names, found, value),
    }
}

/// The order of two values, as the language's own `<` has it.
fn order(names: &Names<'_>, left: &Value, right: &Value) -> Result<Ordering, StepError> {
    let is = |op| names.truth(&binary(op, left, right));
    if is(BinaryOp::Lt)? {
        return Ok(Ordering::Less);
    }
    Ok(if is(BinaryOp::Gt)? { Ordering::Greater } else { Ordering::Equal })
}

fn binary(op: BinaryOp, left: &Value, right: &Value) -> Expr {
    let literal = |value: &Value| Box::new(Expr::literal(value.clone(), Span::default()));
    Expr::new(ExprKind::Binary { op, left: literal(left), right: literal(right) }, Span::default())
}

/// By the language's own `matches`, whose patterns take linear time.
fn matches(names: &Names<'_>, found: &Value, pattern: &Value) -> Result<bool, StepError> {
    let literal = |value: &Value| Expr::literal(value.clone(), Span::default());
    let call = ExprKind::Call {
        function: "matches".into(),
        name_span: Span::default(),
        receiver: Some(Box::new(literal(found))),
        args: vec![literal(pattern)],
    };
    names.truth(&Expr::new(call, Span::default()))
}

fn members(value: &Value) -> Result<&[Value], StepError> {
    match value {
        Value::List(list) => Ok(list),
        _ => Err(StepError::fatal(code::CONFIG, "`in` and `not_in` take a list as `value`")),
    }
}

fn texts<'a>(found: &'a Value, value: &'a Value) -> Result<(&'a str, &'a str), StepError> {
    match (found.as_str(), value.as_str()) {
        (Some(found), Some(value)) => Ok((found, value)),
        _ => Err(StepError::fatal(code::CONFIG, "both sides must be text here")),
    }
}
