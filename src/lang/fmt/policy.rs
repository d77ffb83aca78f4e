//! Policies, and the clauses that they and other entries are made of.

use crate::expr::{Expr, Type};
use crate::lang::ast::{Attribute, Name, Policy, PolicyKind, Retry, Spanned, Undo};

use super::build::Builder;
use super::ops::{Op, Text};
use super::statement::Entry;

/// What follows a word in a clause.
#[derive(Clone, Copy, Debug)]
pub enum Clause<'a> {
    /// Nothing.
    Word,
    /// An expression.
    Expr(&'a Expr),
    /// `a..b`.
    Range(&'a Expr, Option<&'a Expr>),
    /// A name.
    Name(&'a Name),
    /// A text in quotes.
    Quoted(&'a Name),
    /// A type.
    Type(&'a Spanned<Type>),
}

/// Clauses, each after the word that begins it.
pub type Clauses<'a> = Vec<(&'static str, Option<Clause<'a>>)>;

impl<'a> Builder<'a> {
    /// The clauses that are there, in the order of the source, or else in this one.
    pub fn clauses(&mut self, clauses: Clauses<'a>) {
        let mut left: Vec<(&str, Clause<'a>)> =
            clauses.into_iter().filter_map(|(words, clause)| Some((words, clause?))).collect();
        while !left.is_empty() {
            let next = left.iter().enumerate().filter(|(_, (words, _))| self.peek_words(words));
            let longest = next.max_by_key(|(_, (words, _))| words.len()).map_or(0, |(at, _)| at);
            let (words, clause) = left.remove(longest);
            self.space();
            let start = self.ops.len();
            self.clause(words, clause);
            if left.is_empty() && matches!(clause, Clause::Type(_)) {
                self.close_type(start + 2);
            }
        }
    }

    /// Puts a type at the end of an entry, which begins at `start`, in parentheses where its last sign is an operator too: the
    /// entry would go on.
    fn close_type(&mut self, start: usize) {
        let last = self.ops.iter().rev().find_map(|op| match op {
            Op::Text(text) => Some(&*text.text),
            _ => None,
        });
        if matches!(last, Some("?" | ">")) {
            self.ops.insert(start, Op::Text(Text::soft("(")));
            self.soft(")");
        }
    }

    /// One clause.
    pub fn clause(&mut self, words: &'static str, clause: Clause<'a>) {
        for (at, word) in words.split(' ').enumerate() {
            if at > 0 {
                self.space();
            }
            self.word(word);
        }
        if !matches!(clause, Clause::Word) {
            self.space();
        }
        match clause {
            Clause::Word => {}
            Clause::Expr(expr) => self.value(expr),
            Clause::Range(from, None) => self.value(from),
            Clause::Range(from, Some(to)) => {
                self.value(from);
                self.word("..");
                self.value(to);
            }
            Clause::Name(name) => self.name(name),
            Clause::Quoted(name) => self.quoted(&name.value),
            Clause::Type(ty) => self.ty(ty),
        }
    }

    /// A name.
    pub fn name(&mut self, name: &'a Name) {
        self.word(&*name.value);
    }

    /// Names with commas between them.
    pub fn names(&mut self, names: &'a [Name]) {
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                self.soft(",");
                self.space();
            }
            self.name(name);
        }
    }

    /// An engine's entry.
    pub fn policy(&mut self, policy: &'a Policy) {
        self.entry(policy.span, |b| b.policy_words(policy));
    }

    fn policy_words(&mut self, policy: &'a Policy) {
        match &policy.kind {
            PolicyKind::Timeout(expr) => self.clause("timeout", Clause::Expr(expr)),
            PolicyKind::Retry(retry) => self.retry(retry),
            PolicyKind::When(expr) => self.clause("when", Clause::Expr(expr)),
            PolicyKind::After(names) => {
                self.keyword("after");
                self.names(names);
            }
            PolicyKind::Queue(expr) => self.clause("queue", Clause::Expr(expr)),
            PolicyKind::Output(ty) => self.clause("output", Clause::Type(ty)),
            PolicyKind::Undo(undo) => self.undo(undo),
            PolicyKind::UndoNever => self.clause("undo never", Clause::Word),
            PolicyKind::Irreversible => self.word("irreversible"),
            PolicyKind::Idempotent => self.word("idempotent"),
            PolicyKind::AtMostOnce => self.clause("at most once", Clause::Word),
            PolicyKind::Priority(expr) => self.clause("priority", Clause::Expr(expr)),
            PolicyKind::Heartbeat(expr) => self.clause("heartbeat", Clause::Expr(expr)),
            PolicyKind::Cache { key, ttl } => {
                self.clause("cache key", Clause::Expr(key));
                self.space();
                self.clause("for", Clause::Expr(ttl));
            }
            PolicyKind::Rate { name, limit } => {
                self.clause("rate", Clause::Quoted(name));
                self.space();
                self.per(limit);
            }
            PolicyKind::Concurrency { key, limit, otherwise } => {
                self.clause("concurrency key", Clause::Expr(key));
                let otherwise = otherwise.as_ref().map(Clause::Name);
                self.clauses(vec![("limit", Some(Clause::Expr(limit))), ("else", otherwise)]);
            }
            PolicyKind::Keep(expr) => self.clause("keep", Clause::Expr(expr)),
            PolicyKind::Other if self.source.is_some() => self.verbatim(policy.span),
            PolicyKind::Other => self.word(&*policy.keyword.value),
        }
    }

    fn retry(&mut self, retry: &'a Retry) {
        self.clause("retry", Clause::Expr(&retry.max));
        let backoff = retry.backoff.as_ref();
        self.clauses(vec![
            ("backoff", backoff.map(|from| Clause::Range(from, retry.backoff_max.as_ref()))),
            ("factor", retry.factor.as_ref().map(Clause::Expr)),
            ("jitter", retry.jitter.as_ref().map(Clause::Name)),
            ("unless", retry.unless.as_ref().map(Clause::Expr)),
            ("only", retry.only.as_ref().map(Clause::Expr)),
        ]);
    }

    fn undo(&mut self, undo: &'a Undo) {
        self.group(|b| {
            b.keyword("undo");
            b.name(&undo.task_type);
            b.gap();
            b.configuration(&undo.config, &undo.policies);
        });
    }

    /// The block of a step or an undo: what the handler is told, and what the engine is.
    pub fn configuration(&mut self, config: &'a [Attribute], policies: &'a [Policy]) {
        let config = config.iter().map(Entry::Attribute);
        let entries = config.chain(policies.iter().map(Entry::Policy)).collect();
        self.block(entries, false);
    }

    /// `key = value`.
    pub fn attribute(&mut self, attribute: &'a Attribute) {
        self.key(&attribute.key.value, true);
        self.space();
        self.keyword("=");
        self.value(&attribute.value);
    }
}
