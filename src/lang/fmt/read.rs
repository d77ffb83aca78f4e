//! A source as the formatter reads it: its tokens without line ends, and its comments.

use std::collections::{HashMap, HashSet};

use crate::lang::dsl::scan::{Kind, scan};

use super::build::Kept;
use super::ops::{Op, Text};

/// A token.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Its first byte in the source.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// For a bracket, the index of its other half.
    pub mate: usize,
    /// How many line ends stand between it and the piece or comment before it.
    pub lines: usize,
}

/// A comment.
#[derive(Clone, Copy, Debug)]
struct Remark<'a> {
    text: &'a str,
    /// How many pieces stand before it.
    before: usize,
    own_line: bool,
    blank: bool,
}

/// A comment and where in the formatted text it stands.
#[derive(Clone, Copy, Debug)]
pub struct Comment<'a> {
    /// The comment, from its `#` on.
    pub text: &'a str,
    /// How many texts of the source are written before it.
    pub after: usize,
    /// Whether it has a line of its own.
    pub own_line: bool,
    /// Whether a blank line stands before it.
    pub blank: bool,
}

/// A source, or an expression in the middle of one.
#[derive(Debug)]
pub struct Read<'a> {
    /// The whole source.
    pub text: &'a str,
    /// Its tokens.
    pub pieces: Vec<Piece>,
    remarks: Vec<Remark<'a>>,
}

impl<'a> Read<'a> {
    /// Reads the bytes from `start` to `end` of a text that the parser has taken.
    pub fn new(text: &'a str, start: usize, end: usize) -> Self {
        let tokens = scan(&text[start..end], start).tokens;
        let mut read = Self { text, pieces: Vec::with_capacity(tokens.len()), remarks: Vec::new() };
        let mut index = Vec::with_capacity(tokens.len());
        let (mut at, mut lines) = (start, 0);
        for token in &tokens {
            index.push(read.pieces.len());
            read.remark(at, start + token.start, &mut lines);
            at = start + token.end;
            if token.kind == Kind::Newline {
                lines += 1;
                continue;
            }
            let piece = Piece { kind: token.kind, start: start + token.start, end: at, mate: token.mate, lines };
            read.pieces.push(piece);
            lines = 0;
        }
        read.remark(at, end, &mut lines);
        for piece in &mut read.pieces {
            piece.mate = index[piece.mate];
        }
        read
    }

    /// Takes the comment between two tokens, where there is one.
    fn remark(&mut self, from: usize, to: usize, lines: &mut usize) {
        let gap = &self.text[from..to];
        let Some(at) = gap.find('#') else { return };
        let own_line = *lines > 0 || self.pieces.is_empty();
        let (text, before) = (gap[at..].trim_end(), self.pieces.len());
        self.remarks.push(Remark { text, before, own_line, blank: *lines > 1 });
        *lines = 0;
    }

    /// The text of a piece.
    pub fn text_of(&self, at: usize) -> &'a str {
        self.pieces.get(at).map_or("", |piece| &self.text[piece.start..piece.end])
    }

    /// Each comment, and how many pieces stand before it.
    #[cfg(test)]
    pub fn comments(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.remarks.iter().map(|remark| (remark.text, remark.before))
    }

    /// Whether a comment stands between the pieces `first` and `last`.
    pub fn has_comment(&self, first: usize, last: usize) -> bool {
        let next = self.remarks.partition_point(|remark| remark.before <= first);
        self.remarks.get(next).is_some_and(|remark| remark.before <= last)
    }

    /// The parentheses that only group, and directly hold a comment: without them its line end would end the entry. By the place
    /// of what they hold. `matched` are the parentheses that do more than group.
    pub fn kept_parentheses(&self, matched: &HashSet<usize>) -> Kept {
        let mut kept: Kept = HashMap::new();
        let mut found = HashSet::new();
        let (mut open, mut at) = (Vec::new(), 0);
        for remark in &self.remarks {
            while at < remark.before {
                match self.pieces[at].kind {
                    Kind::Open(_) => open.push(at),
                    Kind::Close(_) => drop(open.pop()),
                    _ => {}
                }
                at += 1;
            }
            let Some(inner) = open.last().copied() else { continue };
            let groups = |at: usize| matches!(self.text_of(at), "(" | ")") && !matched.contains(&at);
            if !groups(inner) || !found.insert(inner) {
                continue;
            }
            let (mut first, mut last) = (inner + 1, self.pieces[inner].mate - 1);
            while groups(first) {
                first += 1;
            }
            while groups(last) && !matched.contains(&self.pieces[last].mate) {
                last -= 1;
            }
            kept.entry((self.pieces[first].start, self.pieces[last].end)).or_default().push(inner);
        }
        kept
    }

    /// Puts the comments between the texts that they stand between, and says of each text whether a blank line stands before it.
    pub fn place(&self, mut ops: Vec<Op<'a>>) -> (Vec<Op<'a>>, Vec<Comment<'a>>) {
        let mut comments = Vec::with_capacity(self.remarks.len());
        let mut remarks = self.remarks.iter().peekable();
        let (mut written, mut seen) = (0, 0);
        let comment = |remark: &Remark<'a>, after| Comment {
            text: remark.text,
            after,
            own_line: remark.own_line,
            blank: remark.blank,
        };
        for op in &mut ops {
            let Op::Text(Text { pieces: Some(pieces), blank, .. }) = op else { continue };
            while let Some(remark) = remarks.next_if(|remark| remark.before <= pieces.start) {
                comments.push(comment(remark, written));
            }
            // Those in the middle of what is left as it is are written with it.
            while remarks.next_if(|remark| remark.before < pieces.end).is_some() {}
            *blank = self.pieces[seen..=pieces.start].iter().any(|piece| piece.lines > 1);
            seen = pieces.end;
            written += 1;
        }
        comments.extend(remarks.map(|remark| comment(remark, written)));
        (ops, comments)
    }
}
