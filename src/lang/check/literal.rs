//! Lists, objects and texts as they are written.

use std::collections::HashMap;

use crate::expr::{Expr, FieldType, ListItem, ObjectEntry, ObjectType, Span, TemplatePart, Type, Value};
use crate::lang::Diagnostic;

use super::Checker;
use super::algebra::{item_type, members, never, union, widened};
use super::codes::{DUPLICATE_KEY, OPERAND};
use super::null::Use;
use super::operator::spread;

/// The most fields of an object that the checker keeps track of; of a larger one it says nothing.
const MAX_FIELDS: usize = 1_000;

impl Checker<'_> {
    /// `[a, ...b]`.
    pub fn list(&mut self, items: &[ListItem]) -> Type {
        let mut types = Vec::new();
        for item in items {
            types.push(match item {
                ListItem::Item(item) => self.expr(item),
                ListItem::Spread(item) => {
                    let ty = self.expr(item);
                    let ty = self.spread_of(item, ty, ("a list", "[]"), |ty| matches!(ty, Type::List(_)));
                    item_type(&ty)
                }
            });
        }
        Type::List(Box::new(if types.is_empty() { never() } else { union(types) }))
    }

    /// `{ a: b, ...c }`.
    pub fn object(&mut self, entries: &[ObjectEntry]) -> Type {
        let mut whole = Type::Object(ObjectType::default());
        let mut keys: HashMap<&str, Span> = HashMap::new();
        for entry in entries {
            match entry {
                ObjectEntry::Field { key, key_span, value } => {
                    let ty = self.expr(value);
                    if let Some(first) = keys.get(&**key) {
                        let message = format!("the key `{key}` is there twice");
                        self.tell(Diagnostic::error(DUPLICATE_KEY, message, *key_span).also(*first, "first here"));
                        continue;
                    }
                    keys.insert(key, *key_span);
                    put(&mut whole, FieldType { name: key.clone(), ty, required: true, doc: None });
                }
                ObjectEntry::Spread(part) => {
                    let ty = self.expr(part);
                    let is_object = |ty: &Type| matches!(ty, Type::Map(_) | Type::Object(_));
                    let ty = self.spread_of(part, ty, ("an object", "{}"), is_object);
                    whole = union(members(&ty).iter().map(|ty| match ty {
                        Type::Any => Type::Any,
                        ty => spread(&whole, ty),
                    }));
                }
            }
        }
        if keys.len() > MAX_FIELDS { Type::Any } else { whole }
    }

    /// What is spread, without null.
    fn spread_of(&mut self, expr: &Expr, ty: Type, wanted: (&str, &str), is: fn(&Type) -> bool) -> Type {
        let (what, empty) = wanted;
        let ty = self.bare(expr, ty, Use::Value(&format!("`...` spreads {what}: write `...(value ?? {empty})`")));
        self.known(expr, &ty, &format!("`...` spreads {what}"));
        if members(&ty).iter().all(|ty| *ty == Type::Any || is(ty)) {
            return ty;
        }
        let error = Diagnostic::error(OPERAND, format!("`...` spreads {what} here"), expr.span);
        self.tell(error.label(format!("this is `{}`", widened(ty))));
        Type::Any
    }

    /// `"text ${expr}"`.
    pub fn template(&mut self, parts: &[TemplatePart]) -> Type {
        for part in parts {
            if let TemplatePart::Expr(part) = part {
                let ty = self.expr(part);
                self.bare(part, ty, Use::Text);
            }
        }
        // No parts at all stands for text that could not be read.
        if parts.is_empty() { Type::Any } else { Type::String }
    }
}

/// Puts a field into what an object is so far; what it replaces is gone.
fn put(whole: &mut Type, field: FieldType) {
    match whole {
        Type::Object(object) => {
            if object.fields.len() >= MAX_FIELDS {
                *whole = Type::Any;
                return;
            }
            match object.fields.iter_mut().find(|known| known.name == field.name) {
                Some(known) => *known = field,
                None => object.fields.push(field),
            }
        }
        Type::Map(item) => **item = union([(**item).clone(), field.ty]),
        Type::Union(all) => all.iter_mut().for_each(|member| put(member, field.clone())),
        _ => {}
    }
}

/// The type of a value as it stands. A text is its own literal, so that it can be told from the words of an enum.
pub fn type_of_value(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Num(_) => Type::Number,
        Value::Str(text) => Type::Literal(text.clone()),
        Value::Duration(_) => Type::Duration,
        Value::Timestamp(_) => Type::Timestamp,
        Value::List(items) => Type::List(Box::new(union(items.iter().map(type_of_value)))),
        Value::Map(map) => {
            let field = |(name, value): (&std::sync::Arc<str>, &Value)| FieldType {
                name: name.clone(),
                ty: type_of_value(value),
                required: true,
                doc: None,
            };
            Type::Object(ObjectType { fields: map.iter().map(field).collect(), open: false })
        }
    }
}
