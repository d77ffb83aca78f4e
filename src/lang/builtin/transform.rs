//! The operations of `data_transform`, from the written list to `TransformOp`s.
//!
//! Two shapes mean the same: `{ rename: { from: "a", to: "b" } }` and `{ op: "rename", from: "a", to: "b" }`
//! (`type` may stand for `op`). In the first shape, `remove: "a"` and `pick: ["a", "b"]` are short for their objects.

use std::sync::Arc;

use crate::expr::{Expr, ExprKind, ListItem, ObjectEntry, Span, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::check::codes::{BAD_TRANSFORM, MISSING_CONFIG, UNKNOWN_CONFIG};
use crate::lang::nearest::did_you_mean;
use crate::plan::{TransformOp, ValuePath};

use super::path_of_text;

/// The operations and the keys of each, the required ones first.
const OPERATIONS: &[(&str, &[&str], &[&str])] = &[
    ("rename", &["from", "to"], &[]),
    ("set", &["path", "value"], &[]),
    ("remove", &["path"], &[]),
    ("copy", &["from", "to"], &[]),
    ("pick", &["paths"], &[]),
    ("default", &["path", "value"], &[]),
    ("map", &["path", "value"], &[]),
    ("cast", &["path", "to"], &[]),
    ("merge", &["value"], &["path"]),
];

/// The types that `cast` knows.
const CASTS: &[(&str, Type)] = &[
    ("int", Type::Int),
    ("number", Type::Number),
    ("string", Type::String),
    ("bool", Type::Bool),
    ("duration", Type::Duration),
    ("timestamp", Type::Timestamp),
];

/// Reads the list of operations; what can't be read is told and left out.
pub fn read_transforms(list: &Expr, diagnostics: &mut Vec<Diagnostic>) -> Vec<TransformOp> {
    let ExprKind::List(items) = &list.kind else {
        let message = "`transforms` must be written as a list";
        diagnostics
            .push(Diagnostic::error(BAD_TRANSFORM, message, list.span).help("write `[{ rename: { from, to } }]`"));
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| match item {
            ListItem::Item(expr) => read_operation(expr, diagnostics),
            ListItem::Spread(expr) => {
                diagnostics.push(Diagnostic::error(BAD_TRANSFORM, "operations can't be spread from a list", expr.span));
                None
            }
        })
        .collect()
}

/// An operation as written, whichever shape it has.
struct Written<'a> {
    name: Arc<str>,
    name_span: Span,
    span: Span,
    entries: Vec<(&'a Arc<str>, Span, &'a Expr)>,
    /// The value of the short form: `remove: "a"`.
    short: Option<&'a Expr>,
}

fn read_operation(expr: &Expr, diagnostics: &mut Vec<Diagnostic>) -> Option<TransformOp> {
    let Some(written) = written_operation(expr) else {
        let message = "an operation is `{ rename: { from, to } }` or `{ op: \"rename\", from, to }`";
        diagnostics.push(Diagnostic::error(BAD_TRANSFORM, message, expr.span));
        return None;
    };
    let Some((_, required, optional)) = OPERATIONS.iter().find(|(name, ..)| *name == &*written.name) else {
        let known = OPERATIONS.iter().map(|(name, ..)| *name);
        let message = format!("unknown operation `{}`", written.name);
        let error = Diagnostic::error(BAD_TRANSFORM, message, written.name_span);
        diagnostics.push(did_you_mean(error, &written.name, known));
        return None;
    };
    let mut reader = Reader { written: &written, diagnostics, failed: false };
    reader.unknown_keys(required, optional);
    let op = reader.operation();
    (!reader.failed).then_some(op).flatten()
}

fn written_operation(expr: &Expr) -> Option<Written<'_>> {
    let entries = fields(expr)?;
    let named = entries.iter().find(|(key, ..)| matches!(&***key, "op" | "type"));
    if let Some((_, _, value)) = named {
        let name = text(value)?;
        let rest = entries.iter().filter(|(key, ..)| !matches!(&***key, "op" | "type")).copied().collect();
        return Some(Written { name, name_span: value.span, span: expr.span, entries: rest, short: None });
    }
    let [(name, name_span, value)] = entries[..] else { return None };
    let (entries, short) = match fields(value) {
        Some(entries) if !is_value_of_short(name, &entries) => (entries, None),
        _ => (Vec::new(), Some(value)),
    };
    Some(Written { name: name.clone(), name_span, span: expr.span, entries, short })
}

/// Whether the object is itself what is merged: `merge: { a: 1 }`, and not `merge: { value: … }`.
fn is_value_of_short(name: &str, entries: &[(&Arc<str>, Span, &Expr)]) -> bool {
    name == "merge" && !entries.iter().any(|(key, ..)| &***key == "value")
}

