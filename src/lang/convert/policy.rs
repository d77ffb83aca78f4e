//! Policies as the flat notation writes them.

use crate::expr::{Expr, Type, Value, duration_text};
use crate::lang::ast::{Attribute, Policy, PolicyKind, Retry, Spanned, Undo};
use crate::lang::constant::constant_value;
use crate::lang::format_expr;

use super::value::{key, string, value};

/// The entry of a policy; `after`, which orders steps, is none.
pub(super) fn entry(policy: &Policy) -> Option<String> {
    let (name, text) = match &policy.kind {
        PolicyKind::Timeout(long) => ("timeout", duration(long)),
        PolicyKind::Retry(retry) => ("retry", retrying(retry)),
        PolicyKind::When(condition) => ("when", value(condition)),
        PolicyKind::Queue(name) => ("queue", value(name)),
        PolicyKind::Output(output) => ("output", ty(output)),
        PolicyKind::Undo(undo) => ("undo", undoing(undo)),
        PolicyKind::UndoNever => ("undo", string("never")),
        PolicyKind::Irreversible => ("irreversible", "true".to_owned()),
        PolicyKind::Idempotent => ("idempotent", "true".to_owned()),
        PolicyKind::AtMostOnce => ("at_most_once", "true".to_owned()),
        PolicyKind::Priority(number) => ("priority", value(number)),
        PolicyKind::Heartbeat(long) => ("heartbeat", duration(long)),
        PolicyKind::Cache { key, ttl } => ("cache", format!("{{ key = {}, for = {} }}", value(key), duration(ttl))),
        PolicyKind::Rate { name, limit } => {
            let limit = format_expr(limit).replace(' ', "");
            ("rate", format!("{{ name = {}, limit = {} }}", string(&name.value), string(&limit)))
        }
        PolicyKind::Concurrency { key, limit, otherwise } => {
            let otherwise = otherwise.as_ref().map(|word| format!(", else = {}", string(&word.value)));
            let otherwise = otherwise.unwrap_or_default();
            ("concurrency", format!("{{ key = {}, limit = {}{otherwise} }}", value(key), value(limit)))
        }
        PolicyKind::Keep(long) => ("keep", duration(long)),
        PolicyKind::After(_) | PolicyKind::Other => return None,
    };
    Some(format!("{name} = {text}"))
}

/// `key = value`.
pub(super) fn attribute(attribute: &Attribute) -> String {
    format!("{} = {}", key(&attribute.key.value), value(&attribute.value))
}

/// A type, as text.
pub(super) fn ty(ty: &Spanned<Type>) -> String {
    string(&ty.value.to_string())
}

/// A length of time that is written out.
fn duration(expr: &Expr) -> String {
    match constant_value(expr) {
        Some(Value::Duration(micros)) => string(&duration_text(micros)),
        _ => value(expr),
    }
}

fn retrying(retry: &Retry) -> String {
    let mut entries = vec![format!("max = {}", value(&retry.max))];
    if let Some(first) = &retry.backoff {
        let waits = [Some(first), retry.backoff_max.as_ref()].into_iter().flatten().map(duration);
        // Both are texts in quotes, and stand in one.
        let waits: Vec<String> = waits.map(|wait| wait.trim_matches('"').to_owned()).collect();
        entries.push(format!("backoff = {}", string(&waits.join(".."))));
    }
    entries.extend(retry.factor.as_ref().map(|factor| format!("factor = {}", value(factor))));
    entries.extend(retry.jitter.as_ref().map(|jitter| format!("jitter = {}", string(&jitter.value))));
    entries.extend(retry.unless.as_ref().map(|unless| format!("unless = {}", value(unless))));
    entries.extend(retry.only.as_ref().map(|only| format!("only = {}", value(only))));
    if entries.len() == 1 { value(&retry.max) } else { format!("{{ {} }}", entries.join(", ")) }
}

fn undoing(undo: &Undo) -> String {
    let mut entries = vec![format!("task = {}", string(&undo.task_type.value))];
    entries.extend(undo.policies.iter().filter_map(entry));
    if !undo.config.is_empty() {
        let config: Vec<String> = undo.config.iter().map(attribute).collect();
        entries.push(format!("with = {{ {} }}", config.join(", ")));
    }
    format!("{{ {} }}", entries.join(", "))
}
