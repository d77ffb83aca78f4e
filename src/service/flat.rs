//! A draft as a text in the flat notation, so that it is compiled, hashed, shown and kept like any other source.
//!
//! Invariant: pure; the same draft gives the same text.

use serde_json::Value as Json;
use toml::{Table, Value as Toml};

use super::error::FieldError;
use super::model::{DraftStep, Workflow};

/// The deepest nesting of a configuration.
const MAX_DEPTH: usize = 48;

/// The text of a draft.
///
/// # Errors
/// Configurations that the flat notation can't hold, by their path.
pub fn flat_text(workflow: &Workflow, steps: &[DraftStep]) -> Result<String, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut top = Table::new();
    top.insert("name".to_owned(), Toml::String(workflow.name.to_string()));
    if let Some(description) = &workflow.description {
        top.insert("description".to_owned(), Toml::String(literal(description)));
    }
    let labels = serde_json::to_value(&workflow.metadata).unwrap_or_default();
    if labels.as_object().is_some_and(|labels| !labels.is_empty())
        && let Some(labels) = to_toml(&escaped(labels), "metadata", 0, &mut errors)
    {
        top.insert("metadata".to_owned(), labels);
    }
    let mut text = written(&top);
    let mut ordered: Vec<_> = steps.iter().collect();
    ordered.sort_by_key(|step| step.step_order);
    for step in ordered {
        if let Some(table) = step_table(step, &mut errors) {
            let mut one = Table::new();
            one.insert("step".to_owned(), Toml::Array(vec![Toml::Table(table)]));
            text.push('\n');
            text.push_str(&written(&one));
        }
    }
    if errors.is_empty() { Ok(text) } else { Err(errors) }
}

fn written(table: &Table) -> String {
    toml::to_string(table).unwrap_or_default()
}

fn step_table(step: &DraftStep, errors: &mut Vec<FieldError>) -> Option<Table> {
    let mut table = Table::new();
    table.insert("name".to_owned(), Toml::String(step.name.clone()));
    table.insert("task".to_owned(), Toml::String(step.task_type.clone()));
    if let Some(seconds) = step.timeout_seconds {
        table.insert("timeout".to_owned(), Toml::String(format!("{seconds}s")));
    }
    if let Some(retries) = step.max_retries {
        table.insert("retry".to_owned(), Toml::Integer(i64::from(retries)));
    }
    let config = to_toml(&step.config, &format!("steps.{}.config", step.name), 0, errors)?;
    if config.as_table().is_some_and(|config| !config.is_empty()) {
        table.insert("with".to_owned(), config);
    }
    Some(table)
}

/// A JSON value as TOML has it. TOML has no null: the expression for it stands instead.
fn to_toml(json: &Json, path: &str, depth: usize, errors: &mut Vec<FieldError>) -> Option<Toml> {
    if depth > MAX_DEPTH {
        errors.push(FieldError::new(path, format!("nested deeper than {MAX_DEPTH} levels")));
        return None;
    }
    Some(match json {
        Json::Null => Toml::String("${null}".to_owned()),
        Json::Bool(bool) => Toml::Boolean(*bool),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Toml::Integer(int),
            None => Toml::Float(number.as_f64().unwrap_or(f64::MAX)),
        },
        Json::String(text) => Toml::String(text.clone()),
        Json::Array(items) => {
            let item = |(at, item)| to_toml(item, &format!("{path}[{at}]"), depth + 1, errors);
            Toml::Array(items.iter().enumerate().filter_map(item).collect())
        }
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| {
                Some((key.clone(), to_toml(value, &format!("{path}.{key}"), depth + 1, errors)?))
            };
            Toml::Table(entries.iter().filter_map(entry).collect())
        }
    })
}

/// Text that is no template, so that the flat notation reads it as it is.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

fn escaped(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(literal(&text)),
        Json::Array(items) => Json::Array(items.into_iter().map(escaped).collect()),
        Json::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, escaped(value))).collect()),
        other => other,
    }
}
