//! Texts: escapes, indentation, and the expressions inside of them.

use std::sync::Arc;

use crate::expr::{Expr, ExprKind, Span, TemplatePart, Value};
use crate::lang::{Diagnostic, codes};

use super::expression::Nest;
use super::quotes::{TextFault, interpolation_end};
use super::scan::too_deep;
use super::sink::Sink;
use crate::lang::unread::unread;

/// What may stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `"…"`: escapes and interpolations.
    Plain,
    /// `"""…"""`: these, and the common indentation is removed.
    Multi,
    /// The text of another notation, which has resolved its own escapes: interpolations alone.
    Foreign,
}

/// A text literal with its quotes, at byte `base` of the source, as an expression.
pub fn literal(quoted: &str, base: usize, nest: Nest, sink: &mut Sink) -> (Expr, usize) {
    let span = Span::new(base, base + quoted.len());
    if let Some(raw) = quoted.strip_prefix("r\"") {
        return (Expr::literal(Value::str(raw.trim_end_matches('"')), span), 1);
    }
    let (form, width) =
        if quoted.starts_with("\"\"\"") && quoted.len() >= 6 { (Form::Multi, 3) } else { (Form::Plain, 1) };
    let content = &quoted[width..quoted.len() - width];
    content_expr(content, base + width, span, form, nest, sink)
}

/// The content of a text as an expression: a literal where nothing is interpolated.
pub fn content_expr(content: &str, base: usize, span: Span, form: Form, nest: Nest, sink: &mut Sink) -> (Expr, usize) {
    let before = sink.len();
    let mut reader = Reader { content, base, form, nest, parts: Vec::new(), text: String::new(), depth: 0, sink };
    reader.run();
    let depth = reader.depth + 1;
    let mut parts = reader.parts;
    let broken = reader.sink.len() > before;
    let kind = match &*parts {
        [] | [TemplatePart::Text(_)] if broken => return (unread(span), depth),
        [] => ExprKind::Literal(Value::str("")),
        [TemplatePart::Text(text)] => ExprKind::Literal(Value::Str(text.clone())),
        _ => ExprKind::Template(std::mem::take(&mut parts)),
    };
    (Expr::new(kind, span), depth)
}

struct Reader<'t, 's> {
    content: &'t str,
    base: usize,
    form: Form,
    nest: Nest,
    parts: Vec<TemplatePart>,
    text: String,
    depth: usize,
    sink: &'s mut Sink,
}

impl Reader<'_, '_> {
    fn run(&mut self) {
        let (mut at, end, indent) = match self.form {
            Form::Multi => multi_bounds(self.content),
            _ => (0, self.content.len(), 0),
        };
        if self.form == Form::Multi && at > 0 {
            at += skipped(&self.content[at..end], indent);
        }
        while at < end {
            at = self.step(at, end, indent);
        }
        self.flush();
    }

    fn step(&mut self, at: usize, end: usize, indent: usize) -> usize {
        let rest = &self.content[at..end];
        let Some(next) = rest.chars().next() else { return end };
        match next {
            '\\' if self.form != Form::Foreign => at + self.escape(at),
            '$' if rest.starts_with("$${") => {
                self.text.push_str("${");
                at + 3
            }
            '$' if rest.starts_with("${") => self.interpolation(at),
            '\r' if self.form == Form::Multi && rest.starts_with("\r\n") => at + 1,
            '\n' if self.form == Form::Multi => {
                self.text.push('\n');
                at + 1 + skipped(&self.content[at + 1..end], indent)
            }
            other => {
                self.text.push(other);
                at + other.len_utf8()
            }
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(TemplatePart::Text(Arc::from(std::mem::take(&mut self.text))));
        }
    }

    fn interpolation(&mut self, at: usize) -> usize {
        let place = Span::new(self.base + at, self.base + at + 2);
        let end = match interpolation_end(self.content, at) {
            Ok(end) => end,
            Err(TextFault::TooDeep(_)) => {
                self.sink.push(too_deep(place));
                return self.content.len();
            }
            Err(_) => {
                let error = Diagnostic::error(codes::UNCLOSED_INTERPOLATION, "`${` is not closed", place);
                self.sink.push(error.help("close it with `}`, or write `$${` for the two characters themselves"));
                return self.content.len();
            }
        };
        self.flush();
        let inner = &self.content[at + 2..end - 1];
        if inner.trim().is_empty() {
            let whole = Span::new(self.base + at, self.base + end);
            self.sink.push(Diagnostic::error(codes::UNEXPECTED, "expected an expression, found `}`", whole));
        } else if let Some((expr, depth)) = self.nest.expression(inner, self.base + at + 2, self.sink) {
            self.depth = self.depth.max(depth);
            self.parts.push(TemplatePart::Expr(expr));
        }
        end
    }

