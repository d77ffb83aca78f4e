//! Functions of objects.

use std::sync::Arc;

use super::{Call, Function, global, method};
use crate::expr::eval::price;
use crate::expr::fault::Fault;
use crate::expr::{Map, Value, ops};

pub(super) const TABLE: &[Function] = &[
    method("keys", (0, 0), "map<any>.keys() -> list<string>")
        .does("The keys of an object, in its order.", |call| list_of(call, |key, _| Value::Str(key.clone())))
        .cost("O(n)", "the entries"),
    method("values", (0, 0), "map<T>.values() -> list<T>")
        .does("The values of an object, in its order.", |call| list_of(call, |_, value| value.clone()))
        .cost("O(n)", "the entries"),
    method("entries", (0, 0), "map<T>.entries() -> list<{ key: string, value: T }>")
        .does("The entries of an object as a list of `{ key, value }`.", entries)
        .cost("O(n)", "12 an entry"),
    global("from_entries", (1, 1), "from_entries(entries: list<{ key: string, value: T }>) -> map<T>")
        .does("An object of a list of `{ key, value }`; of two with one key the later counts.", from_entries)
        .cost("O(n)", "3 an entry, and bytes of the keys / 64"),
    method("merge", (1, 1), "map<T>.merge(other: map<T>) -> map<T>")
        .does("The entries of both objects; where both have a key, the other's. Inner objects are not merged.", merge)
        .cost("O(n)", "2 an entry, 3 of the other's, and bytes of the other's keys / 64"),
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

fn entries(call: &mut Call) -> Result<Value, Fault> {
    let map = object(call, 0)?;
    call.budget.charge(map.len().saturating_mul(11))?;
    let names: [Arc<str>; 2] = ["key".into(), "value".into()];
    list_of(call, |key, value| {
        let [key_name, value_name] = names.clone();
        Value::object([(key_name, Value::Str(key.clone())), (value_name, value.clone())])
    })
}

fn from_entries(call: &mut Call) -> Result<Value, Fault> {
    let entries = call.list(0)?;
    let mut map = Map::with_capacity(entries.len());
    for entry in entries {
        let Some(Value::Str(key)) = entry.get("key") else {
            let found = crate::expr::describe(entry);
            return Err(Fault::wrong(format!(
                "`from_entries` takes objects with a `key` of text and a `value`, and an item is {found}"
            )));
        };
        call.budget.charge(price::entry(key))?;
        map.insert(key.clone(), entry.get("value").cloned().unwrap_or_default());
    }
    Ok(Value::map(map))
}

fn merge(call: &mut Call) -> Result<Value, Fault> {
    ops::merge(object(call, 0)?, object(call, 1)?, call.budget)
}
