//! Functions of numbers.

use super::{Call, Function, both};
use crate::expr::fault::Fault;
use crate::expr::{Value, ops};

pub(super) const TABLE: &[Function] = &[
    both("abs", (0, 0), "abs(value: N) -> N").does("The value without its sign.", abs),
    both("round", (0, 1), "round(value: number) -> int or round(value: number, digits: int) -> number").does(
        "The nearest int, halves away from zero; with `digits` (0 to 15), the number of so many decimals.",
        round,
    ),
    both("floor", (0, 0), "floor(value: number) -> int")
        .does("The greatest int that is not greater.", |call| whole(call, f64::floor)),
    both("ceil", (0, 0), "ceil(value: number) -> int")
        .does("The least int that is not less.", |call| whole(call, f64::ceil)),
];

fn abs(call: &mut Call) -> Result<Value, Fault> {
    match call.arg(0) {
        Value::Int(int) => int.checked_abs().map(Value::Int).ok_or_else(ops::overflow),
        Value::Num(num) => Ok(Value::Num(num.abs())),
        Value::Duration(micros) => micros.checked_abs().map(Value::Duration).ok_or_else(ops::overflow),
        _ => Err(call.wrong(0, "a number or a duration")),
    }
}

fn whole(call: &mut Call, round: impl Fn(f64) -> f64) -> Result<Value, Fault> {
    match call.arg(0) {
        Value::Int(int) => Ok(Value::Int(*int)),
        Value::Num(num) => ops::to_int(round(*num)).map(Value::Int),
        _ => Err(call.wrong(0, "a number")),
    }
}

fn round(call: &mut Call) -> Result<Value, Fault> {
    if !call.has(1) {
        return whole(call, f64::round);
    }
    let digits = call.count(1)?;
    let Some(num) = ops::number(call.arg(0)) else { return Err(call.wrong(0, "a number")) };
    let Some(digits) = i32::try_from(digits).ok().filter(|digits| *digits <= 15) else {
        return Err(call.wrong(1, "digits from 0 to 15"));
    };
    let factor = 10_f64.powi(digits);
    let scaled = num * factor;
    // So large a number has no digits to round.
    if !scaled.is_finite() || scaled.abs() >= 9e15 {
        return Ok(Value::Num(num));
    }
    Ok(Value::Num(scaled.round() / factor))
}
