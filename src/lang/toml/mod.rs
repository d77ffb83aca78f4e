//! The flat notation: TOML to the same syntax tree that a `.flow` file gives.
//!
//! Invariant: it reads shapes alone (keys, kinds of value). What names and policies mean is for `check` to judge, so that
//! both notations are told the same.

mod depth;
mod output;
mod policy;
mod start;
mod step;
mod text;
mod value;
mod workflow;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::expr::Span;

use super::ast::{File, Name};
use super::check::codes::{TOML_MISSING_KEY, TOML_SYNTAX, TOML_UNKNOWN_KEY, TOML_WRONG_KIND};
use super::codes::NESTED_TOO_DEEP;
use super::nearest::did_you_mean;
use super::{Diagnostic, MAX_NESTING, Source};

#[cfg(test)]
pub(super) use {
    policy::RETRY_KEYS, policy::UNDO_KEYS, start::KEYS as TRIGGER_KEYS, step::KEYS as STEP_KEYS,
    workflow::KEYS as WORKFLOW_KEYS,
};

/// A key and its value.
type Entry<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// Reads a source in the flat notation. The file is empty where the text is not TOML.
pub fn parse_toml(source: &Source) -> (File, Vec<Diagnostic>) {
    let text = &*source.text;
    if let Some(at) = depth::too_deep(text) {
        let error =
            Diagnostic::error(NESTED_TOO_DEEP, format!("nested more than {MAX_NESTING} deep"), Span::new(at, at + 1));
        return (File::default(), vec![error.help("take the inner parts apart into several steps")]);
    }
    match DeTable::parse(text) {
        Ok(table) => {
            let mut reader = Reader { text, diagnostics: Vec::new() };
            let workflow = reader.workflow(table.get_ref());
            let file = File { workflows: vec![workflow], ..File::default() };
            (file, reader.diagnostics)
        }
        Err(error) => (File::default(), vec![syntax_error(&error, text)]),
    }
}

fn syntax_error(error: &toml::de::Error, text: &str) -> Diagnostic {
    let range = error.span().unwrap_or(0..0);
    let (start, end) = (range.start.min(text.len()), range.end.min(text.len()));
    let message = error.message().lines().next().unwrap_or("this is not TOML").trim_end_matches('.').to_lowercase();
    let message = message.trim_end_matches(", expected literal string").to_owned();
    let diagnostic = Diagnostic::error(TOML_SYNTAX, message.clone(), Span::new(start, end.max(start)));
    match syntax_help(&message, text.get(start..).unwrap_or_default()) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn syntax_help(message: &str, rest: &str) -> Option<&'static str> {
    let first = rest.chars().next();
    if message.contains("duplicate key") {
        Some("a key stands once in its table; a list of tables is written `[[step]]`")
    } else if message.contains("quot") || message.contains("string") || first.is_some_and(char::is_alphabetic) {
        Some("text stands in quotes: `name = \"order\"`; an expression too: `when = \"${input.ok}\"`")
    } else if message.contains("key") {
        Some("write `key = value`, one to a line")
    } else {
        Some("values are text in quotes, numbers, `true`, `false`, `[lists]` and `{ tables }`")
    }
}

/// Reads a document and keeps what is wrong with it.
struct Reader<'s> {
    text: &'s str,
    diagnostics: Vec<Diagnostic>,
}

/// The entries of a table in the order written.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The value of `key`.
fn get<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span::new(range.start, range.end)
}

fn key_name(key: &Spanned<DeString<'_>>) -> Name {
    Name { value: key.get_ref().as_ref().into(), span: span_of(key) }
}

impl Reader<'_> {
    fn unknown_key(&mut self, key: &Spanned<DeString<'_>>, of: &str, known: &[&str]) {
        let word = key.get_ref();
        let error = Diagnostic::error(TOML_UNKNOWN_KEY, format!("unknown key `{word}` of {of}"), span_of(key));
        self.diagnostics.push(did_you_mean(error, word, known.iter().copied()));
    }

    fn missing_key(&mut self, message: &str, span: Span, help: &str) {
        self.diagnostics.push(Diagnostic::error(TOML_MISSING_KEY, message, span).help(help));
    }

    /// The same, where nothing has been told since there were `told`: a key that is misspelt is not missing too.
    fn missing_unless_told(&mut self, told: usize, message: &str, span: Span, help: &str) {
        if self.diagnostics.len() == told {
            self.missing_key(message, span, help);
        }
    }

    /// Tells that `what` must be something else.
    fn wrong_kind(&mut self, what: &str, value: &Spanned<DeValue<'_>>, must: &str) {
        let message = format!("{what} must be {must}, not {}", kind_of(value.get_ref()));
        self.diagnostics.push(Diagnostic::error(TOML_WRONG_KIND, message, span_of(value)));
    }

    /// Says the way out of what was told last.
    fn help(&mut self, help: &str) {
        if let Some(last) = self.diagnostics.last_mut() {
            last.help = Some(help.to_owned());
        }
    }

    /// The table that `value` must be.
    fn table<'a, 'i>(&mut self, what: &str, value: &'a Spanned<DeValue<'i>>) -> Option<&'a DeTable<'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.wrong_kind(what, value, "a table");
        self.help("a table is written `{ key = value }`");
        None
    }

    /// The table that `value` must be, with no other keys than these.
    fn table_of<'a, 'i>(
        &mut self,
        what: &str,
        value: &'a Spanned<DeValue<'i>>,
        known: &[&str],
    ) -> Option<&'a DeTable<'i>> {
        let table = self.table(what, value)?;
        for (key, _) in entries(table) {
            if !known.contains(&&**key.get_ref()) {
                self.unknown_key(key, what, known);
            }
        }
        Some(table)
    }

    /// The text that `value` must be, and where its content stands.
    fn plain_text(&mut self, what: &str, value: &Spanned<DeValue<'_>>) -> Option<Name> {
        if let DeValue::String(content) = value.get_ref() {
            let place = text::Place::of(self.text, value.span(), content);
            return Some(Name { value: content.as_ref().into(), span: place.span });
        }
        self.wrong_kind(what, value, "text in quotes");
        None
    }
}

/// What a value is, in words.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a timestamp",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
