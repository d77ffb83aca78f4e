//! Regular expressions: linear time, bounded size, compiled once.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use crate::expr::fault::Fault;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1_000;

/// The largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 256 * 1024;

/// How many compiled patterns a thread keeps. They are the same each time, so keeping them changes no result.
const KEPT: usize = 128;

thread_local! {
    static COMPILED: RefCell<HashMap<Box<str>, Regex>> = RefCell::default();
}

/// The compiled pattern.
pub(super) fn pattern(source: &str) -> Result<Regex, Fault> {
    if source.len() > MAX_PATTERN {
        return Err(Fault::wrong(format!("the pattern is longer than {MAX_PATTERN} bytes")));
    }
    if let Some(regex) = COMPILED.with_borrow(|kept| kept.get(source).cloned()) {
        return Ok(regex);
    }
    let built = RegexBuilder::new(source).size_limit(MAX_COMPILED).nest_limit(50).build();
    let regex = built.map_err(|error| Fault::wrong(problem(source, &error)))?;
    COMPILED.with_borrow_mut(|kept| {
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(source.into(), regex.clone());
    });
    Ok(regex)
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
