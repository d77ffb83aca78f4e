//! The flow language: text to syntax tree.
//!
//! The way: `scan` cuts text to tokens and pairs its brackets, `entries` cuts blocks to entries, `grammar/flow.pest` parses each
//! entry, and the other modules make trees of what pest found. A broken entry costs its own diagnostics only.
//!
//! Invariant: ends on any text, with recursion bounded by [`super::MAX_NESTING`]; never panics; decides nothing that `check` can.

mod clauses;
mod control;
mod entries;
mod expression;
mod failure;
mod item;
mod parser;
mod policy;
pub(super) mod quotes;
pub(super) mod scan;
mod scenario;
mod sink;
mod statement;
mod step;
#[cfg(test)]
mod tests;
mod text;
mod trigger;
mod types;

use crate::expr::{Expr, ExprKind, Span, TemplatePart, Type};

use super::ast::File;
use super::grammar::Rule;
use super::{Diagnostic, MAX_SOURCE_BYTES, Source, codes};

pub use expression::MAX_EXPR_DEPTH;

use expression::Nest;
use sink::Sink;

/// Parses a source in the flow language. Always gives what could be read; what is wrong is in the diagnostics, in the order of
/// the text.
pub fn parse_flow(source: &Source) -> (File, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    let text = &*source.text;
    if too_long(text, 0, &mut sink) {
        return (File::default(), sink.into_sorted());
    }
    let scanned = scan::scan(text, 0);
    let too_deep = scanned.too_deep;
    sink.extend(scanned.diagnostics);
    if too_deep {
        return (File::default(), sink.into_sorted());
    }
    let tokens = entries::Tokens { text, all: &scanned.tokens };
    let mut parser = parser::Parser { tokens, sink };
    let file = parser.file();
    (file, parser.sink.into_sorted())
}

/// Parses an expression. Places in the tree and in the diagnostics are offset by `base`. No tree means there is an error.
pub fn parse_expr(text: &str, base: usize) -> (Option<Expr>, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    let expr = if too_long(text, base, &mut sink) { None } else { Nest::default().expression(text, base, &mut sink) };
    let expr = expr.filter(|_| sink.is_empty());
    (expr.map(|(expr, _)| expr), sink.into_sorted())
}

/// Parses the text of another notation, whose own escapes are resolved: `${expr}` inside of it is interpolated, `$${` is
/// literal, and a text that is one `${expr}` and nothing else keeps the type of its expression.
pub fn parse_template(text: &str, base: usize) -> (Option<Expr>, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    if too_long(text, base, &mut sink) {
        return (None, sink.into_sorted());
    }
    let span = Span::new(base, base + text.len());
    let (expr, _) = text::content_expr(text, base, span, text::Form::Foreign, Nest::default(), &mut sink);
    let diagnostics = sink.into_sorted();
    if !diagnostics.is_empty() {
        return (None, diagnostics);
    }
    let expr = match expr.kind {
        ExprKind::Template(mut parts) if parts.len() == 1 => match parts.remove(0) {
            TemplatePart::Expr(expr) => expr,
            text => Expr::new(ExprKind::Template(vec![text]), span),
        },
        kind => Expr::new(kind, span),
    };
    (Some(expr), diagnostics)
}

/// Parses a type. Places are offset by `base`. No type means there is an error.
pub fn parse_type(text: &str, base: usize) -> (Option<Type>, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    if too_long(text, base, &mut sink) || types::angles_too_deep(text, base, &mut sink) {
        return (None, sink.into_sorted());
    }
    let scanned = scan::scan(text, base);
    sink.extend(scanned.diagnostics);
    let mut ty = None;
    if sink.is_empty() {
        match failure::parse(Rule::whole_type, text, base) {
            Ok(mut pairs) => ty = pairs.next().map(|pair| types::type_of(pair, base, &mut sink)),
            Err(diagnostic) => sink.push(diagnostic),
        }
    }
    let ty = ty.filter(|_| sink.is_empty());
    (ty, sink.into_sorted())
}

fn too_long(text: &str, base: usize, sink: &mut Sink) -> bool {
    let long = text.len() > MAX_SOURCE_BYTES;
    if long {
        let message = format!("the text is larger than {MAX_SOURCE_BYTES} bytes");
        sink.push(Diagnostic::error(codes::SOURCE_TOO_LARGE, message, Span::new(base, base + 1)));
    }
    long
}
