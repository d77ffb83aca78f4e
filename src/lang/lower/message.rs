//! `{path}` in a log's message: `data.path`, in the text as written and never in what is put into it.

use std::sync::Arc;

use crate::expr::{Expr, ExprKind, Span, TemplatePart, Value};
use crate::lang::builtin::path_of_text;
use crate::plan::{PathPart, ValuePath};

/// How far the `}` of a path in a message is looked for, in bytes.
const MAX_PATH_BYTES: usize = 4_096;

/// The message with its `{path}`s read from `data`. `{{` and `}}` are braces; braces around no path stay text.
pub fn with_paths(message: Expr) -> Expr {
    let Expr { kind, span } = message;
    let parts = match kind {
        ExprKind::Literal(Value::Str(text)) => text_parts(&text, span),
        ExprKind::Template(parts) => parts
            .into_iter()
            .flat_map(|part| match part {
                TemplatePart::Text(text) => text_parts(&text, span),
                expr @ TemplatePart::Expr(_) => vec![expr],
            })
            .collect(),
        // Whatever else it is, it is written as text.
        other => vec![TemplatePart::Expr(Expr::new(other, span))],
    };
    let kind = match &parts[..] {
        [] => ExprKind::Literal(Value::str("")),
        [TemplatePart::Text(text)] => ExprKind::Literal(Value::Str(text.clone())),
        _ => ExprKind::Template(parts),
    };
    Expr::new(kind, span)
}

fn text_parts(text: &str, span: Span) -> Vec<TemplatePart> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if literal.ends_with('$') && brace == "{" {
            // `${` in a text was written `$${`: it and its path stay text.
            literal.push_str(brace);
            rest = after;
        } else if let Some(more) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = more;
        } else if let Some((path, more)) = braced_path(brace, after) {
            if !literal.is_empty() {
                parts.push(TemplatePart::Text(std::mem::take(&mut literal).into()));
            }
            parts.push(TemplatePart::Expr(data_path(path, span)));
            rest = more;
        } else {
            literal.push_str(brace);
            rest = after;
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(TemplatePart::Text(literal.into()));
    }
    parts
}

fn braced_path<'a>(brace: &str, after: &'a str) -> Option<(ValuePath, &'a str)> {
    if brace != "{" {
        return None;
    }
    let end = after.bytes().take(MAX_PATH_BYTES).position(|byte| byte == b'}')?;
    Some((path_of_text(&after[..end])?, &after[end + 1..]))
}

/// `data?.a?.b`: what is not there is null in a message, and fails nothing.
fn data_path(path: ValuePath, span: Span) -> Expr {
    let data = Expr::new(ExprKind::Name("data".into()), span);
    path.0.into_iter().fold(data, |base, part| {
        let base = Box::new(base);
        let kind = match part {
            PathPart::Key(name) => ExprKind::Field { base, name: Arc::clone(&name), optional: true },
            PathPart::Index(index) => {
                let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                ExprKind::Index { base, index: Box::new(Expr::literal(index, span)), optional: true }
            }
        };
        Expr::new(kind, span)
    })
}
