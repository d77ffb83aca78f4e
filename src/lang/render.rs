//! Diagnostics as they are shown on a terminal: the line, the place underlined, the way out.
//!
//! Invariant: bounded. At most [`MAX_SHOWN`] are drawn, and of a very long line only its part around the place.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};

use super::{Diagnostic, Severity, Source};

/// The most diagnostics that are drawn.
pub const MAX_SHOWN: usize = 100;

/// How wide a line of the drawing may be.
const WIDTH: usize = 100;

/// The longest line of a source that is drawn.
const LONGEST_LINE: usize = 400;

/// The diagnostics of a source as text, with colours of a terminal or without.
pub fn render(source: &Source, diagnostics: &[Diagnostic], color: bool) -> String {
    let code = Code { name: &source.name, text: &source.text };
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        let drawn = Drawn { diagnostic, source: &source.text, code: &code, long: has_long_line(source, diagnostic) };
        let mut text = String::new();
        match handler(diagnostic.code, color).render_report(&mut text, &drawn) {
            Ok(()) => out.push_str(text.trim_start()),
            // A diagnostic that can't be drawn still says what is wrong.
            Err(_) => out.push_str(&format!("error[{}]: {drawn}\n", diagnostic.code)),
        }
        out.push('\n');
    }
    match diagnostics.len().saturating_sub(MAX_SHOWN) {
        0 => {}
        more => out.push_str(&format!("and {more} more\n")),
    }
    out
}

/// What draws a diagnostic of this code: its first line begins `error[E0101]:`.
fn handler(code: &str, color: bool) -> GraphicalReportHandler {
    let mut theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    theme.characters.error = format!("error[{code}]:");
    theme.characters.warning = format!("warning[{code}]:");
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(WIDTH)
        .with_context_lines(0)
        .without_syntax_highlighting()
}

/// A source that gives whole lines, also where no lines around them are asked for.
#[derive(Debug)]
struct Code<'s> {
    name: &'s str,
    text: &'s str,
}

impl SourceCode for Code<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let start = floor(self.text, span.offset());
        let end = floor(self.text, span.offset() + span.len()).max(start);
        let first = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let last = self.text[end..].find('\n').map_or(self.text.len(), |newline| end + newline);
        let line = self.text[..first].matches('\n').count();
        let lines = self.text[first..last].matches('\n').count() + 1;
        let place = SourceSpan::new(first.into(), last - first);
        // The head of the drawing shows the column of the place.
        let column = self.text[first..start].chars().count();
        let data = &self.text.as_bytes()[first..last];
        Ok(Box::new(MietteSpanContents::new_named(self.name.to_owned(), data, place, line, column, lines)))
    }
}

/// Whether a place is on a line that is too long to be drawn.
fn has_long_line(source: &Source, diagnostic: &Diagnostic) -> bool {
    diagnostic.labels.iter().any(|label| {
        let at = floor(&source.text, label.span.start as usize);
        let (before, after) = source.text.split_at(at);
        let left = before.rfind('\n').map_or(at, |newline| at - newline);
        left + after.find('\n').unwrap_or(after.len()) > LONGEST_LINE
    })
}

/// A byte of the text that begins a character, at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

struct Drawn<'d> {
    diagnostic: &'d Diagnostic,
    source: &'d str,
    code: &'d Code<'d>,
    long: bool,
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)?;
        let Some(label) = self.diagnostic.labels.first().filter(|_| self.long) else { return Ok(()) };
        let at = label.span.start as usize;
        let line = self.source[..floor(self.source, at)].matches('\n').count() + 1;
        write!(f, " (line {line}, byte {at})")
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.long).then_some(self.code as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = |label: &super::Label| {
            let start = floor(self.source, label.span.start as usize);
            let end = floor(self.source, label.span.end as usize).max(start);
            // Only the first line of a place is underlined: a whole block would hide what it is about.
            let line = self.source[start..end].find('\n').unwrap_or(end - start);
            let text = Some(label.text.clone()).filter(|text| !text.is_empty());
            LabeledSpan::new(text, start, line)
        };
        Some(Box::new(self.diagnostic.labels.iter().map(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Span;
    use crate::lang::Notation;

    fn source(text: &str) -> Source {
        Source { name: "a.flow".into(), notation: Notation::Flow, text: text.into() }
    }

    #[test]
    fn a_diagnostic_is_drawn_under_its_place() {
        let source = source("workflow a {\n  fail bad\n}\n");
        let one = Diagnostic::error("E0201", "unknown name `bad`", Span::new(20, 23)).label("nothing").help("look");
        let text = render(&source, &[one], false);
        let expected = [
            "error[E0201]: unknown name `bad`",
            "   ╭─[a.flow:2:8]",
            " 2 │   fail bad",
            "   ·        ─┬─",
            "   ·         ╰── nothing",
            "   ╰────",
            "  help: look",
        ];
        assert_eq!(text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn thousands_of_diagnostics_and_a_very_long_line_stay_bounded() {
        let text = "é".repeat(100_000);
        let source = source(&text);
        let many: Vec<_> =
            (0..5_000).map(|at| Diagnostic::error("E0103", "unexpected", Span::new(at, at + 1))).collect();
        let text = render(&source, &many, true);
        assert!(text.ends_with("and 4900 more\n"), "{text}");
        assert!(text.len() < 100_000);
    }
}
