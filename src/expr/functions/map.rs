//! Functions of objects.

use std::sync::Arc;

use super::{Call, Function, global, method};
use crate::expr::fault::Fault;
use crate::expr::{Map, Value, ops};

pub(super) const TABLE: &[Function] = &[
    method("keys", (0, 0), "object.keys() -> list<string>")
        .does("The keys of an object, in its order.", |call| list_of(call, |key, _| Value::Str(key.clone())))
        .cost("the entries"),
    method("values", (0, 0), "object.values() -> list")
        .does("The values of an object, in its order.", |call| list_of(call, |_, value| value.clone()))
        .cost("the entries"),
    method("entries", (0, 0), "object.entries() -> list<{ key: string, value: any }>")
        .does("The entries of an object as a list of `{ key, value }`.", |call| list_of(call, entry))
        .cost("the entries"),
    global("from_entries", (1, 1), "from_entries(entries: list<{ key: string, value: any }>) -> map")
        .does("An object of a list of `{ key, value }`; of two with one key the later counts.", from_entries)
        .cost("the entries"),
    method("merge", (1, 1), "object.merge(other: map) -> map")
        .does("The entries of both objects; where both have a key, the other's. Inner objects are not merged.", merge)
        .cost("the entries of both"),
];

fn object<'a>(call: &Call<'a>, at: usize) -> Result<&'a Arc<Map>, Fault> {
    match call.arg(at) {
        Value::Map(map) => Ok(map),
        _ => Err(call.wrong(at, "an object")),
    }
}

fn list_of(call: &mut Call, item: impl Fn(&Arc<str>, &Value) -> Value) -> Result<Value, Fault> {
    let map = object(call, 0)?;
    call.budget.charge(map.len())?;
    Ok(Value::list(map.iter().map(|(key, value)| item(key, value)).collect()))
}

fn entry(key: &Arc<str>, value: &Value) -> Value {
    Value::object([("key", Value::Str(key.clone())), ("value", value.clone())])
}

fn from_entries(call: &mut Call) -> Result<Value, Fault> {
    let entries = call.list(0)?;
    call.budget.charge(entries.len())?;
    let mut map = Map::with_capacity(entries.len());
    for entry in entries {
        let Some(Value::Str(key)) = entry.get("key") else {
            let found = crate::expr::describe(entry);
            return Err(Fault::wrong(format!(
                "`from_entries` takes objects with a `key` of text and a `value`, and an item is {found}"
            )));
        };
        map.insert(key.clone(), entry.get("value").cloned().unwrap_or_default());
    }
    Ok(Value::map(map))
}

fn merge(call: &mut Call) -> Result<Value, Fault> {
    ops::merge(object(call, 0)?, object(call, 1)?, call.budget)
}
