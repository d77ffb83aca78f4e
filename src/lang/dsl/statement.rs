//! Statements: what each entry of a block is, and those without a block of their own.
//!
//! A statement that can't be read becomes `Unread`: it has been reported, and what it may have declared is not known.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::lang::ast::{Approve, Name, Stmt, StmtKind, Wait};
use crate::lang::grammar::Rule;
use crate::lang::nearest::did_you_mean;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, codes};

use super::parser::{Parser, Taken};
use super::policy;
use super::scan::Kind;

/// The words that begin a statement.
pub const WORDS: &[&str] = &[
    "step",
    "let",
    "for",
    "parallel",
    "branch",
    "if",
    "match",
    "try",
    "repeat",
    "wait",
    "approve",
    "sleep",
    "yield",
    "return",
    "fail",
    "compensate",
];

/// The tokens after a block that belong to it no more.
pub type Left = Option<Range<usize>>;

impl<'t> Parser<'t> {
    /// The statements between two tokens.
    pub fn statements(&mut self, within: Range<usize>) -> Vec<Stmt> {
        self.block_entries(within, &mut |_, _| false)
    }

    /// The statements between two tokens; entries that `other` takes are none.
    pub fn block_entries(
        &mut self,
        within: Range<usize>,
        other: &mut dyn FnMut(&mut Self, &Range<usize>) -> bool,
    ) -> Vec<Stmt> {
        let mut body = Vec::new();
        let mut entries: VecDeque<Range<usize>> = self.tokens.entries(within).into();
        while let Some(entry) = entries.pop_front() {
            if other(self, &entry) {
                continue;
            }
            let (statement, left) = self.statement(&entry);
            body.push(statement);
            if let Some(left) = left.filter(|left| !left.is_empty()) {
                if !self.tokens.has_bad(&(left.start..left.start + 1)) {
                    self.expected("the end of the line", left.start);
                }
                // What begins no statement is a part of the mistake.
                if self.tokens.word(left.start).is_some_and(|word| WORDS.contains(&word)) {
                    entries.push_front(left);
                }
            }
        }
        body
    }

    fn statement(&mut self, entry: &Range<usize>) -> (Stmt, Left) {
        let (kind, left) = self.kind(entry);
        let end = left.as_ref().map_or(entry.end, |left| left.start);
        let span = self.span(&(entry.start..end));
        let kind = kind.unwrap_or_else(|| StmtKind::Unread { words: self.tokens.names(entry.start..end) });
        (Stmt { kind, span }, left)
    }

    fn kind(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some(word) = self.tokens.word(entry.start) else {
            if self.tokens.all[entry.start].kind != Kind::Bad {
                self.expected("a statement", entry.start);
            }
            return (None, None);
        };
        if self.tokens.is_attribute(entry) {
            self.stray_attribute(entry);
            return (None, None);
        }
        match word {
            "step" => self.step(entry),
            "let" if self.is_loop(entry) => self.each(entry),
            "for" => self.each(entry),
            "parallel" => self.parallel(entry),
            "branch" => self.branch(entry),
            "if" => self.choice(entry),
            "match" => self.matching(entry),
            "try" => self.attempt(entry),
            "repeat" => self.repeat(entry),
            _ => (self.simple(word, entry), None),
        }
    }

    /// A statement without a block.
    fn simple(&mut self, word: &str, entry: &Range<usize>) -> Option<StmtKind> {
        let rule = match word {
            "let" => Rule::let_entry,
            "sleep" if self.tokens.text_of(entry.start + 1) == "until" && entry.len() > 2 => Rule::sleep_until,
            "sleep" => Rule::sleep,
            "yield" => Rule::yield_entry,
            "return" => Rule::return_entry,
            "fail" => Rule::fail_entry,
            "compensate" => Rule::compensate,
            "wait" => Rule::wait,
            "approve" => Rule::approve,
            _ => {
                self.unknown_statement(word, entry, WORDS);
                return None;
            }
        };
        let Some(taken) = self.take(rule, entry) else { return self.salvaged(rule, entry) };
        Some(self.built(rule, taken))
    }

    /// What can be kept of a statement that is broken: the name that it declares.
    fn salvaged(&mut self, rule: Rule, entry: &Range<usize>) -> Option<StmtKind> {
        if !matches!(rule, Rule::let_entry | Rule::wait | Rule::approve) {
            return None;
        }
        let name = self.declared_name(entry)?;
        let value = unread(name.span);
        Some(StmtKind::Let { name, value })
    }

