//! Operators on values: arithmetic, comparison, equality, membership.
//!
//! Invariant: a number that comes out is finite, for values are JSON; what overflows is an error.

use std::cmp::Ordering;
use std::sync::Arc;

use super::eval::{Budget, price};
use super::fault::Fault;
use super::text::{describe, push_text};
use super::{BinaryOp, Map, Value};

/// The first and the last moment there is, in microseconds: the years 1 to 9999, as in CEL.
pub(super) const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// `left op right`, for the operators that look at both.
pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    match op {
        BinaryOp::Eq => equals(left, right, budget).map(Value::Bool),
        BinaryOp::Ne => equals(left, right, budget).map(|same| Value::Bool(!same)),
        BinaryOp::Lt => compare(left, right, budget).map(|order| Value::Bool(order.is_lt())),
        BinaryOp::Le => compare(left, right, budget).map(|order| Value::Bool(order.is_le())),
        BinaryOp::Gt => compare(left, right, budget).map(|order| Value::Bool(order.is_gt())),
        BinaryOp::Ge => compare(left, right, budget).map(|order| Value::Bool(order.is_ge())),
        BinaryOp::In => contains(right, left, budget).map(Value::Bool),
        BinaryOp::Add => add(left, right, budget),
        BinaryOp::Sub => subtract(left, right),
        BinaryOp::Mul => multiply(left, right),
        BinaryOp::Div => divide(left, right),
        BinaryOp::Rem => remainder(left, right),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Coalesce => {
            Err(Fault::wrong("an operator that decides by its left side alone"))
        }
    }
}

/// `-value`.
pub(super) fn negate(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Num(num) => Ok(Value::Num(-num)),
        Value::Duration(micros) => micros.checked_neg().map(Value::Duration).ok_or_else(overflow),
        other => Err(Fault::wrong(format!("`-` takes a number or a duration, and this is {}", describe(other)))),
    }
}

/// Equality as `==` has it, paid for by what is looked at.
pub(super) fn equals(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => {
            budget.charge_text(a.len().min(b.len()))?;
            Ok(a == b)
        }
        (Value::List(a), Value::List(b)) => {
            if Arc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            budget.charge(a.len())?;
            all(a.iter().zip(b.iter()), |(a, b)| equals(a, b, budget))
        }
        (Value::Map(a), Value::Map(b)) => {
            if Arc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            budget.charge(a.keys().map(|key| price::entry(key)).sum())?;
            all(a.iter(), |(key, value)| b.get(key).map_or(Ok(false), |other| equals(value, other, budget)))
        }
        _ => Ok(left == right),
    }
}

fn all<T>(items: impl Iterator<Item = T>, mut test: impl FnMut(T) -> Result<bool, Fault>) -> Result<bool, Fault> {
    for item in items {
        if !test(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values of a kind that has one.
pub(super) fn compare(left: &Value, right: &Value, budget: &mut Budget) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Ok(a.cmp(b)),
        (Value::Num(a), Value::Num(b)) => a.partial_cmp(b).ok_or_else(not_finite),
        (Value::Int(a), Value::Num(b)) => compare_int_num(*a, *b),
        (Value::Num(a), Value::Int(b)) => compare_int_num(*b, *a).map(Ordering::reverse),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Str(a), Value::Str(b)) => {
            budget.charge_text(a.len().min(b.len()))?;
            Ok(a.cmp(b))
        }
        (Value::Null, _) | (_, Value::Null) => {
            Err(Fault::wrong("null has no order: give it a value with `??` before comparing"))
        }
        _ => Err(Fault::wrong(format!("cannot compare {} with {}", describe(left), describe(right)))),
    }
}

/// Exact, also where the integer has no double of its own.
#[allow(clippy::cast_possible_truncation, reason = "in range by the comparisons before")]
fn compare_int_num(int: i64, num: f64) -> Result<Ordering, Fault> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if num.is_nan() {
        return Err(not_finite());
    }
    if num >= END {
        return Ok(Ordering::Less);
    }
    if num < -END {
        return Ok(Ordering::Greater);
    }
    let by_fraction = 0.0_f64.partial_cmp(&num.fract()).unwrap_or(Ordering::Equal);
    Ok(int.cmp(&(num.trunc() as i64)).then(by_fraction))
}

