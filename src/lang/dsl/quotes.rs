//! Where a text in quotes ends, and where an interpolation in it does.
//!
//! Invariant: one pass with a stack of its own, no recursion but for a raw text in an interpolation; ends on any text.

use crate::lang::MAX_NESTING;

/// Why a text has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// Its closing quote is missing.
    Quote { multi: bool },
    /// The `${` at this byte is not closed.
    Interpolation(usize),
    /// At this byte it is nested too deep.
    TooDeep(usize),
}

/// Where the text that begins at byte `start` of `text` ends. Interpolations may hold texts, and those interpolations.
pub fn text_end(text: &str, start: usize) -> Result<usize, TextFault> {
    if text[start..].starts_with("r\"") {
        let rest = &text[start + 2..];
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let missing = TextFault::Quote { multi: false };
        return rest[..line_end].find('"').map(|end| start + 2 + end + 1).ok_or(missing);
    }
    walk(text, start, Vec::new())
}

/// Where the interpolation whose `${` is at byte `start` ends: the byte after its `}`.
pub fn interpolation_end(text: &str, start: usize) -> Result<usize, TextFault> {
    walk(text, start + 2, vec![Frame::Code { start, brace: false }])
}

#[derive(Clone, Copy)]
enum Frame {
    Text { multi: bool },
    Code { start: usize, brace: bool },
}

/// Goes from `at` until nothing is open any more.
fn walk(text: &str, mut at: usize, mut stack: Vec<Frame>) -> Result<usize, TextFault> {
    let quote = |at: usize| Frame::Text { multi: text[at..].starts_with("\"\"\"") };
    let width = |frame: Frame| if matches!(frame, Frame::Text { multi: true }) { 3 } else { 1 };
    if stack.is_empty() {
        stack.push(quote(at));
        at += width(quote(at));
    }
    while let Some(top) = stack.last().copied() {
        if stack.len() > MAX_NESTING {
            return Err(TextFault::TooDeep(at.saturating_sub(1)));
        }
        let rest = &text[at..];
        let Some(next) = rest.chars().next() else { return Err(unended(&stack)) };
        let in_line = stack.iter().any(|frame| matches!(frame, Frame::Text { multi: false }));
        if next == '\n' && in_line {
            return Err(unended(&stack));
        }
        at += match top {
            Frame::Text { multi } => match next {
                '\\' => 1 + rest[1..].chars().next().filter(|char| *char != '\n').map_or(0, char::len_utf8),
                '"' if !multi || rest.starts_with("\"\"\"") => {
                    stack.pop();
                    width(top)
                }
                '$' if rest.starts_with("$${") => 3,
                '$' if rest.starts_with("${") => {
                    stack.push(Frame::Code { start: at, brace: false });
                    2
                }
                other => other.len_utf8(),
            },
            Frame::Code { .. } => match next {
                '"' => {
                    stack.push(quote(at));
                    width(quote(at))
                }
                'r' if rest.starts_with("r\"") => text_end(text, at)? - at,
                '{' => {
                    stack.push(Frame::Code { start: at, brace: true });
                    1
                }
                '}' => {
                    stack.pop();
                    1
                }
                other => other.len_utf8(),
            },
        };
    }
    Ok(at)
}

/// What lacks its end: of a text in an interpolation the interpolation, since its quote was likely meant to end the outer text.
fn unended(stack: &[Frame]) -> TextFault {
    let opened = stack.iter().rev().find_map(|frame| match frame {
        Frame::Code { start, brace: false } => Some(*start),
        _ => None,
    });
    match (opened, stack.last()) {
        (Some(start), _) => TextFault::Interpolation(start),
        (None, Some(Frame::Text { multi })) => TextFault::Quote { multi: *multi },
        (None, _) => TextFault::Quote { multi: false },
    }
}
