//! Types in the flat notation, and the values of such types: each may be an expression in text instead.

use serde_json::{Map, Value as Json, json};

use crate::expr::{FieldType, ObjectType, Type};
use crate::lang::check::must_be_there;

use super::defined;

/// The pattern of a name.
pub(super) const NAME: &str = "[A-Za-z_][A-Za-z0-9_-]*";

/// The types that have a name of their own.
const NAMED: [&str; 8] = ["string", "int", "number", "bool", "null", "duration", "timestamp", "any"];

/// A type as text.
pub(super) fn type_name() -> Json {
    let nullable = NAMED.iter().map(|name| format!("{name}?"));
    let names: Vec<String> = NAMED.iter().map(|name| (*name).to_owned()).chain(nullable).collect();
    json!({
        "description": "A type: `string`, `int`, `list<T>`, `map<T>`, `{ name: T, other: T? }`, `\"a\" | \"b\"`, `T?`",
        "anyOf": [
            { "enum": names },
            {
                "description": "A type that is put together: it has a bracket, a quote or a `|`",
                "type": "string",
                "pattern": "[<{|\"( ]",
                "examples": ["list<string>", "{ sku: string, qty: int }", "\"small\" | \"large\""],
            },
        ],
    })
}

/// The type of an output: text, or a table of names to types.
pub(super) fn output() -> Json {
    json!({ "anyOf": [defined("type"), { "type": "object", "additionalProperties": defined("output") }] })
}

/// An object whose fields may be expressions.
pub(super) fn object_schema(object: &ObjectType) -> Json {
    let properties: Map<String, Json> =
        object.fields.iter().map(|field| (field.name.to_string(), field_schema(field))).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    let required = object.fields.iter().filter(|field| must_be_there(field));
    let required: Vec<&str> = required.map(|field| &*field.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !object.open {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

fn field_schema(field: &FieldType) -> Json {
    let mut schema = value_schema(&field.ty);
    if let Some(doc) = &field.doc {
        schema["description"] = json!(&**doc);
    }
    schema
}

/// A value of a type, or text with an expression in it.
fn value_schema(ty: &Type) -> Json {
    match ty {
        Type::Any => json!({}),
        Type::String => json!({ "type": "string" }),
        other => {
            let mut any = Vec::new();
            written(other, &mut any);
            any.push(defined("expression"));
            json!({ "anyOf": any })
        }
    }
}

/// The ways in which a value of a type is written out.
fn written(ty: &Type, any: &mut Vec<Json>) {
    any.push(match ty {
        Type::Any => json!({}),
        // TOML has no null.
        Type::Null => return,
        Type::Bool => json!({ "type": "boolean" }),
        Type::Int => json!({ "type": "integer" }),
        Type::Number => json!({ "type": "number" }),
        Type::String => json!({ "type": "string" }),
        Type::Duration => defined("duration"),
        Type::Timestamp => json!({ "type": "string", "format": "date-time" }),
        Type::List(item) => json!({ "type": "array", "items": value_schema(item) }),
        Type::Map(item) => json!({ "type": "object", "additionalProperties": value_schema(item) }),
        Type::Object(object) => object_schema(object),
        Type::Literal(word) => json!({ "const": &**word }),
        Type::Union(members) => {
            let word = |member: &Type| matches!(member, Type::Literal(_) | Type::Null);
            if !members.iter().all(word) {
                return members.iter().for_each(|member| written(member, any));
            }
            let words = members.iter().filter_map(|member| match member {
                Type::Literal(word) => Some(&**word),
                _ => None,
            });
            json!({ "enum": words.collect::<Vec<_>>() })
        }
    });
}
