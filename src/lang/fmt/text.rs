//! Texts: as the author wrote them where there is a source, and else in the plainest notation that reads back as the same.

use std::fmt::Write;
use std::sync::Arc;

use crate::expr::{Expr, TemplatePart};
use crate::lang::dsl::quotes::interpolation_end;
use crate::lang::dsl::scan::Kind;

use super::build::{Builder, Kept};
use super::layout::on_one_line;
use super::ops::Form;
use super::read::Read;

/// A part of a text.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Literal text.
    Text(&'a str),
    /// `${expr}`.
    Expr(&'a Expr),
}

/// The parts of a template.
pub fn parts(template: &[TemplatePart]) -> Vec<Part<'_>> {
    let parts = template.iter().map(|part| match part {
        TemplatePart::Text(text) => Part::Text(text),
        TemplatePart::Expr(expr) => Part::Expr(expr),
    });
    parts.collect()
}

impl<'a> Builder<'a> {
    /// A text with expressions in it, or without.
    pub fn text(&mut self, parts: &[Part<'a>]) {
        match self.source {
            Some(read) => self.written_text(read, parts),
            None => self.chosen_text(parts),
        }
    }

    /// A text that stands where a name does: an event's type, a schedule.
    pub fn quoted(&mut self, text: &'a Arc<str>) {
        let one_line = std::mem::replace(&mut self.one_line, true);
        self.text(&[Part::Text(text)]);
        self.one_line = one_line;
    }

    /// A key: in quotes only where it is no name.
    pub fn key(&mut self, key: &'a str, is_entry: bool) {
        // At the beginning of a line `in` is an operator.
        let written = if is_name(key) && !(is_entry && key == "in") { key.to_owned() } else { quote(key) };
        let quoted = self.peek().filter(|at| self.source.is_some_and(|read| read.pieces[*at].kind == Kind::Text));
        match quoted {
            Some(at) => {
                let pieces = self.take(at..at + 1);
                self.push_text(written, pieces, Form::Verbatim);
            }
            None if is_name(key) => {
                self.word(key.to_owned());
                if let (false, Some(super::ops::Op::Text(text))) = (written == key, self.ops.last_mut()) {
                    text.text = written.into();
                }
            }
            None => self.word(written),
        }
    }

    fn written_text(&mut self, read: &'a Read<'a>, parts: &[Part<'a>]) {
        let Some(at) = self.peek().filter(|at| read.pieces[*at].kind == Kind::Text) else { return self.lose() };
        let piece = read.pieces[at];
        let text = rewritten(read, piece.start, piece.end, parts);
        let moves = text.starts_with("\"\"\"");
        let pieces = self.take(at..at + 1);
        self.push_text(text, pieces, if moves { Form::Moved } else { Form::Verbatim });
    }

    fn chosen_text(&mut self, parts: &[Part<'a>]) {
        let (text, form) = match block(parts).filter(|_| !self.one_line) {
            Some(text) => (text, Form::Moved),
            None => (format!("\"{}\"", content(parts, &plain)), Form::Verbatim),
        };
        self.push_text(text, None, form);
    }
}

/// The text from `start` to `end` of a source, with the expressions in it in their canonical form.
fn rewritten(read: &Read<'_>, start: usize, end: usize, parts: &[Part<'_>]) -> String {
    let text = &read.text[start..end];
    let mut exprs = parts.iter().filter_map(|part| match part {
        Part::Expr(expr) => Some(*expr),
        Part::Text(_) => None,
    });
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (from, to) in interpolations(text).filter(|_| !text.starts_with('r')) {
        let inner = &text[from + 2..to - 1];
        let Some(expr) = exprs.next() else { break };
        // Of a comment, and of line ends, which only texts of many lines have, the author's lines are kept.
        if inner.contains(['#', '\n']) {
            continue;
        }
        let read = Read::new(read.text, start + from + 2, start + to - 1);
        if let Some(expr) = inline(expr, Some(&read)) {
            out.push_str(&text[done..from + 2]);
            out.push_str(&expr);
            done = to - 1;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// An expression on one line; nothing where its words are not those of the source.
pub fn inline(expr: &Expr, source: Option<&Read<'_>>) -> Option<String> {
    let mut builder = Builder::new(source, Kept::default());
    builder.one_line = true;
    builder.value(expr);
    builder.is_at_end().then(|| on_one_line(&builder.ops))
}

/// Where the `${…}` of a text begin and end.
fn interpolations(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(offset) = text[at..].find(['\\', '$']) {
            at += offset;
            let rest = &text[at..];
            if rest.starts_with("${") {
                let (start, end) = (at, interpolation_end(text, at).ok()?);
                at = end;
                return Some((start, end));
            }
            let escaped = rest.chars().nth(1).filter(|_| rest.starts_with('\\')).map_or(1, |char| 1 + char.len_utf8());
            at += if rest.starts_with("$${") { 3 } else { escaped };
        }
        None
    })
}

/// Whether a key can stand without quotes.
pub fn is_name(text: &str) -> bool {
    let mut parts = text.split('-');
    let word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && parts.all(|part| !part.is_empty() && word(part))
}

/// A text in quotes.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", content(&[Part::Text(text)], &plain))
}

/// What stands between the quotes.
fn content(parts: &[Part<'_>], escape: &dyn Fn(char) -> Option<String>) -> String {
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => {
                let before_expr = matches!(parts.get(at + 1), Some(Part::Expr(_)));
                escape_into(&mut out, text, before_expr, escape);
            }
            Part::Expr(expr) => {
                out.push_str("${");
                out.push_str(&inline(expr, None).unwrap_or_default());
                out.push('}');
            }
        }
    }
    out
}

fn escape_into(out: &mut String, text: &str, before_expr: bool, escape: &dyn Fn(char) -> Option<String>) {
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '$' if chars.peek() == Some(&'{') => out.push_str("$$"),
            '$' if chars.peek().is_none() && before_expr => out.push_str("\\$"),
            _ => match escape(char) {
                Some(escaped) => out.push_str(&escaped),
                None => out.push(char),
            },
        }
    }
}

