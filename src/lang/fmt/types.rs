//! Types: of a source in the author's words, since a tree does not tell `string?` from `string | null`.

use crate::expr::{FieldType, ObjectType, Span, Type};
use crate::lang::ast::Spanned;
use crate::lang::dsl::scan::Kind;

use super::build::{Brackets, Builder};
use super::ops::{Form, Line};
use super::read::Read;
use super::text::{is_name, quote};

/// `{ name: T }`.
const OBJECT: Brackets = Brackets { open: "{", close: "}", pad: " ", between: ", ", mark: ",", keeps_line: true };

impl<'a> Builder<'a> {
    /// A type.
    pub fn ty(&mut self, ty: &'a Spanned<Type>) {
        match self.source {
            Some(read) => self.written_type(read, ty.span),
            None => self.type_of(&ty.value),
        }
    }

    fn type_of(&mut self, ty: &'a Type) {
        match ty {
            Type::Literal(text) => self.word(quote(text)),
            Type::List(item) => self.generic("list", item),
            Type::Map(item) => self.generic("map", item),
            Type::Object(object) => self.object_type(object),
            Type::Union(members) => self.union(members),
            // The names of the rest are what they are shown as.
            other => self.word(other.to_string()),
        }
    }

    fn generic(&mut self, name: &'static str, item: &'a Type) {
        self.word(name);
        self.word("<");
        self.type_of(item);
        self.word(">");
    }

    fn object_type(&mut self, object: &'a ObjectType) {
        self.items(OBJECT, object.fields.len(), |b, at| {
            let FieldType { name, ty, required, .. } = &object.fields[at];
            b.key(name, false);
            b.word(":");
            b.space();
            // What may be absent is what may be null, in the language.
            if *required || ty.accepts_null() { b.type_of(ty) } else { b.nullable(ty) }
        });
    }

    fn nullable(&mut self, ty: &'a Type) {
        let union = matches!(ty, Type::Union(_));
        if union {
            self.soft("(");
        }
        self.type_of(ty);
        if union {
            self.soft(")");
        }
        self.word("?");
    }

    fn union(&mut self, members: &'a [Type]) {
        if let [member, Type::Null] = members {
            return self.nullable(member);
        }
        self.group(|b| {
            for (at, member) in members.iter().enumerate() {
                if at > 0 {
                    b.indented(|b| b.line(Line::within(" ")));
                    b.keyword("|");
                }
                b.type_of(member);
            }
        });
    }

    /// The tokens of a type.
    fn written_type(&mut self, read: &'a Read<'a>, span: Span) {
        let pieces = read.pieces.as_slice();
        let end = pieces.partition_point(|piece| piece.start < span.end as usize);
        let Some(start) = self.peek_from(read, span) else { return self.lose() };
        self.group(|b| b.type_pieces(read, start, end));
    }

    /// The first piece of a type: a parenthesis may be.
    fn peek_from(&self, read: &Read<'_>, span: Span) -> Option<usize> {
        let start = read.pieces.partition_point(|piece| piece.start < span.start as usize);
        self.peek().filter(|at| *at >= start).map(|_| start)
    }

    /// The pieces from `start` to `end`, with a group for each bracket.
    fn type_pieces(&mut self, read: &'a Read<'a>, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            let text = read.text_of(at);
            let close = closing(read, at, end);
            match text {
                "{" => self.object_pieces(read, at, close),
                "(" => {
                    self.parenthesis("(", Some(at));
                    self.group(|b| b.type_pieces(read, at + 1, close));
                    self.parenthesis(")", Some(close));
                }
                "<" => {
                    self.word("<");
                    self.group(|b| b.type_pieces(read, at + 1, close));
                    self.word(">");
                }
                "|" => {
                    self.indented(|b| b.line(Line::within(" ")));
                    self.keyword("|");
                }
                "," => {}
                _ => self.word(text),
            }
            at = close + 1;
        }
    }

    fn object_pieces(&mut self, read: &'a Read<'a>, open: usize, close: usize) {
        let fields = fields(read, open + 1, close);
        self.items(OBJECT, fields.len(), |b, at| {
            let (key, ty, end) = fields[at];
            b.key_pieces(read, key, ty - 1);
            b.word(":");
            b.space();
            b.group(|b| b.type_pieces(read, ty, end));
        });
    }

    fn key_pieces(&mut self, read: &'a Read<'a>, start: usize, end: usize) {
        let text = &read.text[read.pieces[start].start..read.pieces[end - 1].end];
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|text| is_name(text));
        if self.peek() != Some(start) {
            return self.lose();
        }
        let pieces = self.take(start..end);
        self.push_text(bare.unwrap_or(text), pieces, Form::Verbatim);
    }
}

/// The other half of the bracket at `at`; of anything else itself.
fn closing(read: &Read<'_>, at: usize, end: usize) -> usize {
    if read.text_of(at) != "<" {
        return read.pieces[at].mate;
    }
    let mut depth = 0_usize;
    let close = (at..end).find(|at| {
        depth += usize::from(read.text_of(*at) == "<");
        depth -= usize::from(read.text_of(*at) == ">");
        depth == 0
    });
    close.unwrap_or(end)
}

/// The fields between two pieces: of each the first piece of its key, of its type, and the piece after it.
fn fields(read: &Read<'_>, start: usize, end: usize) -> Vec<(usize, usize, usize)> {
    let mut colons = Vec::new();
    let mut at = start;
    while at < end {
        if read.text_of(at) == ":" {
            colons.push(at);
        }
        let piece = &read.pieces[at];
        at = if matches!(piece.kind, Kind::Open(_)) { piece.mate + 1 } else { at + 1 };
    }
    // A key is a text, or words with `-` between them.
    let key = |colon: usize| {
        let mut key = colon - 1;
        while key >= start + 2 && read.text_of(key - 1) == "-" {
            key -= 2;
        }
        key
    };
    let keys: Vec<usize> = colons.iter().map(|colon| key(*colon)).collect();
    let after = |at: usize| keys.get(at + 1).copied().unwrap_or(end);
    keys.iter().enumerate().map(|(at, key)| (*key, colons[at] + 1, after(at))).collect()
}
