//! The condition of `conditional`, from what is written to a `Condition`.
//!
//! `{ field, operator, value }`, `{ all: […] }`, `{ any: […] }`, `{ not: … }`, or an expression.

use std::sync::Arc;

use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, Span, Value};
use crate::lang::Diagnostic;
use crate::lang::check::codes::{BAD_CONDITION, MISSING_CONFIG, UNKNOWN_CONFIG};
use crate::lang::nearest::did_you_mean;
use crate::plan::{Condition, Operator};

use super::path_of_text;

/// The operators by the words that write them.
const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("contains", Operator::Contains),
    ("starts_with", Operator::StartsWith),
    ("ends_with", Operator::EndsWith),
    ("exists", Operator::Exists),
    ("not_exists", Operator::NotExists),
    ("matches", Operator::Matches),
];

const KEYS: &[&str] = &["field", "operator", "value", "all", "any", "not"];

/// Reads a condition; what can't be read is told.
pub fn read_condition(expr: &Expr, diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    match &expr.kind {
        ExprKind::Object(entries) => read_object(expr, entries, diagnostics),
        ExprKind::Literal(value) if !matches!(value, Value::Bool(_)) => {
            let error = Diagnostic::error(BAD_CONDITION, "this is no condition", expr.span);
            let help = "write an expression such as `${data.amount > 100}`, or `{ field, operator, value }`";
            diagnostics.push(error.help(help));
            None
        }
        _ => Some(Condition::Expr(expr.clone())),
    }
}

fn read_object(expr: &Expr, entries: &[ObjectEntry], diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    let before = diagnostics.len();
    let mut named: Vec<(&Arc<str>, Span, &Expr)> = Vec::new();
    for entry in entries {
        match entry {
            ObjectEntry::Field { key, key_span, value } if KEYS.contains(&&**key) => {
                named.push((key, *key_span, value))
            }
            ObjectEntry::Field { key, key_span, .. } => {
                let error = Diagnostic::error(UNKNOWN_CONFIG, format!("unknown key `{key}` of a condition"), *key_span);
                diagnostics.push(did_you_mean(error, key, KEYS.iter().copied()));
            }
            ObjectEntry::Spread(spread) => {
                diagnostics.push(Diagnostic::error(BAD_CONDITION, "a condition can't be spread", spread.span));
            }
        }
    }
    let group = named.iter().find(|(key, ..)| matches!(&***key, "all" | "any" | "not")).copied();
    let condition = match group {
        Some((key, span, value)) => {
            if named.len() > 1 {
                let message = format!("`{key}` stands alone in a condition");
                diagnostics.push(Diagnostic::error(BAD_CONDITION, message, span));
            }
            read_group(key, value, diagnostics)
        }
        None if diagnostics.len() > before => None,
        None => read_test(expr, &named, diagnostics),
    };
    (diagnostics.len() == before).then_some(condition).flatten()
}

fn read_group(key: &str, value: &Expr, diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    if key == "not" {
        return read_condition(value, diagnostics).map(|inner| Condition::Not(Box::new(inner)));
    }
    let ExprKind::List(items) = &value.kind else {
        diagnostics.push(Diagnostic::error(BAD_CONDITION, format!("`{key}` must be a list of conditions"), value.span));
        return None;
    };
    let mut conditions = Vec::new();
    for item in items {
        let (ListItem::Item(item) | ListItem::Spread(item)) = item;
        conditions.extend(read_condition(item, diagnostics));
    }
    Some(if key == "all" { Condition::All(conditions) } else { Condition::Any(conditions) })
}

fn read_test(whole: &Expr, named: &[(&Arc<str>, Span, &Expr)], diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    let entry = |key: &str| named.iter().find(|(name, ..)| &***name == key).map(|(.., value)| *value);
    let mut need = |key: &str| {
        let found = entry(key);
        if found.is_none() {
            let error = Diagnostic::error(MISSING_CONFIG, format!("a condition needs `{key}`"), whole.span);
            diagnostics.push(error.help("write `{ field, operator, value }`"));
        }
        found
    };
    let (field, operator) = (need("field"), need("operator"));
    let (field, operator) = (read_field(field?, diagnostics), read_operator(operator?, diagnostics));
    let (field, operator) = (field?, operator?);
    let value = entry("value").cloned();
    if value.is_none() && !matches!(operator, Operator::Exists | Operator::NotExists) {
        diagnostics.push(Diagnostic::error(MISSING_CONFIG, "a condition needs `value`", whole.span));
        return None;
    }
    Some(Condition::Test { field, operator, value })
}

fn read_field(expr: &Expr, diagnostics: &mut Vec<Diagnostic>) -> Option<crate::plan::ValuePath> {
    let path = match &expr.kind {
        ExprKind::Literal(Value::Str(text)) => path_of_text(text),
        _ => None,
    };
    if path.is_none() {
        let error = Diagnostic::error(BAD_CONDITION, "`field` must be a path", expr.span);
        diagnostics.push(error.help("a path is text such as `order.items[0].sku`, taken from `data`"));
    }
    path
}

fn read_operator(expr: &Expr, diagnostics: &mut Vec<Diagnostic>) -> Option<Operator> {
    let word = match &expr.kind {
        ExprKind::Literal(Value::Str(text)) => Some(text),
        _ => None,
    };
    let found = OPERATORS.iter().find(|(name, _)| Some(*name) == word.map(|word| &**word)).map(|(_, found)| *found);
    if found.is_none() {
        let names = OPERATORS.iter().map(|(name, _)| *name);
        diagnostics.push(match word {
            Some(word) => {
                let error = Diagnostic::error(BAD_CONDITION, format!("unknown operator `{word}`"), expr.span);
                did_you_mean(error, word, names)
            }
            None => Diagnostic::error(BAD_CONDITION, "`operator` must be one of the operators' names", expr.span),
        });
    }
    found
}
