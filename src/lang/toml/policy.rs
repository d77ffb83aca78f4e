//! The engine's keys in the flat notation: `timeout`, `retry`, `after`, `queue`.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::{Expr, Span, Value, parse_duration};
use crate::lang::ast::{Name, Policy, PolicyKind, Retry};

use super::text::Place;
use super::{Reader, entries, key_name, span_of};

/// The keys of a `retry` table.
pub const RETRY_KEYS: &[&str] = &["max", "backoff", "factor", "jitter", "unless", "only"];

fn policy(keyword: Name, value: Span, kind: PolicyKind) -> Policy {
    Policy { kind, span: keyword.span.to(value), keyword }
}

impl Reader<'_> {
    /// `timeout = "10s"`.
    pub fn timeout(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Policy {
        let duration = self.duration(value);
        policy(keyword, span_of(value), PolicyKind::Timeout(duration))
    }

    /// `retry = 3`, or `retry = { max = 3, backoff = "1s..1m", factor = 2, jitter = "full" }`.
    pub fn retry(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Option<Policy> {
        let span = span_of(value);
        let DeValue::Table(table) = value.get_ref() else {
            let retry = Retry { max: self.expr(value), ..no_retry(span) };
            return Some(policy(keyword, span, PolicyKind::Retry(Box::new(retry))));
        };
        let mut retry = no_retry(span);
        let mut has_max = false;
        for (key, value) in entries(table) {
            match &**key.get_ref() {
                "max" => {
                    retry.max = self.expr(value);
                    has_max = true;
                }
                "backoff" => self.backoff(&mut retry, value),
                "factor" => retry.factor = Some(self.expr(value)),
                "jitter" => retry.jitter = self.plain_text("`jitter`", value),
                "unless" => retry.unless = Some(self.expr(value)),
                "only" => retry.only = Some(self.expr(value)),
                _ => self.unknown_key(key, "`retry`", RETRY_KEYS),
            }
        }
        if !has_max {
            self.missing_key("`retry` needs a `max`", keyword.span, "write `retry = { max = 3 }`");
            return None;
        }
        Some(policy(keyword, span, PolicyKind::Retry(Box::new(retry))))
    }

    /// `backoff = "1s..1m"` or `"1s"`.
    fn backoff(&mut self, retry: &mut Retry, value: &Spanned<DeValue<'_>>) {
        let DeValue::String(content) = value.get_ref() else {
            retry.backoff = Some(self.expr(value));
            return;
        };
        let place = Place::of(self.text, value.span(), content);
        let Some((first, last)) = content.split_once("..") else {
            retry.backoff = Some(self.duration(value));
            return;
        };
        let at = |from: usize, to: usize| match place.exact {
            true => Span::new(place.span.start as usize + from, place.span.start as usize + to),
            false => place.span,
        };
        retry.backoff = Some(duration_of(first, at(0, first.len())));
        retry.backoff_max = Some(duration_of(last, at(content.len() - last.len(), content.len())));
    }

    /// A length of time as text; anything else is for the checker to refuse.
    fn duration(&mut self, value: &Spanned<DeValue<'_>>) -> Expr {
        match value.get_ref() {
            DeValue::String(content) if !content.contains("${") => duration_of(content, span_of(value)),
            _ => self.expr(value),
        }
    }

    /// `after = ["a", "b"]` or `after = "a"`.
    pub fn after(&mut self, key: &Spanned<toml::de::DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Option<Policy> {
        let names: Vec<Name> = match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| self.plain_text("a step's name", item)).collect(),
            _ => self.plain_text("`after`", value).into_iter().collect(),
        };
        Some(policy(key_name(key), span_of(value), PolicyKind::After(names)))
    }

    /// `when = "${…}"`.
    pub fn when(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Policy {
        let condition = self.expr(value);
        policy(keyword, span_of(value), PolicyKind::When(condition))
    }

    /// `queue = "name"`.
    pub fn queue(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Policy {
        let name = self.expr(value);
        policy(keyword, span_of(value), PolicyKind::Queue(name))
    }

    /// `output = …` of a step.
    pub fn output(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Option<Policy> {
        let ty = self.output_type(value)?;
        Some(policy(keyword, span_of(value), PolicyKind::Output(ty)))
    }
}

fn no_retry(span: Span) -> Retry {
    Retry {
        max: Expr::literal(Value::Int(0), span),
        backoff: None,
        backoff_max: None,
        factor: None,
        jitter: None,
        unless: None,
        only: None,
    }
}

fn duration_of(text: &str, span: Span) -> Expr {
    let value = parse_duration(text.trim()).map_or_else(|| Value::str(text), Value::Duration);
    Expr::literal(value, span)
}
