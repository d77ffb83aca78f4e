//! A draft made through the JSON API as text in the flat notation, so that it compiles like any other source.
//!
//! Strings of a configuration keep their `${}`, as the flat notation reads them; names, descriptions and metadata are
//! plain text, and what looks like an expression in them is escaped. Null, which TOML does not have, is `"${null}"`.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

/// A draft: what the JSON API was told.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The workflow's name.
    pub name: &'a str,
    /// What it is for.
    pub description: Option<&'a str>,
    /// The labels.
    pub metadata: Option<&'a Map<String, Json>>,
    /// The steps, in order.
    pub steps: &'a [DraftStep<'a>],
}

/// A step of a draft.
#[derive(Clone, Copy, Debug)]
pub struct DraftStep<'a> {
    /// Its name.
    pub name: &'a str,
    /// The task type.
    pub task_type: &'a str,
    /// The configuration: an object.
    pub config: &'a Json,
    /// The time-out of an attempt, in seconds.
    pub timeout_seconds: Option<i64>,
    /// Further attempts after the first.
    pub max_retries: Option<i64>,
}

/// The text of a draft in the flat notation.
pub fn render_draft(draft: &Draft<'_>) -> String {
    let mut text = String::new();
    entry(&mut text, "name", |text| string(text, draft.name));
    if let Some(description) = draft.description {
        entry(&mut text, "description", |text| string(text, &plain(description)));
    }
    if let Some(metadata) = draft.metadata.filter(|metadata| !metadata.is_empty()) {
        text.push_str("\n[metadata]\n");
        for (name, json) in metadata {
            entry(&mut text, name, |text| value(text, &escaped(json)));
        }
    }
    for step in draft.steps {
        render_step(&mut text, step);
    }
    text
}

fn render_step(text: &mut String, step: &DraftStep<'_>) {
    text.push_str("\n[[step]]\n");
    entry(text, "name", |text| string(text, step.name));
    entry(text, "task", |text| string(text, step.task_type));
    if let Some(seconds) = step.timeout_seconds {
        entry(text, "timeout", |text| string(text, &format!("{seconds}s")));
    }
    if let Some(retries) = step.max_retries {
        entry(text, "retry", |text| text.push_str(&retries.to_string()));
    }
    match step.config {
        Json::Null => {}
        Json::Object(config) if config.is_empty() => {}
        Json::Object(config) => {
            text.push_str("[step.with]\n");
            for (name, json) in config {
                entry(text, name, |text| value(text, json));
            }
        }
        other => entry(text, "with", |text| value(text, other)),
    }
}

fn entry(text: &mut String, name: &str, write: impl FnOnce(&mut String)) {
    key(text, name);
    text.push_str(" = ");
    write(text);
    text.push('\n');
}

fn key(text: &mut String, name: &str) {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { text.push_str(name) } else { string(text, name) }
}

fn value(text: &mut String, json: &Json) {
    match json {
        Json::Null => text.push_str("\"${null}\""),
        Json::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Json::Number(number) => render_number(text, number),
        Json::String(content) => string(text, content),
        Json::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                value(text, item);
            }
            text.push(']');
        }
        Json::Object(entries) => {
            text.push('{');
            for (at, (name, item)) in entries.iter().enumerate() {
                text.push_str(if at == 0 { " " } else { ", " });
                key(text, name);
                text.push_str(" = ");
                value(text, item);
            }
            text.push_str(if entries.is_empty() { "}" } else { " }" });
        }
    }
}

/// A whole number of 64 bits as it is, any other with a point or an exponent, so that it is read as the number it is.
fn render_number(text: &mut String, number: &serde_json::Number) {
    let done = match (number.as_i64(), number.as_f64()) {
        (Some(int), _) => write!(text, "{int}"),
        (None, Some(double)) => write!(text, "{double:?}"),
        (None, None) => write!(text, "{number}"),
    };
    debug_assert!(done.is_ok(), "writing to a string does not fail");
}

fn string(text: &mut String, content: &str) {
    text.push('"');
    for c in content.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() => text.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}

/// Text in which nothing is an expression.
fn plain(text: &str) -> String {
    text.replace("${", "$${")
}

fn escaped(json: &Json) -> Json {
    match json {
        Json::String(text) => Json::String(plain(text)),
        Json::Array(items) => Json::Array(items.iter().map(escaped).collect()),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(name, json)| (name.clone(), escaped(json))).collect())
        }
        other => other.clone(),
    }
}
