//! Conversions, and what type a value is of.

use super::{Call, Function, global, method};
use crate::expr::eval::Budget;
use crate::expr::fault::Fault;
use crate::expr::size::check_result;
use crate::expr::text::{describe, json_text, write_text};
use crate::expr::{Value, duration::read_duration, ops, parse_timestamp, type_name};

pub(super) const TABLE: &[Function] = &[
    global("int", (1, 1), "int(value: number | string | timestamp) -> int").does(
        "The whole part of a number, the int that a text is, or the seconds of a timestamp since 1970.",
        to_int,
    )
    .cost("O(n)", "bytes of text / 16"),
    global("number", (1, 1), "number(value: number | string) -> number")
        .does("The number that a text is; a number stays what it is.", to_number)
        .cost("O(n)", "bytes of text / 16"),
    global("double", (1, 1), "double(value: number | string) -> number").does(
        "The same as a double, so that dividing keeps the fraction.",
        |call| match to_number(call)? {
            Value::Int(int) => Ok(Value::Num(ops::to_double(int))),
            other => Ok(other),
        },
    )
    .cost("O(n)", "bytes of text / 16"),
    global("string", (1, 1), "string(value: any) -> string")
        .does("The value as a template shows it: lists and objects as JSON.", |call| {
            to_string(call.arg(0), call.budget)
        })
        .cost("O(n)", "1, and bytes of the result / 64; of JSON also / 16"),
    global("bool", (1, 1), "bool(value: bool | string) -> bool")
        .does("The bool that a text is: `true` or `false`, `t` or `f`, `1` or `0`.", |call| to_bool(call.arg(0))),
    global("duration", (1, 1), "duration(value: string | duration) -> duration")
        .does("The duration that a text such as `1h30m` is; as in CEL also `1.5h`, `-90.25s` or `1500000us`, finer parts cut.", to_duration)
        .cost("O(n)", "bytes of text / 16"),
    global("timestamp", (1, 1), "timestamp(value: string | int | timestamp) -> timestamp")
        .does("The timestamp that a text in RFC 3339 is, or seconds since 1970.", to_timestamp)
        .cost("O(n)", "4, and bytes of text / 16"),
    global("type", (1, 1), "type(value: any) -> string")
        .does("The name of the value's type: `null bool int number string duration timestamp list map`.", |call| {
            Ok(Value::str(type_name(call.arg(0))))
        }),
    global("parse_json", (1, 1), "parse_json(text: string) -> any")
        .aliases(&["json"])
        .does("The value that a text of JSON is.", parse_json)
        .cost("O(n)", "bytes of text / 2"),
    method("to_json", (0, 0), "any.to_json() -> string")
        .does("The value as JSON.", |call| json_text(call.arg(0), call.budget).map(Value::str))
        .cost("O(n)", "bytes of the result / 16"),
];

fn cannot(value: &Value, wanted: &str) -> Fault {
    Fault::wrong(format!("{} is not {wanted}", describe(value)))
}

/// What is converted; text is paid for.
fn given<'a>(call: &mut Call<'a>) -> Result<&'a Value, Fault> {
    let value = call.arg(0);
    if let Value::Str(text) = value {
        call.budget.charge_read(text.len())?;
    }
    Ok(value)
}

fn to_int(call: &mut Call) -> Result<Value, Fault> {
    let value = given(call)?;
    match value {
        Value::Int(int) => Ok(Value::Int(*int)),
        Value::Num(num) => ops::to_int(num.trunc()).map(Value::Int),
        Value::Str(text) => text.parse().map(Value::Int).map_err(|_| cannot(value, "an int")),
        Value::Timestamp(micros) => Ok(Value::Int(micros.div_euclid(1_000_000))),
        other => Err(cannot(other, "an int")),
    }
}

fn to_number(call: &mut Call) -> Result<Value, Fault> {
    let value = given(call)?;
    match value {
        Value::Int(_) | Value::Num(_) => Ok(value.clone()),
        Value::Str(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(int), _) => Ok(Value::Int(int)),
            // `inf` and `NaN` parse too, but are no numbers of JSON.
            (_, Ok(num)) if num.is_finite() => Ok(Value::Num(num)),
            _ => Err(cannot(value, "a number")),
        },
        other => Err(cannot(other, "a number")),
    }
}

fn to_string(value: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    if let Value::Str(text) = value {
        return Ok(Value::Str(text.clone()));
    }
    let mut text = String::new();
    write_text(value, &mut text, budget)?;
    Ok(Value::str(text))
}

fn to_bool(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Bool(bool) => Ok(Value::Bool(*bool)),
        Value::Str(text) => match &**text {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(cannot(value, "true or false")),
        },
        other => Err(cannot(other, "true or false")),
    }
}

fn to_duration(call: &mut Call) -> Result<Value, Fault> {
    let value = given(call)?;
    let parsed = match value {
        Value::Duration(micros) => Some(*micros),
        Value::Str(text) => read_duration(text),
        _ => None,
    };
    parsed.map(Value::Duration).ok_or_else(|| cannot(value, "a duration such as `1h30m`"))
}

fn to_timestamp(call: &mut Call) -> Result<Value, Fault> {
    call.budget.charge(4)?;
    let value = given(call)?;
    match value {
        Value::Timestamp(micros) => Ok(Value::Timestamp(*micros)),
        Value::Int(seconds) => ops::timestamp(seconds.checked_mul(1_000_000)),
        Value::Str(text) => parse_timestamp(text)
            .map(Value::Timestamp)
            .ok_or_else(|| cannot(value, "a timestamp such as `2030-01-31T12:00:00Z`")),
        other => Err(cannot(other, "a timestamp such as `2030-01-31T12:00:00Z`")),
    }
}

fn parse_json(call: &mut Call) -> Result<Value, Fault> {
    let text = call.text(0)?;
    call.budget.charge(text.len() / 2)?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| Fault::wrong(format!("the text is not JSON: {error}")))?;
    check_result(&value, call.budget.max_bytes.saturating_mul(2))?;
    Ok(value)
}
