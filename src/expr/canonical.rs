//! Canonical JSON: one text for equal values, whatever the order of keys. Request hashes are over it.

use std::fmt::Write;

use super::text::num_text;
use super::{Timestamp, Value, duration_text};

/// A value as JSON text with the keys of objects in order of their characters, no spaces, and whole numbers without `.0`.
/// Values that are equal give the same text.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Value::Num(num) => write_num(*num, out),
        Value::Str(text) => write_str(text, out),
        Value::Duration(micros) => write_str(&duration_text(*micros), out),
        Value::Timestamp(micros) => write_str(&Timestamp(*micros).to_string(), out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_str(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// A double. One that is a whole number of 64 bits is written as that number, for it is equal to it.
#[allow(clippy::cast_possible_truncation, reason = "in range by the comparison before")]
fn write_num(num: f64, out: &mut String) {
    let whole = num.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&num);
    if whole {
        let _ = write!(out, "{}", num as i64);
    } else if num.is_finite() {
        out.push_str(&num_text(num));
    } else {
        out.push_str("null");
    }
}

fn write_str(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The bytes that text takes in JSON, without its quotes.
pub(super) fn escaped_len(text: &str) -> usize {
    let extra = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..32 => 5,
        _ => 0,
    };
    text.len() + text.as_bytes().iter().map(extra).sum::<usize>()
}
