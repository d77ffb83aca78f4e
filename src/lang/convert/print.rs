//! The text of a flat workflow.

use crate::expr::{Expr, ExprKind, ObjectEntry, Span};
use crate::lang::Source;
use crate::lang::ast::{Attribute, Field, Name, Policy, Trigger, TriggerKind};

use super::comments::Comments;
use super::fit::{Flat, FlatStep};
use super::policy::{attribute, entry, ty};
use super::value::{self, key, string, value};

/// How long a line may get before a table is written over several.
const WIDTH: usize = 100;

/// Writes the document, with the comments of the source.
pub(super) fn document(flat: &Flat<'_>, source: &Source) -> String {
    let mut printer = Printer { out: String::new(), comments: Comments::of(source) };
    printer.head(flat);
    for (at, step) in flat.steps.iter().enumerate() {
        // An empty list makes a graph of steps that wait for nothing.
        let unordered = flat.unordered && at == 0;
        printer.step(step, unordered);
    }
    printer.out
}

struct Printer<'s> {
    out: String,
    comments: Comments<'s>,
}

impl Printer<'_> {
    /// A line, below the comments that stand above what it is made of.
    fn line(&mut self, span: Span, text: &str) {
        self.comments.above(span).iter().for_each(|comment| self.out.push_str(&format!("{comment}\n")));
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// The header of a table. What stands above its first entry stands above it.
    fn header(&mut self, span: Span, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line(span, text);
    }

    fn head(&mut self, flat: &Flat<'_>) {
        let workflow = flat.workflow;
        self.line(workflow.span, &format!("name = {}", string(&workflow.name.value)));
        let is_table = |attribute: &&Attribute| matches!(attribute.value.kind, ExprKind::Object(_));
        for attribute in workflow.attributes.iter().filter(|attribute| !is_table(attribute)) {
            self.line(attribute.key.span, &format!("{} = {}", key(&attribute.key.value), value(&attribute.value)));
        }
        if let Some(output) = &workflow.output {
            self.line(output.span, &format!("output = {}", ty(output)));
        }
        if let Some(first) = workflow.secrets.first() {
            let names = workflow.secrets.iter().map(|secret| string(&secret.value)).collect::<Vec<_>>();
            self.line(first.span, &format!("secrets = [{}]", names.join(", ")));
        }
        workflow.policies.iter().for_each(|policy| self.policy(policy));
        for attribute in workflow.attributes.iter().filter(is_table) {
            self.header(attribute.key.span, &format!("[{}]", key(&attribute.key.value)));
            self.entries(&attribute.value);
        }
        self.fields("input", &workflow.inputs);
        self.fields("settings", &workflow.settings);
        workflow.triggers.iter().for_each(|trigger| self.trigger(trigger));
    }

    fn entries(&mut self, table: &Expr) {
        let ExprKind::Object(entries) = &table.kind else { return };
        for entry in entries {
            if let ObjectEntry::Field { key: name, key_span, value: inner } = entry {
                self.line(*key_span, &format!("{} = {}", key(name), value(inner)));
            }
        }
    }

    fn fields(&mut self, table: &str, fields: &[Field]) {
        let Some(first) = fields.first() else { return };
        self.header(first.span, &format!("[{table}]"));
        for field in fields {
            let text = match &field.default {
                None => ty(&field.ty),
                Some(default) => format!("{{ type = {}, default = {} }}", ty(&field.ty), value(default)),
            };
            self.line(field.span, &format!("{} = {text}", key(&field.name.value)));
        }
    }

    fn step(&mut self, flat: &FlatStep<'_>, unordered: bool) {
        let step = &flat.step;
        self.header(flat.span, "[[step]]");
        self.out.push_str(&format!("name = {}\ntask = {}\n", string(flat.name), string(&step.task_type.value)));
        if let Some(each) = flat.each {
            self.line(each.list.span, &format!("for_each = {}", value(&each.list)));
            if let Some(count) = &each.parallel {
                self.line(count.span, &format!("parallel = {}", value(count)));
            }
            if let Some(clause) = &each.keep_going {
                self.line(clause.span, "keep_going = true");
                if let Some(max) = &clause.max {
                    self.line(max.span, &format!("max_failures = {}", value(max)));
                }
            }
        }
        let names = flat.after.iter().flatten().map(|name| string(name)).collect::<Vec<_>>();
        if !names.is_empty() || unordered {
            self.line(flat.span, &format!("after = [{}]", names.join(", ")));
        }
        step.policies.iter().for_each(|policy| self.policy(policy));
        self.with(&step.config);
    }

    /// The configuration: on one line where it fits.
    fn with(&mut self, config: &[Attribute]) {
        if config.is_empty() {
            return;
        }
        let entries: Vec<String> = config.iter().map(attribute).collect();
        let line = format!("with = {{ {} }}", entries.join(", "));
        if line.chars().count() <= WIDTH {
            let comments: Vec<_> = config.iter().flat_map(|one| self.comments.above(one.key.span)).collect();
            comments.iter().for_each(|comment| self.out.push_str(&format!("{comment}\n")));
            self.out.push_str(&format!("{line}\n"));
            return;
        }
        self.out.push_str("[step.with]\n");
        for one in config {
            self.line(one.key.span, &value::entry(&one.key.value, &one.value, WIDTH));
        }
    }

    fn policy(&mut self, policy: &Policy) {
        if let Some(text) = entry(policy) {
            self.line(policy.span, &text);
        }
    }

    /// `[[on]]`.
    fn trigger(&mut self, trigger: &Trigger) {
        self.header(trigger.span, "[[on]]");
        let mut entries = Vec::new();
        let mut text = |name: &str, text: Option<&Name>| {
            entries.extend(text.map(|text| format!("{name} = {}", string(&text.value))));
        };
        let mut dedupes = None;
        match &trigger.kind {
            TriggerKind::Cron { schedule, timezone, catch_up, overlap } => {
                text("cron", Some(schedule));
                text("timezone", timezone.as_ref());
                text("catch_up", catch_up.as_ref());
                text("overlap", overlap.as_ref());
            }
            TriggerKind::Event { event } => text("event", Some(event)),
            TriggerKind::Webhook { path, hmac, dedupe } => {
                text("webhook", Some(path));
                text("hmac", hmac.as_ref());
                dedupes = dedupe.as_ref();
            }
        }
        let given = [("dedupe", dedupes), ("where", trigger.condition.as_ref()), ("with", trigger.with.as_ref())];
        for (name, given) in given {
            entries.extend(given.map(|given| format!("{name} = {}", value(given))));
        }
        entries.iter().for_each(|entry| self.out.push_str(&format!("{entry}\n")));
    }
}
