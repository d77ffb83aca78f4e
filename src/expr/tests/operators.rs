//! Arithmetic, comparison and equality.

use BinaryOp::*;
use serde_json::json;

use super::build::*;
use crate::expr::{BinaryOp, ExprKind, UnaryOp, Value, parse_timestamp};

fn run(left: impl Into<Lit>, op: BinaryOp, right: impl Into<Lit>) -> Result<Value, String> {
    eval(&binary(lit(left), op, lit(right))).map_err(|error| error.message)
}

fn refusal(left: impl Into<Lit>, op: BinaryOp, right: impl Into<Lit>) -> String {
    run(left, op, right).unwrap_err()
}

/// Holds, and its type too: `==` alone does not tell an int from a number.
fn gives(found: Result<Value, String>, expected: Value) {
    assert_eq!(format!("{found:?}"), format!("{:?}", Ok::<_, String>(expected)));
}

fn json(value: serde_json::Value) -> Value {
    Value::from_json(value)
}

fn timestamp(text: &str) -> Value {
    Value::Timestamp(parse_timestamp(text).unwrap())
}

#[test]
fn ints_stay_ints_and_mix_with_numbers() {
    gives(run(7, Add, 3), Value::Int(10));
    gives(run(7, Div, 2), Value::Int(3));
    gives(run(-7, Div, 2), Value::Int(-3));
    gives(run(-7, Rem, 2), Value::Int(-1));
    gives(run(1, Mul, 1.5), Value::Num(1.5));
    gives(run(7, Div, 2.0), Value::Num(3.5));
    gives(run(7.5, Rem, 2), Value::Num(1.5));
    gives(run(0.5, Sub, 1), Value::Num(-0.5));
}

#[test]
fn what_overflows_is_an_error() {
    let too_large = "the result is too large";
    assert_eq!(refusal(i64::MAX, Add, 1), too_large);
    assert_eq!(refusal(i64::MIN, Sub, 1), too_large);
    assert_eq!(refusal(i64::MAX, Mul, 2), too_large);
    assert_eq!(refusal(i64::MIN, Div, -1), too_large);
    gives(run(i64::MIN, Rem, -1), Value::Int(0));
    assert_eq!(refusal(1e308, Mul, 10), too_large);
    assert_eq!(refusal(Value::Duration(i64::MAX), Add, Value::Duration(1)), too_large);
    assert_eq!(refusal(Value::Duration(i64::MAX), Mul, 2.5), too_large);
    let negated = |value: Value| error(&expr(ExprKind::Unary { op: UnaryOp::Negate, operand: Box::new(lit(value)) }));
    assert_eq!(negated(Value::Int(i64::MIN)), too_large);
    assert_eq!(negated(Value::str("a")), "`-` takes a number or a duration, and this is text \"a\"");
}

#[test]
fn nothing_is_divided_by_zero() {
    assert_eq!(refusal(1, Div, 0), "division by zero");
    assert_eq!(refusal(1.0, Div, 0.0), "division by zero");
    assert_eq!(refusal(1.0, Div, -0.0), "division by zero");
    assert_eq!(refusal(1, Rem, 0), "division by zero");
    assert_eq!(refusal(Value::Duration(1), Div, Value::Duration(0)), "division by zero");
}

#[test]
fn large_ints_and_numbers_are_compared_exactly() {
    let big = 9_007_199_254_740_993_i64;
    gives(run(big, Gt, 9_007_199_254_740_992.0), Value::Bool(true));
    gives(run(big, Eq, 9_007_199_254_740_992.0), Value::Bool(false));
    gives(run(i64::MAX, Lt, 9_223_372_036_854_775_808.0), Value::Bool(true));
    gives(run(i64::MIN, Ge, -9_223_372_036_854_775_808.0), Value::Bool(true));
    gives(run(i64::MIN, Gt, -1e300), Value::Bool(true));
    gives(run(-1, Gt, -1.5), Value::Bool(true));
    gives(run(1.5, Gt, 1), Value::Bool(true));
    gives(run(1, Le, 1.0), Value::Bool(true));
}

