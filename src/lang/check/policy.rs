//! Policies: the engine's entries of a step, a branch, an undo or a workflow, and where each may stand.

use std::collections::HashMap;

use crate::expr::{Expr, Span, Value, parse_duration};
use crate::lang::Diagnostic;
use crate::lang::ast::{Policy, PolicyKind};
use crate::lang::constant::constant_value;
use crate::lang::unread::has_unread;
use crate::plan::{QUEUE_NAME, Runs, TaskType, is_queue_name};

use super::Checker;
use super::codes::{BAD_DURATION, DUPLICATE_POLICY, MISPLACED_POLICY, UNKNOWN_POLICY, USELESS_POLICY, WRONG_TYPE};
use super::words::POLICIES;

/// Whose policies they are.
#[derive(Clone, Copy)]
pub enum Owner<'a> {
    Workflow,
    /// A step of a task type, where that is known.
    Step(Option<&'a TaskType>),
    Branch,
    Undo,
}

impl Checker<'_> {
    /// Checks policies, `after` apart, which is for the `parallel` around to judge.
    pub fn policies(&mut self, policies: &[Policy], owner: Owner<'_>) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for policy in policies {
            let (word, span) = (&*policy.keyword.value, policy.keyword.span);
            if let Some(first) = seen.get(word) {
                let error = Diagnostic::error(DUPLICATE_POLICY, format!("`{word}` is there twice"), span);
                self.tell(error.also(*first, "first here"));
                continue;
            }
            if !matches!(policy.kind, PolicyKind::Other) {
                seen.insert(word, span);
            }
            if !self.misplaced(policy, owner) {
                let before = self.diagnostics.len();
                self.policy(policy);
                if self.diagnostics.len() == before {
                    self.useless(policy, owner);
                }
            }
        }
    }

    fn policy(&mut self, policy: &Policy) {
        match &policy.kind {
            PolicyKind::Timeout(duration) => self.duration(duration, "a time-out", false),
            PolicyKind::Heartbeat(duration) => self.duration(duration, "a heartbeat", false),
            PolicyKind::Keep(duration) => self.duration(duration, "how long events are kept", false),
            PolicyKind::Retry(retry) => self.retry(retry),
            PolicyKind::When(condition) => self.condition(condition, "`when`"),
            PolicyKind::Queue(name) => self.queue(name),
            PolicyKind::Priority(priority) => self.priority(priority),
            PolicyKind::Cache { key, ttl } => self.cache(key, ttl),
            PolicyKind::Rate { name, limit } => self.rate(name, limit),
            PolicyKind::Concurrency { key, limit, otherwise } => self.concurrency(key, limit, otherwise.as_ref()),
            PolicyKind::After(_)
            | PolicyKind::Output(_)
            | PolicyKind::Undo(_)
            | PolicyKind::UndoNever
            | PolicyKind::Irreversible
            | PolicyKind::Idempotent
            | PolicyKind::AtMostOnce => {}
            PolicyKind::Other => self.other_policy(policy),
        }
    }

    fn other_policy(&mut self, policy: &Policy) {
        let word = &*policy.keyword.value;
        let error = Diagnostic::error(UNKNOWN_POLICY, format!("`{word}` is no policy"), policy.keyword.span);
        self.unknown(error, word, POLICIES.iter().copied());
    }

    /// Tells of a policy that can't stand where it does.
    fn misplaced(&mut self, policy: &Policy, owner: Owner<'_>) -> bool {
        let word = &*policy.keyword.value;
        let (whose, help) = match (&policy.kind, owner) {
            (PolicyKind::Other, _) => return false,
            (PolicyKind::Timeout(_) | PolicyKind::Retry(_), Owner::Workflow | Owner::Step(_) | Owner::Undo) => {
                return false;
            }
            (PolicyKind::Concurrency { .. } | PolicyKind::Keep(_) | PolicyKind::UndoNever, Owner::Workflow) => {
                return false;
            }
            (PolicyKind::Concurrency { .. } | PolicyKind::Keep(_) | PolicyKind::UndoNever, _) => {
                ("a workflow's", "write it in the workflow, outside of its steps")
            }
            (PolicyKind::After(_), Owner::Branch) => return false,
            (_, Owner::Branch) => ("a step's, and a branch is none", "write it in the steps that it is for"),
            (PolicyKind::Queue(_) | PolicyKind::Idempotent, Owner::Undo) => return false,
            (_, Owner::Undo) => {
                ("a step's, and not its undo's", "an undo has `timeout`, `retry`, `queue` and `idempotent`")
            }
            (_, Owner::Workflow) => ("a step's", "write it in the step that it is for"),
            (_, Owner::Step(task)) => return self.not_for_engine(policy, task),
        };
        let error = Diagnostic::error(MISPLACED_POLICY, format!("`{word}` is {whose}"), policy.keyword.span);
        self.tell(error.help(help));
        true
    }

    /// Tells of a policy that is for a worker's task where the engine carries the step out.
    fn not_for_engine(&mut self, policy: &Policy, task: Option<&TaskType>) -> bool {
        let Some(task) = task.filter(|task| task.runs == Runs::Engine) else { return false };
        let workers = matches!(
            policy.kind,
            PolicyKind::Queue(_)
                | PolicyKind::Priority(_)
                | PolicyKind::Heartbeat(_)
                | PolicyKind::Cache { .. }
                | PolicyKind::Rate { .. }
        );
        if workers {
            let word = &*policy.keyword.value;
            let message = format!("`{word}` is for what a worker does, and `{}` is done by the engine", task.name);
            self.error(MISPLACED_POLICY, message, policy.keyword.span);
        }
        workers
    }

    /// Warns of a policy that changes nothing where it stands.
    fn useless(&mut self, policy: &Policy, owner: Owner<'_>) {
        let Owner::Step(Some(task)) = owner else { return };
        let name = &*task.name;
        if matches!(&policy.kind, PolicyKind::Timeout(length) if has_unread(length)) {
            return;
        }
        // A child workflow does work of its own, whoever starts it.
        if task.runs != Runs::Engine || name == "workflow" {
            return;
        }
        let reason = match &policy.kind {
            PolicyKind::Timeout(_) if name == "delay" => "a `delay` waits as long as it says".to_owned(),
            PolicyKind::Timeout(_) => format!("`{name}` takes no time"),
            PolicyKind::Retry(retry) if !super::retry::is_none(retry) => {
                format!("`{name}` gives the same however often it is tried")
            }
            PolicyKind::Undo(_) | PolicyKind::Irreversible | PolicyKind::AtMostOnce | PolicyKind::Idempotent => {
                format!("`{name}` changes nothing outside of the execution")
            }
            _ => return,
        };
        let message = format!("`{}` does nothing here", policy.keyword.value);
        self.tell(Diagnostic::warning(USELESS_POLICY, message, policy.keyword.span).label(reason).help("leave it out"));
    }

    fn queue(&mut self, name: &Expr) {
        match constant_value(name) {
            Some(Value::Str(text)) if is_queue_name(&text) => {}
            Some(Value::Str(text)) => {
                let error = Diagnostic::error(WRONG_TYPE, format!("`{text}` is no name of a queue"), name.span);
                self.tell(error.help(QUEUE_NAME));
            }
            _ if has_unread(name) => {}
            _ => self.error(WRONG_TYPE, "the name of a queue must be written out as text", name.span),
        }
    }

    /// A length of time that is written out.
    pub fn duration(&mut self, expr: &Expr, what: &str, may_be_zero: bool) {
        let error = |message: String| Diagnostic::error(BAD_DURATION, message, expr.span);
        match constant_value(expr) {
            Some(Value::Duration(micros)) if micros < 0 => self.tell(error(format!("{what} can't be negative"))),
            Some(Value::Duration(0)) if !may_be_zero => self.tell(error(format!("{what} must be more than nothing"))),
            Some(Value::Duration(_)) => {}
            Some(Value::Int(number)) => {
                let help = format!("write `{number}s`, `{number}m` or `{number}h`");
                self.tell(error(format!("{what} needs a unit")).help(help));
            }
            Some(Value::Str(text)) if parse_duration(&text).is_some() => {
                self.tell(error(format!("{what} is written without quotes")).help(format!("write `{text}`")));
            }
            Some(Value::Str(text)) => {
                self.tell(error(format!("`{text}` is no length of time")).help("write `10s`, `5m` or `1h30m`"));
            }
            Some(_) => {
                self.tell(error(format!("{what} must be a length of time")).help("write `10s`, `5m` or `1h30m`"))
            }
            None if has_unread(expr) => {}
            None => {
                let before = self.diagnostics.len();
                self.value(expr);
                if self.diagnostics.len() == before {
                    self.tell(error(format!("{what} must be written out")).help("write `10s`, `5m` or `1h30m`"));
                }
            }
        }
    }
}
