//! What is in force and from where: what `stepwell config` prints.

use serde_json::{Value as Json, json};

use super::environment::variable;
use super::keys::KEYS;
use super::{Loaded, Origin};

/// A row of what is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The key.
    pub key: String,
    /// The value, a password masked; null is not set.
    pub value: Json,
    /// Where it came from.
    pub origin: Origin,
    /// What it is for; of a workflow's setting, nothing.
    pub about: &'static str,
    /// The variable that sets it; of a workflow's setting, none.
    pub variable: Option<String>,
}

impl Row {
    /// As an object.
    pub fn json(&self) -> Json {
        let mut row = json!({ "key": self.key, "value": self.value, "from": self.origin.to_string() });
        if let (Some(variable), Some(row)) = (&self.variable, row.as_object_mut()) {
            row.insert("variable".to_owned(), variable.clone().into());
            row.insert("about".to_owned(), self.about.into());
        }
        row
    }
}

impl Loaded {
    /// Every key, and every setting of a workflow that is replaced.
    pub fn rows(&self) -> Vec<Row> {
        let keys = KEYS.iter().map(|key| Row {
            key: key.name.to_owned(),
            value: (key.get)(&self.config).json(&key.kind),
            origin: self.origin(key.name),
            about: key.about,
            variable: Some(variable(key.name)),
        });
        let settings = self.config.settings.workflows.iter().flat_map(|(workflow, keys)| {
            keys.iter().map(move |(key, value)| {
                let key = format!("settings.{workflow}.{key}");
                let origin = self.origin(&key);
                Row { key, value: shown(value), origin, about: "", variable: None }
            })
        });
        keys.chain(settings).collect()
    }
}

/// A workflow's setting may be a URL with a password.
fn shown(value: &Json) -> Json {
    match value {
        Json::String(text) => super::masked_url(text).into(),
        Json::Array(items) => items.iter().map(shown).collect(),
        Json::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), shown(value))).collect(),
        other => other.clone(),
    }
}