/// `item in container`: an item of a list, or a key of an object.
pub(super) fn contains(container: &Value, item: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    match container {
        Value::List(items) => {
            for candidate in items.iter() {
                budget.charge(1)?;
                if equals(candidate, item, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(_) => {
            let Some(key) = item.as_str() else { return Ok(false) };
            budget.charge_text(key.len())?;
            Ok(container.get(key).is_some())
        }
        Value::Str(_) => Err(Fault::wrong("`in` looks in a list or an object; for text use `contains`")),
        Value::Null => Err(Fault::wrong("`in` looks in a list or an object, and this is null: write `?? []`")),
        other => Err(Fault::wrong(format!("`in` looks in a list or an object, and this is {}", describe(other)))),
    }
}

/// `left + right`.
pub(super) fn add(left: &Value, right: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int).ok_or_else(overflow),
        (Value::Duration(a), Value::Duration(b)) => a.checked_add(*b).map(Value::Duration).ok_or_else(overflow),
        (Value::Timestamp(at), Value::Duration(by)) | (Value::Duration(by), Value::Timestamp(at)) => {
            timestamp(at.checked_add(*by))
        }
        (Value::Str(a), Value::Str(b)) => {
            budget.charge_grow(0, a.len() + b.len())?;
            let mut text = String::with_capacity(a.len() + b.len());
            text.push_str(a);
            push_text(&mut text, b, budget)?;
            Ok(Value::str(text))
        }
        (Value::List(a), Value::List(b)) => {
            budget.charge(a.len() + b.len())?;
            Ok(Value::list(a.iter().chain(b.iter()).cloned().collect()))
        }
        (Value::Map(a), Value::Map(b)) => merge(a, b, budget),
        (Value::Str(_), _) | (_, Value::Str(_)) => Err(Fault::wrong(format!(
            "cannot add {} and {}: to make text of both, write a template such as `\"${{a}}${{b}}\"`",
            describe(left),
            describe(right)
        ))),
        _ => doubles(left, right, "add", "and", |a, b| a + b),
    }
}

/// The entries of both objects; where both have a key, the second's.
pub(super) fn merge(a: &Arc<Map>, b: &Arc<Map>, budget: &mut Budget) -> Result<Value, Fault> {
    budget.charge(2 * a.len() + b.keys().map(|key| price::entry(key)).sum::<usize>())?;
    let mut map = Map::clone(a);
    map.extend(b.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(Value::map(map))
}

fn subtract(left: &Value, right: &Value) -> Result<Value, Fault> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_sub(*b).map(Value::Int).ok_or_else(overflow),
        (Value::Duration(a), Value::Duration(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => {
            a.checked_sub(*b).map(Value::Duration).ok_or_else(overflow)
        }
        (Value::Timestamp(at), Value::Duration(by)) => timestamp(at.checked_sub(*by)),
        _ => doubles(left, right, "subtract", "from", |a, b| a - b),
    }
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Fault> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_mul(*b).map(Value::Int).ok_or_else(overflow),
        (Value::Duration(micros), Value::Int(by)) | (Value::Int(by), Value::Duration(micros)) => {
            micros.checked_mul(*by).map(Value::Duration).ok_or_else(overflow)
        }
        (Value::Duration(micros), Value::Num(by)) | (Value::Num(by), Value::Duration(micros)) => {
            to_int(to_double(*micros) * by).map(Value::Duration)
        }
        _ => doubles(left, right, "multiply", "by", |a, b| a * b),
    }
}

fn divide(left: &Value, right: &Value) -> Result<Value, Fault> {
    expect_nonzero(right)?;
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_div(*b).map(Value::Int).ok_or_else(overflow),
        (Value::Duration(a), Value::Int(b)) => a.checked_div(*b).map(Value::Duration).ok_or_else(overflow),
        (Value::Duration(a), Value::Num(b)) => to_int(to_double(*a) / b).map(Value::Duration),
        (Value::Duration(a), Value::Duration(b)) => finite(to_double(*a) / to_double(*b)),
        _ => doubles(left, right, "divide", "by", |a, b| a / b),
    }
}

fn remainder(left: &Value, right: &Value) -> Result<Value, Fault> {
    expect_nonzero(right)?;
    match (left, right) {
        // The one that overflows is `min % -1`, whose remainder is nothing.
        (Value::Int(a), Value::Int(b)) => Ok(Value::Int(a.wrapping_rem(*b))),
        (Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_rem(*b))),
        _ => doubles(left, right, "divide", "by", |a, b| a % b),
    }
}

fn expect_nonzero(divisor: &Value) -> Result<(), Fault> {
    match divisor {
        Value::Int(0) | Value::Duration(0) => Err(Fault::wrong("division by zero")),
        Value::Num(num) if *num == 0.0 => Err(Fault::wrong("division by zero")),
        _ => Ok(()),
    }
}

/// Arithmetic where one side or both are doubles.
fn doubles(left: &Value, right: &Value, verb: &str, word: &str, op: impl Fn(f64, f64) -> f64) -> Result<Value, Fault> {
    match (number(left), number(right)) {
        (Some(a), Some(b)) => finite(op(a, b)),
        _ if matches!(left, Value::Null) || matches!(right, Value::Null) => {
            Err(Fault::wrong(format!("cannot {verb} null: give it a value with `??`")))
        }
        _ if verb == "subtract" => {
            Err(Fault::wrong(format!("cannot {verb} {} {word} {}", describe(right), describe(left))))
        }
        _ => Err(Fault::wrong(format!("cannot {verb} {} {word} {}", describe(left), describe(right)))),
    }
}

/// A number as a double.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(int) => Some(to_double(*int)),
        Value::Num(num) => Some(*num),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "a double is what is asked for")]
pub(super) fn to_double(int: i64) -> f64 {
    int as f64
}

/// A double's whole part, where 64 bits hold it.
#[allow(clippy::cast_possible_truncation, reason = "in range by the comparison before")]
pub(super) fn to_int(num: f64) -> Result<i64, Fault> {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&num) {
        Ok(num as i64)
    } else {
        Err(overflow())
    }
}

/// A double that JSON can hold.
pub(super) fn finite(num: f64) -> Result<Value, Fault> {
    if num.is_finite() { Ok(Value::Num(num)) } else { Err(overflow()) }
}

/// A moment, where it is within the years 1 to 9999.
pub(super) fn timestamp(micros: Option<i64>) -> Result<Value, Fault> {
    match micros {
        Some(micros) if TIMESTAMPS.contains(&micros) => Ok(Value::Timestamp(micros)),
        _ => Err(Fault::wrong("the timestamp is outside of the years 1 to 9999")),
    }
}

pub(super) fn overflow() -> Fault {
    Fault::wrong("the result is too large")
}

fn not_finite() -> Fault {
    Fault::wrong("it is not a number")
}
