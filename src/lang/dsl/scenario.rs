//! `test "…" for WORKFLOW { … }`: what is given, what happens, and what is expected.

use std::ops::Range;

use pest::iterators::Pair;

use crate::expr::Span;
use crate::lang::ast::{Answer, Ask, Expectation, File, Mock, Test, TestEntry, TestKind};
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;

use super::parser::{Parser, Taken};
use super::scan::Kind;

/// The words that begin an entry of a test.
pub const WORDS: &[&str] =
    &["given", "settings", "at", "mock", "send", "approve", "refuse", "cancel", "pause", "resume", "expect"];

impl<'t> Parser<'t> {
    /// A test. One whose head is broken is read, for what is wrong with it, and not kept.
    pub fn test(&mut self, entry: &Range<usize>, file: &mut File) -> Option<Range<usize>> {
        let Some(block) = self.tokens.block_of(entry) else {
            if self.item_head(Rule::test_head, entry).is_some() {
                self.missing_block(entry);
            }
            return None;
        };
        let mate = self.tokens.all[block].mate;
        let head = self.item_head(Rule::test_head, &(entry.start..block));
        let mut entries = Vec::new();
        for inner in self.tokens.entries(block + 1..mate) {
            entries.extend(self.test_entry(&inner));
        }
        if let Some(mut head) = head {
            let name = self.text(&mut head);
            head.pairs.next();
            let span = self.span(&(entry.start..mate + 1));
            file.tests.push(Test { name, workflow: head.name(), entries, span });
        }
        Some(mate + 1..entry.end.max(mate + 1))
    }

    fn test_entry(&mut self, entry: &Range<usize>) -> Option<TestEntry> {
        let Some(word) = self.tokens.word(entry.start) else {
            if self.tokens.all[entry.start].kind != Kind::Bad {
                self.expected("an entry of a test", entry.start);
            }
            return None;
        };
        let rule = match word {
            "given" | "settings" | "at" => Rule::given,
            "mock" => Rule::mock,
            "send" => Rule::send,
            "approve" | "refuse" => Rule::decision,
            "cancel" | "pause" | "resume" => Rule::ask,
            "expect" => Rule::expectation,
            _ => {
                self.unknown_statement(word, entry, WORDS);
                return None;
            }
        };
        let taken = self.take(rule, entry)?;
        let kind = self.test_kind(word, taken)?;
        Some(TestEntry { kind, keyword: self.keyword(entry.start), span: self.span(entry) })
    }

    fn test_kind(&mut self, word: &str, mut taken: Taken<'t>) -> Option<TestKind> {
        Some(match word {
            "given" => TestKind::Given(self.expr(&mut taken)),
            "settings" => TestKind::Settings(self.expr(&mut taken)),
            "at" => TestKind::At(self.expr(&mut taken)),
            "mock" => TestKind::Mock(Box::new(self.mock(taken))),
            "send" => {
                let event = self.text(&mut taken);
                let clauses = self.clauses(taken, "send");
                let data = self.clause(&clauses, Rule::with_clause);
                TestKind::Send { event, data, after: self.clause(&clauses, Rule::after_clause) }
            }
            "approve" | "refuse" => {
                let name = taken.name();
                let clauses = self.clauses(taken, word);
                let with = self.clause(&clauses, Rule::with_clause);
                let after = self.clause(&clauses, Rule::after_clause);
                TestKind::Decide { name, approved: word == "approve", with, after }
            }
            "expect" => {
                let base = taken.base();
                TestKind::Expect(self.expectation(taken.pairs.next()?, base))
            }
            _ => {
                let clauses = self.clauses(taken, word);
                let after = self.clause(&clauses, Rule::after_clause);
                TestKind::Ask { what: ask(word), after }
            }
        })
    }

    /// `mock STEP[i] [undo] [after D] (= expr | fails "CODE" … | times out | lost) [times N]`.
    fn mock(&mut self, mut taken: Taken<'t>) -> Mock {
        let base = taken.base();
        let step = taken.name();
        let mut items = Vec::new();
        while let Some(item) = taken.pairs.as_slice().first().filter(|pair| pair.as_rule() == Rule::mock_item).cloned()
        {
            taken.pairs.next();
            items.extend(self.exprs_in(item, base));
        }
        let clauses = self.clauses(taken, "mock");
        let answer = if let Some(gives) = self.clause(&clauses, Rule::mock_gives) {
            Answer::Gives(gives)
        } else if let Some(fails) = clauses.get(Rule::mock_fails) {
            self.failure(Taken::inside(fails, base))
        } else if clauses.has(Rule::mock_late) {
            Answer::TimesOut
        } else {
            Answer::Lost
        };
        let after = self.clause(&clauses, Rule::after_clause);
        let times = self.clause(&clauses, Rule::mock_times);
        Mock { step, items, undo: clauses.has(Rule::w_undo), after, answer, times }
    }

    /// `fails "CODE" [message M] [status N] [fatal]`.
    fn failure(&mut self, mut taken: Taken<'t>) -> Answer {
        taken.pairs.next();
        let code = self.expr(&mut taken);
        let clauses = self.clauses(taken, "mock");
        let message = self.clause(&clauses, Rule::fails_message);
        let status = self.clause(&clauses, Rule::fails_status);
        Answer::Fails { code, message, status, fatal: clauses.has(Rule::w_fatal) }
    }

    fn expectation(&mut self, pair: Pair<'t, Rule>, base: usize) -> Expectation {
        let rule = pair.as_rule();
        let mut parts = Taken::inside(pair, base);
        let not = parts.pairs.as_slice().first().is_some_and(|first| first.as_rule() == Rule::w_not);
        match rule {
            Rule::expect_completed => Expectation::Completed { output: self.exprs(parts).pop() },
            Rule::expect_failed => Expectation::Failed { code: self.exprs(parts).pop() },
            Rule::expect_ran => {
                let times = parts.pairs.as_slice().last().filter(|last| last.as_rule() == Rule::mock_times).cloned();
                let times = times.and_then(|times| self.exprs_in(times, base).pop());
                Expectation::Ran { not, steps: parts.names(), times }
            }
            Rule::expect_undone => Expectation::Undone { not, steps: parts.names() },
            Rule::expect_that => {
                Expectation::That(self.exprs(parts).pop().unwrap_or_else(|| unread(Span::new(base, base))))
            }
            _ => Expectation::Cancelled,
        }
    }
}

fn ask(word: &str) -> Ask {
    match word {
        "pause" => Ask::Pause,
        "resume" => Ask::Resume,
        _ => Ask::Cancel,
    }
}
