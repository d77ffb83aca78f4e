//! Values of the flat notation to expressions: text follows the `${}` rules, the rest is what it is.

use chrono::DateTime;
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, Timestamp, Value};
use crate::lang::ast::Attribute;
use crate::lang::check::codes::TOML_WRONG_KIND;
use crate::lang::unread::unread;
use crate::lang::walk::respan;
use crate::lang::{Diagnostic, parse_template};

use super::text::Place;
use super::{Reader, entries, key_name, span_of};

impl Reader<'_> {
    /// The expression that a value is.
    pub fn expr(&mut self, value: &Spanned<DeValue<'_>>) -> Expr {
        let span = span_of(value);
        let kind = match value.get_ref() {
            DeValue::String(content) => return self.text_expr(value, content),
            DeValue::Integer(int) => ExprKind::Literal(self.integer(value, int)),
            DeValue::Float(float) => ExprKind::Literal(self.float(value, float.as_str())),
            DeValue::Boolean(bool) => ExprKind::Literal(Value::Bool(*bool)),
            DeValue::Datetime(at) => ExprKind::Literal(datetime(&at.to_string())),
            DeValue::Array(items) => ExprKind::List(items.iter().map(|item| ListItem::Item(self.expr(item))).collect()),
            DeValue::Table(table) => ExprKind::Object(
                entries(table)
                    .into_iter()
                    .map(|(key, value)| {
                        let name = key_name(key);
                        ObjectEntry::Field { key: name.value, key_span: name.span, value: self.expr(value) }
                    })
                    .collect(),
            ),
        };
        Expr::new(kind, span)
    }

    /// `key = value` entries: the configuration of a handler.
    pub fn attributes(&mut self, table: &toml::de::DeTable<'_>) -> Vec<Attribute> {
        let read = |(key, value): (_, &Spanned<DeValue<'_>>)| Attribute { key: key_name(key), value: self.expr(value) };
        entries(table).into_iter().map(read).collect()
    }

    /// Text with `${}`: alone it keeps its type, inside text it is interpolated.
    fn text_expr(&mut self, value: &Spanned<DeValue<'_>>, content: &str) -> Expr {
        let place = Place::of(self.text, value.span(), content);
        let base = if place.exact { place.span.start as usize } else { 0 };
        let (expr, mut found) = parse_template(content, base);
        let whole = span_of(value);
        if !place.exact {
            found.iter_mut().flat_map(|one| &mut one.labels).for_each(|label| label.span = whole);
        }
        self.diagnostics.append(&mut found);
        let Some(mut expr) = expr else { return unread(whole) };
        if !place.exact {
            respan(&mut expr, whole);
        }
        if matches!(expr.kind, ExprKind::Literal(_) | ExprKind::Template(_)) {
            expr.span = whole;
        }
        expr
    }

    fn integer(&mut self, value: &Spanned<DeValue<'_>>, int: &DeInteger<'_>) -> Value {
        i64::from_str_radix(int.as_str(), int.radix()).map_or_else(
            |_| {
                let error = Diagnostic::error(TOML_WRONG_KIND, "this number is past 64 bits", span_of(value));
                self.diagnostics.push(error);
                Value::Int(0)
            },
            Value::Int,
        )
    }

    fn float(&mut self, value: &Spanned<DeValue<'_>>, text: &str) -> Value {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Num(number),
            _ => {
                let error = Diagnostic::error(TOML_WRONG_KIND, "this is no number that JSON has", span_of(value));
                self.diagnostics.push(error);
                Value::Num(0.0)
            }
        }
    }
}

/// A TOML date and time with its offset is a timestamp; one without is its text.
fn datetime(text: &str) -> Value {
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Value::Timestamp(Timestamp::from_chrono(at.to_utc()).0),
        Err(_) => Value::str(text),
    }
}
