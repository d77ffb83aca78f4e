//! Ops to text: which lines end, and where the comments stand.
//!
//! Invariant: one pass; for each group no more than a line's width is looked ahead.

use super::ops::{Form, Line, Op, Place, Text};
use super::read::Comment;
use super::text::moved;

/// The widest line, in characters, where it can be helped.
pub const WIDTH: usize = 120;

/// One level.
const STEP: usize = 2;

/// The text that ops and comments are.
pub fn lay_out(ops: Vec<Op<'_>>, comments: Vec<Comment<'_>>) -> String {
    let mut layout = Layout {
        ops: &ops,
        comments: &comments,
        written: 0,
        out: String::new(),
        column: 0,
        indent: 0,
        margin: 0,
        flat: vec![false],
        space: false,
        fresh: true,
    };
    for (at, op) in ops.iter().enumerate() {
        layout.op(at, op);
    }
    layout.finish();
    layout.out
}

/// Ops on one line, whatever its width.
pub fn on_one_line(ops: &[Op<'_>]) -> String {
    let mut out = String::new();
    for op in ops {
        match op {
            Op::Text(text) => out.push_str(&text.text),
            Op::Space | Op::Gap => out.push(' '),
            Op::Line(line) => out.push_str(line.flat),
            Op::Comments | Op::Begin { .. } | Op::End | Op::Indent | Op::Dedent => {}
        }
    }
    out
}

/// Where a look ahead is.
struct Depth {
    /// How many groups are open of the one that is looked at.
    inner: usize,
    /// How many are open after it.
    after: usize,
    /// How many are open around it and what is after it.
    around: usize,
    /// Whether the one that is looked at is closed.
    past: bool,
}

impl Depth {
    fn enter(&mut self) -> usize {
        if self.past {
            self.after += 1
        } else {
            self.inner += 1
        }
        0
    }

    fn leave(&mut self) -> usize {
        match (self.inner, self.after) {
            (0, 0) => self.around = self.around.saturating_sub(1),
            (0, _) => self.after -= 1,
            _ => self.inner -= 1,
        }
        self.past |= self.inner == 0;
        0
    }
}

struct Layout<'o, 'a> {
    ops: &'o [Op<'a>],
    /// Those that are not written yet.
    comments: &'o [Comment<'a>],
    /// How many texts of the source are written.
    written: usize,
    out: String,
    /// How wide the line is so far.
    column: usize,
    indent: usize,
    /// How far in the line begins.
    margin: usize,
    /// Of each open group whether it stands on one line.
    flat: Vec<bool>,
    /// Whether a space is due.
    space: bool,
    /// Whether nothing is written on the line yet.
    fresh: bool,
}

