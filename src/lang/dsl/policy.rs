//! Policies: the engine's entries of a step, a branch or a workflow.

use std::ops::Range;

use crate::lang::ast::{Name, Policy, PolicyKind, Retry};
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, codes};

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
    "irreversible",
    "idempotent",
    "at",
];

impl<'t> Parser<'t> {
    /// The policy that an entry is. A word that begins none is a policy of no known kind, for `check` to judge.
    pub fn policy(&mut self, entry: &Range<usize>) -> Option<Policy> {
        let span = self.span(entry);
        let mut keyword = self.keyword(entry.start);
        let word = self.tokens.text_of(entry.start);
        let rule = match word {
            "timeout" => Rule::timeout,
            "retry" => Rule::retry,
            "when" => Rule::when,
            "after" => Rule::after,
            "queue" => Rule::queue,
            "output" => Rule::output,
            "priority" => Rule::priority,
            "heartbeat" => Rule::heartbeat,
            "cache" => Rule::cache,
            "rate" => Rule::rate,
            "concurrency" => Rule::concurrency,
            "irreversible" | "idempotent" => Rule::flag,
            "at" => Rule::at_most_once,
            "undo" => {
                self.undo(entry);
                return Some(Policy { kind: PolicyKind::Other, keyword, span });
            }
            _ => return Some(Policy { kind: PolicyKind::Other, keyword, span }),
        };
        let mut taken = self.take(rule, entry)?;
        if word == "at" {
            keyword = self.keywords("at most once", entry.clone());
        }
        let kind = match word {
            "timeout" => PolicyKind::Timeout(self.expr(&mut taken)),
            "retry" => PolicyKind::Retry(Box::new(self.retry(taken, &keyword))),
            "when" => PolicyKind::When(self.expr(&mut taken)),
            "after" => PolicyKind::After(names(&mut taken)),
            "queue" => PolicyKind::Queue(self.expr(&mut taken)),
            "output" => PolicyKind::Output(self.ty(&mut taken)),
            _ => {
                self.judge(taken);
                PolicyKind::Other
            }
        };
        Some(Policy { kind, keyword, span })
    }

    /// Builds the expressions of an entry that is not kept, for what is wrong with them.
    pub fn judge(&mut self, taken: Taken<'t>) {
        let base = taken.base();
        for pair in taken.pairs {
            let parts: Vec<_> = match pair.as_rule() {
                Rule::expr | Rule::type_expr => vec![pair],
                _ => pair.into_inner().collect(),
            };
            for part in parts {
                match part.as_rule() {
                    Rule::expr => drop(super::expression::expr_of(part, base, &mut self.sink)),
                    Rule::type_expr => drop(self.type_in(part, base)),
                    _ => {}
                }
            }
        }
    }

    fn retry(&mut self, mut taken: Taken<'t>, keyword: &Name) -> Retry {
        let max = self.expr(&mut taken);
        let mut retry =
            Retry { max, backoff: None, backoff_max: None, factor: None, jitter: None, unless: None, only: None };
        let base = taken.base();
        let mut seen = Vec::new();
        while let Some(clause) = taken.pairs.next() {
            let place = taken.name_of(&clause);
            let rule = clause.as_rule();
            if seen.contains(&rule) {
                let word = place.value.split_whitespace().next().unwrap_or_default().to_owned();
                let error =
                    Diagnostic::error(codes::DOUBLED, format!("`{word}` stands twice in one `retry`"), place.span);
                self.sink.push(error.help("take one of them away"));
                continue;
            }
            seen.push(rule);
            if rule == Rule::retry_jitter {
                retry.jitter = clause.into_inner().last().map(|name| taken.name_of(&name));
                continue;
            }
            let mut exprs = self.exprs_in(clause, base).into_iter();
            let first = exprs.next().unwrap_or_else(|| unread(keyword.span));
            match rule {
                Rule::retry_backoff => (retry.backoff, retry.backoff_max) = (Some(first), exprs.next()),
                Rule::retry_factor => retry.factor = Some(first),
                Rule::retry_unless => retry.unless = Some(first),
                _ => retry.only = Some(first),
            }
        }
        retry
    }

    /// `undo never`, or `undo TYPE { … }`.
    fn undo(&mut self, entry: &Range<usize>) {
        let Some(block) = self.tokens.block_of(entry) else {
            if self.tokens.text_of(entry.start + 1) == "never" {
                self.take(Rule::undo_never, entry);
            } else {
                self.take(Rule::undo_head, entry);
                self.missing_block(entry);
            }
            return;
        };
        self.take(Rule::undo_head, &(entry.start..block));
        for inner in self.tokens.entries(block + 1..self.tokens.all[block].mate) {
            if self.tokens.is_attribute(&inner) {
                self.attribute(&inner);
            } else {
                self.policy(&inner);
            }
        }
    }
}

fn names(taken: &mut Taken<'_>) -> Vec<Name> {
    let pairs: Vec<_> = taken.pairs.by_ref().collect();
    pairs.iter().map(|pair| taken.name_of(pair)).collect()
}
