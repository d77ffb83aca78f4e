//! Types from and to JSON Schema (draft 2020-12, the part that types can say).
//!
//! What a schema says beyond that (patterns, ranges, lengths) is not kept: it admits more than the schema does, never less.

use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json, json};

use super::{FieldType, ObjectType, Type};

/// How deep schemas are followed, references included; what is deeper is `any`.
const MAX_DEPTH: usize = 32;

/// How many schemas are read in all: references can make a small text describe an endless type. What comes after is `any`.
const MAX_SCHEMAS: usize = 10_000;

/// The type that a JSON Schema describes. What it does not understand is `any`.
pub fn type_from_schema(schema: &Json) -> Type {
    Reader { root: schema, left: MAX_SCHEMAS, following: Vec::new() }.read(schema, 0)
}

struct Reader<'a> {
    root: &'a Json,
    /// How many more schemas are read.
    left: usize,
    /// The references that are being followed: one that leads to itself is `any`.
    following: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, schema: &'a Json, depth: usize) -> Type {
        let Json::Object(object) = schema else { return Type::Any };
        if depth > MAX_DEPTH || self.left == 0 {
            return Type::Any;
        }
        self.left -= 1;
        if let Some(reference) = object.get("$ref").and_then(Json::as_str) {
            return self.follow(reference, depth);
        }
        let ty = if let Some(value) = object.get("const") {
            constant(value)
        } else if let Some(Json::Array(values)) = object.get("enum") {
            union(values.iter().map(constant).collect())
        } else if let Some(Json::Array(members)) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            union(members.iter().map(|member| self.read(member, depth + 1)).collect())
        } else if let Some(Json::Array(parts)) = object.get("allOf") {
            self.all_of(parts, depth)
        } else {
            self.typed(object, depth)
        };
        if object.get("nullable") == Some(&Json::Bool(true)) { ty.nullable() } else { ty }
    }

    fn follow(&mut self, reference: &'a str, depth: usize) -> Type {
        let root = self.root;
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        let Some(target) = target.filter(|_| !self.following.contains(&reference)) else { return Type::Any };
        self.following.push(reference);
        let ty = self.read(target, depth + 1);
        self.following.pop();
        ty
    }

    /// All parts at once: for objects the fields of all; otherwise the first part that says something.
    fn all_of(&mut self, parts: &'a [Json], depth: usize) -> Type {
        let types: Vec<Type> = parts.iter().map(|part| self.read(part, depth + 1)).collect();
        let mut all = ObjectType { fields: Vec::new(), open: true };
        for ty in &types {
            match ty {
                Type::Object(object) => {
                    all.open &= object.open;
                    all.fields.extend(object.fields.iter().cloned());
                }
                _ => return types.into_iter().find(|ty| *ty != Type::Any).unwrap_or(Type::Any),
            }
        }
        Type::Object(all)
    }

    fn typed(&mut self, object: &'a JsonMap<String, Json>, depth: usize) -> Type {
        match object.get("type") {
            Some(Json::String(name)) => self.named(name, object, depth),
            Some(Json::Array(names)) => {
                let names = names.iter().filter_map(Json::as_str);
                union(names.map(|name| self.named(name, object, depth)).collect())
            }
            _ if object.contains_key("properties") => self.named("object", object, depth),
            _ if object.contains_key("items") => self.named("array", object, depth),
            _ => Type::Any,
        }
    }

    fn named(&mut self, name: &str, object: &'a JsonMap<String, Json>, depth: usize) -> Type {
        match name {
            "null" => Type::Null,
            "boolean" => Type::Bool,
            "integer" => Type::Int,
            "number" => Type::Number,
            "string" => match object.get("format").and_then(Json::as_str) {
                Some("date-time") => Type::Timestamp,
                Some("duration") => Type::Duration,
                _ => Type::String,
            },
            "array" => Type::List(Box::new(object.get("items").map_or(Type::Any, |items| self.read(items, depth + 1)))),
            "object" => self.object(object, depth),
            _ => Type::Any,
        }
    }

    fn object(&mut self, object: &'a JsonMap<String, Json>, depth: usize) -> Type {
        let others = object.get("additionalProperties");
        let Some(Json::Object(properties)) = object.get("properties") else {
            return match others {
                Some(Json::Bool(false)) => Type::Object(ObjectType::default()),
                Some(others) => Type::Map(Box::new(self.read(others, depth + 1))),
                None => Type::Map(Box::new(Type::Any)),
            };
        };
        let required = object.get("required").and_then(Json::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
        let fields = properties.iter().map(|(name, schema)| FieldType {
            name: name.as_str().into(),
            ty: self.read(schema, depth + 1),
            required: is_required(name),
            doc: schema.get("description").and_then(Json::as_str).map(Arc::from),
        });
        Type::Object(ObjectType { fields: fields.collect(), open: others != Some(&Json::Bool(false)) })
    }
}