    /// Resolves the escape at `at`; gives its length.
    fn escape(&mut self, at: usize) -> usize {
        let rest = &self.content[at + 1..];
        let Some(letter) = rest.chars().next() else { return 1 };
        let plain = match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0'..='3' if is_octal(rest) => return self.code(at, &rest[..3], 8, 1 + 3),
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '"' | '\\' | '/' | '$' | '{' | '}' | '\'' | '?' | '`' => letter,
            'u' => return self.unicode(at),
            'x' | 'X' => return self.hexadecimal(at, 2),
            'U' => return self.hexadecimal(at, 8),
            other => {
                let length = 1 + other.len_utf8();
                let place = Span::new(self.base + at, self.base + at + length);
                let shown = if other.is_control() { ' ' } else { other };
                let message = format!("unknown escape `\\{shown}`");
                let error = Diagnostic::error(codes::UNKNOWN_ESCAPE, message, place);
                self.sink.push(error.help(
                    "the escapes are `\\n \\t \\r \\\" \\\\ \\$ \\u{1F600}`; `r\"…\"` takes every character as it is",
                ));
                return length;
            }
        };
        self.text.push(plain);
        1 + letter.len_utf8()
    }

    /// `\x41` or `\U0001F600`: so many digits.
    fn hexadecimal(&mut self, at: usize, count: usize) -> usize {
        let digits = hex_digits(&self.content[at + 2..], count);
        self.code(at, digits.unwrap_or_default(), 16, 2 + digits.map_or(0, str::len))
    }

    /// `\u{1F600}`, `\u00e9`, or two of the latter for a character past `\uFFFF`.
    fn unicode(&mut self, at: usize) -> usize {
        let rest = &self.content[at + 2..];
        let (digits, length) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((digits, _)) if digits.len() <= 6 => (digits, 2 + digits.len() + 2),
            _ => {
                if let Some(char) = surrogates(rest) {
                    self.text.push(char);
                    return 12;
                }
                let digits = hex_digits(rest, 4);
                (digits.unwrap_or_default(), 2 + digits.map_or(0, str::len))
            }
        };
        self.code(at, digits, 16, length)
    }

    /// The character of these digits, whose escape is `length` long.
    fn code(&mut self, at: usize, digits: &str, radix: u32, length: usize) -> usize {
        match u32::from_str_radix(digits, radix).ok().and_then(char::from_u32) {
            Some(char) => self.text.push(char),
            None => {
                let place = Span::new(self.base + at, self.base + at + length);
                let error = Diagnostic::error(codes::UNKNOWN_ESCAPE, "the escape is no character", place);
                self.sink.push(error.help("write `\\u{1F600}`: one to six hexadecimal digits"));
            }
        }
        length
    }
}

/// Whether a text begins with three octal digits.
fn is_octal(text: &str) -> bool {
    text.len() >= 3 && text.bytes().take(3).all(|byte| (b'0'..=b'7').contains(&byte))
}

/// The first `count` characters of a text, where they are hexadecimal digits.
fn hex_digits(text: &str, count: usize) -> Option<&str> {
    text.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The character that `D83D\uDE00` stands for.
fn surrogates(text: &str) -> Option<char> {
    let (high, low) = (hex_digits(text, 4)?, hex_digits(text.get(4..)?.strip_prefix("\\u")?, 4)?);
    let units = [u16::from_str_radix(high, 16).ok()?, u16::from_str_radix(low, 16).ok()?];
    let mut chars = char::decode_utf16(units);
    chars.next()?.ok().filter(|_| chars.next().is_none())
}

/// Where the content of a `"""` text begins and ends without its first and last line ends, and its common indentation.
fn multi_bounds(content: &str) -> (usize, usize, usize) {
    let first = content.find('\n').filter(|newline| content[..*newline].trim().is_empty());
    let start = first.map_or(0, |newline| newline + 1);
    let last = content.rfind('\n').filter(|newline| *newline + 1 >= start && content[*newline..].trim().is_empty());
    let end = last.unwrap_or(content.len());
    let end = if content[..end].ends_with('\r') { end - 1 } else { end };
    let end = end.max(start);
    let lines = content[start..end].lines().skip(usize::from(start == 0));
    let indent = lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len());
    (start, end, indent.min().unwrap_or(0))
}

/// How much of a line's indentation goes: up to `indent`, and all of a line of spaces alone.
fn skipped(rest: &str, indent: usize) -> usize {
    let line = rest.find('\n').map_or(rest, |newline| &rest[..newline]);
    let spaces = line.len() - line.trim_start_matches([' ', '\t']).len();
    if line.trim().is_empty() { spaces } else { spaces.min(indent) }
}
