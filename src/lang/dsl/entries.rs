//! Blocks to entries: where one ends and the next begins.

use std::ops::Range;
use std::sync::Arc;

use super::scan::{Kind, Token};

/// Words that go on after the `}` of a block, on the same line or the next.
const GOES_ON: &[&str] = &["else", "catch", "finally"];

/// Policies of one word, which end a list of names.
const FLAGS: &[&str] = &["irreversible", "idempotent"];

/// A text and its tokens.
#[derive(Clone, Copy)]
pub struct Tokens<'t> {
    /// The text.
    pub text: &'t str,
    /// Its tokens.
    pub all: &'t [Token],
}

impl<'t> Tokens<'t> {
    /// The text of token `at`; empty past the end.
    pub fn text_of(&self, at: usize) -> &'t str {
        self.all.get(at).map_or("", |token| &self.text[token.start..token.end])
    }

    /// The word that token `at` is.
    pub fn word(&self, at: usize) -> Option<&'t str> {
        self.all.get(at).filter(|token| token.kind == Kind::Word).map(|_| self.text_of(at))
    }

    /// Whether token `at` is this sign.
    pub fn is_sign(&self, at: usize, sign: &str) -> bool {
        self.all.get(at).is_some_and(|token| token.kind == Kind::Sign) && self.text_of(at) == sign
    }

    /// The entries between two tokens.
    pub fn entries(&self, within: Range<usize>) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = within.start;
        while at < within.end {
            if matches!(self.all[at].kind, Kind::Newline | Kind::Comma) {
                at += 1;
                continue;
            }
            let end = self.entry_end(at, within.end);
            found.push(at..end);
            at = end.max(at + 1);
        }
        found
    }

    fn entry_end(&self, start: usize, limit: usize) -> usize {
        let mut at = start;
        while at < limit {
            let token = self.all[at];
            at = match token.kind {
                Kind::Open(_) => (token.mate + 1).max(at + 1),
                Kind::Newline => match self.next_line(start, at, limit) {
                    Some(next) => next,
                    None => return at,
                },
                Kind::Comma if self.list_goes_on(start, at, limit) => at + 1,
                Kind::Comma => return at,
                _ => at + 1,
            };
        }
        limit
    }

    /// Where the entry goes on after the line end at `at`, if it does.
    fn next_line(&self, start: usize, at: usize, limit: usize) -> Option<usize> {
        let next = self.skip_lines(at, limit);
        if next >= limit {
            return None;
        }
        let after_comma = at > start && self.all[at - 1].kind == Kind::Comma;
        let ends_open = at > start && self.is_infix(at - 1) && !self.ends_in_a_type(start, at);
        let after_block = at > start && self.all[at - 1].kind == Kind::Close(b'}');
        let begins_on = self.is_infix(next)
            || self.all[next].kind == Kind::Open(b'{')
            || after_block
                && self.word(next).is_some_and(|word| GOES_ON.contains(&word) && !self.is_sign(next + 1, "="));
        (after_comma || ends_open || begins_on).then_some(next)
    }

    /// Whether the line that ends at `at` ends in a type: its `?`, or the `>` of a `list<T>`, is no operator.
    fn ends_in_a_type(&self, start: usize, at: usize) -> bool {
        self.word(start).is_some_and(|word| matches!(word, "input" | "setting" | "output"))
            && (self.is_sign(at - 1, "?") || self.text_of(at - 1).ends_with('>'))
            && !(start..at).any(|token| self.is_sign(token, "="))
    }

    fn skip_lines(&self, from: usize, limit: usize) -> usize {
        (from..limit).find(|at| self.all[*at].kind != Kind::Newline).unwrap_or(limit)
    }

    /// Whether token `at` is an infix operator, `.`, `?` or `:`.
    fn is_infix(&self, at: usize) -> bool {
        match self.all[at].kind {
            Kind::Sign => !matches!(self.text_of(at), "!" | "=" | "..."),
            // After a sign or a comma it is a name, or the end of one: `a.in`, `check-in`.
            Kind::Word => {
                let named = at > 0 && matches!(self.all[at - 1].kind, Kind::Sign | Kind::Comma);
                self.text_of(at) == "in" && !named
            }
            _ => false,
        }
    }

    /// Whether the comma at `at` is one of `after a, b` or `expect ran a, b times 2`, rather than the end of the entry.
    fn list_goes_on(&self, start: usize, at: usize, limit: usize) -> bool {
        if !self.word(start).is_some_and(|word| matches!(word, "after" | "expect")) {
            return false;
        }
        let next = self.skip_lines(at + 1, limit);
        if next >= limit || self.word(next).is_none_or(|word| FLAGS.contains(&word)) {
            return false;
        }
        let end = self.name_end(next, limit);
        end >= limit
            || matches!(self.all[end].kind, Kind::Comma | Kind::Newline | Kind::Close(_))
            || self.word(end) == Some("times")
    }

    /// The token after the name that begins at `at`: `a`, `a-b`, `a-1`.
    pub fn name_end(&self, at: usize, limit: usize) -> usize {
        let mut at = at + 1;
        while at + 1 < limit && self.is_sign(at, "-") && self.is_name_part(at + 1) {
            at += 2;
        }
        at
    }

    /// Whether token `at` can stand after the `-` of a name.
    fn is_name_part(&self, at: usize) -> bool {
        let digits = self.all[at].kind == Kind::Number && !self.text_of(at).contains('.');
        self.word(at).is_some() || digits && self.all[at].start == self.all[at - 1].end
    }

    /// Every name in these tokens, as expressions write it.
    pub fn names(&self, within: Range<usize>) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        let mut at = within.start;
        while at < within.end {
            let Some(word) = self.word(at) else {
                at += 1;
                continue;
            };
            let end = self.name_end(at, within.end);
            let name = (at + 1..end).fold(word.to_owned(), |name, part| name + self.text_of(part));
            names.push(name.replace('-', "_").into());
            at = end;
        }
        names
    }

    /// Whether the entry is `key = …`.
    pub fn is_attribute(&self, entry: &Range<usize>) -> bool {
        let first = self.all[entry.start].kind;
        let end = match first {
            Kind::Word => self.name_end(entry.start, entry.end),
            Kind::Text => entry.start + 1,
            _ => return false,
        };
        end < entry.end && self.is_sign(end, "=")
    }

    /// The `{` of the entry that stands in no other bracket.
    pub fn block_of(&self, entry: &Range<usize>) -> Option<usize> {
        let mut at = entry.start;
        while at < entry.end {
            match self.all[at].kind {
                Kind::Open(b'{') => return Some(at),
                Kind::Open(_) => at = (self.all[at].mate + 1).max(at + 1),
                _ => at += 1,
            }
        }
        None
    }

    /// Whether something in these tokens has been reported by the scan.
    pub fn has_bad(&self, tokens: &Range<usize>) -> bool {
        self.all[tokens.clone()].iter().any(|token| token.kind == Kind::Bad)
    }
}
