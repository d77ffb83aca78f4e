//! Writing ops, each word found again in the source.
//!
//! Invariant: in a source, the words that are written are its tokens in their order, commas and grouping parentheses apart; an
//! entry for which that does not hold is written as it stands.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::expr::Span;
use crate::lang::dsl::scan::Kind;

use super::ops::{Form, Line, Op, Place, Text};
use super::read::Read;

/// Parentheses that are kept although they only group: where what they hold begins and ends, and their indices, the outer first.
pub type Kept = HashMap<(usize, usize), Vec<usize>>;

/// Brackets around items.
#[derive(Clone, Copy, Debug)]
pub struct Brackets {
    /// The opening one.
    pub open: &'static str,
    /// The closing one.
    pub close: &'static str,
    /// What stands inside of them on one line.
    pub pad: &'static str,
    /// What stands between items on one line.
    pub between: &'static str,
    /// What stands after an item on a line of its own.
    pub mark: &'static str,
    /// Whether a line end after the opening one stays.
    pub keeps_line: bool,
}

/// Writes ops.
pub struct Builder<'a> {
    /// What is written so far.
    pub ops: Vec<Op<'a>>,
    /// The parentheses of the source that were written because they do more than group.
    pub matched: HashSet<usize>,
    /// Whether a `{` would begin a block: in heads.
    pub in_head: bool,
    /// Whether all of it stands on one line: in `${ }`.
    pub one_line: bool,
    /// The source.
    pub source: Option<&'a Read<'a>>,
    kept: Kept,
    /// The next piece of the source.
    at: usize,
    /// Whether a word was not found.
    lost: bool,
    groups: Vec<Group>,
}

/// A group that is open.
#[derive(Clone, Debug, Default)]
struct Group {
    begin: usize,
    pieces: Option<Range<usize>>,
    /// Whether its lines must end.
    broken: bool,
    /// Whether it holds a text of several lines.
    tall: bool,
}

impl<'a> Builder<'a> {
    /// A builder at the beginning of a source, or of nothing.
    pub fn new(source: Option<&'a Read<'a>>, kept: Kept) -> Self {
        Self {
            ops: Vec::new(),
            matched: HashSet::new(),
            in_head: false,
            one_line: false,
            source,
            kept,
            at: 0,
            lost: false,
            groups: vec![Group::default()],
        }
    }

    /// Whether all of the source is written.
    pub fn is_at_end(&self) -> bool {
        self.source.is_none_or(|read| !self.lost && self.skip_soft(read) >= read.pieces.len())
    }

    /// A word or a sign of the language.
    pub fn word(&mut self, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        let pieces = self.find(&text);
        self.push_text(text, pieces, Form::Verbatim);
    }

    /// A space.
    pub fn space(&mut self) {
        self.ops.push(Op::Space);
    }

    /// What is a part of the layout rather than of the source: a comma, a parenthesis that groups.
    pub fn soft(&mut self, text: &'static str) {
        self.ops.push(Op::Text(Text::soft(text)));
    }

    /// A word with a space after it.
    pub fn keyword(&mut self, text: &'static str) {
        self.word(text);
        self.space();
    }

    /// A text that stands for pieces which were found.
    pub fn push_text(&mut self, text: impl Into<Cow<'a, str>>, pieces: Option<Range<usize>>, form: Form) {
        let text = text.into();
        if let Some(group) = self.groups.last_mut() {
            group.tall |= text.contains('\n');
            join(&mut group.pieces, pieces.clone());
        }
        self.ops.push(Op::Text(Text { text, pieces, blank: false, form }));
    }

    fn is_soft(read: &Read<'_>, at: usize) -> bool {
        read.pieces[at].kind == Kind::Comma || matches!(read.text_of(at), "(" | ")")
    }

    /// The next piece that is no comma and no parenthesis.
    fn skip_soft(&self, read: &Read<'_>) -> usize {
        (self.at..read.pieces.len()).find(|at| !Self::is_soft(read, *at)).unwrap_or(read.pieces.len())
    }

