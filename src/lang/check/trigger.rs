//! `on …`: schedules, events and webhooks, and the input that they give; and the secrets that sign them.

use std::collections::HashMap;

use crate::expr::{Expr, Span, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{File, Name, Trigger, TriggerKind, Workflow};
use crate::lang::nearest::{did_you_mean, nearest};
use crate::plan::Cron;

use super::Checker;
use super::child::given_type;
use super::codes::{
    BAD_CRON, BAD_NAME, BAD_TIME_ZONE, DUPLICATE_NAME, MISPLACED_POLICY, MISSING_CONFIG, UNKNOWN_NAME, UNKNOWN_WORD,
};
use super::timezone::{by_place, is_zone, known};
use super::words::is_identifier;

const CATCH_UPS: &[&str] = &["none", "last", "all"];
const OVERLAPS: &[&str] = &["allow", "skip", "queue", "replace"];

/// The secret that signs a webhook's requests.
pub fn hmac(trigger: &Trigger) -> Option<&Name> {
    match &trigger.kind {
        TriggerKind::Webhook { hmac, .. } => hmac.as_ref(),
        _ => None,
    }
}

/// Tells of webhooks of one path in a file.
pub fn webhooks_twice(file: &File, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for trigger in file.workflows.iter().flat_map(|workflow| &workflow.triggers) {
        let TriggerKind::Webhook { path, .. } = &trigger.kind else { continue };
        let key = path.value.trim_matches('/').to_owned();
        if let Some(first) = seen.get(&key) {
            let message = format!("the webhook `{}` is there twice", path.value);
            diagnostics.push(Diagnostic::error(DUPLICATE_NAME, message, path.span).also(*first, "first here"));
        } else {
            seen.insert(key, path.span);
        }
    }
}

impl Checker<'_> {
    /// The names of secrets.
    pub fn secrets(&mut self, workflow: &Workflow) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for secret in &workflow.secrets {
            let name = &*secret.value;
            if let Some(first) = seen.insert(name, secret.span) {
                let message = format!("the secret `{name}` is there twice");
                self.tell(Diagnostic::error(DUPLICATE_NAME, message, secret.span).also(first, "first here"));
            }
            if !is_identifier(name) {
                let error = Diagnostic::error(BAD_NAME, format!("`{name}` is no name"), secret.span);
                self.tell(error.help("a name is a letter, then letters, digits, `_` and `-`"));
            }
        }
    }

    /// What starts the workflow.
    pub fn triggers(&mut self, workflow: &Workflow) {
        for trigger in &workflow.triggers {
            let place = match &trigger.kind {
                TriggerKind::Cron { schedule, timezone, catch_up, overlap } => {
                    self.schedule(schedule);
                    timezone.iter().for_each(|zone| self.timezone(zone));
                    self.word(catch_up.as_ref(), "catch up", CATCH_UPS);
                    self.word(overlap.as_ref(), "overlap", OVERLAPS);
                    "the trigger of a schedule"
                }
                TriggerKind::Event { event } => {
                    self.event_name(event);
                    "the trigger of an event"
                }
                TriggerKind::Webhook { path, hmac, .. } => {
                    self.webhook(path);
                    hmac.iter().for_each(|secret| self.signed_by(secret));
                    "the trigger of a webhook"
                }
            };
            let roots = self.roots.only(&["settings"], place);
            let roots = match &trigger.kind {
                TriggerKind::Cron { .. } => roots,
                TriggerKind::Event { .. } => roots.with([("event", Type::Any)]),
                TriggerKind::Webhook { .. } => {
                    roots.with([("body", Type::Any), ("headers", Type::Map(Box::new(Type::String)))])
                }
            };
            let before = std::mem::replace(&mut self.roots, roots);
            self.trigger_exprs(trigger, workflow);
            self.roots = before;
        }
    }

    fn trigger_exprs(&mut self, trigger: &Trigger, workflow: &Workflow) {
        if let Some(condition) = &trigger.condition {
            if matches!(trigger.kind, TriggerKind::Cron { .. }) {
                let message = "a schedule has nothing to ask about in `where`";
                let error = Diagnostic::error(MISPLACED_POLICY, message, condition.span);
                self.tell(error.help("ask in an `if` of the workflow"));
            } else {
                self.condition(condition, "`where`");
            }
        }
        if let TriggerKind::Webhook { dedupe: Some(dedupe), .. } = &trigger.kind {
            self.value(dedupe);
            let key = Type::Union(vec![Type::String, Type::Number, Type::Bool]);
            self.fit(dedupe, &key, "`dedupe`");
        }
        self.trigger_input(trigger.with.as_ref(), trigger, workflow);
    }

    /// `with …` gives every input that must be given.
    fn trigger_input(&mut self, with: Option<&Expr>, trigger: &Trigger, workflow: &Workflow) {
        let wanted = given_type(workflow);
        if let Some(with) = with {
            self.value(with);
            self.fit(with, &Type::Object(wanted), "`with`");
            return;
        }
        let needed: Vec<String> =
            wanted.fields.iter().filter(|field| field.required).map(|field| format!("`{}`", field.name)).collect();
        if !needed.is_empty() {
            let message = format!("this starts the workflow without {}", needed.join(", "));
            let error = Diagnostic::error(MISSING_CONFIG, message, trigger_subject(trigger));
            self.tell(error.help("write `with { … }`, or give the input a default"));
        }
    }

    fn schedule(&mut self, schedule: &Name) {
        let Err(error) = Cron::parse(&schedule.value) else { return };
        // In a text with escapes nothing has a place of its own.
        let plain = (schedule.span.end - schedule.span.start) as usize == schedule.value.len() + 2;
        let start = schedule.span.start as usize + 1;
        let span = if plain { Span::new(start + error.place.start, start + error.place.end) } else { schedule.span };
        let diagnostic = Diagnostic::error(BAD_CRON, error.message, span);
        self.tell(match error.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    fn timezone(&mut self, zone: &Name) {
        if is_zone(&zone.value) {
            return;
        }
        let error = Diagnostic::error(BAD_TIME_ZONE, format!("`{}` is no time zone", zone.value), zone.span);
        self.tell(match by_place(&zone.value).or_else(|| nearest(&zone.value, known())) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("an area and a place, such as `Europe/Paris`, or `UTC`"),
        });
    }

    fn word(&mut self, word: Option<&Name>, what: &str, words: &[&str]) {
        if let Some(word) = word.filter(|word| !words.contains(&&*word.value)) {
            let error = Diagnostic::error(UNKNOWN_WORD, format!("`{what}` can't be `{}`", word.value), word.span);
            self.tell(did_you_mean(error, &word.value, words.iter().copied()));
        }
    }

    fn webhook(&mut self, path: &Name) {
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~');
        let parts = path.value.trim_start_matches('/').split('/');
        let is_path = parts.clone().count() <= 8 && parts.clone().all(|part| !part.is_empty() && part.chars().all(ok));
        if !is_path || path.value.len() > 200 {
            let error = Diagnostic::error(BAD_NAME, format!("`{}` is no path of a webhook", path.value), path.span);
            self.tell(
                error.help("letters, digits, `_`, `-`, `.` and `~`, with `/` between its parts, such as `orders/new`"),
            );
        }
    }

    fn signed_by(&mut self, secret: &Name) {
        let names: Vec<_> = self.workflow.secrets.iter().map(|known| known.value.clone()).collect();
        if !names.contains(&secret.value) {
            let error = Diagnostic::error(UNKNOWN_NAME, format!("unknown secret `{}`", secret.value), secret.span);
            let error =
                if names.is_empty() { error.help(format!("declare it: `secret {}`", secret.value)) } else { error };
            if names.is_empty() {
                self.tell(error);
            } else {
                self.unknown(error, &secret.value, names.iter().map(|name| &**name));
            }
        }
    }
}

/// The schedule, the event or the path.
fn trigger_subject(trigger: &Trigger) -> Span {
    match &trigger.kind {
        TriggerKind::Cron { schedule: name, .. }
        | TriggerKind::Event { event: name }
        | TriggerKind::Webhook { path: name, .. } => name.span,
    }
}
