//! Values against declared types, at the borders: inputs, handlers' configurations and outputs.

use std::fmt;
use std::sync::Arc;

use super::access::nearest;
use super::text::describe;
use super::{FieldType, Map, ObjectType, Type, Value, ops, parse_duration, parse_timestamp};

/// How many misfits are listed; a list of a million wrong items is not worth more.
const MAX_MISMATCHES: usize = 100;

/// How much is shown of a type or a key, in characters.
const MAX_SHOWN: usize = 200;

/// A place in a value that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where: `items[2].qty`; empty for the value itself.
    pub path: String,
    /// What is wrong there: ``expected `int`, found text "x"``.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "`{}`: {}", self.path, self.message) }
    }
}

impl Type {
    /// Checks a value and makes of it what the type says: an int where a number is wanted becomes one, a number without a
    /// fraction becomes an int, and text becomes a duration or a timestamp. A field of a nullable type that is absent becomes
    /// null, and null for any other field that may be absent is left out.
    ///
    /// # Errors
    /// Every place that does not fit, up to a hundred.
    pub fn admit(&self, value: Value) -> Result<Value, Vec<Mismatch>> {
        let mut border = Border { found: Vec::new(), path: Vec::new(), coerce: true };
        let value = border.admit(self, value);
        if border.found.is_empty() { Ok(value) } else { Err(border.found) }
    }
}

/// A path below another: `input` and `items[2]` are `input.items[2]`.
pub fn path_under(root: &str, path: &str) -> String {
    match (root, path) {
        (root, "") => root.to_owned(),
        ("", path) => path.to_owned(),
        (root, path) if path.starts_with('[') => format!("{root}{path}"),
        (root, path) => format!("{root}.{path}"),
    }
}

/// A part of the path to where the check is.
enum Part {
    Field(Arc<str>),
    Item(usize),
}

/// One check: what was found, where it is, and whether it may change values.
struct Border {
    found: Vec<Mismatch>,
    path: Vec<Part>,
    coerce: bool,
}

impl Border {
    /// The value as the type has it; what does not fit is noted, and whatever is given back then is of no use.
    fn admit(&mut self, ty: &Type, value: Value) -> Value {
        match (ty, value) {
            (Type::Any, value) => value,
            (Type::Null, Value::Null) => Value::Null,
            (Type::Bool, value @ Value::Bool(_))
            | (Type::Int, value @ Value::Int(_))
            | (Type::Number, value @ Value::Num(_))
            | (Type::String, value @ Value::Str(_))
            | (Type::Duration, value @ Value::Duration(_))
            | (Type::Timestamp, value @ Value::Timestamp(_)) => value,
            (Type::Literal(wanted), Value::Str(text)) if *wanted == text => Value::Str(text),
            (Type::List(item), Value::List(items)) => self.list(item, items),
            (Type::Map(item), Value::Map(map)) => self.map(item, map),
            (Type::Object(object), Value::Map(map)) => self.object(object, map),
            (Type::Union(members), value) => self.union(ty, members, value),
            (ty, value) => match coerced(ty, &value).filter(|_| self.coerce) {
                Some(value) => value,
                None => self.misfit(ty, &value),
            },
        }
    }

    fn list(&mut self, item: &Type, items: Arc<Vec<Value>>) -> Value {
        let admitted = Arc::unwrap_or_clone(items).into_iter().enumerate();
        Value::list(
            admitted.map(|(at, value)| self.within(Part::Item(at), |border| border.admit(item, value))).collect(),
        )
    }

    fn map(&mut self, item: &Type, map: Arc<Map>) -> Value {
        let mut map = Arc::unwrap_or_clone(map);
        for (key, value) in &mut map {
            let given = std::mem::take(value);
            *value = self.within(Part::Field(key.clone()), |border| border.admit(item, given));
        }
        Value::map(map)
    }

    fn object(&mut self, object: &ObjectType, map: Arc<Map>) -> Value {
        let mut map = Arc::unwrap_or_clone(map);
        for field in &object.fields {
            self.field(field, &mut map);
        }
        if !object.open && map.len() > object.fields.iter().filter(|field| map.contains_key(&field.name)).count() {
            let unknown: Vec<_> = map.keys().filter(|key| object.field(key).is_none()).cloned().collect();
            for key in unknown {
                let near = nearest(&key, object.fields.iter().map(|field| &*field.name));
                let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                self.within(Part::Field(key), |border| border.note(format!("unknown field{hint}")));
            }
        }
        Value::map(map)
    }

    fn field(&mut self, field: &FieldType, map: &mut Map) {
        let nullable = field.ty.accepts_null();
        match map.get_mut(&field.name) {
            Some(Value::Null) if !field.required && !nullable => {
                map.shift_remove(&field.name);
            }
            Some(value) => {
                let given = std::mem::take(value);
                *value = self.within(Part::Field(field.name.clone()), |border| border.admit(&field.ty, given));
            }
            None if nullable => {
                map.insert(field.name.clone(), Value::Null);
            }
            None if field.required => {
                let message = format!("missing: expected `{}`", shown(&field.ty));
                self.within(Part::Field(field.name.clone()), |border| border.note(message));
            }
            None => {}
        }
    }

