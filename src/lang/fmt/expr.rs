//! Expressions, with the fewest parentheses that give the same tree.

use crate::expr::{
    BinaryOp, Expr, ExprKind, ListItem, MacroKind, ObjectEntry, Span, Timestamp, UnaryOp, Value, duration_text,
};
use crate::lang::dsl::scan::{Kind, STARTERS};

use super::build::{Brackets, Builder};
use super::ops::{Form, Line, Op};
use super::text::{Part, is_name, parts, quote};

/// How tight an expression holds together, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Conditional,
    Or,
    And,
    Compare,
    Coalesce,
    Add,
    Mul,
    Unary,
    Postfix,
}

/// `{ key: a }`.
const OBJECT: Brackets = Brackets { open: "{", close: "}", pad: " ", between: ", ", mark: ",", keeps_line: true };

/// `[a, b]`.
const LIST: Brackets = Brackets { open: "[", close: "]", pad: "", ..OBJECT };

/// `(a, b)`.
const ARGS: Brackets = Brackets { open: "(", close: ")", pad: "", keeps_line: false, ..OBJECT };

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
enum Arg<'a> {
    /// The variable of a macro.
    Var(&'a str),
    Expr(&'a Expr),
}

impl<'a> Builder<'a> {
    /// An expression that stands alone.
    pub fn value(&mut self, expr: &'a Expr) {
        self.expr(expr, Level::Conditional);
    }

    /// An expression in the head of a block, where a `{` would begin the block. Its lines go further in than the block's.
    pub fn head(&mut self, expr: &'a Expr) {
        let in_head = std::mem::replace(&mut self.in_head, true);
        self.indented(|b| b.value(expr));
        self.in_head = in_head;
    }

    /// An expression in parentheses that only group.
    pub fn parenthesised(&mut self, expr: &'a Expr) {
        self.grouped(|b| b.value(expr));
    }

    /// `N/D`, as one thing.
    pub fn per(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Binary { op: BinaryOp::Div, left, right } if self.kept(expr.span).is_none() => {
                self.expr(left, Level::Mul);
                self.word("/");
                self.expr(right, Level::Unary);
            }
            _ => self.value(expr),
        }
    }

    fn grouped(&mut self, write: impl FnOnce(&mut Self)) {
        let in_head = std::mem::replace(&mut self.in_head, false);
        if self.next_piece().is_some_and(|at| self.source.is_some_and(|read| read.text_of(at) == "(")) {
            self.ops.push(Op::Comments);
        }
        self.soft("(");
        write(self);
        self.soft(")");
        self.in_head = in_head;
    }

    fn expr(&mut self, expr: &'a Expr, least: Level) {
        if let Some(kept) = self.kept(expr.span).cloned() {
            let in_head = std::mem::replace(&mut self.in_head, false);
            let mates: Vec<_> = kept.iter().map(|open| self.parenthesis("(", Some(*open))).collect();
            self.bare(expr);
            for mate in mates.into_iter().rev() {
                self.parenthesis(")", mate);
            }
            self.in_head = in_head;
        } else if level(expr) < least || self.in_head && matches!(expr.kind, ExprKind::Object(_)) {
            self.grouped(|b| b.bare(expr));
        } else {
            self.bare(expr);
        }
    }

    fn bare(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Literal(value) => self.literal(value, expr.span),
            ExprKind::Name(name) => self.word(&**name),
            ExprKind::List(items) => self.items(LIST, items.len(), |b, at| match &items[at] {
                ListItem::Item(item) => b.value(item),
                ListItem::Spread(item) => b.spread(item),
            }),
            ExprKind::Object(entries) => self.items(OBJECT, entries.len(), |b, at| b.object_entry(&entries[at])),
            ExprKind::Unary { op, operand } => {
                self.word(if *op == UnaryOp::Not { "!" } else { "-" });
                self.expr(operand, Level::Unary);
            }
            ExprKind::Binary { op, .. } => self.row(expr, level_of(*op)),
            ExprKind::Conditional { .. } => self.conditional(expr),
            ExprKind::Has(inner) => {
                self.word("has");
                self.args(&[Arg::Expr(inner)]);
            }
            ExprKind::Call { function, receiver: None, args, .. } => {
                self.word(&**function);
                self.args(&args.iter().map(Arg::Expr).collect::<Vec<_>>());
            }
            ExprKind::Template(template) => self.text(&parts(template)),
            ExprKind::Field { .. } | ExprKind::Index { .. } | ExprKind::Call { .. } | ExprKind::Macro { .. } => {
                self.chain(expr);
            }
        }
    }

    fn spread(&mut self, expr: &'a Expr) {
        self.word("...");
        self.value(expr);
    }

    fn object_entry(&mut self, entry: &'a ObjectEntry) {
        match entry {
            ObjectEntry::Field { key, value, .. } => {
                self.key(key, false);
                self.word(":");
                self.space();
                self.value(value);
            }
            ObjectEntry::Spread(object) => self.spread(object),
        }
    }

    /// Operators of one level in a row: a line may end before each.
    fn row(&mut self, expr: &'a Expr, level: Level) {
        let (mut first, mut rest) = (expr, Vec::new());
        while let ExprKind::Binary { op, left, right } = &first.kind {
            if level_of(*op) != level || !std::ptr::eq(first, expr) && self.kept(first.span).is_some() {
                break;
            }
            rest.push((*op, &**right));
            first = left;
        }
        let begins = matches!((&first.kind, rest.last()), (ExprKind::Name(name), Some((BinaryOp::In, _))) if STARTERS.contains(&&**name));
        self.group(|b| {
            // At the beginning of a line `step in` would begin a statement.
            if begins && b.kept(first.span).is_none() {
                b.parenthesised(first)
            } else {
                b.expr(first, level)
            }
            b.indented(|b| {
                for (op, right) in rest.into_iter().rev() {
                    b.line(Line::within(" "));
                    b.keyword(op.symbol());
                    b.expr(right, tighter(level));
                }
            });
        });
    }

    /// `a ? b : c ? d : e`: a line may end before each `:`, and before each `?`.
    fn conditional(&mut self, expr: &'a Expr) {
        self.group(|b| {
            let mut rest = expr;
            let mut first = true;
            while let ExprKind::Conditional { test, then, otherwise } = &rest.kind {
                if !first && b.kept(rest.span).is_some() {
                    break;
                }
                let arm = |b: &mut Self| {
                    b.expr(test, Level::Or);
                    b.indented(|b| {
                        b.line(Line::within(" "));
                        b.keyword("?");
                        b.expr(then, Level::Or);
                    });
                };
                if first {
                    arm(b)
                } else {
                    b.indented(|b| b.group(arm))
                }
                b.indented(|b| b.line(Line::within(" ")));
                b.keyword(":");
                (rest, first) = (otherwise, false);
            }
            b.indented(|b| b.value(rest));
        });
    }

    /// `a.b[c].d(e)`: where it has several calls, a line may end before each.
    fn chain(&mut self, expr: &'a Expr) {
        let mut links = vec![expr];
        let mut base = expr;
        while let Some(inner) = base_of(base) {
            base = inner;
            if base_of(base).is_none() || self.kept(base.span).is_some() {
                break;
            }
            links.push(base);
        }
        links.reverse();
        if links.iter().filter(|link| is_call(link)).count() < 2 {
            self.expr(base, Level::Postfix);
            return links.into_iter().for_each(|link| self.link(link));
        }
        self.group(|b| {
            b.expr(base, Level::Postfix);
            b.indented(|b| b.parts(&links));
        });
    }

    /// The links of a chain. A new part begins after each call, and with the first one.
    fn parts(&mut self, links: &[&'a Expr]) {
        let (mut new, mut seen) = (false, false);
        for link in links {
            let call = is_call(link);
            let begins = !matches!(link.kind, ExprKind::Index { .. }) && (new || call && !seen);
            if begins {
                self.line(Line::within(""));
            }
            seen |= call;
            new = call || new && !begins;
            self.link(link);
        }
    }

    fn link(&mut self, link: &'a Expr) {
        match &link.kind {
            ExprKind::Field { name, optional, .. } => {
                self.word(if *optional { "?." } else { "." });
                self.word(&**name);
            }
            ExprKind::Index { index, optional, .. } => {
                if *optional {
                    self.word("?.");
                }
                let in_head = std::mem::replace(&mut self.in_head, false);
                self.word("[");
                self.value(index);
                self.word("]");
                self.in_head = in_head;
            }
            ExprKind::Call { function, args, .. } => {
                self.word(".");
                self.word(&**function);
                self.args(&args.iter().map(Arg::Expr).collect::<Vec<_>>());
            }
            ExprKind::Macro { kind, var, filter, body, .. } => {
                self.word(".");
                self.word(macro_name(*kind));
                let filter = filter.as_deref().map(Arg::Expr);
                let args: Vec<_> = [Some(Arg::Var(var)), filter, Some(Arg::Expr(body))].into_iter().flatten().collect();
                self.args(&args);
            }
            _ => self.lose(),
        }
    }

    /// Arguments. An object or a list at their end keeps its lines to itself.
    fn args(&mut self, args: &[Arg<'a>]) {
        let is_tall = |arg: &Arg<'_>| match arg {
            Arg::Expr(expr) => match &expr.kind {
                ExprKind::List(items) => !items.is_empty(),
                ExprKind::Object(entries) => !entries.is_empty(),
                _ => false,
            },
            Arg::Var(_) => false,
        };
        let hugs = args.iter().filter(|arg| is_tall(arg)).count() == 1
            && args.last().is_some_and(|arg| is_tall(arg) && !self.is_commented(arg));
        let write = |b: &mut Self, at: usize| match args[at] {
            Arg::Var(var) => b.word(var),
            Arg::Expr(expr) => b.value(expr),
        };
        if hugs { self.hugged(ARGS, args.len(), write) } else { self.items(ARGS, args.len(), write) }
    }

    /// Whether a comment stands beside the last argument of the call whose parenthesis comes next.
    fn is_commented(&self, last: &Arg<'_>) -> bool {
        let (Some(read), Arg::Expr(expr), Some(open)) = (self.source, last, self.next_piece()) else { return false };
        let piece_at = |at: u32| read.pieces.partition_point(|piece| piece.start < at as usize);
        let (first, after) = (piece_at(expr.span.start), piece_at(expr.span.end));
        read.has_comment(open, first) || read.has_comment(after.saturating_sub(1), read.pieces[open].mate)
    }

    fn literal(&mut self, value: &'a Value, span: Span) {
        match value {
            Value::Null => self.word("null"),
            Value::Bool(bool) => self.word(if *bool { "true" } else { "false" }),
            Value::Int(int) => self.number(*int < 0, int.unsigned_abs().to_string(), span),
            // With its point or exponent, so that it is read as the number it is.
            Value::Num(num) => self.number(num.is_sign_negative(), format!("{:?}", num.abs()), span),
            Value::Duration(micros) => {
                let text = duration_text(*micros);
                self.number(*micros < 0, text.trim_start_matches('-').to_owned(), span);
            }
            Value::Str(text) => self.text(&[Part::Text(text)]),
            Value::Timestamp(micros) => self.word(format!("timestamp(\"{}\")", Timestamp(*micros))),
            Value::List(items) => self.items(LIST, items.len(), |b, at| b.literal(&items[at], span)),
            Value::Map(map) => self.items(OBJECT, map.len(), |b, at| {
                let Some((key, value)) = map.get_index(at) else { return };
                b.word(if is_name(key) { key.to_string() } else { quote(key) });
                b.word(":");
                b.space();
                b.literal(value, span);
            }),
        }
    }

    /// A number or a length of time, in the author's digits.
    fn number(&mut self, negative: bool, text: String, span: Span) {
        if negative {
            self.word("-");
        }
        let Some(read) = self.source else { return self.word(text) };
        // Signs that cancel each other are left out.
        let Some(mut at) = self.peek() else { return self.lose() };
        while read.text_of(at) == "-" || matches!(read.text_of(at), "(" | ")") {
            at += 1;
        }
        match read.pieces.get(at) {
            Some(piece) if piece.kind == Kind::Number && piece.start < span.end as usize => {
                let end = span.end as usize;
                let count = read.pieces[at..].iter().take_while(|piece| piece.start < end).count();
                let pieces = self.take(at..at + count);
                self.push_text(&read.text[piece.start..end], pieces, Form::Verbatim);
            }
            _ => self.lose(),
        }
    }
}

