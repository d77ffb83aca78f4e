//! Stand-ins until the parser is here.

use crate::expr::{Expr, ExprKind, Span, TemplatePart, Type, Value};

use super::ast::File;
use super::{Diagnostic, Source};

pub fn parse_flow(_source: &Source) -> (File, Vec<Diagnostic>) {
    (File::default(), Vec::new())
}

pub fn parse_expr(text: &str, base: usize) -> (Option<Expr>, Vec<Diagnostic>) {
    let mut at = base;
    let mut found: Option<Expr> = None;
    for part in text.split('.') {
        let span = Span::new(at, at + part.len());
        at += part.len() + 1;
        found = Some(match found {
            None => Expr::new(ExprKind::Name(part.trim().into()), span),
            Some(base) => {
                let span = base.span.to(span);
                Expr::new(ExprKind::Field { base: Box::new(base), name: part.trim().into(), optional: false }, span)
            }
        });
    }
    (found, Vec::new())
}

pub fn parse_template(text: &str, base: usize) -> (Option<Expr>, Vec<Diagnostic>) {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.into()));
        }
        let at = base + text.len() - after.len();
        let (inside, more) = after.split_once('}').unwrap_or((after, ""));
        parts.extend(parse_expr(inside, at).0.map(TemplatePart::Expr));
        rest = more;
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.into()));
    }
    let span = Span::new(base, base + text.len());
    (Some(Expr::new(ExprKind::Template(parts), span)), Vec::new())
}

pub fn parse_type(text: &str, base: usize) -> (Option<Type>, Vec<Diagnostic>) {
    let (text, nullable) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
    let ty = match text {
        "string" => Type::String,
        "int" => Type::Int,
        "number" => Type::Number,
        "bool" => Type::Bool,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        "any" => Type::Any,
        _ => {
            let error =
                Diagnostic::error("E0106", format!("unknown type `{text}`"), Span::new(base, base + text.len()));
            return (None, vec![error]);
        }
    };
    let _ = Value::Null;
    (Some(if nullable { ty.nullable() } else { ty }), Vec::new())
}