    /// The first member that takes the value as it is, or else the first that makes something of it.
    fn union(&mut self, ty: &Type, members: &[Type], value: Value) -> Value {
        if let Value::Str(text) = &value
            && members.iter().any(|member| matches!(member, Type::Literal(word) if word == text))
        {
            return value;
        }
        // Where one member alone can take a list or an object it is not tried: a trial at each level of a nested type would
        // double the work with each.
        if let Some(only) = only_for(members, &value) {
            return self.admit(only, value);
        }
        let rounds: &[bool] = if self.coerce { &[false, true] } else { &[false] };
        for coerce in rounds {
            for member in members.iter().filter(|member| !matches!(member, Type::Literal(_))) {
                let mut trial = Border { found: Vec::new(), path: Vec::new(), coerce: *coerce };
                let admitted = trial.admit(member, value.clone());
                if trial.found.is_empty() {
                    return admitted;
                }
            }
        }
        // Where one member alone is of the value's kind, what is wrong is what that one says.
        let mut alike = members.iter().filter(|member| same_kind(member, &value));
        match (alike.next(), alike.next()) {
            (Some(member), None) => self.admit(member, value),
            _ => self.misfit(ty, &value),
        }
    }

    fn misfit(&mut self, ty: &Type, value: &Value) -> Value {
        let example = match (ty, value) {
            (Type::Duration, Value::Str(_)) => " such as `1h30m`",
            (Type::Timestamp, Value::Str(_)) => " such as `2030-01-31T12:00:00Z`",
            _ => "",
        };
        self.note(format!("expected `{}`{example}, found {}", shown(ty), describe(value)));
        Value::Null
    }

    fn note(&mut self, message: String) {
        if self.found.len() < MAX_MISMATCHES {
            let path = path_text(&self.path);
            self.found.push(Mismatch { path, message });
        }
    }

    fn within<T>(&mut self, part: Part, check: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part);
        let outcome = check(self);
        self.path.pop();
        outcome
    }
}

fn path_text(parts: &[Part]) -> String {
    let mut path = String::new();
    for part in parts {
        match part {
            Part::Item(at) => path.push_str(&format!("[{at}]")),
            Part::Field(name) if is_plain(name) && name.len() <= MAX_SHOWN => {
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(name);
            }
            Part::Field(name) => path.push_str(&format!("[{:?}]", cut(name))),
        }
    }
    path
}

/// A type in a message: what describes a large object does not help to find what is wrong with it.
fn shown(ty: &Type) -> String {
    cut(&ty.to_string())
}

/// Text of a value or a type, short enough for a message.
fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(MAX_SHOWN).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-'))
}

/// What the type makes of a value of another kind.
fn coerced(ty: &Type, value: &Value) -> Option<Value> {
    match (ty, value) {
        (Type::Number, Value::Int(int)) => Some(Value::Num(ops::to_double(*int))),
        (Type::Int, Value::Num(num)) if num.fract() == 0.0 => ops::to_int(*num).ok().map(Value::Int),
        (Type::Duration, Value::Str(text)) => parse_duration(text).map(Value::Duration),
        (Type::Timestamp, Value::Str(text)) => parse_timestamp(text).map(Value::Timestamp),
        _ => None,
    }
}

/// The member that a list or an object is for, where there is one alone.
fn only_for<'t>(members: &'t [Type], value: &Value) -> Option<&'t Type> {
    if !matches!(value, Value::List(_) | Value::Map(_)) {
        return None;
    }
    let mut able = members.iter().filter(|ty| same_kind(ty, value) || matches!(ty, Type::Any | Type::Union(_)));
    able.next().filter(|_| able.next().is_none())
}

