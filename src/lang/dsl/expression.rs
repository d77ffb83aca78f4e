//! Pairs of `expr` to expression trees.
//!
//! Invariant: a tree is at most [`MAX_EXPR_DEPTH`] deep, so that whatever recurses over trees is bounded.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock};

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use crate::expr::{BinaryOp, Expr, ExprKind, ListItem, MacroKind, ObjectEntry, Span, UnaryOp, Value, parse_duration};
use crate::lang::ast::Name;
use crate::lang::grammar::Rule;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, MAX_NESTING, codes};

use super::failure::parse;
use super::scan::{scan, too_deep};
use super::sink::Sink;
use super::text;

/// The deepest expression tree.
pub const MAX_EXPR_DEPTH: usize = 100;

/// Operators by precedence, loosest first.
static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    let compare = left(Rule::eq) | left(Rule::ne) | left(Rule::lt) | left(Rule::le) | left(Rule::gt) | left(Rule::ge);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(compare | left(Rule::within))
        .op(left(Rule::coalesce))
        .op(left(Rule::add) | left(Rule::sub))
        .op(left(Rule::mul) | left(Rule::div) | left(Rule::rem))
        .op(Op::prefix(Rule::not) | Op::prefix(Rule::negate))
});

/// How deep in texts inside of expressions inside of texts a text stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nest(usize);

impl Nest {
    /// Parses an expression that stands at this depth, from a text that is nothing else. Gives it with its depth.
    pub fn expression(self, text: &str, base: usize, sink: &mut Sink) -> Option<(Expr, usize)> {
        let nest = Self(self.0 + 1);
        if nest.0 > MAX_NESTING / 4 {
            sink.push(too_deep(Span::new(base, base + 1)));
            return None;
        }
        let scanned = scan(text, base);
        if !scanned.diagnostics.is_empty() {
            sink.extend(scanned.diagnostics);
            return None;
        }
        match parse(Rule::whole_expr, text, base) {
            Ok(mut pairs) => pairs.next().map(|pair| Builder { base, nest, sink }.expr(pair)),
            Err(diagnostic) => {
                sink.push(diagnostic);
                None
            }
        }
    }
}

/// The expression of an `expr` pair of a text that begins at byte `base`.
pub fn expr_of(pair: Pair<'_, Rule>, base: usize, sink: &mut Sink) -> Expr {
    Builder { base, nest: Nest::default(), sink }.expr(pair).0
}

/// The text of a `key` pair.
pub fn key_of(pair: &Pair<'_, Rule>, base: usize, sink: &mut Sink) -> Arc<str> {
    let Some(inner) = pair.clone().into_inner().next() else { return Arc::from(pair.as_str()) };
    if inner.as_rule() != Rule::text {
        return Arc::from(inner.as_str());
    }
    fixed_text(&inner, base, "a key", sink).value
}

/// The text of a `text` pair in which nothing is interpolated.
pub fn fixed_text(pair: &Pair<'_, Rule>, base: usize, what: &str, sink: &mut Sink) -> Name {
    let span = Span::new(base + pair.as_span().start(), base + pair.as_span().end());
    let value = match text::literal(pair.as_str(), span.start as usize, Nest::default(), sink).0.kind {
        ExprKind::Literal(Value::Str(text)) => text,
        _ => {
            let error = Diagnostic::error(codes::MISPLACED, format!("{what} is a fixed text"), span);
            sink.push(error.help("take the `${…}` away"));
            Arc::from("")
        }
    };
    Name { value, span }
}

