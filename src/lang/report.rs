//! Diagnostics with lines and columns: the shape in which the API, `--format json` and editors get them.

use serde::{Deserialize, Serialize};

use super::{Diagnostic, Severity, Source};

/// A diagnostic whose places are lines and columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The stable code: `E0203`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The places, the first being the one it is about.
    pub labels: Vec<ReportLabel>,
    /// The way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The way out as a change of the source, where there is one that is likely meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<ReportFix>,
}

/// A place. Lines and columns count from 1; columns are characters; the end is the character after the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLabel {
    /// The source's name.
    pub file: String,
    /// The line of the first character.
    pub line: u32,
    /// The column of the first character.
    pub column: u32,
    /// The line of the end.
    pub end_line: u32,
    /// The column of the end.
    pub end_column: u32,
    /// What is to be said of it.
    pub text: String,
}

/// A change: `text` in place of what stands there, in the file of the first place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFix {
    /// The line of the first character that goes.
    pub line: u32,
    /// The column of the first character that goes.
    pub column: u32,
    /// The line of the end.
    pub end_line: u32,
    /// The column of the end.
    pub end_column: u32,
    /// What stands there instead.
    pub text: String,
}

/// The diagnostics of a source with lines and columns.
pub fn report(source: &Source, diagnostics: &[Diagnostic]) -> Vec<Report> {
    let lines = line_starts(&source.text);
    let label = |label: &super::Label| {
        let (line, column) = position(&source.text, &lines, label.span.start as usize);
        let (end_line, end_column) = position(&source.text, &lines, label.span.end as usize);
        ReportLabel { file: source.name.to_string(), line, column, end_line, end_column, text: label.text.clone() }
    };
    let one = |diagnostic: &Diagnostic| Report {
        code: diagnostic.code.to_owned(),
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        labels: diagnostic.labels.iter().map(label).collect(),
        help: diagnostic.help.clone(),
        fix: fix(source, &lines, diagnostic),
    };
    diagnostics.iter().map(one).collect()
}

/// The change, where what it takes away stands at the first place, be it in quotes: text with escapes may stand there
/// otherwise than it reads.
fn fix(source: &Source, lines: &[usize], diagnostic: &Diagnostic) -> Option<ReportFix> {
    let (fix, span) = (diagnostic.fix.as_ref()?, diagnostic.labels.first()?.span);
    let (start, end) = (span.start as usize, span.end as usize);
    let written = source.text.get(start..end)?;
    let quotes = match written.strip_suffix(['"', '\'']) {
        _ if written == fix.from => 0,
        Some(inner) if inner.get(1..) == Some(&*fix.from) => 1,
        _ => return None,
    };
    let (line, column) = position(&source.text, lines, start + quotes);
    let (end_line, end_column) = position(&source.text, lines, end - quotes);
    Some(ReportFix { line, column, end_line, end_column, text: fix.to.clone() })
}

/// The line and column of a byte of a text.
pub fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    position(text, &line_starts(text), at)
}

/// The byte at which each line begins.
pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
        .collect()
}

/// The line and column of a byte; one past the text is its end.
pub(super) fn position(text: &str, lines: &[usize], at: usize) -> (u32, u32) {
    let at = at.min(text.len());
    let line = lines.partition_point(|start| *start <= at).saturating_sub(1);
    let start = lines.get(line).copied().unwrap_or(0);
    let column = text.get(start..at).map_or(at - start, |before| before.chars().count());
    let from_one = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    (from_one(line), from_one(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Span;
    use crate::lang::Notation;

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let source = Source { name: "a.flow".into(), notation: Notation::Flow, text: "é = 1\nçà va\n".into() };
        let at = source.text.find("va").unwrap_or(0);
        let found = report(&source, &[Diagnostic::error("E0001", "wrong", Span::new(at, at + 2)).label("here")]);
        let label = &found[0].labels[0];
        assert_eq!((label.line, label.column, label.end_line, label.end_column), (2, 4, 2, 6));
        assert_eq!((&*label.file, &*label.text), ("a.flow", "here"));
    }

    #[test]
    fn a_change_is_given_where_the_word_stands_as_it_reads() {
        let change = |text: &str, span: Span| {
            let source = Source { name: "a".into(), notation: Notation::Flow, text: text.into() };
            let found = report(&source, &[Diagnostic::error("E0001", "wrong", span).meant("stat", "state")]);
            found[0].fix.clone().map(|fix| (fix.line, fix.column, fix.end_column, fix.text))
        };
        let state = || "state".to_owned();
        assert_eq!(change("a\né.stat", Span::new(5, 9)), Some((2, 3, 7, state())));
        assert_eq!(change("\"stat\"", Span::new(0, 6)), Some((1, 2, 6, state())));
        assert_eq!(change("\"\\u{73}tat\"", Span::new(0, 11)), None);
        assert_eq!(change("x", Span::new(90, 99)), None);
    }

    #[test]
    fn a_place_past_the_text_is_its_end() {
        let source = Source { name: "a".into(), notation: Notation::Flow, text: "ab".into() };
        let found = report(&source, &[Diagnostic::error("E0001", "wrong", Span::new(90, 99))]);
        assert_eq!((found[0].labels[0].line, found[0].labels[0].column), (1, 3));
    }
}
