//! The engine's keys in the flat notation: `timeout`, `retry`, `after`, `queue`, `undo` and the rest.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::{Expr, Span, Value, parse_duration};
use crate::lang::ast::{Name, Policy, PolicyKind, Retry, Undo};
use crate::lang::check::codes::TOML_WRONG_KIND;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, parse_expr};

use super::text::Place;
use super::{Reader, entries, get, key_name, span_of};

/// The keys of a `retry` table.
pub const RETRY_KEYS: &[&str] = &["max", "backoff", "factor", "jitter", "unless", "only"];

/// The keys of an `undo` table.
pub const UNDO_KEYS: &[&str] = &["task", "with", "timeout", "retry", "queue", "idempotent"];

/// The policies of a step that are a key and a value, or `true`.
pub const POLICY_KEYS: &[&str] = &[
    "timeout",
    "retry",
    "when",
    "queue",
    "output",
    "undo",
    "irreversible",
    "idempotent",
    "at_most_once",
    "priority",
    "heartbeat",
    "cache",
    "rate",
];

fn policy(keyword: Name, value: Span, kind: PolicyKind) -> Policy {
    Policy { kind, span: keyword.span.to(value), keyword }
}

impl Reader<'_> {
    /// The policy of a step that `keyword`, one of [`POLICY_KEYS`], is.
    pub fn policy(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Option<Policy> {
        let kind = match &*keyword.value {
            "timeout" => return Some(self.timeout(keyword, value)),
            "retry" => return self.retry(keyword, value),
            "output" => PolicyKind::Output(self.output_type(value)?),
            "when" => PolicyKind::When(self.expr(value)),
            "queue" => PolicyKind::Queue(self.expr(value)),
            "priority" => PolicyKind::Priority(self.expr(value)),
            "heartbeat" => PolicyKind::Heartbeat(self.duration(value)),
            "irreversible" => self.flag("`irreversible`", value, PolicyKind::Irreversible)?,
            "idempotent" => self.flag("`idempotent`", value, PolicyKind::Idempotent)?,
            "at_most_once" => self.flag("`at_most_once`", value, PolicyKind::AtMostOnce)?,
            "undo" => PolicyKind::Undo(Box::new(self.undo(&keyword, value)?)),
            "cache" => self.cache(&keyword, value)?,
            _ => self.rate(&keyword, value)?,
        };
        Some(policy(keyword, span_of(value), kind))
    }

    /// `idempotent = true`; `false` says nothing.
    fn flag(&mut self, what: &str, value: &Spanned<DeValue<'_>>, kind: PolicyKind) -> Option<PolicyKind> {
        let DeValue::Boolean(set) = value.get_ref() else {
            self.wrong_kind(what, value, "`true` or `false`");
            return None;
        };
        set.then_some(kind)
    }

    /// `undo = { task = "http_request", with = { … } }`.
    fn undo(&mut self, keyword: &Name, value: &Spanned<DeValue<'_>>) -> Option<Undo> {
        let told = self.diagnostics.len();
        let table = self.table("`undo`", value)?;
        let (mut config, mut policies) = (Vec::new(), Vec::new());
        for (key, value) in entries(table) {
            match &**key.get_ref() {
                "task" => {}
                "with" => config = self.table("`with`", value).map(|table| self.attributes(table)).unwrap_or_default(),
                "timeout" | "retry" | "queue" | "idempotent" => policies.extend(self.policy(key_name(key), value)),
                _ => self.unknown_key(key, "`undo`", UNDO_KEYS),
            }
        }
        let Some(task) = get(table, "task") else {
            let help = "write `undo = { task = \"http_request\", with = { … } }`";
            self.missing_unless_told(told, "an `undo` needs a `task`", keyword.span, help);
            return None;
        };
        let task_type = self.plain_text("`task`", task)?;
        Some(Undo { task_type, config, policies })
    }

    /// `cache = { key = "${input.id}", for = "1h" }`.
    fn cache(&mut self, keyword: &Name, value: &Spanned<DeValue<'_>>) -> Option<PolicyKind> {
        let told = self.diagnostics.len();
        let table = self.table_of("`cache`", value, &["key", "for"])?;
        let (Some(key), Some(ttl)) = (get(table, "key"), get(table, "for")) else {
            let help = "write `cache = { key = \"${input.id}\", for = \"1h\" }`";
            self.missing_unless_told(told, "`cache` needs a `key` and a `for`", keyword.span, help);
            return None;
        };
        Some(PolicyKind::Cache { key: self.expr(key), ttl: self.duration(ttl) })
    }

    /// `rate = { name = "bank", limit = "10/1m" }`.
    fn rate(&mut self, keyword: &Name, value: &Spanned<DeValue<'_>>) -> Option<PolicyKind> {
        let told = self.diagnostics.len();
        let table = self.table_of("`rate`", value, &["name", "limit"])?;
        let (Some(name), Some(limit)) = (get(table, "name"), get(table, "limit")) else {
            let help = "write `rate = { name = \"bank\", limit = \"10/1m\" }`";
            self.missing_unless_told(told, "`rate` needs a `name` and a `limit`", keyword.span, help);
            return None;
        };
        Some(PolicyKind::Rate { name: self.plain_text("`name`", name)?, limit: self.limit(limit) })
    }

    /// `"10/1m"` is what it is in the language; anything else is for the checker to refuse.
    fn limit(&mut self, value: &Spanned<DeValue<'_>>) -> Expr {
        let DeValue::String(content) = value.get_ref() else { return self.expr(value) };
        let place = Place::of(self.text, value.span(), content);
        if !place.exact || content.contains("${") {
            return self.expr(value);
        }
        let (expr, mut found) = parse_expr(content, place.span.start as usize);
        self.diagnostics.append(&mut found);
        expr.unwrap_or_else(|| unread(place.span))
    }

    /// `undo = "never"`, `keep = "2d"` and `concurrency = { key, limit, else }` of a workflow.
    pub fn workflow_policy(&mut self, keyword: Name, value: &Spanned<DeValue<'_>>) -> Option<Policy> {
        let kind = match &*keyword.value {
            "keep" => PolicyKind::Keep(self.duration(value)),
            "concurrency" => self.concurrency(&keyword, value)?,
            _ => {
                if !matches!(value.get_ref(), DeValue::String(word) if word == "never") {
                    let message = "`undo` of a workflow is `never`, or is not there";
                    let error = Diagnostic::error(TOML_WRONG_KIND, message, span_of(value));
                    self.diagnostics.push(error.help("what undoes a step stands in the step"));
                    return None;
                }
                PolicyKind::UndoNever
            }
        };
        Some(policy(keyword, span_of(value), kind))
    }

    fn concurrency(&mut self, keyword: &Name, value: &Spanned<DeValue<'_>>) -> Option<PolicyKind> {
        let told = self.diagnostics.len();
        let table = self.table_of("`concurrency`", value, &["key", "limit", "else"])?;
        let (Some(key), Some(limit)) = (get(table, "key"), get(table, "limit")) else {
            let help = "write `concurrency = { key = \"${input.id}\", limit = 1 }`";
            self.missing_unless_told(told, "`concurrency` needs a `key` and a `limit`", keyword.span, help);
            return None;
        };
        let otherwise = get(table, "else").and_then(|word| self.plain_text("`else`", word));
        Some(PolicyKind::Concurrency { key: self.expr(key), limit: self.expr(limit), otherwise })
    }

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
