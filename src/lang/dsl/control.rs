//! Statements with blocks: loops, choices, `parallel` and `try`.
//!
//! What is broken in a head costs the head alone: its blocks are read, so that what they declare is known.

use std::ops::Range;

use crate::expr::Expr;
use crate::lang::ast::{Catch, For, KeepGoing, Match, MatchArm, Name, ParallelMode, Repeat, Stmt, StmtKind, Try};
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, codes};

use super::parser::{Parser, Taken};
use super::policy;
use super::scan::Kind;
use super::statement::Left;

impl<'t> Parser<'t> {
    /// Whether a `let` is `let NAME = for x in …`.
    pub fn is_loop(&self, entry: &Range<usize>) -> bool {
        let end = self.tokens.name_end(entry.start + 1, entry.end);
        self.tokens.is_sign(end, "=")
            && self.tokens.word(end + 1) == Some("for")
            && end + 2 < entry.end
            && self.tokens.word(end + 2).is_some()
    }

    /// `[let NAME =] for VAR in list [parallel N] [keep going [max N]] { … }`.
    pub fn each(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::for_head, &head);
        let body = self.statements(block);
        let kind = taken.and_then(|taken| self.loop_of(taken, body));
        (kind, Some(left))
    }

    fn loop_of(&mut self, mut taken: Taken<'t>, body: Vec<Stmt>) -> Option<StmtKind> {
        let (mut name, mut var) = (None, None);
        for pair in taken.pairs.by_ref() {
            match pair.as_rule() {
                Rule::name => name = Some(pair),
                Rule::variable => var = Some(pair),
                Rule::w_in => break,
                _ => {}
            }
        }
        let name = name.map(|pair| taken.name_of(&pair));
        let var = taken.name_of(&var?);
        let list = self.expr(&mut taken);
        let clauses = self.clauses(taken, "for");
        let parallel = self.clause(&clauses, Rule::loop_parallel);
        let max = self.clause(&clauses, Rule::loop_keep);
        let keep_going = clauses.place(Rule::loop_keep).map(|span| KeepGoing { max, span });
        Some(StmtKind::For(Box::new(For { name, var, list, parallel, keep_going, body })))
    }

    /// `parallel { … }`, `parallel first { … }`, `parallel any N of { … }`.
    pub fn parallel(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let mode = self.take(Rule::parallel_head, &head).map_or(ParallelMode::All, |taken| self.mode(taken));
        let children = self.statements(block);
        (Some(StmtKind::Parallel { mode, children }), Some(left))
    }

    fn mode(&mut self, taken: Taken<'t>) -> ParallelMode {
        let clauses = self.clauses(taken, "parallel");
        if let Some(span) = clauses.place(Rule::w_first) {
            return ParallelMode::First(span);
        }
        match (self.clause(&clauses, Rule::parallel_any), clauses.place(Rule::parallel_any)) {
            (Some(count), Some(span)) => ParallelMode::Any { count, span },
            _ => ParallelMode::All,
        }
    }

    /// `branch NAME { … }`.
    pub fn branch(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::branch_head, &head);
        let mut policies = Vec::new();
        let body = self.block_entries(block, &mut |parser, entry| {
            let word = parser.tokens.word(entry.start).unwrap_or_default();
            let is_policy = policy::WORDS.contains(&word) && !parser.tokens.is_attribute(entry);
            if is_policy {
                policies.extend(parser.policy(entry));
            }
            is_policy
        });
        (taken.map(|mut taken| StmtKind::Branch { name: taken.name(), policies, body }), Some(left))
    }

    /// `if … { } else if … { } else { }`.
    pub fn choice(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let (mut arms, mut otherwise) = (Vec::new(), None);
        let mut rest = entry.clone();
        loop {
            let Some((head, block, left)) = self.head_and_block(&rest) else { return (None, None) };
            if head.len() == 1 && !left.is_empty() && self.tokens.word(left.start) != Some("else") {
                self.object_in_head(head.end);
                return (None, None);
            }
            let condition = self.take(Rule::if_head, &head).map(|mut taken| self.expr(&mut taken));
            let body = self.statements(block);
            // A condition that can't be read is reported; the block still declares its steps.
            arms.push((condition.unwrap_or_else(|| unread(self.span(&head))), body));
            rest = left;
            if rest.is_empty() || self.tokens.word(rest.start) != Some("else") {
                break;
            }
            rest.start += 1;
            if rest.is_empty() || self.tokens.word(rest.start) != Some("if") {
                rest.start -= 1;
                let Some((head, block, left)) = self.head_and_block(&rest) else { return (None, None) };
                self.take(Rule::bare_head, &head);
                otherwise = Some(self.statements(block));
                rest = left;
                break;
            }
        }
        (Some(StmtKind::If { arms, otherwise }), Some(rest))
    }

    fn object_in_head(&mut self, brace: usize) {
        let span = self.span(&(brace..brace + 1));
        let error = Diagnostic::error(codes::UNEXPECTED, "expected an expression, found `{`", span);
        self.sink.push(error.help("an object in the head of a block needs parentheses"));
    }

    /// `match subject { "a", "b" { … } else { … } }`.
    pub fn matching(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        if head.len() == 1 && !left.is_empty() {
            self.object_in_head(head.end);
            return (None, None);
        }
        let subject = self.take(Rule::match_head, &head).map(|mut taken| self.expr(&mut taken));
        let subject = subject.unwrap_or_else(|| unread(self.span(&head)));
        let (arms, otherwise) = self.arms(block);
        (Some(StmtKind::Match(Box::new(Match { subject, arms, otherwise }))), Some(left))
    }

    fn arms(&mut self, within: Range<usize>) -> (Vec<MatchArm>, Option<Vec<Stmt>>) {
        let (mut arms, mut otherwise) = (Vec::new(), None);
        let mut at = within.start;
        while at < within.end {
            if matches!(self.tokens.all[at].kind, Kind::Newline | Kind::Comma) {
                at += 1;
                continue;
            }
            let Some((head, block, _)) = self.head_and_block(&(at..within.end)) else { break };
            at = block.end + 1;
            let span = self.span(&(head.start..at));
            let is_else = self.tokens.word(head.start) == Some("else") && head.len() == 1;
            if otherwise.is_some() {
                self.after_else(is_else, &head);
            }
            let patterns = if is_else { Vec::new() } else { self.patterns(&head) };
            let body = self.statements(block);
            match is_else {
                true => otherwise = otherwise.or(Some(body)),
                false => arms.push(MatchArm { patterns, body, span }),
            }
        }
        (arms, otherwise)
    }

    /// The values of an arm. One that can't be read stands for itself, so that the arm is not taken for an empty one.
    fn patterns(&mut self, head: &Range<usize>) -> Vec<Expr> {
        if head.is_empty() {
            self.expected("a value or `else`", head.start);
            return vec![unread(self.span(&(head.start..head.start + 1)))];
        }
        match self.take(Rule::match_arm, head) {
            Some(taken) => self.exprs(taken),
            None => vec![unread(self.span(head))],
        }
    }

    fn after_else(&mut self, is_else: bool, head: &Range<usize>) {
        let span = self.span(&(head.start..head.end.max(head.start + 1)));
        self.sink.push(match is_else {
            true => Diagnostic::error(codes::DOUBLED, "`else` stands twice in one `match`", span)
                .help("take one of them away"),
            false => Diagnostic::error(codes::MISPLACED, "an arm can't stand after the `else` of its `match`", span)
                .help("put `else { … }` last"),
        });
    }

    /// `repeat [every D] max N until expr { … }`.
    pub fn repeat(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let lost = self.span(&head);
        let (mut every, mut exprs) = (None, Vec::new());
        if let Some(mut taken) = self.take(Rule::repeat_head, &head) {
            if taken.pairs.as_slice().first().is_some_and(|first| first.as_rule() == Rule::repeat_every) {
                let base = taken.base();
                every = taken.pairs.next().and_then(|clause| self.exprs_in(clause, base).pop());
            }
            exprs = self.exprs(taken);
        }
        let mut exprs = exprs.into_iter();
        let mut next = || exprs.next().unwrap_or_else(|| unread(lost));
        let (max, until) = (next(), next());
        let body = self.statements(block);
        (Some(StmtKind::Repeat(Box::new(Repeat { every, max, until, body }))), Some(left))
    }

    /// `try { … } catch NAME [if expr] { … } finally { … }`.
    pub fn attempt(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, mut rest)) = self.head_and_block(entry) else { return (None, None) };
        self.take(Rule::bare_head, &head);
        let mut tried = Try { body: self.statements(block), catches: Vec::new(), finally: None };
        while let Some(word @ ("catch" | "finally")) = self.tokens.word(rest.start).filter(|_| !rest.is_empty()) {
            let Some((head, block, left)) = self.head_and_block(&rest) else {
                return (Some(StmtKind::Try(Box::new(tried))), None);
            };
            if tried.finally.is_some() {
                self.after_finally(word, head.start);
            }
            if word == "catch" {
                let catch = self.catch(&head, block);
                tried.catches.push(catch);
            } else {
                self.take(Rule::bare_head, &head);
                let body = self.statements(block);
                tried.finally.get_or_insert(body);
            }
            rest = left;
        }
        if tried.catches.is_empty() && tried.finally.is_none() {
            self.bare_try(entry.start);
        }
        (Some(StmtKind::Try(Box::new(tried))), Some(rest))
    }

    fn catch(&mut self, head: &Range<usize>, block: Range<usize>) -> Catch {
        let (name, condition) = match self.take(Rule::catch_head, head) {
            Some(mut taken) => (taken.name(), self.exprs(taken).pop()),
            None => {
                let name = self.declared_name(head);
                // Whatever it was to be called: what stands in the block is not unknown.
                (name.unwrap_or_else(|| Name { value: "error".into(), ..self.keyword(head.start) }), None)
            }
        };
        let span = self.span(&(head.start..block.end + 1));
        Catch { name, condition, body: self.statements(block), span }
    }

    fn after_finally(&mut self, word: &str, at: usize) {
        let span = self.span(&(at..at + 1));
        self.sink.push(match word {
            "catch" => {
                Diagnostic::error(codes::MISPLACED, "`catch` can't stand after the `finally` of its `try`", span)
                    .help("put `finally { … }` last")
            }
            _ => Diagnostic::error(codes::DOUBLED, "`finally` stands twice in one `try`", span)
                .help("take one of them away"),
        });
    }

    fn bare_try(&mut self, at: usize) {
        let span = self.span(&(at..at + 1));
        let error = Diagnostic::error(codes::UNEXPECTED, "a `try` needs a `catch` or a `finally`", span);
        self.sink.push(error.help("write `catch error { … }` after its `}`"));
    }
}