/// The fields of an object literal without spreads.
fn fields(expr: &Expr) -> Option<Vec<(&Arc<str>, Span, &Expr)>> {
    let ExprKind::Object(entries) = &expr.kind else { return None };
    entries
        .iter()
        .map(|entry| match entry {
            ObjectEntry::Field { key, key_span, value } => Some((key, *key_span, value)),
            ObjectEntry::Spread(_) => None,
        })
        .collect()
}

fn text(expr: &Expr) -> Option<Arc<str>> {
    match &expr.kind {
        ExprKind::Literal(Value::Str(text)) => Some(text.clone()),
        _ => None,
    }
}

struct Reader<'a> {
    written: &'a Written<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
    failed: bool,
}

impl<'a> Reader<'a> {
    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
        self.failed = true;
    }

    fn unknown_keys(&mut self, required: &[&str], optional: &[&str]) {
        for (key, span, _) in &self.written.entries {
            if !required.contains(&&***key) && !optional.contains(&&***key) {
                let message = format!("unknown key `{key}` of `{}`", self.written.name);
                let known = required.iter().chain(optional).copied();
                self.error(did_you_mean(Diagnostic::error(UNKNOWN_CONFIG, message, *span), key, known));
            }
        }
    }

    fn operation(&mut self) -> Option<TransformOp> {
        Some(match &*self.written.name {
            "rename" => TransformOp::Rename { from: self.path("from")?, to: self.path("to")? },
            "set" => TransformOp::Set { path: self.path("path")?, value: self.value("value")?.clone() },
            "remove" => TransformOp::Remove { path: self.path("path")? },
            "copy" => TransformOp::Copy { from: self.path("from")?, to: self.path("to")? },
            "pick" => TransformOp::Pick { paths: self.paths()? },
            "default" => TransformOp::Default { path: self.path("path")?, value: self.value("value")?.clone() },
            "map" => TransformOp::Map { path: self.path("path")?, value: self.value("value")?.clone() },
            "cast" => TransformOp::Cast { path: self.path("path")?, to: self.cast()? },
            "merge" => TransformOp::Merge { path: self.optional_path("path")?, value: self.value("value")?.clone() },
            _ => return None,
        })
    }

    fn entry(&self, key: &str) -> Option<&'a Expr> {
        let named = self.written.entries.iter().find(|(name, ..)| &***name == key).map(|(.., value)| *value);
        named.or(match key {
            "path" if &*self.written.name == "remove" => self.written.short,
            "paths" | "value" => self.written.short,
            _ => None,
        })
    }

    fn value(&mut self, key: &str) -> Option<&'a Expr> {
        let found = self.entry(key);
        // Where a key was misspelt, that is the mistake.
        if found.is_none() && !self.failed {
            let message = format!("`{}` needs `{key}`", self.written.name);
            self.error(Diagnostic::error(MISSING_CONFIG, message, self.written.span));
        }
        found
    }

    fn path(&mut self, key: &str) -> Option<ValuePath> {
        let value = self.value(key)?;
        self.read_path(value)
    }

    #[allow(clippy::option_option, reason = "a path that can't be read is not a path that is not there")]
    fn optional_path(&mut self, key: &str) -> Option<Option<ValuePath>> {
        match self.entry(key) {
            None => Some(None),
            Some(value) => self.read_path(value).map(Some),
        }
    }

    fn read_path(&mut self, value: &Expr) -> Option<ValuePath> {
        let path = text(value).and_then(|text| path_of_text(&text));
        if path.is_none() {
            let error = Diagnostic::error(BAD_TRANSFORM, "this is no path", value.span);
            self.error(error.help("a path is text such as `order.items[0].sku`"));
        }
        path
    }

    fn paths(&mut self) -> Option<Vec<ValuePath>> {
        let list = self.value("paths")?;
        let ExprKind::List(items) = &list.kind else {
            return self.read_path(list).map(|path| vec![path]);
        };
        let mut paths = Vec::new();
        for item in items {
            let (ListItem::Item(item) | ListItem::Spread(item)) = item;
            paths.push(self.read_path(item)?);
        }
        Some(paths)
    }

    fn cast(&mut self) -> Option<Type> {
        let value = self.value("to")?;
        let name = text(value);
        let found = CASTS.iter().find(|(word, _)| Some(*word) == name.as_deref()).map(|(_, ty)| ty.clone());
        if found.is_none() {
            let words: Vec<_> = CASTS.iter().map(|(word, _)| format!("`{word}`")).collect();
            let error = Diagnostic::error(BAD_TRANSFORM, "`to` must be the name of a type", value.span);
            self.error(error.help(format!("one of {}", words.join(", "))));
        }
        found
    }
}
