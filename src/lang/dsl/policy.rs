//! Policies: the engine's entries of a step, a branch or a workflow.

use std::ops::Range;

use crate::lang::ast::{Name, Policy, PolicyKind, Retry, Undo};
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;

use super::parser::{Parser, Taken};

/// The words that begin a policy.
pub const WORDS: &[&str] = &[
    "timeout",
    "retry",
    "when",
    "after",
    "queue",
    "output",
    "undo",
    "priority",
    "heartbeat",
    "cache",
    "rate",
    "concurrency",
    "keep",
    "irreversible",
    "idempotent",
    "at",
];

impl<'t> Parser<'t> {
    /// The policy that an entry is. A word that begins none is a policy of no known kind, for `check` to judge.
    pub fn policy(&mut self, entry: &Range<usize>) -> Option<Policy> {
        let span = self.span(entry);
        let keyword = self.keyword(entry.start);
        let rule = match &*keyword.value {
            "timeout" => Rule::timeout,
            "retry" => Rule::retry,
            "when" => Rule::when,
            "after" => Rule::after,
            "queue" => Rule::queue,
            "output" => Rule::output,
            "priority" => Rule::priority,
            "heartbeat" => Rule::heartbeat,
            "keep" => Rule::keep,
            "cache" => Rule::cache,
            "rate" => Rule::rate,
            "concurrency" => Rule::concurrency,
            "irreversible" | "idempotent" => Rule::flag,
            "at" => Rule::at_most_once,
            "undo" => return self.undo(entry).map(|kind| Policy { kind, keyword, span }),
            _ => return Some(Policy { kind: PolicyKind::Other, keyword, span }),
        };
        let taken = self.take(rule, entry)?;
        if rule == Rule::at_most_once {
            let keyword = self.keywords("at most once", entry.clone());
            return Some(Policy { kind: PolicyKind::AtMostOnce, keyword, span });
        }
        let kind = self.policy_kind(rule, taken, &keyword);
        Some(Policy { kind, keyword, span })
    }

    fn policy_kind(&mut self, rule: Rule, mut taken: Taken<'t>, keyword: &Name) -> PolicyKind {
        match rule {
            Rule::timeout => PolicyKind::Timeout(self.expr(&mut taken)),
            Rule::retry => PolicyKind::Retry(Box::new(self.retry(taken))),
            Rule::when => PolicyKind::When(self.expr(&mut taken)),
            Rule::after => PolicyKind::After(taken.names()),
            Rule::queue => PolicyKind::Queue(self.expr(&mut taken)),
            Rule::output => PolicyKind::Output(self.ty(&mut taken)),
            Rule::priority => PolicyKind::Priority(self.expr(&mut taken)),
            Rule::heartbeat => PolicyKind::Heartbeat(self.expr(&mut taken)),
            Rule::keep => PolicyKind::Keep(self.expr(&mut taken)),
            Rule::rate => PolicyKind::Rate { name: self.text(&mut taken), limit: self.expr(&mut taken) },
            Rule::cache => {
                let (key, ttl) = self.two_exprs(taken, keyword);
                PolicyKind::Cache { key, ttl }
            }
            Rule::concurrency => {
                let last = taken.pairs.as_slice().last().filter(|last| last.as_rule() == Rule::name);
                let otherwise = last.map(|name| taken.name_of(name));
                let (key, limit) = self.two_exprs(taken, keyword);
                PolicyKind::Concurrency { key, limit, otherwise }
            }
            _ if &*keyword.value == "irreversible" => PolicyKind::Irreversible,
            _ => PolicyKind::Idempotent,
        }
    }

    fn two_exprs(&mut self, taken: Taken<'t>, keyword: &Name) -> (crate::expr::Expr, crate::expr::Expr) {
        let mut exprs = self.exprs(taken).into_iter();
        let mut next = || exprs.next().unwrap_or_else(|| unread(keyword.span));
        (next(), next())
    }

    fn retry(&mut self, mut taken: Taken<'t>) -> Retry {
        let max = self.expr(&mut taken);
        let clauses = self.clauses(taken, "retry");
        let mut backoff = self.clause_exprs(&clauses, Rule::retry_backoff).into_iter();
        Retry {
            max,
            backoff: backoff.next(),
            backoff_max: backoff.next(),
            factor: self.clause(&clauses, Rule::retry_factor),
            jitter: clauses.name(Rule::retry_jitter),
            unless: self.clause(&clauses, Rule::retry_unless),
            only: self.clause(&clauses, Rule::retry_only),
        }
    }

    /// `undo never`, or `undo TYPE { … }`.
    fn undo(&mut self, entry: &Range<usize>) -> Option<PolicyKind> {
        let Some(block) = self.tokens.block_of(entry) else {
            if self.tokens.text_of(entry.start + 1) == "never" {
                return self.take(Rule::undo_never, entry).map(|_| PolicyKind::UndoNever);
            }
            if self.take(Rule::undo_head, entry).is_some() {
                self.missing_block(entry);
            }
            return None;
        };
        let mate = self.tokens.all[block].mate;
        let taken = self.take(Rule::undo_head, &(entry.start..block));
        let (config, policies) = self.step_entries(block + 1..mate);
        if mate + 1 < entry.end && !self.tokens.has_bad(&(mate + 1..entry.end)) {
            self.expected("the end of the line", mate + 1);
        }
        taken.map(|mut taken| PolicyKind::Undo(Box::new(Undo { task_type: taken.name(), config, policies })))
    }
}
