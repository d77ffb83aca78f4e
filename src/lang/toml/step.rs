//! A `[[step]]` of the flat notation.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::{Expr, Span};
use crate::lang::ast::{For, Name, Policy, Step, Stmt, StmtKind};

use super::workflow::{name_expr, other_policy};
use super::{Reader, entries, get, key_name, span_of};

/// The keys of a step.
pub const KEYS: &[&str] =
    &["name", "task", "with", "timeout", "retry", "after", "when", "for_each", "parallel", "queue", "output"];

/// Keys that the language has and this version does not run.
const RESERVED: &[&str] =
    &["undo", "heartbeat", "priority", "irreversible", "idempotent", "at_most_once", "cache", "rate"];

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
        let policies = parts.policies;
        let step = Step { name: name.clone(), task_type, config, policies };
        let statement = Stmt { kind: StmtKind::Step(Box::new(step)), span };
        let statement = match (parts.list, parts.parallel) {
            (Some(list), parallel) => each(&name, list, parallel.map(|(_, count)| count), statement),
            (None, Some((keyword, _))) => {
                self.missing_key(
                    "`parallel` needs a `for_each`",
                    keyword.span,
                    "write `for_each = \"${input.items}\"`",
                );
                statement
            }
            (None, None) => statement,
        };
        Some(FlatStep { name, statement, after: parts.after })
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
            "timeout" => parts.policies.push(self.timeout(name, value)),
            "retry" => parts.policies.extend(self.retry(name, value)),
            "after" => parts.after = self.after(key, value),
            "when" => parts.policies.push(self.when(name, value)),
            "queue" => parts.policies.push(self.queue(name, value)),
            "output" => parts.policies.extend(self.output(name, value)),
            "for_each" => parts.list = Some(self.expr(value)),
            "parallel" => parts.parallel = Some((name, self.expr(value))),
            word if RESERVED.contains(&word) => parts.policies.push(other_policy(name)),
            _ => self.unknown_key(key, "a step", KEYS),
        }
    }
}

/// `for_each`: the step once for each item; its name holds the list of the outputs.
fn each(name: &Name, list: Expr, parallel: Option<Expr>, statement: Stmt) -> Stmt {
    let span = statement.span;
    let result = Stmt { kind: StmtKind::Yield(name_expr(&name.value, name.span)), span: name.span };
    let var = Name { value: ITEM.into(), span: list.span };
    let body = vec![statement, result];
    let each = For { name: Some(name.clone()), var, list, parallel, keep_going: None, body };
    Stmt { kind: StmtKind::For(Box::new(each)), span }
}