    /// The next piece of the source that is written.
    pub fn peek(&self) -> Option<usize> {
        let read = self.source.filter(|_| !self.lost)?;
        Some(self.skip_soft(read)).filter(|at| *at < read.pieces.len())
    }

    /// The next piece of the source, a comma or a parenthesis too.
    pub fn next_piece(&self) -> Option<usize> {
        self.source.filter(|read| !self.lost && self.at < read.pieces.len()).map(|_| self.at)
    }

    /// Whether the next pieces are these words.
    pub fn peek_words(&self, words: &str) -> bool {
        let (Some(read), Some(at)) = (self.source, self.peek()) else { return false };
        words.split(' ').enumerate().all(|(offset, word)| read.text_of(at + offset) == word)
    }

    /// Takes the pieces that `text` is.
    fn find(&mut self, text: &str) -> Option<Range<usize>> {
        let read = self.source?;
        let at = self.peek()?;
        let start = read.pieces[at].start;
        let end = start + text.len();
        let next = (at..read.pieces.len()).find(|piece| read.pieces[*piece].start >= end).unwrap_or(read.pieces.len());
        self.lost = !read.text[start..].starts_with(text) || next == at || read.pieces[next - 1].end != end;
        self.take(at..next)
    }

    /// Takes these pieces, which are known to be what comes next.
    pub fn take(&mut self, pieces: Range<usize>) -> Option<Range<usize>> {
        self.at = pieces.end;
        Some(pieces).filter(|_| !self.lost)
    }

    /// Takes note that what is written is not what the source holds.
    pub fn lose(&mut self) {
        self.lost = self.source.is_some();
    }

    /// A parenthesis that does more than group, at this index of the source or next.
    /// Gives the index of its other half.
    pub fn parenthesis(&mut self, text: &'static str, index: Option<usize>) -> Option<usize> {
        let Some(read) = self.source.filter(|_| !self.lost) else {
            self.soft(text);
            return None;
        };
        let index = index.unwrap_or(self.at);
        if read.text_of(index) != text || (self.at..index).any(|at| !Self::is_soft(read, at)) {
            self.lose();
            return None;
        }
        self.matched.insert(index);
        let pieces = self.take(index..index + 1);
        self.push_text(text, pieces, Form::Verbatim);
        Some(read.pieces[index].mate)
    }

    /// The parentheses that are kept around what stands there.
    pub fn kept(&self, span: Span) -> Option<&Vec<usize>> {
        if self.kept.is_empty() { None } else { self.kept.get(&(span.start as usize, span.end as usize)) }
    }

    /// An entry: where the words of its tree are not those of the source, it is written as it stands.
    pub fn entry(&mut self, span: Span, write: impl FnOnce(&mut Self)) {
        if self.lost {
            return;
        }
        let (at, ops, groups) = (self.at, self.ops.len(), self.groups.clone());
        write(self);
        let Some(read) = self.source else { return };
        let done = self.skip_soft(read);
        let whole = read.pieces.get(done).is_none_or(|piece| piece.start >= span.end as usize);
        if self.lost || !whole {
            (self.at, self.groups, self.lost) = (at, groups, false);
            self.ops.truncate(ops);
            self.verbatim(span);
        }
    }

    /// What stands there, as it stands.
    pub fn verbatim(&mut self, span: Span) {
        let (Some(read), Some(first)) = (self.source, self.peek()) else { return };
        let rest = &read.pieces[first..];
        let count = rest.iter().take_while(|piece| piece.start < span.end as usize).count();
        let Some(last) = count.checked_sub(1) else { return self.lose() };
        let text = &read.text[rest[0].start..rest[last].end];
        let pieces = self.take(first..first + count);
        self.push_text(text, pieces, Form::Verbatim);
    }