/// Entries of `{ }` may be apart by a comma or by a line end; the grammar lets them stand without either.
pub fn check_commas(text: &str, places: &[pest::Span<'_>], base: usize, sink: &mut Sink) {
    for pair in places.windows(2) {
        // What pest gives ends after the spaces that follow.
        let end = pair[0].start() + pair[0].as_str().trim_end().len();
        let between = &text[end..pair[1].start()];
        if !between.contains([',', '\n']) {
            let span = Span::new(base + pair[1].start(), base + pair[1].end());
            let word: String =
                pair[1].as_str().chars().take_while(|char| !char.is_whitespace() && *char != ':').collect();
            let word: String = word.chars().take(40).collect();
            let span = Span::new(span.start as usize, span.start as usize + word.len());
            sink.push(Diagnostic::error(codes::UNEXPECTED, format!("expected `,` or `}}`, found `{word}`"), span));
        }
    }
}

/// An expression and how deep it is.
type Tree = (Expr, usize);

struct Builder<'s> {
    base: usize,
    nest: Nest,
    sink: &'s mut Sink,
}

impl Builder<'_> {
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        Span::new(self.base + pair.as_span().start(), self.base + pair.as_span().end())
    }

    /// A tree, unless it is too deep: then a leaf in its place.
    fn bounded(&mut self, tree: Tree) -> Tree {
        if tree.1 <= MAX_EXPR_DEPTH {
            return tree;
        }
        let span = tree.0.span;
        self.sink.push(too_large(span));
        (unread(span), 1)
    }

    fn expr(&mut self, pair: Pair<'_, Rule>) -> Tree {
        let span = self.span(&pair);
        let mut chains = Vec::new();
        for part in pair.into_inner().filter(|part| part.as_rule() == Rule::chain) {
            chains.push(self.chain(part));
        }
        if chains.len() > 2 * MAX_EXPR_DEPTH {
            self.sink.push(too_large(span));
            return (unread(span), 1);
        }
        // `a ? b : c ? d : e`: the last pair first.
        let Some(mut tree) = chains.pop() else { return (unread(span), 1) };
        while let (Some(then), Some(test)) = (chains.pop(), chains.pop()) {
            let depth = 1 + test.1.max(then.1).max(tree.1);
            let place = test.0.span.to(tree.0.span);
            let (test, then, otherwise) = (Box::new(test.0), Box::new(then.0), Box::new(tree.0));
            tree = self.bounded((Expr::new(ExprKind::Conditional { test, then, otherwise }, place), depth));
        }
        tree
    }

    fn chain(&mut self, pair: Pair<'_, Rule>) -> Tree {
        let span = self.span(&pair);
        let mut row = 0;
        for part in pair.clone().into_inner() {
            row = if matches!(part.as_rule(), Rule::not | Rule::negate) { row + 1 } else { 0 };
            if row > MAX_EXPR_DEPTH {
                self.sink.push(too_large(span));
                return (unread(span), 1);
            }
        }
        let base = self.base;
        let (deep, smallest) = (Cell::new(None), RefCell::new(Vec::new()));
        let bounded = |tree: Tree| {
            if tree.1 <= MAX_EXPR_DEPTH {
                return tree;
            }
            deep.set(Some(tree.0.span));
            (unread(tree.0.span), 1)
        };
        let tree = PRATT
            .map_primary(|operand| self.operand(operand, &smallest))
            .map_prefix(|op, operand| {
                let at = Span::new(base + op.as_span().start(), base + op.as_span().end());
                bounded(prefix(op.as_rule(), at, operand, &smallest))
            })
            .map_infix(|left, op, right| bounded(binary(left, op.as_rule(), right)))
            .parse(pair.into_inner());
        if deep.get().is_some() {
            self.sink.push(too_large(span));
        }
        for place in smallest.into_inner() {
            self.sink.push(too_big_int(place));
        }
        tree
    }

    fn operand(&mut self, pair: Pair<'_, Rule>, smallest: &RefCell<Vec<Span>>) -> Tree {
        let mut inner = pair.into_inner();
        let Some(first) = inner.next() else { return (unread(Span::default()), 1) };
        let mut tree = self.primary(first, smallest);
        for part in inner {
            let place = self.span(&part);
            let next = self.postfix(tree, part);
            if next.1 > MAX_EXPR_DEPTH {
                self.sink.push(too_large(next.0.span.to(place)));
                return (unread(place), 1);
            }
            tree = next;
        }
        tree
    }

    fn primary(&mut self, pair: Pair<'_, Rule>, smallest: &RefCell<Vec<Span>>) -> Tree {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::paren => match pair.into_inner().next() {
                Some(inner) => self.expr(inner),
                None => (unread(span), 1),
            },
            Rule::list => self.list(pair),
            Rule::object => self.object(pair),
            Rule::text => text::literal(pair.as_str(), span.start as usize, self.nest, self.sink),
            Rule::number => (self.number(pair.as_str(), span, smallest), 1),
            Rule::call => self.call(pair),
            _ => (name(pair.as_str(), span), 1),
        }
    }

    fn number(&mut self, text: &str, span: Span, smallest: &RefCell<Vec<Span>>) -> Expr {
        if let Some(number) = integer(text) {
            return match number.map(|number| (i64::try_from(number), number)) {
                Some((Ok(int), _)) => Expr::literal(Value::Int(int), span),
                // The smallest integer is its negation; `prefix` takes it from the list.
                Some((Err(_), number)) if number == i64::MIN.unsigned_abs() => {
                    smallest.borrow_mut().push(span);
                    Expr::literal(Value::Num(9_223_372_036_854_775_808.0), span)
                }
                _ => {
                    self.sink.push(too_big_int(span));
                    unread(span)
                }
            };
        }
        if let Some(micros) = parse_duration(text) {
            return Expr::literal(Value::Duration(micros), span);
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
        match text.parse::<f64>() {
            Ok(num) if plain && num.is_finite() => Expr::literal(Value::Num(num), span),
            _ => {
                self.sink.push(bad_number(text, span));
                unread(span)
            }
        }
    }

    fn list(&mut self, pair: Pair<'_, Rule>) -> Tree {
        let span = self.span(&pair);
        let (mut items, mut depth) = (Vec::new(), 0);
        for item in pair.into_inner() {
            let spread = item.clone().into_inner().any(|part| part.as_rule() == Rule::spread);
            let Some(inner) = item.into_inner().last() else { continue };
            let tree = self.expr(inner);
            depth = depth.max(tree.1);
            items.push(if spread { ListItem::Spread(tree.0) } else { ListItem::Item(tree.0) });
        }
        self.bounded((Expr::new(ExprKind::List(items), span), depth + 1))
    }

    fn object(&mut self, pair: Pair<'_, Rule>) -> Tree {
        let span = self.span(&pair);
        let text = pair.get_input();
        let (mut entries, mut depth, mut places) = (Vec::new(), 0, Vec::new());
        for entry in pair.into_inner() {
            places.push(entry.as_span());
            let mut parts = entry.into_inner();
            let (Some(first), Some(value)) = (parts.next(), parts.next()) else { continue };
            let tree = self.expr(value);
            depth = depth.max(tree.1);
            if first.as_rule() == Rule::spread {
                entries.push(ObjectEntry::Spread(tree.0));
                continue;
            }
            let key_span = self.span(&first);
            let key = key_of(&first, self.base, self.sink);
            entries.push(ObjectEntry::Field { key, key_span, value: tree.0 });
        }
        check_commas(text, &places, self.base, self.sink);
        self.bounded((Expr::new(ExprKind::Object(entries), span), depth + 1))
    }

    fn args(&mut self, pair: Option<Pair<'_, Rule>>) -> (Vec<Expr>, usize) {
        let (mut args, mut depth) = (Vec::new(), 0);
        for arg in pair.into_iter().flat_map(Pair::into_inner) {
            let tree = self.expr(arg);
            depth = depth.max(tree.1);
            args.push(tree.0);
        }
        (args, depth)
    }

    fn call(&mut self, pair: Pair<'_, Rule>) -> Tree {
        let span = self.span(&pair);
        let mut inner = pair.into_inner();
        let Some(name) = inner.next() else { return (unread(span), 1) };
        let (function, name_span) = (Arc::from(name.as_str()), self.span(&name));
        let (mut args, depth) = self.args(inner.next());
        if name.as_str() == "has" {
            return match (args.pop(), args.pop()) {
                (Some(arg), None) if matches!(arg.kind, ExprKind::Field { .. } | ExprKind::Index { .. }) => {
                    self.bounded((Expr::new(ExprKind::Has(Box::new(arg)), span), depth + 1))
                }
                _ => {
                    let error = Diagnostic::error(codes::BAD_MACRO, "`has` asks whether a field is there", span);
                    self.sink.push(error.help("write `has(object.field)`"));
                    (unread(span), 1)
                }
            };
        }
        self.bounded((Expr::new(ExprKind::Call { function, name_span, receiver: None, args }, span), depth + 1))
    }

    fn postfix(&mut self, base: Tree, pair: Pair<'_, Rule>) -> Tree {
        let place = self.span(&pair);
        let span = base.0.span.to(place);
        let rule = pair.as_rule();
        let mut inner = pair.into_inner();
        let Some(first) = inner.next() else { return base };
        match rule {
            Rule::field | Rule::optional_field => {
                let kind = ExprKind::Field {
                    base: Box::new(base.0),
                    name: Arc::from(first.as_str()),
                    optional: rule == Rule::optional_field,
                };
                (Expr::new(kind, span), base.1 + 1)
            }
            Rule::index | Rule::optional_index => {
                let index = self.expr(first);
                let depth = 1 + base.1.max(index.1);
                let optional = rule == Rule::optional_index;
                (Expr::new(ExprKind::Index { base: Box::new(base.0), index: Box::new(index.0), optional }, span), depth)
            }
            _ => {
                if rule == Rule::optional_call {
                    let error = Diagnostic::error(codes::UNEXPECTED, "a call is never optional", place);
                    self.sink.push(
                        error.help(format!("write `.{}(…)`, after `??` where the value may be null", first.as_str())),
                    );
                }
                let (args, depth) = self.args(inner.next());
                let depth = 1 + depth.max(base.1);
                (self.method(base.0, first, args, span), depth)
            }
        }
    }

    /// `receiver.function(args)`: a macro, or a call.
    fn method(&mut self, receiver: Expr, name: Pair<'_, Rule>, mut args: Vec<Expr>, span: Span) -> Expr {
        let (function, name_span) = (name.as_str(), self.span(&name));
        let kind = match function {
            "all" => MacroKind::All,
            "exists" => MacroKind::Exists,
            "exists_one" => MacroKind::ExistsOne,
            "map" => MacroKind::Map,
            "filter" => MacroKind::Filter,
            "sort_by" => MacroKind::SortBy,
            _ => {
                let function = Arc::from(function);
                let receiver = Some(Box::new(receiver));
                return Expr::new(ExprKind::Call { function, name_span, receiver, args }, span);
            }
        };
        let filtered = kind == MacroKind::Map && args.len() == 3;
        let var = match args.first().map(|arg| &arg.kind) {
            Some(ExprKind::Name(var)) if args.len() == 2 || filtered => var.clone(),
            _ => {
                let message = format!("`{function}` takes a name and an expression");
                let error = Diagnostic::error(codes::BAD_MACRO, message, name_span);
                self.sink.push(error.help(format!("write `.{function}(x, …)`, with `x` for each item")));
                return unread(span);
            }
        };
        let Some(body) = args.pop() else { return receiver };
        let filter = if filtered { args.pop().map(Box::new) } else { None };
        Expr::new(ExprKind::Macro { kind, list: Box::new(receiver), var, filter, body: Box::new(body) }, span)
    }
}