fn plain(char: char) -> Option<String> {
    let letter = match char {
        '"' => '"',
        '\\' => '\\',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        // What would not be seen, or would turn what is.
        _ if char.is_control()
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') =>
        {
            let mut escaped = String::new();
            return write!(escaped, "\\u{{{:x}}}", u32::from(char)).is_ok().then_some(escaped);
        }
        _ => return None,
    };
    Some(format!("\\{letter}"))
}

/// A text of many lines between `"""`, where that reads back as the same.
fn block(parts: &[Part<'_>]) -> Option<String> {
    let escape = |char| if matches!(char, '\n' | '"') { None } else { plain(char) };
    let text = content(parts, &escape);
    let literal = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(*text),
        Part::Expr(_) => None,
    });
    let breaks = literal.clone().any(|text| text.contains('\n'));
    let quotes = literal.clone().any(|text| text.contains("\"\"\""));
    // Spaces at the end of a line are not seen, those at the beginning of all lines are removed, and so are lines of spaces.
    let hidden = text.lines().any(|line| line.ends_with(char::is_whitespace));
    let indented = text.lines().filter(|line| !line.is_empty()).all(|line| line.starts_with(' '));
    (breaks && !quotes && !hidden && !indented).then(|| format!("\"\"\"\n{text}\n\"\"\""))
}

/// A `"""` text with its lines moved to `indent`: the indentation that they share counts for nothing.
pub fn moved(text: &str, indent: usize) -> String {
    let Some((first, rest)) = text.split_once('\n') else { return text.to_owned() };
    let mut lines: Vec<&str> = rest.split('\n').collect();
    let last = lines.pop().unwrap_or_default();
    let closing = last.trim_matches([' ', '\t']) == "\"\"\"";
    if !closing {
        lines.push(last);
    }
    let filled = || lines.iter().filter(|line| !line.trim().is_empty());
    let indent_of = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let shared = filled().map(|line| indent_of(line)).min().unwrap_or(0);
    let even = filled().all(|line| line[..shared].bytes().all(|byte| byte == b' '));
    let odd_blank = lines.iter().any(|line| line.trim().is_empty() && !line.trim_matches([' ', '\t']).is_empty());
    if first.trim_end_matches([' ', '\t']) != "\"\"\"" || !even || odd_blank {
        return text.to_owned();
    }
    let mut out = String::from("\"\"\"");
    let pad = " ".repeat(indent);
    for line in lines {
        out.push('\n');
        if !line.trim().is_empty() {
            out.push_str(&pad);
            out.push_str(&line[shared..]);
        }
    }
    if closing {
        out.push('\n');
        out.push_str(&pad);
        out.push_str("\"\"\"");
    }
    out
}
