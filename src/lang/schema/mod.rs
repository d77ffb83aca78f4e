//! The JSON Schema (draft 2020-12) of the flat notation, for editors: completion, descriptions, and mistakes as one types.
//!
//! Invariants: it admits every file that compiles, as files are written; what only the compiler can see (names, expressions) is
//! the compiler's to tell. Its keys are those of the reader, and a test compares them.

mod step;
mod value;
mod workflow;

use serde_json::{Value as Json, json};

use crate::plan::TaskTypes;

/// The schema of a file in the flat notation, whose steps may be of these task types, or of others that a worker has.
pub fn toml_schema(task_types: &TaskTypes) -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stepwell workflow",
        "description": "A workflow in the flat notation of Stepwell",
        "type": "object",
        "properties": workflow::properties(),
        "required": ["name"],
        "additionalProperties": false,
        "$defs": {
            "duration": {
                "description": "A length of time: whole numbers with their units, the largest first (`d h m s ms us`)",
                "type": "string",
                "pattern": duration_pattern("^", "$"),
                "minLength": 2,
                "examples": ["10s", "5m", "1h30m", "250ms", "2d"],
            },
            "expression": {
                "description": "Text with an expression in it: `${…}` alone keeps its type, within text it is interpolated",
                "type": "string",
                "pattern": r"\$\{",
            },
            "type": value::type_name(),
            "output": value::output(),
            "field": workflow::field(),
            "retry": workflow::retry(),
            "trigger": workflow::trigger(),
            "step": step::step(task_types),
        },
    })
}

/// A schema by its name.
fn defined(name: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A schema by its name, with what it is for where it stands.
fn described(name: &str, description: &str) -> Json {
    json!({ "description": description, "$ref": format!("#/$defs/{name}") })
}

/// The pattern of a length of time between two others.
fn duration_pattern(before: &str, after: &str) -> String {
    format!(r"{before}(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?(\d+us)?{after}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lang::builtin_task_types;
    use crate::lang::toml::{RETRY_KEYS, STEP_KEYS, TRIGGER_KEYS, UNDO_KEYS, WORKFLOW_KEYS};

    fn keys<'a>(schema: &'a Json, place: &str) -> BTreeSet<&'a str> {
        let properties = schema.pointer(place).and_then(|found| found["properties"].as_object());
        properties.unwrap_or_else(|| panic!("nothing at {place}")).keys().map(String::as_str).collect()
    }

    #[test]
    fn its_keys_are_those_of_the_reader() {
        let schema = toml_schema(&builtin_task_types());
        assert_eq!(keys(&schema, ""), WORKFLOW_KEYS.iter().copied().collect());
        assert_eq!(keys(&schema, "/$defs/step"), STEP_KEYS.iter().copied().collect());
        assert_eq!(keys(&schema, "/$defs/retry/anyOf/1"), RETRY_KEYS.iter().copied().collect());
        assert_eq!(keys(&schema, "/$defs/step/properties/undo"), UNDO_KEYS.iter().copied().collect());
        for (at, (kind, others)) in TRIGGER_KEYS.iter().enumerate() {
            let known = others.iter().copied().chain([*kind]).collect();
            assert_eq!(keys(&schema, &format!("/$defs/trigger/anyOf/{at}")), known);
        }
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        let schema = toml_schema(&builtin_task_types());
        let described = |properties: &Json| {
            properties.as_object().into_iter().flatten().all(|(_, schema)| schema["description"].is_string())
        };
        for place in [
            "/properties",
            "/properties/concurrency/properties",
            "/$defs/step/properties",
            "/$defs/step/properties/undo/properties",
            "/$defs/step/properties/cache/properties",
            "/$defs/step/properties/rate/properties",
            "/$defs/retry/anyOf/1/properties",
            "/$defs/trigger/anyOf/0/properties",
            "/$defs/trigger/anyOf/1/properties",
            "/$defs/trigger/anyOf/2/properties",
        ] {
            assert!(schema.pointer(place).is_some_and(described), "{place}");
        }
        for task in schema["$defs"]["step"]["allOf"].as_array().into_iter().flatten() {
            assert!(described(&task["then"]["properties"]["with"]["properties"]), "{task}");
        }
    }
}
