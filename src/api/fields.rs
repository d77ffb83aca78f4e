//! Reads a JSON object field by field and keeps everything that is wrong with it: each field by its name, with what is
//! expected and what was found.

use serde_json::{Map, Value};

use crate::expr::{Timestamp, nearest, path_under};
use crate::service::FieldError;

/// How many mistakes are told; a body of nothing but wrong fields is not worth more.
const MAX_ERRORS: usize = 100;

/// A body that is read field by field.
pub trait FromFields: Sized {
    /// Reads what is there; what is wrong is kept in `fields`, and then the result is not used.
    fn read(fields: &mut Fields) -> Self;
}

/// The fields of an object that is being read.
#[derive(Debug, Default)]
pub struct Fields {
    map: Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// Every field that is wrong, missing or unknown.
    pub fn parse<T: FromFields>(body: Value) -> Result<T, Vec<FieldError>> {
        let map = match body {
            Value::Object(map) => map,
            other => return Err(vec![FieldError::new("", expected("an object", &other))]),
        };
        let mut fields = Self { map, ..Self::default() };
        let read = T::read(&mut fields);
        fields.refuse_unknown();
        if fields.errors.is_empty() { Ok(read) } else { Err(fields.errors) }
    }

    /// Says that something is wrong.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.keep(FieldError::new(name, message));
    }

    fn keep(&mut self, error: FieldError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// The value as it is, null included; none where it is absent.
    pub fn raw(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.map.remove(name)
    }

    /// The value; none where it is absent or null.
    pub fn value(&mut self, name: &'static str) -> Option<Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// Text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            other => self.misfit(name, "text", &other),
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::Array(items) if items.iter().all(Value::is_string) => {
                Some(items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
            }
            other => self.misfit(name, "a list of texts", &other),
        }
    }

    /// A list of objects, each read field by field.
    pub fn objects<T: FromFields>(&mut self, name: &'static str) -> Option<Vec<T>> {
        let items = match self.value(name)? {
            Value::Array(items) => items,
            other => return self.misfit(name, "a list of objects", &other),
        };
        let mut read = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            match Self::parse(item) {
                Ok(item) => read.push(item),
                Err(errors) => errors.into_iter().for_each(|error| {
                    let path = path_under(&format!("{name}[{at}]"), &error.path);
                    self.keep(FieldError::new(path, error.message));
                }),
            }
        }
        Some(read)
    }

    /// True or false.
    pub fn bool(&mut self, name: &'static str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(bool) => Some(bool),
            other => self.misfit(name, "true or false", &other),
        }
    }

    /// A list that must be there.
    pub fn required_list(&mut self, name: &'static str) -> Vec<Value> {
        match self.raw(name) {
            Some(Value::Array(items)) => items,
            Some(other) => self.misfit(name, "a list", &other).unwrap_or_default(),
            None => {
                self.wrong(name, "missing: expected a list");
                Vec::new()
            }
        }
    }

    /// Text that must be there.
    pub fn required_text(&mut self, name: &'static str) -> String {
        let there = self.map.contains_key(name);
        match self.text(name) {
            Some(text) => text,
            None => {
                if !there || self.errors.last().is_none_or(|error| error.path != name) {
                    self.wrong(name, "missing: expected text");
                }
                String::new()
            }
        }
    }

    /// Text that null takes away: none where it is absent.
    pub fn clearable_text(&mut self, name: &'static str) -> Option<Option<String>> {
        match self.raw(name)? {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text)),
            other => self.misfit(name, "text or null", &other),
        }
    }

    /// A whole number.
    pub fn int<T: TryFrom<i64>>(&mut self, name: &'static str) -> Option<T> {
        let value = self.value(name)?;
        self.int_of(name, &value)
    }

    /// A whole number that null takes away: none where it is absent.
    pub fn clearable_int<T: TryFrom<i64>>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.raw(name)? {
            Value::Null => Some(None),
            value => self.int_of(name, &value).map(Some),
        }
    }

    fn int_of<T: TryFrom<i64>>(&mut self, name: &'static str, value: &Value) -> Option<T> {
        let Some(int) = value.as_i64() else { return self.misfit(name, "a whole number", value) };
        let fits = T::try_from(int).ok();
        if fits.is_none() {
            self.wrong(name, format!("{int} is out of range"));
        }
        fits
    }

    /// A moment in RFC 3339.
    pub fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        const EXPECTED: &str = "a moment in RFC 3339, such as `2026-01-31T09:00:00Z`";
        let value = self.value(name)?;
        let parsed = value.as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
        match parsed {
            Some(at) => Some(Timestamp::from_chrono(at.to_utc())),
            None => self.misfit(name, EXPECTED, &value),
        }
    }

    fn misfit<T>(&mut self, name: &str, wanted: &str, found: &Value) -> Option<T> {
        self.wrong(name, expected(wanted, found));
        None
    }

    fn refuse_unknown(&mut self) {
        let unknown: Vec<String> = self.map.keys().take(MAX_ERRORS).cloned().collect();
        for name in unknown {
            let way_out = match nearest(&name, self.known.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("there are `{}`", self.known.join("`, `")),
            };
            self.wrong(&name, format!("unknown field; {way_out}"));
        }
    }
}

fn expected(wanted: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.len() <= 40 => format!("the text {text:?}"),
        Value::String(text) => format!("a text of {} bytes", text.len()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    };
    format!("expected {wanted}, found {found}")
}
