//! Values: what expressions give, and what steps take and return. JSON in, JSON out.
//!
//! A clone is cheap: text, lists and maps are shared.

use std::sync::Arc;

use indexmap::IndexMap;

/// A map that keeps the order in which its keys were written. Two maps with the same entries in another order are equal.
pub type Map = IndexMap<Arc<str>, Value>;

/// How many entries of an object are looked through one by one.
const FEW: usize = 8;

/// A value.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Null, and what is absent.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction, or too large for `Int`.
    Num(f64),
    /// Text.
    Str(Arc<str>),
    /// A length of time, in microseconds; in JSON the text `"1h30m"`.
    Duration(i64),
    /// A moment, in microseconds since 1970 in UTC; in JSON RFC 3339.
    Timestamp(i64),
    /// A list.
    List(Arc<Vec<Value>>),
    /// An object.
    Map(Arc<Map>),
}

impl Value {
    /// Text.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items))
    }

    /// An object.
    pub fn map(map: Map) -> Self {
        Self::Map(Arc::new(map))
    }

    /// An object of these entries.
    pub fn object<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The entry called `key`, where this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            // To look at a few keys costs less than to hash one.
            Self::Map(map) if map.len() <= FEW => {
                map.iter().find(|(found, _)| &***found == key).map(|(_, value)| value)
            }
            Self::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// The text, where this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// From JSON. A whole number that fits 64 bits is an `Int`, any other number a `Num`; text stays text.
    pub fn from_json(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(bool),
            Json::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Num(number.as_f64().unwrap_or(f64::MAX)),
            },
            Json::String(text) => Self::Str(text.into()),
            Json::Array(items) => Self::list(items.into_iter().map(Self::from_json).collect()),
            Json::Object(map) => Self::object(map.into_iter().map(|(key, value)| (key, Self::from_json(value)))),
        }
    }
}
