//! Access to a field, checked where the type is closed.

use std::sync::Arc;

use crate::expr::{ObjectType, Span, Type};
use crate::lang::Diagnostic;
use crate::lang::nearest::{did_you_mean, nearest};

use super::Checker;
use super::codes::UNKNOWN_FIELD;

impl Checker<'_> {
    /// The type of `base.name`; `span` is of the name.
    pub fn field(&mut self, base: &Type, name: &Arc<str>, optional: bool, span: Span) -> Type {
        let stripped;
        let inner = match base {
            Type::Union(_) => {
                stripped = without_null(base);
                &stripped
            }
            other => other,
        };
        match look_up(inner, name) {
            Look::Found(ty) if optional && base.accepts_null() => ty.nullable(),
            Look::Found(ty) => ty,
            Look::Unsure => Type::Any,
            Look::Absent => {
                let error = unknown_field(inner, name, span);
                // A statement that is not read may have declared it, unless it is near to what is there.
                if error.fix.is_some() || !self.declared.may_declare(name) {
                    self.tell(error);
                }
                Type::Any
            }
        }
    }
}

enum Look {
    Found(Type),
    Absent,
    Unsure,
}

fn look_up(base: &Type, name: &str) -> Look {
    match base {
        Type::Any | Type::Null => Look::Unsure,
        Type::Map(item) => Look::Found((**item).clone()),
        Type::Object(object) => match object.field(name) {
            Some(field) if field.required => Look::Found(field.ty.clone()),
            Some(field) => Look::Found(field.ty.clone().nullable()),
            None if object.open => Look::Unsure,
            None => Look::Absent,
        },
        Type::Union(members) => {
            let absent = members.iter().all(|member| matches!(look_up(member, name), Look::Absent));
            if absent { Look::Absent } else { Look::Unsure }
        }
        _ => Look::Absent,
    }
}

fn unknown_field(base: &Type, name: &str, span: Span) -> Diagnostic {
    let error = Diagnostic::error(UNKNOWN_FIELD, format!("unknown field `{name}`"), span);
    match base {
        Type::Object(object) => {
            let known = object.fields.iter().map(|field| &*field.name);
            did_you_mean(error.label(declares(object)), name, known)
        }
        Type::Union(members) => {
            let known: Vec<&str> = members.iter().flat_map(names).collect();
            match nearest(name, known.iter().copied()) {
                Some(near) => error.meant(name, near),
                None => error.label(format!("this is `{base}`")),
            }
        }
        Type::Literal(_) => error.label("text has no fields"),
        other => error.label(format!("a `{other}` has no fields")),
    }
}

fn names(ty: &Type) -> Vec<&str> {
    match ty {
        Type::Object(object) => object.fields.iter().map(|field| &*field.name).collect(),
        _ => Vec::new(),
    }
}

/// The fields that there are, where they are few enough to be read.
fn declares(object: &ObjectType) -> String {
    if object.fields.is_empty() {
        return "it has no fields".to_owned();
    }
    let text = object.to_string();
    if text.chars().count() <= 80 { format!("this is `{text}`") } else { String::new() }
}

/// The type without null.
pub fn without_null(ty: &Type) -> Type {
    let Type::Union(members) = ty else { return ty.clone() };
    let mut rest: Vec<Type> = members.iter().filter(|member| **member != Type::Null).cloned().collect();
    match rest.len() {
        1 => rest.remove(0),
        _ => Type::Union(rest),
    }
}
