//! Diagnostics as they are shown on a terminal: what is wrong, the line, the place underlined, the way out.
//!
//! Invariants: bounded, whatever the source: at most [`MAX_SHOWN`] are drawn, and of a very long line only its part around the
//! place. Nothing of a source reaches the terminal that is no plain character: no escape sequence, no turned direction.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};

use super::report::{line_starts, position};
use super::{Diagnostic, Label, Severity, Source};

/// The most diagnostics that are drawn.
pub const MAX_SHOWN: usize = 100;

/// How wide a line of the drawing may be.
const WIDTH: usize = 120;

/// The longest line of a source that is drawn whole, in bytes.
const LONGEST_LINE: usize = 160;

/// How much of a longer line is drawn before a place, and how much from it on, in bytes.
const AROUND: usize = 60;

/// The diagnostics of a source as text, with colours of a terminal or without.
pub fn render(source: &Source, diagnostics: &[Diagnostic], color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(WIDTH)
        .with_context_lines(1)
        .without_syntax_highlighting();
    let page = Page::of(source);
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        out.push_str(&headline(diagnostic, color));
        let mut drawing = String::new();
        // Writing to a string does not fail; a diagnostic that can't be drawn still says what is wrong.
        if handler.render_report(&mut drawing, &Drawn { diagnostic, page: &page }).is_ok() {
            // The first line is the handler's own headline.
            out.push_str(drawing.split_once('\n').map_or("", |(_, drawing)| drawing));
        }
        out.push('\n');
    }
    match diagnostics.len().saturating_sub(MAX_SHOWN) {
        0 => {}
        more => out.push_str(&format!("and {more} more\n")),
    }
    out
}

fn headline(diagnostic: &Diagnostic, color: bool) -> String {
    let (word, code) = match diagnostic.severity {
        Severity::Warning => ("warning", "\u{1b}[1;33m"),
        Severity::Error => ("error", "\u{1b}[1;31m"),
    };
    let (kind, message) = (format!("{word}[{}]", diagnostic.code), plain(&diagnostic.message));
    if color { format!("{code}{kind}\u{1b}[0m\u{1b}[1m: {message}\u{1b}[0m\n") } else { format!("{kind}: {message}\n") }
}

/// The text with a `?` for each byte of a character that would not be shown as one: its places stay where they are.
fn plain(text: &str) -> String {
    let hidden = |char: char| {
        (char.is_control() && !matches!(char, '\n' | '\t'))
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for (at, char) in text.char_indices() {
        if char == '\r' && text[at..].starts_with("\r\n") {
            out.push(' ');
        } else if hidden(char) {
            (0..char.len_utf8()).for_each(|_| out.push('?'));
        } else {
            out.push(char);
        }
    }
    out
}

/// A source as it may be shown, and where its lines begin.
#[derive(Debug)]
struct Page {
    name: String,
    text: String,
    lines: Vec<usize>,
}

impl Page {
    fn of(source: &Source) -> Self {
        let text = plain(&source.text);
        Self { name: plain(&source.name), lines: line_starts(&text), text }
    }

    /// A byte that begins a character, at or before `at`.
    fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Where the line of byte `at` begins and ends.
    fn line(&self, at: usize) -> (usize, usize) {
        let number = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(number.saturating_sub(1)).copied().unwrap_or(0);
        let end = self.lines.get(number).map_or(self.text.len(), |next| next - 1);
        (start, end.max(start))
    }

    fn is_long(&self, at: usize) -> bool {
        let (start, end) = self.line(at);
        end - start > LONGEST_LINE
    }

    /// What is drawn around these bytes: whole lines, or of a long line what is near.
    fn around(&self, start: usize, end: usize) -> (usize, usize) {
        let (line_start, _) = self.line(start);
        let (_, line_end) = self.line(end);
        let from = if self.is_long(start) { line_start.max(start.saturating_sub(AROUND)) } else { line_start };
        let to = if self.is_long(end) { line_end.min(end + AROUND) } else { line_end };
        (self.floor(from), self.floor(to))
    }

    /// A place in this page: of its first line alone, since a whole block would hide what it is about.
    fn place(&self, label: &Label) -> (usize, usize) {
        let start = self.floor(label.span.start as usize);
        let end = self.floor(label.span.end as usize).max(start);
        let (_, line_end) = self.line(start);
        let longest = if self.is_long(start) { start + AROUND } else { line_end };
        (start, self.floor(end.min(line_end).min(longest)).max(start))
    }
}

impl SourceCode for Page {
    /// The place itself where no lines around it are asked for, and else the lines that it is on.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (self.floor(span.offset()), self.floor(span.offset() + span.len()));
        let (from, to) = if before == 0 { (start, end) } else { self.around(start, end) };
        let (line, column) = position(&self.text, &self.lines, from);
        let column = if before == 0 { column - 1 } else { 0 };
        let data = &self.text[from..to.max(from)];
        let count = data.matches('\n').count() + 1;
        let place = (from, data.len()).into();
        let (line, column) = (line as usize - 1, column as usize);
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data.as_bytes(), place, line, column, count)))
    }
}

