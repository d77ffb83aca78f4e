//! Values as TOML writes them: what is written out as it is, and expressions in text.

use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, TemplatePart, Timestamp, Value, parse_timestamp};
use crate::lang::format_expr;

/// An expression as a value of the flat notation.
pub(super) fn value(expr: &Expr) -> String {
    written(expr).unwrap_or_else(|| string(&format!("${{{}}}", format_expr(expr))))
}

/// An entry with a line of its own. A list that is too long for one has a line for each item.
pub(super) fn entry(name: &str, expr: &Expr, width: usize) -> String {
    let line = format!("{} = {}", key(name), value(expr));
    match &expr.kind {
        ExprKind::List(items) if line.chars().count() > width && line.ends_with(']') => {
            let items =
                items.iter().map(|(ListItem::Item(item) | ListItem::Spread(item))| format!("  {},\n", value(item)));
            format!("{} = [\n{}]", key(name), items.collect::<String>())
        }
        _ => line,
    }
}

/// The value of what can be written out.
fn written(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(Value::Str(text)) => Some(string(&text.replace("${", "$${"))),
        ExprKind::Literal(Value::Bool(bool)) => Some(bool.to_string()),
        ExprKind::Literal(Value::Int(int)) => Some(int.to_string()),
        ExprKind::Literal(Value::Num(num)) => Some(format!("{num:?}")),
        ExprKind::Literal(Value::Timestamp(moment)) => Some(Timestamp(*moment).to_string()),
        ExprKind::Call { function, receiver: None, args, .. } if &**function == "timestamp" => moment(args),
        ExprKind::Template(parts) if parts.len() > 1 => template(parts).map(|text| string(&text)),
        ExprKind::List(items) => {
            let item = |item: &ListItem| match item {
                ListItem::Item(item) => Some(value(item)),
                ListItem::Spread(_) => None,
            };
            let items = items.iter().map(item).collect::<Option<Vec<_>>>()?;
            Some(format!("[{}]", items.join(", ")))
        }
        ExprKind::Object(entries) => {
            let field = |entry: &ObjectEntry| match entry {
                ObjectEntry::Field { key: name, value: inner, .. } => Some(format!("{} = {}", key(name), value(inner))),
                ObjectEntry::Spread(_) => None,
            };
            let fields = entries.iter().map(field).collect::<Option<Vec<_>>>()?;
            Some(if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) })
        }
        _ => None,
    }
}

/// The language has no moments that are written out but this call, and TOML has.
fn moment(args: &[Expr]) -> Option<String> {
    match args {
        [Expr { kind: ExprKind::Literal(Value::Str(text)), .. }] => Some(Timestamp(parse_timestamp(text)?).to_string()),
        _ => None,
    }
}

/// Text with expressions in it. A `$` before one would be taken for its escape.
fn template(parts: &[TemplatePart]) -> Option<String> {
    let mut out = String::new();
    for part in parts {
        match part {
            TemplatePart::Text(text) => out.push_str(&text.replace("${", "$${")),
            TemplatePart::Expr(_) if out.ends_with('$') => return None,
            TemplatePart::Expr(expr) => out.push_str(&format!("${{{}}}", format_expr(expr))),
        }
    }
    Some(out)
}

/// A key.
pub(super) fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { string(name) }
}

/// Text in quotes: such as need no escapes, where there are such.
pub(super) fn string(text: &str) -> String {
    let plain = !text.chars().any(|char| char.is_control() && char != '\t');
    if plain && text.contains(['"', '\\']) && !text.contains('\'') {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            char if char.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}
