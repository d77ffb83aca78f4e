//! What the parsers of items, statements and policies share: an entry's tokens to pest's pairs.

use std::ops::Range;
use std::sync::Arc;

use pest::iterators::{Pair, Pairs};

use crate::expr::{Expr, Span, Type};
use crate::lang::ast::{Attribute, Name, Spanned};
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, codes};

use super::entries::Tokens;
use super::expression::{expr_of, fixed_text, key_of};
use super::failure;
use super::sink::Sink;
use super::types::{angles_too_deep, type_of};

/// An entry that pest took: its pairs, and where its text begins.
pub struct Taken<'t> {
    /// What pest found, the end apart.
    pub pairs: std::vec::IntoIter<Pair<'t, Rule>>,
    base: usize,
}

/// The state of a parse.
pub struct Parser<'t> {
    /// The text and its tokens.
    pub tokens: Tokens<'t>,
    /// What is wrong.
    pub sink: Sink,
}

impl<'t> Parser<'t> {
    /// The place of these tokens.
    pub fn span(&self, tokens: &Range<usize>) -> Span {
        let start = self.tokens.all.get(tokens.start).map_or(self.tokens.text.len(), |token| token.start);
        let end = match tokens.end.checked_sub(1).filter(|last| *last >= tokens.start) {
            Some(last) => self.tokens.all.get(last).map_or(start, |token| token.end),
            None => start,
        };
        Span::new(start, end)
    }

    /// Parses these tokens by a rule. What fails is reported, unless the scan has already reported it.
    pub fn take(&mut self, rule: Rule, tokens: &Range<usize>) -> Option<Taken<'t>> {
        if self.tokens.has_bad(tokens) {
            return None;
        }
        let span = self.span(tokens);
        let (start, end) = (span.start as usize, span.end as usize);
        let text = &self.tokens.text[start..end];
        if angles_too_deep(text, start, &mut self.sink) {
            return None;
        }
        match failure::parse(rule, text, start) {
            Ok(pairs) => Some(Taken { pairs: inner(pairs), base: start }),
            Err(diagnostic) => {
                self.sink.push(diagnostic);
                None
            }
        }
    }

    /// The next pair as an expression. What is not there is a bug of the grammar.
    pub fn expr(&mut self, taken: &mut Taken<'t>) -> Expr {
        match taken.pairs.next() {
            Some(pair) => expr_of(pair, taken.base, &mut self.sink),
            None => unread(Span::default()),
        }
    }

    /// The expressions inside of a clause: `backoff A..B`.
    pub fn exprs_in(&mut self, clause: Pair<'t, Rule>, base: usize) -> Vec<Expr> {
        let parts = clause.into_inner().filter(|part| part.as_rule() == Rule::expr);
        parts.map(|part| expr_of(part, base, &mut self.sink)).collect()
    }

    /// All expressions of an entry, in order.
    pub fn exprs(&mut self, taken: Taken<'t>) -> Vec<Expr> {
        let base = taken.base;
        let parts = taken.pairs.filter(|pair| pair.as_rule() == Rule::expr);
        parts.map(|part| expr_of(part, base, &mut self.sink)).collect()
    }

    /// The next pair as a fixed text.
    pub fn text(&mut self, taken: &mut Taken<'t>) -> Name {
        match taken.pairs.next() {
            Some(pair) => self.text_in(&pair, taken.base),
            None => Spanned { value: Arc::from(""), span: Span::default() },
        }
    }

    /// A pair as a fixed text.
    pub fn text_in(&mut self, pair: &Pair<'t, Rule>, base: usize) -> Name {
        fixed_text(pair, base, "this text", &mut self.sink)
    }

    /// The next pair as a type.
    pub fn ty(&mut self, taken: &mut Taken<'t>) -> Spanned<Type> {
        match taken.pairs.next() {
            Some(pair) => self.type_in(pair, taken.base),
            None => Spanned { value: Type::Any, span: Span::default() },
        }
    }

    /// A pair as a type.
    pub fn type_in(&mut self, pair: Pair<'t, Rule>, base: usize) -> Spanned<Type> {
        let span = Span::new(base + pair.as_span().start(), base + pair.as_span().end());
        Spanned { value: type_of(pair, base, &mut self.sink), span }
    }

    /// `key = value`. A value that is broken costs no second diagnostic.
    pub fn attribute(&mut self, entry: &Range<usize>) -> Option<Attribute> {
        if let Some(mut taken) = self.take(Rule::attribute, entry) {
            let key = taken.pairs.next()?;
            let span = Span::new(taken.base + key.as_span().start(), taken.base + key.as_span().end());
            let key = Spanned { value: key_of(&key, taken.base, &mut self.sink), span };
            let value = self.expr(&mut taken);
            return Some(Attribute { key, value });
        }
        let end = self.tokens.name_end(entry.start, entry.end);
        let span = self.span(&(entry.start..end));
        let key = self.tokens.text[span.start as usize..span.end as usize].trim_matches('"');
        Some(Attribute { key: Spanned { value: Arc::from(key), span }, value: unread(span) })
    }

    /// The word at token `at` as a name.
    pub fn keyword(&self, at: usize) -> Name {
        Spanned { value: Arc::from(self.tokens.text_of(at)), span: self.span(&(at..at + 1)) }
    }

    /// Several words as one: `at most once`.
    pub fn keywords(&self, words: &str, tokens: Range<usize>) -> Name {
        Spanned { value: Arc::from(words), span: self.span(&tokens) }
    }

    /// Reports that something else was expected at token `at` than what stands there.
    pub fn expected(&mut self, what: &str, at: usize) {
        let shown: String = self.tokens.text_of(at).chars().take(40).collect();
        let message = match self.tokens.all.get(at) {
            Some(token) if token.kind != super::scan::Kind::Newline => format!("expected {what}, found `{shown}`"),
            _ => format!("expected {what}, found the end of the line"),
        };
        self.sink.push(Diagnostic::error(codes::UNEXPECTED, message, self.span(&(at..at + 1))));
    }
}

impl<'t> Taken<'t> {
    /// What stands inside of a pair of an entry that begins at byte `base`.
    pub fn inside(pair: Pair<'t, Rule>, base: usize) -> Self {
        Self { pairs: pair.into_inner().collect::<Vec<_>>().into_iter(), base }
    }

    /// The next pair as a name.
    pub fn name(&mut self) -> Name {
        match self.pairs.next() {
            Some(pair) => self.name_of(&pair),
            None => Spanned { value: Arc::from(""), span: Span::default() },
        }
    }

    /// A pair as a name.
    pub fn name_of(&self, pair: &Pair<'t, Rule>) -> Name {
        let span = Span::new(self.base + pair.as_span().start(), self.base + pair.as_span().end());
        Spanned { value: Arc::from(pair.as_str()), span }
    }

    /// All names that are left, in order.
    pub fn names(&mut self) -> Vec<Name> {
        let pairs = std::mem::take(&mut self.pairs);
        pairs.filter(|pair| pair.as_rule() == Rule::name).map(|pair| self.name_of(&pair)).collect()
    }

    /// Where its text begins.
    pub fn base(&self) -> usize {
        self.base
    }
}

/// The pairs inside of the rule that was asked for.
fn inner(mut pairs: Pairs<'_, Rule>) -> std::vec::IntoIter<Pair<'_, Rule>> {
    let inner: Option<Vec<_>> =
        pairs.next().map(|pair| pair.into_inner().filter(|pair| pair.as_rule() != Rule::EOI).collect());
    inner.unwrap_or_default().into_iter()
}
