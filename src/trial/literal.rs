//! Values as the language writes them.

use crate::expr::{Map, Value, num_text};

/// A value as it is written in the language.
pub fn literal(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Int(int) => text.push_str(&int.to_string()),
        Value::Num(num) => text.push_str(&num_text(*num)),
        Value::Str(content) => quote(text, content),
        Value::List(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                write(text, item);
            }
            text.push(']');
        }
        Value::Map(map) => write_map(text, map),
        // Times travel as text, and are text here too.
        time => write(text, &Value::from_json(time.to_json())),
    }
}

fn write_map(text: &mut String, map: &Map) {
    if map.is_empty() {
        return text.push_str("{}");
    }
    text.push_str("{ ");
    for (at, (key, value)) in map.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { ", " });
        if is_bare(key) {
            text.push_str(key)
        } else {
            quote(text, key)
        }
        text.push_str(": ");
        write(text, value);
    }
    text.push_str(" }");
}

/// Whether a key needs no quotes.
fn is_bare(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Text in quotes, in which nothing is an expression.
pub(super) fn quote(text: &mut String, content: &str) {
    text.push('"');
    for (at, char) in content.char_indices() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' if content[at + 1..].starts_with('{') => text.push_str("$$"),
            char if char.is_control() => text.push_str(&format!("\\u{{{:x}}}", u32::from(char))),
            char => text.push(char),
        }
    }
    text.push('"');
}
