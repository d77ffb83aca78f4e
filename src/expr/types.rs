//! The types of values, as inputs, outputs and handlers declare them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A type. `T?` is `Union([T, Null])`, and `"a" | "b"` is a union of literals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Anything; what is `any` stays `any`.
    Any,
    /// Null alone.
    Null,
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// Any number; an `int` fits.
    Number,
    /// Text.
    String,
    /// A length of time; in JSON a string such as `"90s"`.
    Duration,
    /// A moment; in JSON a string in RFC 3339.
    Timestamp,
    /// One text: a member of an enum.
    Literal(Arc<str>),
    /// `list<T>`.
    List(Box<Type>),
    /// `map<T>`: any keys, values of one type.
    Map(Box<Type>),
    /// `{ name: T, other: T? }`.
    Object(ObjectType),
    /// One of several.
    Union(Vec<Type>),
}

/// The fields of an object type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectType {
    /// The fields, in the order written.
    pub fields: Vec<FieldType>,
    /// Whether other fields may be there too (a handler's loose schema). What a source declares is closed.
    #[serde(default)]
    pub open: bool,
}

/// A field of an object type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldType {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
    /// Whether it must be there. A field of a nullable type may always be absent.
    pub required: bool,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<Arc<str>>,
}

impl ObjectType {
    /// The field called `name`.
    pub fn field(&self, name: &str) -> Option<&FieldType> {
        self.fields.iter().find(|field| &*field.name == name)
    }
}

impl Type {
    /// This type with every object in it open: what another system answers may grow fields that nobody here asked for.
    pub fn opened(&self) -> Self {
        self.with_objects(&|object| object.open = true)
    }

    /// This type without what its fields are for.
    #[must_use]
    pub fn undocumented(&self) -> Self {
        self.with_objects(&|object| {
            for field in &mut object.fields {
                field.doc = None;
            }
        })
    }

    /// This type with every object in it changed.
    fn with_objects(&self, change: &impl Fn(&mut ObjectType)) -> Self {
        match self {
            Self::List(item) => Self::List(Box::new(item.with_objects(change))),
            Self::Map(value) => Self::Map(Box::new(value.with_objects(change))),
            Self::Union(members) => Self::Union(members.iter().map(|member| member.with_objects(change)).collect()),
            Self::Object(object) => {
                let mut object = object.clone();
                for field in &mut object.fields {
                    field.ty = field.ty.with_objects(change);
                }
                change(&mut object);
                Self::Object(object)
            }
            other => other.clone(),
        }
    }

    /// `T?`.
    pub fn nullable(self) -> Self {
        match self {
            Self::Union(mut members) => {
                if members.is_empty() {
                    return Self::Null;
                }
                if !members.contains(&Self::Null) {
                    members.push(Self::Null);
                }
                Self::Union(members)
            }
            Self::Any | Self::Null => self,
            other => Self::Union(vec![other, Self::Null]),
        }
    }

    /// Whether null fits.
    pub fn accepts_null(&self) -> bool {
        match self {
            Self::Any | Self::Null => true,
            Self::Union(members) => members.iter().any(Self::accepts_null),
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    /// The type as the language writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Literal(text) => write!(f, "{text:?}"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Map(item) => write!(f, "map<{item}>"),
            Self::Object(object) => object.fmt(f),
            Self::Union(members) => fmt_union(members, f),
        }
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fields.is_empty() {
            return f.write_str("{}");
        }
        f.write_str("{ ")?;
        for (at, field) in self.fields.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let mark = if field.required || field.ty.accepts_null() { "" } else { "?" };
            write!(f, "{comma}{}: {}{mark}", field.name, field.ty)?;
        }
        f.write_str(" }")
    }
}

fn fmt_union(members: &[Type], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let [member, Type::Null] = members
        && !matches!(member, Type::Union(_))
    {
        return write!(f, "{member}?");
    }
    if members.is_empty() {
        return f.write_str("never");
    }
    for (at, member) in members.iter().enumerate() {
        let bar = if at == 0 { "" } else { " | " };
        write!(f, "{bar}{member}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Value;

    #[test]
    fn an_opened_type_takes_fields_that_it_does_not_name_at_any_depth() {
        let field = |name: &str, ty| FieldType { name: name.into(), ty, required: true, doc: None };
        let object = |fields| Type::Object(ObjectType { fields, open: false });
        let closed = object(vec![field("items", Type::List(Box::new(object(vec![field("sku", Type::String)]))))]);
        let answer = |text| Value::from_json(serde_json::from_str(text).unwrap());
        let grown = answer(r#"{ "items": [{ "sku": "a", "new": 1 }], "new": 2 }"#);
        assert_eq!(closed.admit(grown.clone()).unwrap_err().len(), 2);
        assert_eq!(closed.opened().admit(grown.clone()), Ok(grown));
        assert!(closed.opened().admit(answer(r#"{ "items": [{ "new": 1 }] }"#)).is_err());
    }
}
