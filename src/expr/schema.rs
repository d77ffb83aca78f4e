//! Types from and to JSON Schema (draft 2020-12, the part that types can say).
//!
//! What a schema says beyond that (patterns, ranges, lengths) is not kept: the type admits more than the schema does, never less,
//! but for what JSON Schema leaves open: how times are written, and integers past 64 bits.

use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json, json};

use super::{FieldType, ObjectType, Type};

/// How deep schemas are followed, references included; what is deeper is `any`.
const MAX_DEPTH: usize = 32;

/// How large the type of a schema may become, in bytes about: references can make a small text describe an endless type. What
/// comes after is `any`, fields after it are not named, and a text is any text. A schema without references of up to 64 KiB
/// is read whole.
const MAX_SIZE: usize = 128 * 1024;

/// What a schema counts for, beside the names and texts in it.
const SCHEMA_SIZE: usize = 32;

/// What a text of an enum counts for, beside itself.
const TEXT_SIZE: usize = 4;

/// The type that a JSON Schema describes. What it does not understand is `any`.
pub fn type_from_schema(schema: &Json) -> Type {
    Reader { root: schema, left: MAX_SIZE, following: Vec::new() }.read(schema, 0)
}

struct Reader<'a> {
    root: &'a Json,
    /// How much larger the type may become.
    left: usize,
    /// The references that are being followed: one that leads to itself is `any`.
    following: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, schema: &'a Json, depth: usize) -> Type {
        let Json::Object(object) = schema else { return Type::Any };
        if depth > MAX_DEPTH || !self.takes(SCHEMA_SIZE) {
            return Type::Any;
        }
        if let Some(reference) = object.get("$ref").and_then(Json::as_str) {
            return self.follow(reference, depth);
        }
        let ty = if let Some(value) = object.get("const") {
            self.constant(value)
        } else if let Some(Json::Array(values)) = object.get("enum") {
            union(values.iter().map(|value| self.constant(value)).collect())
        } else if let Some(Json::Array(members)) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            union(members.iter().map(|member| self.read(member, depth + 1)).collect())
        } else if let Some(Json::Array(parts)) = object.get("allOf") {
            self.all_of(parts, depth)
        } else {
            self.typed(object, depth)
        };
        if object.get("nullable") == Some(&Json::Bool(true)) { ty.nullable() } else { ty }
    }

    /// Whether there is room for so much more; then it is taken.
    fn takes(&mut self, size: usize) -> bool {
        let left = self.left.checked_sub(size);
        self.left = left.unwrap_or(0);
        left.is_some()
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
            "array" => Type::List(Box::new(self.items(object, depth))),
            "object" => self.object(object, depth),
            _ => Type::Any,
        }
    }

    /// What an item of a list is; where the first few have schemas of their own, any of these.
    fn items(&mut self, object: &'a JsonMap<String, Json>, depth: usize) -> Type {
        let rest = object.get("items").map_or(Type::Any, |items| self.read(items, depth + 1));
        let Some(Json::Array(first)) = object.get("prefixItems") else { return rest };
        let first = first.iter().map(|item| self.read(item, depth + 1));
        union(first.chain([rest]).collect())
    }

    fn object(&mut self, object: &'a JsonMap<String, Json>, depth: usize) -> Type {
        // What `patternProperties` names may be there too, whatever is said of the rest.
        let others = match object.get("patternProperties") {
            Some(Json::Object(patterns)) if !patterns.is_empty() => None,
            _ => object.get("additionalProperties"),
        };
        let Some(Json::Object(properties)) = object.get("properties") else {
            return match others {
                Some(Json::Bool(false)) => Type::Object(ObjectType::default()),
                Some(others) => Type::Map(Box::new(self.read(others, depth + 1))),
                None => Type::Map(Box::new(Type::Any)),
            };
        };
        let required = object.get("required").and_then(Json::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
        let mut fields = Vec::with_capacity(properties.len());
        let mut open = others != Some(&Json::Bool(false));
        for (name, schema) in properties {
            let doc = schema.get("description").and_then(Json::as_str);
            if !self.takes(name.len() + doc.map_or(0, str::len)) {
                open = true;
                break;
            }
            let ty = self.read(schema, depth + 1);
            fields.push(FieldType {
                name: name.as_str().into(),
                ty,
                required: is_required(name),
                doc: doc.map(Arc::from),
            });
        }
        Type::Object(ObjectType { fields, open })
    }

    fn constant(&mut self, value: &Json) -> Type {
        match value {
            Json::Null => Type::Null,
            Json::Bool(_) => Type::Bool,
            Json::Number(number) if number.is_f64() => Type::Number,
            Json::Number(_) => Type::Int,
            Json::String(text) if self.takes(TEXT_SIZE + text.len()) => Type::Literal(text.as_str().into()),
            Json::String(_) => Type::String,
            Json::Array(_) => Type::List(Box::new(Type::Any)),
            Json::Object(_) => Type::Map(Box::new(Type::Any)),
        }
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

    /// A long text that many places refer to is not copied without end.
    #[test]
    fn texts_that_references_multiply_end() {
        let text = "x".repeat(10_000);
        let named = |count: usize, to: &str| -> Json {
            let fields = (0..count).map(|at| (at.to_string(), json!({"$ref": to})));
            json!({"type": "object", "additionalProperties": false, "properties": fields.collect::<JsonMap<_, _>>()})
        };
        let long = [
            json!({"type": "object", "properties": {"a": {"type": "integer", "description": text}}}),
            json!({"type": "object", "properties": {&text: {"type": "integer"}}}),
            json!({"enum": [text, "b"]}),
        ];
        for long in long {
            let mut schema = named(200, "#/$defs/many");
            schema["$defs"] = json!({"many": named(200, "#/$defs/long"), "long": long});
            let ty = type_from_schema(&schema);
            let size = serde_json::to_string(&ty).unwrap().len();
            assert!(size < 4 * MAX_SIZE, "{size}");
            // What it does not name may be there.
            let value = crate::expr::Value::from_json(json!({"199": {"199": null}}));
            let Type::Object(object) = &ty else { panic!("{size}") };
            assert!(object.open == (object.fields.len() < 200) && object.fields.iter().all(|field| !field.required));
            if object.open {
                assert!(ty.admit(value).is_ok());
            }
        }
    }

    #[test]
    fn a_schema_without_references_is_read_whole() {
        let fields = (0..2_500).map(|at| (format!("f{at}"), json!({"type": "null"})));
        let schema = json!({"additionalProperties": false, "properties": fields.collect::<JsonMap<_, _>>()});
        assert!(schema.to_string().len() < 64 * 1024);
        let Type::Object(object) = type_from_schema(&schema) else { panic!() };
        assert!(!object.open && object.fields.iter().all(|field| field.ty == Type::Null));
    }

    /// A type is what outputs are held against: it must take whatever its schema takes.
    #[test]
    fn what_a_schema_says_beyond_a_type_takes_nothing_away() {
        let takes = |schema: &Json, value: Json| {
            let admitted = type_from_schema(schema).admit(crate::expr::Value::from_json(value.clone()));
            assert!(admitted.is_ok(), "{schema} {value}: {admitted:?}");
        };
        let closed = json!({"properties": {"a": {"type": "integer"}}, "patternProperties": {"^x-": {}}, "additionalProperties": false});
        takes(&closed, json!({"a": 1, "x-b": "c"}));
        takes(
            &json!({"type": "object", "patternProperties": {"^x-": {}}, "additionalProperties": false}),
            json!({"x-b": 1}),
        );
        takes(
            &json!({"type": "object", "patternProperties": {"^x-": {}}, "additionalProperties": {"type": "integer"}}),
            json!({"a": 1, "x-b": "c"}),
        );
        takes(
            &json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": {"type": "integer"}}),
            json!(["a", true, 1, 2]),
        );
        takes(&json!({"type": "array", "prefixItems": [{"type": "string"}]}), json!(["a", 7, null]));
        takes(&json!({"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}), json!({"b": 1}));
        takes(&json!({"type": "number", "x-unit": "kg", "minimum": 3}), json!(1));
        takes(&json!({"enum": [1, 2.5, "c"]}), json!(2.5));
    }

    #[test]
    fn all_of_joins_the_fields_of_objects() {
        let part =
            |name: &str| json!({"type": "object", "properties": {name: {"type": "integer"}}, "required": [name]});
        assert_eq!(shown(json!({"allOf": [part("a"), part("b")]})), "{ a: int, b: int }");
    }
}