fn macro_name(kind: MacroKind) -> &'static str {
    match kind {
        MacroKind::All => "all",
        MacroKind::Exists => "exists",
        MacroKind::ExistsOne => "exists_one",
        MacroKind::Map => "map",
        MacroKind::Filter => "filter",
        MacroKind::SortBy => "sort_by",
    }
}

fn level_of(op: BinaryOp) -> Level {
    match op {
        BinaryOp::Or => Level::Or,
        BinaryOp::And => Level::And,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::In => {
            Level::Compare
        }
        BinaryOp::Coalesce => Level::Coalesce,
        BinaryOp::Add | BinaryOp::Sub => Level::Add,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => Level::Mul,
    }
}

fn level(expr: &Expr) -> Level {
    match &expr.kind {
        ExprKind::Conditional { .. } => Level::Conditional,
        ExprKind::Binary { op, .. } => level_of(*op),
        ExprKind::Unary { .. } => Level::Unary,
        ExprKind::Literal(Value::Int(int) | Value::Duration(int)) if *int < 0 => Level::Unary,
        ExprKind::Literal(Value::Num(num)) if num.is_sign_negative() => Level::Unary,
        _ => Level::Postfix,
    }
}

/// The next level.
fn tighter(level: Level) -> Level {
    match level {
        Level::Conditional => Level::Or,
        Level::Or => Level::And,
        Level::And => Level::Compare,
        Level::Compare => Level::Coalesce,
        Level::Coalesce => Level::Add,
        Level::Add => Level::Mul,
        Level::Mul => Level::Unary,
        Level::Unary | Level::Postfix => Level::Postfix,
    }
}

/// What a `.`, a `[` or a method's call stands after.
fn base_of(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => Some(base),
        ExprKind::Call { receiver, .. } => receiver.as_deref(),
        ExprKind::Macro { list, .. } => Some(list),
        _ => None,
    }
}

fn is_call(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Call { .. } | ExprKind::Macro { .. })
}

/// The name that an expression begins with.
pub fn first_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Binary { left, .. } => first_name(left),
        ExprKind::Conditional { test, .. } => first_name(test),
        ExprKind::Call { function, receiver: None, .. } => Some(function),
        _ => base_of(expr).and_then(first_name),
    }
}