fn constant(value: &Json) -> Type {
    match value {
        Json::Null => Type::Null,
        Json::Bool(_) => Type::Bool,
        Json::Number(number) if number.is_f64() => Type::Number,
        Json::Number(_) => Type::Int,
        Json::String(text) => Type::Literal(text.as_str().into()),
        Json::Array(_) => Type::List(Box::new(Type::Any)),
        Json::Object(_) => Type::Map(Box::new(Type::Any)),
    }
}

/// A union without repeats; one member alone is that member.
fn union(members: Vec<Type>) -> Type {
    let mut unique: Vec<Type> = Vec::new();
    for member in members {
        match member {
            Type::Any => return Type::Any,
            Type::Union(inner) => {
                unique.extend(inner.into_iter().filter(|ty| !unique.contains(ty)).collect::<Vec<_>>())
            }
            other if !unique.contains(&other) => unique.push(other),
            _ => {}
        }
    }
    match unique.len() {
        0 => Type::Any,
        1 => unique.remove(0),
        _ => Type::Union(unique),
    }
}

/// The JSON Schema of a type. Durations are strings of format `duration`, in the language's own notation.
pub fn schema_from_type(ty: &Type) -> Json {
    match ty {
        Type::Any => json!({}),
        Type::Null => json!({"type": "null"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Int => json!({"type": "integer"}),
        Type::Number => json!({"type": "number"}),
        Type::String => json!({"type": "string"}),
        Type::Duration => json!({"type": "string", "format": "duration", "examples": ["1h30m"]}),
        Type::Timestamp => json!({"type": "string", "format": "date-time"}),
        Type::Literal(text) => json!({"const": &**text}),
        Type::List(item) => json!({"type": "array", "items": schema_from_type(item)}),
        Type::Map(item) => json!({"type": "object", "additionalProperties": schema_from_type(item)}),
        Type::Object(object) => object_schema(object),
        Type::Union(members) => union_schema(members),
    }
}

fn object_schema(object: &ObjectType) -> Json {
    let mut properties = JsonMap::new();
    for field in &object.fields {
        let mut schema = schema_from_type(&field.ty);
        if let (Some(doc), Json::Object(entries)) = (&field.doc, &mut schema) {
            entries.insert("description".into(), json!(&**doc));
        }
        properties.insert(field.name.to_string(), schema);
    }
    let required: Vec<&str> = object.fields.iter().filter(|field| field.required).map(|field| &*field.name).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !object.open {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

fn union_schema(members: &[Type]) -> Json {
    let constants: Option<Vec<Json>> = members
        .iter()
        .map(|member| match member {
            Type::Literal(text) => Some(json!(&**text)),
            Type::Null => Some(Json::Null),
            _ => None,
        })
        .collect();
    match constants {
        Some(constants) => json!({"enum": constants}),
        None => json!({"anyOf": members.iter().map(schema_from_type).collect::<Vec<_>>()}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(schema: Json) -> String {
        type_from_schema(&schema).to_string()
    }

    #[test]
    fn schemas_become_types() {
        assert_eq!(shown(json!(true)), "any");
        assert_eq!(shown(json!({"type": ["string", "null"]})), "string?");
        assert_eq!(shown(json!({"type": "string", "format": "date-time", "nullable": true})), "timestamp?");
        assert_eq!(shown(json!({"enum": ["a", "b", null]})), "\"a\" | \"b\" | null");
        assert_eq!(shown(json!({"oneOf": [{"type": "integer"}, {"type": "integer"}]})), "int");
        assert_eq!(shown(json!({"type": "array"})), "list<any>");
        assert_eq!(shown(json!({"type": "object"})), "map<any>");
        assert_eq!(shown(json!({"items": {"type": "number"}})), "list<number>");
        assert_eq!(shown(json!({"type": "object", "additionalProperties": {"type": "boolean"}})), "map<bool>");
        let schema = json!({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]});
        assert_eq!(shown(schema), "{ a: int, b: string? }");
    }

    #[test]
    fn an_object_is_open_unless_it_says_otherwise() {
        let open = |schema| matches!(type_from_schema(&schema), Type::Object(object) if object.open);
        assert!(open(json!({"type": "object", "properties": {}})));
        assert!(!open(json!({"type": "object", "properties": {}, "additionalProperties": false})));
    }

    #[test]
    fn references_are_followed_and_end() {
        let schema = json!({
            "$ref": "#/$defs/node",
            "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}
        });
        assert_eq!(shown(schema), "{ next: any }");
        assert_eq!(shown(json!({"$ref": "#"})), "any");
        assert_eq!(shown(json!({"$ref": "https://example.com/other"})), "any");
    }

    #[test]
    fn references_that_multiply_end() {
        let mut defs = JsonMap::new();
        for at in 0..30 {
            let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
            defs.insert(format!("d{at}"), json!({"type": "object", "properties": {"l": next, "r": next}}));
        }
        let ty = type_from_schema(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
        assert!(ty.to_string().len() < 1_000_000);
    }

    #[test]
    fn all_of_joins_the_fields_of_objects() {
        let part =
            |name: &str| json!({"type": "object", "properties": {name: {"type": "integer"}}, "required": [name]});
        assert_eq!(shown(json!({"allOf": [part("a"), part("b")]})), "{ a: int, b: int }");
    }
}