impl<'o> Layout<'o, '_> {
    fn op(&mut self, at: usize, op: &Op<'_>) {
        match op {
            Op::Text(text) => self.text(text),
            Op::Space => self.space = true,
            Op::Comments => self.squeeze_comments(),
            Op::Gap if self.pending().is_some() => self.end_line(Line::within(""), at),
            Op::Gap => self.space = true,
            Op::Begin { broken } => {
                let flat = self.is_flat() || !broken && self.fits(at);
                self.flat.push(flat);
            }
            Op::End => drop(self.flat.pop()),
            Op::Indent => self.indent += STEP,
            Op::Dedent => self.indent -= STEP,
            Op::Line(line) if self.is_flat() => self.flat_line(line.flat),
            Op::Line(line) => self.end_line(*line, at),
        }
    }

    fn is_flat(&self) -> bool {
        self.flat.last().copied().unwrap_or(false)
    }

    fn flat_line(&mut self, flat: &str) {
        let text = flat.trim_end();
        if !text.is_empty() {
            self.write(text);
        }
        self.space |= text.len() < flat.len();
    }

    /// Whether the group at `at` fits on the line, up to where the line may end after it.
    fn fits(&self, at: usize) -> bool {
        let mut left =
            WIDTH.saturating_sub(if self.fresh { self.margin } else { self.column + usize::from(self.space) });
        let mut depth = Depth { inner: 0, after: 0, around: self.flat.len(), past: false };
        for op in &self.ops[at..] {
            let width = match op {
                Op::Text(text) => match text.text.find('\n') {
                    Some(end) => return text.text[..end].chars().count() <= left,
                    None => text.text.chars().count(),
                },
                Op::Space | Op::Gap => 1,
                Op::Line(line) if depth.inner > 0 || self.is_flat_around(depth.around) => line.flat.len(),
                Op::Line(_) => return true,
                Op::Begin { .. } => depth.enter(),
                Op::End => depth.leave(),
                Op::Comments | Op::Indent | Op::Dedent => 0,
            };
            if width > left {
                return false;
            }
            left -= width;
        }
        true
    }

    fn is_flat_around(&self, groups: usize) -> bool {
        groups.checked_sub(1).and_then(|group| self.flat.get(group)).copied().unwrap_or(false)
    }

    /// The comment that comes next, where it stands before the text that comes next.
    fn pending(&self) -> Option<&'o Comment<'o>> {
        self.comments.first().filter(|comment| comment.after <= self.written)
    }

    fn text(&mut self, text: &Text<'_>) {
        if text.pieces.is_some() {
            self.squeeze_comments();
            self.written += 1;
        }
        if text.form == Form::Moved && text.text.contains('\n') {
            let text = moved(&text.text, self.indent + STEP);
            self.write(&text);
        } else {
            self.write(&text.text);
        }
    }

    fn write(&mut self, text: &str) {
        if self.fresh {
            self.out.extend(std::iter::repeat_n(' ', self.margin));
            self.column = self.margin;
        } else if self.space {
            self.out.push(' ');
            self.column += 1;
        }
        (self.fresh, self.space) = (false, false);
        self.out.push_str(text);
        self.column = match text.rfind('\n') {
            Some(end) => text[end + 1..].chars().count(),
            None => self.column + text.chars().count(),
        };
    }

    fn new_line(&mut self, blank: bool, margin: usize) {
        if !self.out.is_empty() {
            self.out.push_str(if blank { "\n\n" } else { "\n" });
        }
        (self.fresh, self.space, self.margin) = (true, false, margin);
    }

    fn trailing(&mut self, comment: &str) {
        self.out.push_str("  ");
        self.out.push_str(comment);
    }

    /// Comments where no line was to end: it ends all the same, and goes on further in.
    fn squeeze_comments(&mut self) {
        let mut any = false;
        let margin = self.indent + STEP;
        while let Some(comment) = self.pending() {
            self.comments = &self.comments[1..];
            if comment.own_line || any {
                self.new_line(false, margin);
                self.write(comment.text);
            } else {
                self.trailing(comment.text);
            }
            any = true;
        }
        if any {
            self.new_line(false, margin);
        }
    }

    /// Ends the line, with the comments that stand there.
    fn end_line(&mut self, line: Line, at: usize) {
        if !line.mark.is_empty() {
            self.write(line.mark);
        }
        let further_in = matches!(line.place, Place::Last | Place::Only);
        let margin = self.indent + if further_in { STEP } else { 0 };
        let mut first = matches!(line.place, Place::First | Place::Only) || self.out.is_empty();
        // A second comment may stand after the comma of the line.
        let (mut own, mut any) = (false, self.out.is_empty());
        while let Some(comment) = self.pending() {
            self.comments = &self.comments[1..];
            if !comment.own_line && !any {
                self.trailing(comment.text);
                any = true;
                continue;
            }
            self.new_line(comment.blank && !first && line.place != Place::Within, margin);
            self.write(comment.text);
            (first, own, any) = (false, true, true);
        }
        let blank = match line.place {
            Place::Between { blank } => blank || self.is_blank_before_next(at),
            Place::First => own && self.is_blank_before_next(at),
            Place::Last | Place::Only | Place::Within => false,
        };
        self.new_line(blank && !first, self.indent);
    }

    fn is_blank_before_next(&self, at: usize) -> bool {
        let next = self.ops[at..].iter().find_map(|op| match op {
            Op::Text(text) if text.pieces.is_some() => Some(text.blank),
            _ => None,
        });
        next.unwrap_or(false)
    }

    /// Writes the comments that are left, and ends the last line.
    fn finish(&mut self) {
        let at = self.ops.len();
        if !self.comments.is_empty() {
            self.written = usize::MAX;
            self.end_line(Line { flat: "", mark: "", place: Place::Between { blank: false } }, at);
        } else if !self.fresh {
            self.out.push('\n');
        }
    }
}
