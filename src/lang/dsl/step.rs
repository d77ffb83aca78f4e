//! Steps, and the entries of their blocks.

use std::ops::Range;

use crate::lang::ast::{Attribute, Policy, Step, StmtKind};
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, codes};

use super::parser::Parser;
use super::scan::Kind;
use super::statement::{Left, WORDS};

impl Parser<'_> {
    /// `step NAME: TYPE { … }`.
    pub fn step(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        if self.tokens.block_of(entry).is_none() {
            if self.take(Rule::step_head, entry).is_some() {
                self.missing_block(entry);
            }
            return (None, None);
        }
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::step_head, &head);
        let (config, policies) = self.step_entries(block);
        let step = taken.map(|mut taken| {
            StmtKind::Step(Box::new(Step { name: taken.name(), task_type: taken.name(), config, policies }))
        });
        (step, Some(left))
    }

    /// What stands in the block of a step, or of an `undo`: configuration and policies.
    pub fn step_entries(&mut self, within: Range<usize>) -> (Vec<Attribute>, Vec<Policy>) {
        let (mut config, mut policies) = (Vec::new(), Vec::new());
        for entry in self.tokens.entries(within) {
            if self.tokens.is_attribute(&entry) {
                config.extend(self.attribute(&entry));
            } else if let Some(word) = self.tokens.word(entry.start) {
                if WORDS.contains(&word) && entry.len() > 2 {
                    self.statement_in_step(word, &entry);
                } else if self.is_pair(&entry) {
                    self.expected("`=`", entry.start + 1);
                    // The key is there, so that it is not told to be missing.
                    let key = self.keyword(entry.start);
                    let value = unread(key.span);
                    config.push(Attribute { key, value });
                } else {
                    policies.extend(self.policy(&entry));
                }
            } else if self.tokens.all[entry.start].kind != Kind::Bad {
                self.expected("`key = value` or a policy", entry.start);
            }
        }
        (config, policies)
    }

    /// Whether the entry is `key: value`, with a colon where `=` belongs.
    fn is_pair(&self, entry: &Range<usize>) -> bool {
        self.tokens.is_sign(entry.start + 1, ":") && entry.len() > 2
    }

    fn statement_in_step(&mut self, word: &str, entry: &Range<usize>) {
        let span = self.span(&(entry.start..entry.start + 1));
        let error = Diagnostic::error(codes::MISPLACED, format!("`{word}` can't stand inside of a step"), span);
        self.sink.push(error.help("is a `}` missing before it?"));
    }
}
