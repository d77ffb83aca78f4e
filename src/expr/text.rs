//! Values as text: in templates, in messages, and their type's name.

use super::eval::Budget;
use super::fault::Fault;
use super::{Timestamp, Value, duration_text};

/// The name of a value's type, as `type(value)` gives it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Num(_) => "number",
        Value::Str(_) => "string",
        Value::Duration(_) => "duration",
        Value::Timestamp(_) => "timestamp",
        Value::List(_) => "list",
        Value::Map(_) => "map",
    }
}

/// A value in a message: `text "ab"`, `the int 3`, `a list of 2`.
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Int(int) => format!("the int {int}"),
        Value::Num(num) => format!("the number {}", num_text(*num)),
        Value::Str(text) => format!("text {}", quoted(text)),
        Value::Duration(micros) => format!("the duration {}", duration_text(*micros)),
        Value::Timestamp(micros) => format!("the timestamp {}", Timestamp(*micros)),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Map(_) => "an object".to_owned(),
    }
}

/// Text in quotes, cut where it is long.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 32;
    let mut quoted = String::from('"');
    let mut chars = text.chars();
    for char in chars.by_ref().take(SHOWN) {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            control if control.is_control() => quoted.extend(control.escape_default()),
            other => quoted.push(other),
        }
    }
    quoted.push_str(if chars.next().is_some() { "\"…" } else { "\"" });
    quoted
}

/// A double as text: the shortest that reads back as the same number, without `.0`.
pub fn num_text(num: f64) -> String {
    let size = num.abs();
    if num == 0.0 {
        "0".to_owned()
    } else if (1e-7..1e21).contains(&size) {
        num.to_string()
    } else {
        format!("{num:e}")
    }
}

/// Writes a value as a template shows it: text as it is, numbers and times as they are written, lists and objects as JSON.
pub(super) fn write_text(value: &Value, out: &mut String, budget: &mut Budget) -> Result<(), Fault> {
    budget.charge(1)?;
    let small = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Num(num) => num_text(*num),
        Value::Str(text) => return push_text(out, text, budget),
        Value::Duration(micros) => duration_text(*micros),
        Value::Timestamp(micros) => Timestamp(*micros).to_string(),
        Value::List(_) | Value::Map(_) => json_text(value, budget)?,
    };
    push_text(out, &small, budget)
}

/// Adds text to text, within the limits.
pub(super) fn push_text(out: &mut String, more: &str, budget: &mut Budget) -> Result<(), Fault> {
    budget.charge_grow(out.len(), more.len())?;
    out.push_str(more);
    Ok(())
}

/// A value as JSON text, paid for before it is written: shared parts may make it far larger than what it is made of.
pub(super) fn json_text(value: &Value, budget: &mut Budget) -> Result<String, Fault> {
    let bytes = super::size::check_result(value, budget.max_bytes)?;
    budget.charge(bytes / 16)?;
    serde_json::to_string(value).map_err(|error| Fault::wrong(format!("no JSON can be made of it: {error}")))
}