/// The number of `12` or `0x1F`: none where the text is no integer, some of none where it is a larger one.
fn integer(text: &str) -> Option<Option<u64>> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let is_digits = !digits.is_empty() && digits.chars().all(|char| char.is_digit(radix));
    is_digits.then(|| u64::from_str_radix(digits, radix).ok())
}

fn name(text: &str, span: Span) -> Expr {
    match text {
        "true" => Expr::literal(Value::Bool(true), span),
        "false" => Expr::literal(Value::Bool(false), span),
        "null" => Expr::literal(Value::Null, span),
        other => Expr::new(ExprKind::Name(Arc::from(other)), span),
    }
}

/// `!a`, `-a`; a negated literal is a literal.
fn prefix(rule: Rule, at: Span, operand: Tree, smallest: &RefCell<Vec<Span>>) -> Tree {
    let span = at.to(operand.0.span);
    if rule == Rule::negate {
        let folded = match &operand.0.kind {
            ExprKind::Literal(Value::Int(int)) => int.checked_neg().map(Value::Int),
            ExprKind::Literal(Value::Duration(micros)) => micros.checked_neg().map(Value::Duration),
            ExprKind::Literal(Value::Num(num)) => {
                let mut places = smallest.borrow_mut();
                match places.iter().position(|place| *place == operand.0.span) {
                    Some(found) => {
                        places.remove(found);
                        Some(Value::Int(i64::MIN))
                    }
                    None => Some(Value::Num(-num)),
                }
            }
            _ => None,
        };
        if let Some(value) = folded {
            return (Expr::literal(value, span), 1);
        }
    }
    let op = if rule == Rule::not { UnaryOp::Not } else { UnaryOp::Negate };
    (Expr::new(ExprKind::Unary { op, operand: Box::new(operand.0) }, span), operand.1 + 1)
}

