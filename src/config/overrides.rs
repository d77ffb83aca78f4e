//! What replaces the settings of workflows: `[settings.<workflow>] key = value`.
//!
//! And `demo_url`, the setting by which the examples name the stub endpoints: where `--demo` is given it is the address that
//! they are really served on, for every workflow that has it and for which nothing else was said.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::keys::Key;
use super::{ConfigError, Loaded, Origin};

/// The setting by which the examples name the stub endpoints.
const DEMO_URL: &str = "demo_url";

/// Settings of workflows that this installation replaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// By workflow and key.
    pub workflows: BTreeMap<String, Map<String, Json>>,
    /// Where the stub endpoints are served, if they are: the `demo_url` of workflows for which no other was given.
    pub demo_url: Option<String>,
}

impl Overrides {
    /// As one JSON object: an object for each workflow, and by its own name what goes for all of them.
    pub fn to_json(&self) -> Map<String, Json> {
        let demo = self.demo_url.iter().map(|url| (DEMO_URL.to_owned(), Json::String(url.clone())));
        let workflows = self.workflows.iter().map(|(workflow, keys)| (workflow.clone(), Json::Object(keys.clone())));
        demo.chain(workflows).collect()
    }
}

/// Replaces a setting.
pub(super) fn set(loaded: &mut Loaded, workflow: &str, key: &str, value: Json, origin: &Origin) {
    loaded.config.settings.workflows.entry(workflow.to_owned()).or_default().insert(key.to_owned(), value);
    loaded.origins.insert(format!("settings.{workflow}.{key}"), origin.clone());
}

/// `--setting WORKFLOW.KEY=VALUE`.
pub(super) fn read_flag(text: &str, origin: &Origin, loaded: &mut Loaded, errors: &mut Vec<ConfigError>) {
    // A workflow's name may have dots; a setting's has none.
    let parts = text.split_once('=').and_then(|(path, value)| Some((path.rsplit_once('.')?, value)));
    match parts {
        Some(((workflow, key), value)) if !workflow.is_empty() && !key.is_empty() => {
            set(loaded, workflow, key, loose(value), origin);
        }
        _ => errors.push(
            ConfigError::new(origin.clone(), format!("`{text}` is not `WORKFLOW.KEY=VALUE`"))
                .help(Some("write it as in `order-processing.pay_url=https://pay.example`".to_owned())),
        ),
    }
}

/// `STEPWELL_SETTINGS__<workflow>__<key>`, the names as they are.
pub(super) fn read_variable(
    path: &str,
    value: &str,
    origin: &Origin,
    loaded: &mut Loaded,
    errors: &mut Vec<ConfigError>,
) {
    match path.split_once("__") {
        Some((workflow, key)) if !workflow.is_empty() && !key.is_empty() => {
            set(loaded, workflow, key, loose(value), origin);
        }
        _ => errors.push(
            ConfigError::new(origin.clone(), "it names no workflow and setting")
                .help(Some("the form is `STEPWELL_SETTINGS__<workflow>__<key>`".to_owned())),
        ),
    }
}

/// `STEPWELL_SETTINGS`: a JSON object of objects, for shells that don't take a `-` in a variable's name.
pub(super) fn read_json(text: &str, origin: &Origin, loaded: &mut Loaded, errors: &mut Vec<ConfigError>) {
    match serde_json::from_str::<BTreeMap<String, Map<String, Json>>>(text) {
        Ok(workflows) => {
            for (workflow, keys) in workflows {
                keys.into_iter().for_each(|(key, value)| set(loaded, &workflow, &key, value, origin));
            }
        }
        Err(_) => errors.push(not_tables(origin.clone())),
    }
}

/// The value of a variable or a flag: JSON where it is a number, a boolean, a list or an object, else text.
fn loose(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// What is said where `settings` is not of its shape.
pub(super) fn not_tables(origin: Origin) -> ConfigError {
    ConfigError::new(origin, "`settings` holds a table of keys for each workflow")
        .help(Some("write it as in `[settings.order-processing]` and below it `pay_url = \"…\"`".to_owned()))
}

/// The keys of a section, in words.
pub(super) fn listed(keys: &[Key], section: &str) -> String {
    let inside = keys.iter().filter_map(|key| key.name.strip_prefix(section)?.strip_prefix('.'));
    inside.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