    fn built(&mut self, rule: Rule, mut taken: Taken<'t>) -> StmtKind {
        match rule {
            Rule::let_entry => StmtKind::Let { name: taken.name(), value: self.expr(&mut taken) },
            Rule::sleep => StmtKind::Sleep(self.expr(&mut taken)),
            Rule::sleep_until => {
                taken.pairs.next();
                StmtKind::SleepUntil(self.expr(&mut taken))
            }
            Rule::yield_entry => StmtKind::Yield(self.expr(&mut taken)),
            Rule::return_entry => StmtKind::Return(self.exprs(taken).pop()),
            Rule::fail_entry => {
                let message = self.expr(&mut taken);
                let clauses = self.clauses(taken, "fail");
                let code = self.clause(&clauses, Rule::fail_code);
                StmtKind::Fail { message, code, cause: self.clause(&clauses, Rule::fail_cause) }
            }
            Rule::wait => self.wait(taken),
            Rule::approve => self.approve(taken),
            _ => StmtKind::Compensate,
        }
    }

    fn wait(&mut self, mut taken: Taken<'t>) -> StmtKind {
        let (name, event) = (taken.name(), self.text(&mut taken));
        let clauses = self.clauses(taken, "wait");
        let condition = self.clause(&clauses, Rule::wait_where);
        let timeout = self.clause(&clauses, Rule::wait_timeout);
        StmtKind::Wait(Box::new(Wait { name, event, condition, timeout }))
    }

    fn approve(&mut self, mut taken: Taken<'t>) -> StmtKind {
        let (name, group) = (taken.name(), self.text(&mut taken));
        let clauses = self.clauses(taken, "approve");
        let form = self.clause_type(&clauses, Rule::wait_form);
        let timeout = self.clause(&clauses, Rule::wait_timeout);
        StmtKind::Approve(Box::new(Approve { name, group, form, timeout }))
    }

    /// The name that stands second in an entry that could not be read: what uses it is not told that it does not exist.
    pub fn declared_name(&self, entry: &Range<usize>) -> Option<Name> {
        self.tokens.word(entry.start + 1).filter(|_| entry.len() > 1)?;
        let end = self.tokens.name_end(entry.start + 1, entry.end);
        let span = self.span(&(entry.start + 1..end));
        Some(Name { value: Arc::from(&self.tokens.text[span.start as usize..span.end as usize]), span })
    }

    /// The head and the block of an entry: `word … { … }`. Without a block it is reported.
    pub fn head_and_block(&mut self, entry: &Range<usize>) -> Option<(Range<usize>, Range<usize>, Range<usize>)> {
        let Some(block) = self.tokens.block_of(entry) else {
            self.missing_block(entry);
            return None;
        };
        let mate = self.tokens.all[block].mate;
        let end = entry.end.max(mate + 1);
        let left = (mate + 1..end).find(|at| self.tokens.all[*at].kind != Kind::Newline).unwrap_or(end);
        Some((entry.start..block, block + 1..mate, left..end))
    }

    /// Reports that the entry has no block.
    pub fn missing_block(&mut self, entry: &Range<usize>) {
        if self.tokens.has_bad(entry) {
            return;
        }
        let span = self.span(&(entry.end - 1..entry.end));
        let error = Diagnostic::error(codes::UNEXPECTED, "expected `{`, found the end of the line", span);
        let word = self.tokens.text_of(entry.start);
        self.sink.push(error.help(format!("`{word}` has a block: `{word} … {{ … }}`")));
    }

    fn stray_attribute(&mut self, entry: &Range<usize>) {
        let end = self.tokens.name_end(entry.start, entry.end);
        let span = self.span(&(entry.start..end));
        let name = &self.tokens.text[span.start as usize..span.end as usize];
        let error = Diagnostic::error(codes::MISPLACED, format!("`{name} = …` configures nothing here"), span);
        self.sink.push(error.help(format!("write `let {name} = …` to give a value a name")));
    }

    /// Reports a word that begins nothing of what may stand here.
    pub fn unknown_statement(&mut self, word: &str, entry: &Range<usize>, known: &[&'static str]) {
        let span = self.span(&(entry.start..entry.start + 1));
        let shown: String = word.chars().take(40).collect();
        let error = Diagnostic::error(codes::UNKNOWN_STATEMENT, format!("unknown statement `{shown}`"), span);
        let error = match word {
            "else" => error.help("`else` follows the `}` of an `if`"),
            "catch" | "finally" => error.help(format!("`{word}` follows the `}}` of a `try`")),
            "while" | "loop" => error.help("loops are bounded: `for x in list { … }`"),
            "var" | "const" | "set" => error.help("write `let name = …`"),
            _ if policy::WORDS.contains(&word) => {
                error.help(format!("`{word}` stands in a step or at the top of a workflow"))
            }
            _ => did_you_mean(error, word, known.iter().copied()),
        };
        self.sink.push(error);
    }
}