fn binary(left: Tree, rule: Rule, right: Tree) -> Tree {
    let op = match rule {
        Rule::or => BinaryOp::Or,
        Rule::and => BinaryOp::And,
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::le => BinaryOp::Le,
        Rule::gt => BinaryOp::Gt,
        Rule::ge => BinaryOp::Ge,
        Rule::within => BinaryOp::In,
        Rule::coalesce => BinaryOp::Coalesce,
        Rule::add => BinaryOp::Add,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        _ => BinaryOp::Rem,
    };
    let depth = 1 + left.1.max(right.1);
    let span = left.0.span.to(right.0.span);
    (Expr::new(ExprKind::Binary { op, left: Box::new(left.0), right: Box::new(right.0) }, span), depth)
}

/// The diagnostic of an expression of too many parts.
pub fn too_large(span: Span) -> Diagnostic {
    let message = format!("the expression is made of more than {MAX_EXPR_DEPTH} parts in a row");
    Diagnostic::error(codes::EXPRESSION_TOO_LARGE, message, span)
        .help("take it apart with `let`, or use a list and `join` or `sum`")
}

fn too_big_int(span: Span) -> Diagnostic {
    Diagnostic::error(codes::BAD_NUMBER, "the integer does not fit 64 bits", span)
        .help("write it with a fraction (`1e20`), or as text")
}

fn bad_number(text: &str, span: Span) -> Diagnostic {
    let shown: String = text.chars().take(40).collect();
    let letters = text.trim_start_matches(|char: char| char.is_ascii_digit() || char == '.');
    let error = |message: String| Diagnostic::error(codes::BAD_NUMBER, message, span);
    if text.contains('_') {
        return error(format!("`{shown}` is no number")).help("digits stand without `_`");
    }
    if letters.starts_with(|char: char| char.is_ascii_alphabetic()) && !letters.starts_with(['e', 'E']) {
        let help = "whole numbers with `d h m s ms us`, the largest first: `1h30m`, `250ms`";
        return error(format!("`{shown}` is no length of time")).help(help);
    }
    error(format!("`{shown}` is no number"))
}
