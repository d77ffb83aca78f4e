//! What stands at the top of a file, and what a workflow declares.

use crate::lang::ast::{Field, File, TaskDecl, Trigger, TriggerKind, Workflow};

use super::build::Builder;
use super::ops::{Line, Place};
use super::policy::Clause;
use super::statement::Entry;

/// What a file holds.
#[derive(Clone, Copy, Debug)]
enum Item<'a> {
    Workflow(&'a Workflow),
    Task(&'a TaskDecl),
    Test(&'a crate::lang::ast::Test),
}

impl<'a> Builder<'a> {
    /// The whole file.
    pub fn file(&mut self, file: &'a File) {
        let workflows = file.workflows.iter().map(|workflow| (workflow.span, Item::Workflow(workflow)));
        let tasks = file.tasks.iter().map(|task| (task.span, Item::Task(task)));
        let tests = file.tests.iter().map(|test| (test.span, Item::Test(test)));
        let mut items: Vec<_> = workflows.chain(tasks).chain(tests).collect();
        if self.source.is_some() {
            items.sort_by_key(|(span, _)| span.start);
        }
        self.line(Line { flat: "", mark: "", place: Place::First });
        for (at, (span, item)) in items.into_iter().enumerate() {
            if at > 0 {
                let blank = self.source.is_none();
                self.line(Line { flat: "", mark: "", place: Place::Between { blank } });
            }
            self.entry(span, |b| {
                b.group(|b| match item {
                    Item::Workflow(workflow) => b.workflow(workflow),
                    Item::Task(task) => b.task(task),
                    Item::Test(test) => b.test(test),
                });
            });
        }
    }

    fn workflow(&mut self, workflow: &'a Workflow) {
        self.keyword("workflow");
        self.name(&workflow.name);
        self.gap();
        let mut entries: Vec<Entry<'a>> = workflow.attributes.iter().map(Entry::Attribute).collect();
        entries.extend(workflow.inputs.iter().map(|field| Entry::Declaration("input", field)));
        entries.extend(workflow.output.as_ref().map(|ty| Entry::Type("output", ty)));
        entries.extend(workflow.settings.iter().map(|field| Entry::Declaration("setting", field)));
        entries.extend(workflow.secrets.iter().map(Entry::Secret));
        entries.extend(workflow.triggers.iter().map(Entry::Trigger));
        entries.extend(workflow.policies.iter().map(Entry::Policy));
        entries.extend(workflow.body.iter().map(Entry::Statement));
        self.block(entries, true);
    }

    fn task(&mut self, task: &'a TaskDecl) {
        self.keyword("task");
        self.name(&task.name);
        self.gap();
        let (config, output) = (task.config.as_ref(), task.output.as_ref());
        let entries = config.map(|ty| Entry::Type("config", ty)).into_iter();
        self.block(entries.chain(output.map(|ty| Entry::Type("output", ty))).collect(), false);
    }

    /// `input NAME: TYPE [= default]`.
    pub fn declaration(&mut self, word: &'static str, field: &'a Field) {
        self.keyword(word);
        self.name(&field.name);
        self.word(":");
        self.space();
        self.ty(&field.ty);
        if let Some(default) = &field.default {
            self.space();
            self.keyword("=");
            self.value(default);
        }
    }

    /// `on …`.
    pub fn trigger(&mut self, trigger: &'a Trigger) {
        self.keyword("on");
        let (condition, with) = (trigger.condition.as_ref(), trigger.with.as_ref());
        let mut clauses = match &trigger.kind {
            TriggerKind::Cron { schedule, timezone, catch_up, overlap } => {
                self.clause("cron", Clause::Quoted(schedule));
                vec![
                    ("timezone", timezone.as_ref().map(Clause::Quoted)),
                    ("catch up", catch_up.as_ref().map(Clause::Name)),
                    ("overlap", overlap.as_ref().map(Clause::Name)),
                ]
            }
            TriggerKind::Event { event } => {
                self.clause("event", Clause::Quoted(event));
                Vec::new()
            }
            TriggerKind::Webhook { path, hmac, dedupe } => {
                self.clause("webhook", Clause::Quoted(path));
                vec![("hmac", hmac.as_ref().map(Clause::Name)), ("dedupe", dedupe.as_ref().map(Clause::Expr))]
            }
        };
        clauses.extend([("where", condition.map(Clause::Expr)), ("with", with.map(Clause::Expr))]);
        self.clauses(clauses);
    }
}
