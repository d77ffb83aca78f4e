//! A `[[step]]` of the flat notation.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::{Expr, Span};
use crate::lang::ast::{For, KeepGoing, Name, Policy, Step, Stmt, StmtKind};

use super::policy::POLICY_KEYS;
use super::workflow::name_expr;
use super::{Reader, entries, get, key_name, span_of};

/// The keys of a step.
pub const KEYS: &[&str] = &[
    "name",
    "task",
    "with",
    "timeout",
    "retry",
    "after",
    "when",
    "for_each",
    "parallel",
    "keep_going",
    "max_failures",
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

/// The variable of `for_each`.
const ITEM: &str = "item";

/// A step as read: its statement, and `after`, which orders the statement and not the step in it.
pub struct FlatStep {
    pub name: Name,
    pub statement: Stmt,
    pub after: Option<Policy>,
}

impl FlatStep {
    /// The child of a `parallel` that it is where steps are ordered by `after`.
    pub fn into_child(mut self) -> Stmt {
        if let StmtKind::Step(step) = &mut self.statement.kind {
            step.policies.extend(self.after);
            return self.statement;
        }
        let span = self.statement.span;
        let policies = self.after.into_iter().collect();
        Stmt { kind: StmtKind::Branch { name: self.name, policies, body: vec![self.statement] }, span }
    }
}

/// What a step's keys gave.
#[derive(Default)]
struct Parts {
    policies: Vec<Policy>,
    after: Option<Policy>,
    list: Option<Expr>,
    parallel: Option<(Name, Expr)>,
    keep_going: Option<Span>,
    max_failures: Option<(Name, Expr)>,
    /// Whether the configuration could not be read.
    unread: bool,
}

impl Reader<'_> {
    /// Reads a step; none where it lacks a name.
    pub fn step(&mut self, value: &Spanned<DeValue<'_>>) -> Option<FlatStep> {
        let table = self.table("a step", value)?;
        let span = entries(table).iter().fold(span_of(value), |span, (_, value)| span.to(span_of(value)));
        let (name, task_type) = self.identity(table, span_of(value));
        let mut config = Vec::new();
        let mut parts = Parts::default();
        for (key, value) in entries(table) {
            match &**key.get_ref() {
                "name" | "task" => {}
                "with" => match self.table("`with`", value) {
                    Some(table) => config = self.attributes(table),
                    None => parts.unread = true,
                },
                _ => self.step_key(key, value, &mut parts),
            }
        }
        // A step without a task is kept, so that its name is known; no type is called by no name.
        let name = name?;
        // Nor is a configuration that could not be read held against what the task type needs.
        let task_type = task_type.filter(|_| !parts.unread);
        let task_type = task_type.unwrap_or_else(|| Name { value: "".into(), span: name.span });
        let policies = std::mem::take(&mut parts.policies);
        let step = Step { name: name.clone(), task_type, config, policies };
        let statement = Stmt { kind: StmtKind::Step(Box::new(step)), span };
        let after = parts.after.take();
        let statement = self.looped(&name, statement, parts);
        Some(FlatStep { name, statement, after })
    }

    /// `for_each`: the step once for each item; its name holds the list of the outputs.
    fn looped(&mut self, name: &Name, statement: Stmt, parts: Parts) -> Stmt {
        let keep_going = self.keep_going(&parts);
        let Some(list) = parts.list else {
            let parallel = parts.parallel.map(|(keyword, _)| ("`parallel`", keyword.span));
            if let Some((what, span)) = parallel.or(parts.keep_going.map(|span| ("`keep_going`", span))) {
                self.missing_key(&format!("{what} needs a `for_each`"), span, "write `for_each = \"${input.items}\"`");
            }
            return statement;
        };
        let span = statement.span;
        let result = Stmt { kind: StmtKind::Yield(name_expr(&name.value, name.span)), span: name.span };
        let var = Name { value: ITEM.into(), span: list.span };
        let (parallel, body) = (parts.parallel.map(|(_, count)| count), vec![statement, result]);
        let each = For { name: Some(name.clone()), var, list, parallel, keep_going, body };
        Stmt { kind: StmtKind::For(Box::new(each)), span }
    }

    /// `keep_going = true`, and `max_failures` with it.
    fn keep_going(&mut self, parts: &Parts) -> Option<KeepGoing> {
        let max = parts.max_failures.as_ref();
        match (parts.keep_going, max) {
            (Some(span), _) => Some(KeepGoing { max: max.map(|(_, max)| max.clone()), span }),
            (None, Some((keyword, _))) => {
                self.missing_key("`max_failures` needs `keep_going`", keyword.span, "write `keep_going = true`");
                None
            }
            (None, None) => None,
        }
    }

    fn identity(&mut self, table: &toml::de::DeTable<'_>, header: Span) -> (Option<Name>, Option<Name>) {
        let mut read = |key: &str, help: &str| match get(table, key) {
            Some(value) => self.plain_text(&format!("`{key}`"), value),
            None => {
                self.missing_key(&format!("a step needs a `{key}`"), header, help);
                None
            }
        };
        (read("name", "write `name = \"validate\"`"), read("task", "write `task = \"http_request\"`"))
    }

    fn step_key(&mut self, key: &Spanned<toml::de::DeString<'_>>, value: &Spanned<DeValue<'_>>, parts: &mut Parts) {
        let name = key_name(key);
        match &**key.get_ref() {
            "after" => parts.after = self.after(key, value),
            "for_each" => parts.list = Some(self.expr(value)),
            "parallel" => parts.parallel = Some((name, self.expr(value))),
            "keep_going" => match value.get_ref() {
                DeValue::Boolean(going) => parts.keep_going = going.then_some(name.span),
                _ => self.wrong_kind("`keep_going`", value, "`true` or `false`"),
            },
            "max_failures" => parts.max_failures = Some((name, self.expr(value))),
            word if POLICY_KEYS.contains(&word) => parts.policies.extend(self.policy(name, value)),
            _ => self.unknown_key(key, "a step", KEYS),
        }
    }
}
