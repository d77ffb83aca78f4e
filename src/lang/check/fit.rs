//! Whether a value can be of a type: in full for what is written out, and only for sure where it is worked out.

use std::collections::HashSet;

use crate::expr::{Expr, ExprKind, FieldType, ListItem, ObjectEntry, ObjectType, Span, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::builtin::enum_words;
use crate::lang::constant::constant_value;
use crate::lang::nearest::{did_you_mean, nearest};

use super::Checker;
use super::algebra::{can_be, without_null};
use super::codes::{MISSING_CONFIG, UNKNOWN_CONFIG, UNKNOWN_WORD, WRONG_TYPE};
use super::null::Use;

impl Checker<'_> {
    /// Tells what of `expr` can't be `wanted`. `what` is what it is the value of, in words.
    pub fn fit(&mut self, expr: &Expr, wanted: &Type, what: &str) {
        match (&expr.kind, &without_null(wanted)) {
            (_, Type::Any) => {}
            (ExprKind::Template(parts), _) if parts.is_empty() => {}
            (ExprKind::Object(entries), Type::Object(object)) => self.fit_object(expr.span, entries, object, what),
            (ExprKind::Object(entries), Type::Map(item)) => {
                for entry in entries {
                    if let ObjectEntry::Field { key, value, .. } = entry {
                        self.fit(value, item, &format!("`{key}` of {what}"));
                    }
                }
            }
            (ExprKind::List(items), Type::List(item)) => {
                for entry in items {
                    if let ListItem::Item(entry) = entry {
                        self.fit(entry, item, &format!("an item of {what}"));
                    }
                }
            }
            _ => self.fit_whole(expr, wanted, what),
        }
    }

    fn fit_object(&mut self, whole: Span, entries: &[ObjectEntry], object: &ObjectType, what: &str) {
        let mut spread = false;
        let mut given: HashSet<&str> = HashSet::new();
        let mut meant: Vec<&str> = Vec::new();
        for entry in entries {
            let ObjectEntry::Field { key, key_span, value } = entry else {
                spread = true;
                continue;
            };
            if !given.insert(key) {
                continue;
            }
            match object.field(key) {
                Some(field) if field.required => self.fit(value, &field.ty, &format!("`{key}` of {what}")),
                Some(field) => self.fit(value, &field.ty.clone().nullable(), &format!("`{key}` of {what}")),
                None if object.open => {}
                None => {
                    let error = Diagnostic::error(UNKNOWN_CONFIG, format!("unknown key `{key}` of {what}"), *key_span);
                    meant.extend(nearest(key, object.fields.iter().map(|field| &*field.name)));
                    self.tell(did_you_mean(error, key, object.fields.iter().map(|field| &*field.name)));
                }
            }
        }
        if spread {
            return;
        }
        for field in object.fields.iter().filter(|field| must_be_there(field)) {
            if !given.contains(&*field.name) && !meant.contains(&&*field.name) {
                let message = format!("{what} needs `{}`", field.name);
                let error = Diagnostic::error(MISSING_CONFIG, message, whole);
                self.tell(error.help(format!("it is of type `{}`", field.ty)));
            }
        }
    }

    /// A constant against the type in full, anything else against what is known of its type.
    fn fit_whole(&mut self, expr: &Expr, wanted: &Type, what: &str) {
        if let Some(value) = constant_value(expr) {
            if let Err(misfits) = wanted.admit(value.clone()) {
                let inner = misfits.first().filter(|misfit| !misfit.path.is_empty());
                let message = inner.map(|misfit| format!("`{}` of {what}: {}", misfit.path, misfit.message));
                self.tell(misfit(&value, wanted, what, expr.span, message, self.workflow.flat));
            }
            return;
        }
        let actual = self.type_of(expr);
        if *wanted != Type::Any {
            self.known(expr, &actual, &format!("{what} must be `{}`", without_null(wanted)));
        }
        let actual = if wanted.accepts_null() {
            actual
        } else {
            self.bare(expr, actual, Use::Value(&format!("{what} must be `{wanted}`")))
        };
        if !can_be(&actual, wanted) {
            let message = format!("{what} must be `{}`, and this is `{actual}`", without_null(wanted));
            self.error(WRONG_TYPE, message, expr.span);
        }
    }
}

fn misfit(value: &Value, wanted: &Type, what: &str, span: Span, inner: Option<String>, flat: bool) -> Diagnostic {
    let wanted = &if matches!(value, Value::Null) { wanted.clone() } else { without_null(wanted) };
    if let (Value::Str(text), Some(words)) = (value, enum_words(wanted)) {
        let error = Diagnostic::error(UNKNOWN_WORD, format!("{what} can't be `{text}`"), span);
        return did_you_mean(error, text, words.iter().map(|word| &**word));
    }
    let message = inner.unwrap_or_else(|| format!("{what} must be `{wanted}`, and this is {}", words(value)));
    let error = Diagnostic::error(WRONG_TYPE, message, span);
    match (value, wanted) {
        (Value::Str(_), Type::Duration) => error.help("write a length of time such as `10s`, `5m` or `1h30m`"),
        (Value::Str(_), Type::Timestamp) => error.help("write a moment such as `2030-01-31T12:00:00Z`"),
        (Value::Str(text), Type::Bool) if text.contains(['.', '=', '<', '>', '(', '!', '&', '|']) => {
            if flat {
                error.help(format!("an expression in text stands in `${{}}`: `${{{text}}}`"))
            } else {
                error.help(format!("an expression stands without quotes: `{text}`"))
            }
        }
        _ => error,
    }
}

fn words(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::Num(_) => "a number",
        Value::Str(_) => "text",
        Value::Duration(_) => "a length of time",
        Value::Timestamp(_) => "a moment",
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
    }
}

/// Whether a field can't be left out: `any` is asked for, a nullable type is not.
pub fn must_be_there(field: &FieldType) -> bool {
    field.required && (field.ty == Type::Any || !field.ty.accepts_null())
}
