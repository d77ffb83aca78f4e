//! Regular expressions: linear time, bounded size, compiled once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use crate::expr::eval::Budget;
use crate::expr::fault::Fault;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1_000;

/// The largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 256 * 1024;

/// How many compiled patterns a thread keeps. They are the same each time, so keeping them changes no result.
const KEPT: usize = 128;

/// What compiling costs, in units for each place of the pattern.
const COMPILING: usize = 300;

/// What a class of Unicode (`\p{Greek}`) costs instead, which is a large table.
const UNICODE_CLASS: usize = 60;

/// So many places are paid for at most: compiling ends where the pattern grows too large.
const MAX_PLACES: usize = 2_000;

thread_local! {
    static COMPILED: RefCell<HashMap<Box<str>, Rc<Pattern>>> = RefCell::default();
}

/// A compiled pattern. Matching takes at most the product of the text's length and the pattern's places.
pub(super) struct Pattern {
    pub regex: Regex,
    pub places: usize,
}

/// The patterns that an evaluation has paid for compiling. What another evaluation left compiled makes nothing cheaper, or the
/// budget would depend on what ran before.
#[derive(Default)]
pub struct Patterns(HashSet<Box<str>>);

impl Patterns {
    /// The compiled pattern, paid for where this evaluation uses it for the first time.
    pub(super) fn pattern(&mut self, source: &str, budget: &mut Budget) -> Result<Rc<Pattern>, Fault> {
        if source.len() > MAX_PATTERN {
            return Err(Fault::wrong(format!("the pattern is longer than {MAX_PATTERN} bytes")));
        }
        if !self.0.contains(source) {
            budget.charge(places(source).min(MAX_PLACES) * COMPILING)?;
            self.0.insert(source.into());
        }
        if let Some(pattern) = COMPILED.with_borrow(|kept| kept.get(source).cloned()) {
            return Ok(pattern);
        }
        let built = RegexBuilder::new(&as_re2(source)).size_limit(MAX_COMPILED).nest_limit(50).build();
        let regex = built.map_err(|error| Fault::wrong(problem(source, &error)))?;
        let pattern = Rc::new(Pattern { regex, places: places(source) });
        COMPILED.with_borrow_mut(|kept| {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(source.into(), pattern.clone());
        });
        Ok(pattern)
    }
}

/// The pattern with the classes of RE2, which are of ASCII: `\d` is `[0-9]`, and no digit of another script.
fn as_re2(source: &str) -> String {
    let mut pattern = String::with_capacity(source.len() + 32);
    let mut chars = source.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            pattern.push(char);
            continue;
        }
        let escaped = chars.next();
        match escaped {
            Some('d') => pattern.push_str("[0-9]"),
            Some('D') => pattern.push_str("[^0-9]"),
            Some('w') => pattern.push_str("[0-9A-Za-z_]"),
            Some('W') => pattern.push_str("[^0-9A-Za-z_]"),
            Some('s') => pattern.push_str("[\\t\\n\\f\\r ]"),
            Some('S') => pattern.push_str("[^\\t\\n\\f\\r ]"),
            Some('b') => pattern.push_str("(?-u:\\b)"),
            _ => {
                pattern.push('\\');
                pattern.extend(escaped);
            }
        }
    }
    pattern
}

/// How many characters a pattern stands for, its counted repetitions written out: at most so many places of it are looked at
/// for each character of a text. Counts more where a pattern is not one: building it tells what is wrong.
fn places(source: &str) -> usize {
    let mut open: Vec<(usize, usize)> = Vec::new();
    // The places so far, and those of the last item, which a count repeats.
    let (mut total, mut last) = (0_usize, 0_usize);
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '(' => open.push((std::mem::take(&mut total), std::mem::take(&mut last))),
            ')' => {
                last = total;
                total = total.saturating_add(open.pop().unwrap_or_default().0);
            }
            '{' => {
                let count: String = chars.by_ref().take_while(|char| *char != '}').collect();
                let most = count.split(',').filter_map(|count| count.trim().parse::<usize>().ok()).max();
                let more = last.saturating_mul(most.unwrap_or(1).saturating_sub(1));
                (last, total) = (last.saturating_add(more), total.saturating_add(more));
            }
            '*' | '+' | '?' | '|' => {}
            other => {
                let size = match other {
                    '[' => class(&mut chars),
                    '\\' if matches!(chars.next(), Some('p' | 'P')) => UNICODE_CLASS,
                    _ => 1,
                };
                (last, total) = (size, total.saturating_add(size));
            }
        }
    }
    let outer = open.into_iter().fold(0, |sum: usize, (places, _)| sum.saturating_add(places));
    total.saturating_add(outer).max(1)
}

/// The places of `[…]`, which is read to its end, with the classes inside of it.
fn class(chars: &mut std::iter::Peekable<std::str::Chars>) -> usize {
    let (mut depth, mut size) = (1, 1);
    // A `]` that stands first is one of the class.
    chars.next_if_eq(&'^');
    chars.next_if_eq(&']');
    while depth > 0 {
        match chars.next() {
            Some('[') => depth += 1,
            Some(']') => depth -= 1,
            Some('\\') if matches!(chars.next(), Some('p' | 'P')) => size += UNICODE_CLASS,
            Some(_) => {}
            None => break,
        }
    }
    size
}

/// What is wrong with a pattern, in one line: the parser's own report draws the pattern over several.
fn problem(source: &str, error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => format!("the pattern {source:?} is too large when compiled"),
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("{source:?} is not a regular expression: {reason}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_a_pattern_are_its_characters_with_repetitions_written_out() {
        let cases = [
            ("", 1),
            ("abc", 3),
            ("^[a-z]+-\\d{4}$", 8),
            ("(ab|c){3}x*", 10),
            ("((a{2}){3}){4}", 24),
            ("[^]]{2,5}", 5),
            ("[[:alpha:]\\]]{2,}", 2),
            ("\\{3", 2),
            ("(a(b", 2),
            ("\\p{L}[\\pN_]", 121),
            ("a{1000}{1000}{1000}", 1_000_000_000),
        ];
        for (pattern, expected) in cases {
            assert_eq!(places(pattern), expected, "{pattern}");
        }
    }
}