struct Drawn<'d> {
    diagnostic: &'d Diagnostic,
    page: &'d Page,
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Drawn<'_> {
    /// One line, which `render` replaces by a headline of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.diagnostic.code)
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
        self.diagnostic.help.as_ref().map(|help| Box::new(plain(help)) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        // Of a source that is not there, as one that could not be read, there is nothing to draw.
        (!self.page.text.is_empty()).then_some(self.page as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = &self.diagnostic.labels;
        let long = labels.iter().any(|label| self.page.is_long(self.page.floor(label.span.start as usize)));
        let shown = if long { labels.get(..1).unwrap_or_default() } else { labels };
        let label = |label: &Label| {
            let (start, end) = self.page.place(label);
            let text = Some(plain(&label.text)).filter(|text| !text.is_empty());
            (text, (start, end - start))
        };
        let labels = shown.iter().map(label).enumerate();
        Some(Box::new(labels.map(|(at, (text, place))| match at {
            0 => LabeledSpan::new_primary_with_span(text, place),
            _ => LabeledSpan::new_with_span(text, place),
        })))
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

    fn one(start: usize, end: usize) -> Diagnostic {
        Diagnostic::error("E0201", "unknown name `bad`", Span::new(start, end))
    }

    #[test]
    fn a_diagnostic_is_drawn_under_its_place_in_the_whole_line() {
        let source = source("workflow a {\n  fail bad code \"é\"\n}\n");
        let one = one(20, 23).label("nothing").also(Span::new(9, 10), "of this").help("look");
        let text = render(&source, &[one], false);
        let wanted = "\
error[E0201]: unknown name `bad`
   ╭─[a.flow:2:8]
 1 │ workflow a {
   ·          ┬
   ·          ╰── of this
 2 │   fail bad code \"é\"
   ·        ─┬─
   ·         ╰── nothing
   ╰────
  help: look

";
        assert_eq!(text, wanted);
    }

    #[test]
    fn columns_count_characters() {
        let text = render(&source("# é\n \"éé\" bad"), &[one(13, 16)], false);
        assert!(text.contains("[a.flow:2:7]"), "{text}");
    }

    #[test]
    fn of_a_long_line_what_is_near_is_drawn() {
        let text = format!("x\n{} bad {}\n", "é".repeat(1_000), "à".repeat(1_000));
        let at = text.find("bad").unwrap_or(0);
        let text = render(&source(&text), &[one(at, at + 3).also(Span::new(2, 4), "")], false);
        assert!(text.contains("[a.flow:2:1002]") && text.contains(" bad ") && text.contains("───"), "{text}");
        assert!(text.len() < 700, "{text}");
    }

    #[test]
    fn nothing_of_a_source_commands_the_terminal() {
        let source = Source { name: "\u{1b}[2J".into(), ..source("a \u{1b}[31m \u{202e} \0 bad\r\n") };
        let found = Diagnostic::error("E0103", "unexpected `\u{1b}[2J`", Span::new(2, 3)).help("\u{7}");
        let text = render(&source, &[found], false);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\0', '\u{7}', '\r']), "{text:?}");
        assert!(render(&source, &[], true).is_empty());
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
