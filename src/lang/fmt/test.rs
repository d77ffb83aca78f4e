//! `test "…" for WORKFLOW { … }`.

use crate::lang::ast::{Answer, Ask, Expectation, Mock, Test, TestEntry, TestKind};

use super::build::Builder;
use super::policy::{Clause, Clauses};
use super::statement::Entry;

impl<'a> Builder<'a> {
    /// A test.
    pub fn test(&mut self, test: &'a Test) {
        self.keyword("test");
        self.quoted(&test.name.value);
        self.space();
        self.keyword("for");
        self.name(&test.workflow);
        self.gap();
        self.block(test.entries.iter().map(Entry::Test).collect(), true);
    }

    /// An entry of a test.
    pub fn test_entry(&mut self, entry: &'a TestEntry) {
        match &entry.kind {
            TestKind::Given(input) => self.clause("given", Clause::Expr(input)),
            TestKind::Settings(settings) => self.clause("settings", Clause::Expr(settings)),
            TestKind::At(time) => self.clause("at", Clause::Expr(time)),
            TestKind::Mock(mock) => self.mock(mock),
            TestKind::Send { event, data, after } => {
                self.clause("send", Clause::Quoted(event));
                self.clauses(vec![
                    ("with", data.as_ref().map(Clause::Expr)),
                    ("after", after.as_ref().map(Clause::Expr)),
                ]);
            }
            TestKind::Decide { name, approved, with, after } => {
                self.clause(if *approved { "approve" } else { "refuse" }, Clause::Name(name));
                self.clauses(vec![
                    ("with", with.as_ref().map(Clause::Expr)),
                    ("after", after.as_ref().map(Clause::Expr)),
                ]);
            }
            TestKind::Ask { what, after } => {
                self.word(match what {
                    Ask::Cancel => "cancel",
                    Ask::Pause => "pause",
                    Ask::Resume => "resume",
                });
                self.clauses(vec![("after", after.as_ref().map(Clause::Expr))]);
            }
            TestKind::Expect(expectation) => {
                self.keyword("expect");
                self.expectation(expectation);
            }
        }
    }

    fn mock(&mut self, mock: &'a Mock) {
        self.keyword("mock");
        self.name(&mock.step);
        for item in &mock.items {
            self.word("[");
            self.value(item);
            self.word("]");
        }
        let answer: Clauses<'a> = match &mock.answer {
            Answer::Gives(output) => vec![("=", Some(Clause::Expr(output)))],
            Answer::Fails { code, message, status, fatal } => vec![
                ("fails", Some(Clause::Expr(code))),
                ("message", message.as_ref().map(Clause::Expr)),
                ("status", status.as_ref().map(Clause::Expr)),
                ("fatal", fatal.then_some(Clause::Word)),
            ],
            Answer::TimesOut => vec![("times out", Some(Clause::Word))],
            Answer::Lost => vec![("lost", Some(Clause::Word))],
        };
        let mut clauses =
            vec![("undo", mock.undo.then_some(Clause::Word)), ("after", mock.after.as_ref().map(Clause::Expr))];
        clauses.extend(answer);
        clauses.push(("times", mock.times.as_ref().map(Clause::Expr)));
        self.clauses(clauses);
    }

    fn expectation(&mut self, expectation: &'a Expectation) {
        match expectation {
            Expectation::Completed { output } => {
                self.word("completed");
                self.clauses(vec![("output", output.as_ref().map(Clause::Expr))]);
            }
            Expectation::Failed { code } => {
                self.word("failed");
                self.clauses(vec![("code", code.as_ref().map(Clause::Expr))]);
            }
            Expectation::Cancelled => self.word("cancelled"),
            Expectation::Ran { not, steps, times } => {
                if *not {
                    self.keyword("not");
                }
                self.keyword("ran");
                self.names(steps);
                self.clauses(vec![("times", times.as_ref().map(Clause::Expr))]);
            }
            Expectation::Undone { not, steps } => {
                if *not {
                    self.keyword("not");
                }
                self.keyword("undone");
                self.names(steps);
            }
            Expectation::That(condition) => self.clause("that", Clause::Expr(condition)),
        }
    }
}
