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
    };
    diagnostics.iter().map(one).collect()
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
    fn a_place_past_the_text_is_its_end() {
        let source = Source { name: "a".into(), notation: Notation::Flow, text: "ab".into() };
        let found = report(&source, &[Diagnostic::error("E0001", "wrong", Span::new(90, 99))]);
        assert_eq!((found[0].labels[0].line, found[0].labels[0].column), (1, 3));
    }
}