    /// Writes a group: all of its lines end, or none does.
    pub fn group(&mut self, write: impl FnOnce(&mut Self)) {
        self.groups.push(Group { begin: self.ops.len(), ..Group::default() });
        self.ops.push(Op::Begin { broken: false });
        write(self);
        self.ops.push(Op::End);
        let Some(mut group) = self.groups.pop() else { return };
        if let (Some(read), Some(pieces)) = (self.source, &group.pieces) {
            group.broken |= read.has_comment(pieces.start, pieces.end - 1);
        }
        self.ops[group.begin] = Op::Begin { broken: group.broken };
        if let Some(outer) = self.groups.last_mut() {
            outer.broken |= group.broken;
            outer.tall |= group.tall;
            join(&mut outer.pieces, group.pieces);
        }
    }

    /// Makes the lines of the open group end.
    pub fn break_group(&mut self) {
        if let Some(group) = self.groups.last_mut() {
            group.broken = true;
        }
    }

    /// Makes the lines of the open group end where it holds a text of several lines.
    pub fn break_where_tall(&mut self) {
        if self.groups.last().is_some_and(|group| group.tall) {
            self.break_group();
        }
    }

    /// A place where a line may end.
    pub fn line(&mut self, line: Line) {
        self.ops.push(Op::Line(line));
    }

    /// Writes further in.
    pub fn indented(&mut self, write: impl FnOnce(&mut Self)) {
        self.ops.push(Op::Indent);
        write(self);
        self.ops.push(Op::Dedent);
    }

    /// Whether the source begins a new line after what was written last.
    pub fn line_follows(&self) -> bool {
        self.source.and_then(|read| read.pieces.get(self.at)).is_some_and(|piece| piece.lines > 0)
    }

    /// Brackets with nothing inside but comments.
    pub fn empty(&mut self, brackets: Brackets) {
        self.group(|b| {
            let mate = b.opening(brackets.open);
            b.line(Line { flat: brackets.pad, mark: "", place: Place::Only });
            b.closing(brackets.close, mate);
        });
    }

    fn opening(&mut self, open: &'static str) -> Option<usize> {
        if open == "(" {
            return self.parenthesis(open, None);
        }
        self.word(open);
        None
    }

    fn closing(&mut self, close: &'static str, mate: Option<usize>) {
        if close == ")" {
            self.parenthesis(close, mate);
        } else {
            self.word(close);
        }
    }

    /// Items in brackets, each on a line of its own or all on one, as a group of their own.
    pub fn items(&mut self, brackets: Brackets, count: usize, mut item: impl FnMut(&mut Self, usize)) {
        if count == 0 {
            let pad = if brackets.open == "{" && brackets.keeps_line { "" } else { brackets.pad };
            return self.empty(Brackets { pad, ..brackets });
        }
        let in_head = std::mem::replace(&mut self.in_head, false);
        self.group(|b| {
            let mate = b.opening(brackets.open);
            if brackets.keeps_line && b.line_follows() {
                b.break_group();
            }
            b.indented(|b| {
                b.line(Line { flat: brackets.pad, mark: "", place: Place::First });
                for at in 0..count {
                    if at > 0 {
                        let place = Place::Between { blank: false };
                        b.line(Line { flat: brackets.between, mark: brackets.mark, place });
                    }
                    item(b, at);
                }
            });
            b.line(Line { flat: brackets.pad, mark: brackets.mark, place: Place::Last });
            b.closing(brackets.close, mate);
            if brackets.keeps_line {
                b.break_where_tall();
            }
        });
        self.in_head = in_head;
    }

    /// Items in brackets that stay on the line of the first: only the last has lines of its own.
    pub fn hugged(&mut self, brackets: Brackets, count: usize, mut item: impl FnMut(&mut Self, usize)) {
        let in_head = std::mem::replace(&mut self.in_head, false);
        let mate = self.opening(brackets.open);
        for at in 0..count {
            if at > 0 {
                self.soft(",");
                self.space();
            }
            item(self, at);
        }
        self.closing(brackets.close, mate);
        self.in_head = in_head;
    }
}

/// Widens a range to hold another.
fn join(whole: &mut Option<Range<usize>>, more: Option<Range<usize>>) {
    *whole = match (whole.take(), more) {
        (Some(whole), Some(more)) => Some(whole.start.min(more.start)..whole.end.max(more.end)),
        (whole, more) => whole.or(more),
    };
}
