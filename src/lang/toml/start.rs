//! `[[on]]` and `secrets` of the flat notation: what starts a workflow, and what it may send and not show.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::lang::ast::{Name, Trigger, TriggerKind};

use super::{Reader, entries, get, span_of};

/// The kinds of trigger, each with the keys that it may have beside its own.
pub const KEYS: &[(&str, &[&str])] = &[
    ("cron", &["timezone", "catch_up", "overlap", "with"]),
    ("event", &["where", "with"]),
    ("webhook", &["hmac", "dedupe", "where", "with"]),
];

impl Reader<'_> {
    /// `secrets = ["pay_key"]`.
    pub fn secrets(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Name> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| self.plain_text("a secret's name", item)).collect(),
            _ => {
                self.wrong_kind("`secrets`", value, "a list of names");
                self.help("write `secrets = [\"pay_key\"]`");
                Vec::new()
            }
        }
    }

    /// `[[on]]`.
    pub fn triggers(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Trigger> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| self.trigger(item)).collect(),
            _ => {
                self.wrong_kind("`on`", value, "a list of tables, `[[on]]`");
                Vec::new()
            }
        }
    }

    fn trigger(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Trigger> {
        let table = self.table("a trigger", value)?;
        let span = entries(table).iter().fold(span_of(value), |span, (_, value)| span.to(span_of(value)));
        let kind = KEYS.iter().find_map(|(kind, keys)| Some((*kind, *keys, get(table, kind)?)));
        let Some((kind, keys, subject)) = kind else {
            let help = "write `cron = \"0 6 * * *\"`, `event = \"order.placed\"` or `webhook = \"orders\"`";
            self.missing_key("a trigger needs a `cron`, an `event` or a `webhook`", span_of(value), help);
            return None;
        };
        for (key, _) in entries(table) {
            if key.get_ref() != kind && !keys.contains(&&**key.get_ref()) {
                self.unknown_key(key, &format!("a trigger by `{kind}`"), keys);
            }
        }
        let subject = self.plain_text(&format!("`{kind}`"), subject);
        let kind = self.trigger_kind(kind, table, subject?);
        let condition = get(table, "where").map(|condition| self.expr(condition));
        let with = get(table, "with").map(|with| self.expr(with));
        Some(Trigger { kind, condition, with, span })
    }

    fn trigger_kind(&mut self, kind: &str, table: &DeTable<'_>, subject: Name) -> TriggerKind {
        let mut text = |key: &str| get(table, key).and_then(|value| self.plain_text(&format!("`{key}`"), value));
        match kind {
            "cron" => TriggerKind::Cron {
                schedule: subject,
                timezone: text("timezone"),
                catch_up: text("catch_up"),
                overlap: text("overlap"),
            },
            "event" => TriggerKind::Event { event: subject },
            _ => {
                let hmac = text("hmac");
                let dedupe = get(table, "dedupe").map(|dedupe| self.expr(dedupe));
                TriggerKind::Webhook { path: subject, hmac, dedupe }
            }
        }
    }
}