fn same_kind(ty: &Type, value: &Value) -> bool {
    matches!(
        (ty, value),
        (Type::List(_), Value::List(_))
            | (Type::Map(_) | Type::Object(_), Value::Map(_))
            | (Type::Duration | Type::Timestamp, Value::Str(_))
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(name: &str, ty: Type, required: bool) -> FieldType {
        FieldType { name: name.into(), ty, required, doc: None }
    }

    fn object(fields: Vec<FieldType>) -> Type {
        Type::Object(ObjectType { fields, open: false })
    }

    fn order() -> Type {
        let item = object(vec![field("sku", Type::String, true), field("qty", Type::Int, true)]);
        object(vec![
            field("id", Type::String, true),
            field("amount", Type::Number, true),
            field("items", Type::List(Box::new(item)), false),
            field("email", Type::String.nullable(), true),
        ])
    }

    fn admit(ty: &Type, json: serde_json::Value) -> Result<Value, Vec<String>> {
        ty.admit(Value::from_json(json)).map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_misfit_is_listed_with_its_path() {
        let given =
            json!({"id": 7, "items": [{"sku": "a", "qty": 1}, {"sku": "b"}, {"sku": "c", "qty": "x"}], "emial": ""});
        assert_eq!(
            admit(&order(), given).unwrap_err(),
            [
                "`id`: expected `string`, found the int 7",
                "`amount`: missing: expected `number`",
                "`items[1].qty`: missing: expected `int`",
                "`items[2].qty`: expected `int`, found text \"x\"",
                "`emial`: unknown field: did you mean `email`?",
            ]
        );
    }

    #[test]
    fn an_int_is_a_number_and_an_absent_nullable_field_is_null() {
        let admitted = admit(&order(), json!({"id": "o1", "amount": 10})).unwrap();
        assert!(matches!(admitted.get("amount"), Some(Value::Num(num)) if *num == 10.0));
        assert!(matches!(admitted.get("email"), Some(Value::Null)));
        assert!(admitted.get("items").is_none());
    }

    #[test]
    fn null_for_a_field_that_may_be_absent_is_left_out() {
        let admitted = admit(&order(), json!({"id": "o1", "amount": 1, "items": null})).unwrap();
        assert!(admitted.get("items").is_none());
    }

    #[test]
    fn a_whole_number_is_an_int_and_others_are_not() {
        assert!(matches!(admit(&Type::Int, json!(3.0)), Ok(Value::Int(3))));
        assert_eq!(admit(&Type::Int, json!(3.5)).unwrap_err(), ["expected `int`, found the number 3.5"]);
        assert_eq!(admit(&Type::Int, json!(1e30)).unwrap_err(), ["expected `int`, found the number 1e30"]);
    }

    #[test]
    fn text_becomes_times_where_times_are_declared() {
        assert!(matches!(admit(&Type::Duration, json!("1m")), Ok(Value::Duration(60_000_000))));
        assert!(matches!(admit(&Type::Timestamp, json!("1970-01-01T01:00:00+01:00")), Ok(Value::Timestamp(0))));
        assert!(matches!(admit(&Type::String, json!("1m")), Ok(Value::Str(_))));
        assert_eq!(
            admit(&Type::Duration, json!("soon")).unwrap_err(),
            ["expected `duration` such as `1h30m`, found text \"soon\""]
        );
        assert_eq!(admit(&Type::Duration, json!(5)).unwrap_err(), ["expected `duration`, found the int 5"]);
    }

    #[test]
    fn a_union_prefers_the_member_that_changes_nothing() {
        let ty = Type::Union(vec![Type::Duration, Type::Number, Type::String, Type::Int]);
        assert!(matches!(admit(&ty, json!("1m")), Ok(Value::Str(_))));
        assert!(matches!(admit(&ty, json!(1)), Ok(Value::Int(1))));
        let ty = Type::Union(vec![Type::Null, Type::Duration]);
        assert!(matches!(admit(&ty, json!("1m")), Ok(Value::Duration(_))));
    }

    #[test]
    fn a_union_says_what_is_wrong_with_the_member_that_was_meant() {
        let state = Type::Union(vec![Type::Literal("ok".into()), Type::Literal("review".into())]);
        assert_eq!(admit(&state, json!("okay")).unwrap_err(), ["expected `\"ok\" | \"review\"`, found text \"okay\""]);
        let nullable = object(vec![field("a", Type::Int, true)]).nullable();
        assert_eq!(admit(&nullable, json!({"a": "x"})).unwrap_err(), ["`a`: expected `int`, found text \"x\""]);
        assert_eq!(admit(&nullable, json!(4)).unwrap_err(), ["expected `{ a: int }?`, found the int 4"]);
    }

    #[test]
    fn a_union_in_a_union_in_a_union_is_checked_once() {
        let (mut ty, mut given) = (Type::Int, json!("x"));
        for _ in 0..60 {
            (ty, given) = (Type::Union(vec![Type::Int, Type::List(Box::new(ty))]), json!([given]));
        }
        let path = "[0]".repeat(60);
        assert_eq!(admit(&ty, given).unwrap_err(), [format!("`{path}`: expected `int`, found text \"x\"")]);
    }

    #[test]
    fn an_open_object_keeps_what_it_does_not_know() {
        let ty = Type::Object(ObjectType { fields: vec![field("a", Type::Int, true)], open: true });
        let admitted = admit(&ty, json!({"a": 1, "b": 2})).unwrap();
        assert_eq!(admitted.get("b"), Some(&Value::Int(2)));
        let map = Type::Map(Box::new(Type::Int));
        assert_eq!(admit(&map, json!({"x y": true})).unwrap_err(), ["`[\"x y\"]`: expected `int`, found true"]);
    }

    #[test]
    fn the_list_of_misfits_ends() {
        let many = Value::list(vec![Value::Null; 10_000]);
        assert_eq!(Type::List(Box::new(Type::Int)).admit(many).unwrap_err().len(), MAX_MISMATCHES);
    }
}