#[test]
fn only_what_is_alike_is_compared() {
    gives(run("a", Lt, "b"), Value::Bool(true));
    gives(run(false, Lt, true), Value::Bool(true));
    gives(run(Value::Duration(1), Lt, Value::Duration(2)), Value::Bool(true));
    assert_eq!(refusal(1, Lt, "2"), "cannot compare the int 1 with text \"2\"");
    assert_eq!(refusal(json(json!([1])), Lt, json(json!([2]))), "cannot compare a list of 1 with a list of 1");
    assert_eq!(refusal(Value::Null, Lt, 1), "null has no order: give it a value with `??` before comparing");
}

#[test]
fn equality_is_of_any_two_values() {
    gives(run(1, Eq, 1.0), Value::Bool(true));
    gives(run(1, Eq, "1"), Value::Bool(false));
    gives(run(Value::Null, Ne, 0), Value::Bool(true));
    gives(run(json(json!({"a": 1, "b": [2]})), Eq, json(json!({"b": [2.0], "a": 1}))), Value::Bool(true));
    gives(run(json(json!({"a": 1})), Eq, json(json!({"b": 1}))), Value::Bool(false));
    gives(run(json(json!([1, 2])), Ne, json(json!([1]))), Value::Bool(true));
}

#[test]
fn membership_is_of_items_and_keys() {
    gives(run(2.0, In, json(json!([1, 2]))), Value::Bool(true));
    gives(run("a", In, json(json!({"a": null}))), Value::Bool(true));
    gives(run(1, In, json(json!({"1": 1}))), Value::Bool(false));
    assert_eq!(refusal("a", In, "abc"), "`in` looks in a list or an object; for text use `contains`");
    assert_eq!(refusal(1, In, Value::Null), "`in` looks in a list or an object, and this is null: write `?? []`");
}

#[test]
fn texts_lists_and_objects_are_added() {
    gives(run("a", Add, "b"), Value::str("ab"));
    gives(run(json(json!([1])), Add, json(json!([2]))), json(json!([1, 2])));
    gives(run(json(json!({"a": 1, "b": 1})), Add, json(json!({"b": 2}))), json(json!({"a": 1, "b": 2})));
    assert_eq!(
        refusal("a", Add, 1),
        "cannot add text \"a\" and the int 1: to make text of both, write a template such as `\"${a}${b}\"`"
    );
    assert_eq!(refusal(Value::Null, Add, 1), "cannot add null: give it a value with `??`");
    assert_eq!(refusal(true, Sub, 1), "cannot subtract the int 1 from true");
}

#[test]
fn durations_and_timestamps_are_reckoned_with() {
    let (hour, minute) = (Value::Duration(3_600_000_000), Value::Duration(60_000_000));
    let (noon, one) = (timestamp("2030-01-31T12:00:00Z"), timestamp("2030-01-31T13:00:00Z"));
    gives(run(noon.clone(), Add, hour.clone()), one.clone());
    gives(run(hour.clone(), Add, noon.clone()), one.clone());
    gives(run(one.clone(), Sub, hour.clone()), noon.clone());
    gives(run(one.clone(), Sub, noon.clone()), hour.clone());
    gives(run(minute.clone(), Mul, 60), hour.clone());
    gives(run(1.5, Mul, minute.clone()), Value::Duration(90_000_000));
    gives(run(hour.clone(), Div, 60), minute.clone());
    gives(run(hour.clone(), Div, minute.clone()), Value::Num(60.0));
    gives(run(Value::Duration(90_000_000), Rem, minute.clone()), Value::Duration(30_000_000));
    gives(run(noon.clone(), Lt, one), Value::Bool(true));
    assert_eq!(
        refusal(noon.clone(), Add, noon.clone()),
        "cannot add the timestamp 2030-01-31T12:00:00Z and the timestamp 2030-01-31T12:00:00Z"
    );
    assert_eq!(refusal(noon, Add, Value::Duration(i64::MAX)), "the timestamp is outside of the years 1 to 9999");
}
