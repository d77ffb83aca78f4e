//! Reaching into values by path: `a.b[0]`.

use std::sync::Arc;

use crate::expr::{Map, Value};
use crate::plan::{PathPart, ValuePath};

/// What is at the path.
pub(super) fn get<'a>(value: &'a Value, path: &ValuePath) -> Option<&'a Value> {
    path.0.iter().try_fold(value, |value, part| match (part, value) {
        (PathPart::Key(key), Value::Map(map)) => map.get(key),
        (PathPart::Index(index), Value::List(list)) => list.get(usize::try_from(*index).ok()?),
        _ => None,
    })
}

/// Puts a value at the path, making the objects on the way; what is no object there is replaced. An index reaches into a
/// list that is there, and may add one item at its end.
///
/// # Errors
/// An index past the end of a list, or into what is no list.
pub(super) fn set(root: &mut Value, path: &ValuePath, value: Value) -> Result<(), String> {
    let mut at = root;
    for part in &path.0 {
        at = match part {
            PathPart::Key(key) => field(at, key),
            PathPart::Index(index) => item(at, *index)?,
        };
    }
    *at = value;
    Ok(())
}

fn field<'a>(value: &'a mut Value, key: &Arc<str>) -> &'a mut Value {
    if !matches!(value, Value::Map(_)) {
        *value = Value::map(Map::new());
    }
    match value {
        Value::Map(map) => Arc::make_mut(map).entry(key.clone()).or_default(),
        other => other,
    }
}

fn item(value: &mut Value, index: u64) -> Result<&mut Value, String> {
    let Value::List(list) = value else { return Err(format!("there is no list for `[{index}]` to reach into")) };
    let length = list.len();
    let at = usize::try_from(index).unwrap_or(usize::MAX);
    if at > length {
        return Err(format!("`[{index}]` is past the end of a list of {length}"));
    }
    let list = Arc::make_mut(list);
    if at == length {
        list.push(Value::Null);
    }
    Ok(&mut list[at])
}

/// Takes away what is at the path, and gives it.
pub(super) fn remove(root: &mut Value, path: &ValuePath) -> Option<Value> {
    let (last, way) = path.0.split_last()?;
    get(root, path)?;
    let mut at = root;
    for part in way {
        at = match (part, at) {
            (PathPart::Key(key), Value::Map(map)) => Arc::make_mut(map).get_mut(key)?,
            (PathPart::Index(index), Value::List(list)) => {
                Arc::make_mut(list).get_mut(usize::try_from(*index).ok()?)?
            }
            _ => return None,
        };
    }
    match (last, at) {
        (PathPart::Key(key), Value::Map(map)) => Arc::make_mut(map).shift_remove(key),
        (PathPart::Index(index), Value::List(list)) => Some(Arc::make_mut(list).remove(usize::try_from(*index).ok()?)),
        _ => None,
    }
}

/// The path as written.
pub(super) fn text(path: &ValuePath) -> String {
    let mut text = String::new();
    for part in &path.0 {
        match part {
            PathPart::Key(key) if text.is_empty() => text.push_str(key),
            PathPart::Key(key) => text.push_str(&format!(".{key}")),
            PathPart::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
