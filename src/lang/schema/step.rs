//! A `[[step]]`: its keys, and `with` by the task type.

use serde_json::{Value as Json, json};

use crate::plan::{TaskType, TaskTypes};

use super::value::{NAME, object_schema};
use super::{defined, described};

/// The schema of a step.
pub(super) fn step(task_types: &TaskTypes) -> Json {
    json!({
        "type": "object",
        "properties": properties(task_types),
        "required": ["name", "task"],
        "additionalProperties": false,
        "allOf": task_types.iter().map(with_of).collect::<Vec<_>>(),
    })
}

fn properties(task_types: &TaskTypes) -> Json {
    let name = json!({ "type": "string", "pattern": format!("^{NAME}$") });
    json!({
        "name": {
            "description": "The step's name, unique in the workflow; expressions write a `-` in it as `_`",
            "type": "string",
            "pattern": format!("^{NAME}$"),
        },
        "task": task(task_types),
        "with": { "description": "The configuration of the task; any text may hold `${expressions}`", "type": "object" },
        "timeout": described("duration", "How long an attempt may take; 5 minutes where nothing is said"),
        "retry": described("retry", "How often an attempt is repeated"),
        "after": {
            "description": "The steps that must have settled before this one starts",
            "anyOf": [name, { "type": "array", "items": name }],
        },
        "when": {
            "description": "Skips the step where it is false: `${input.amount > 0}`",
            "anyOf": [{ "type": "boolean" }, defined("expression")],
        },
        "for_each": {
            "description": "Runs the step once for each item of a list, which is called `item`: `${input.items}`",
            "anyOf": [{ "type": "array" }, defined("expression")],
        },
        "parallel": {
            "description": "How many items of `for_each` run at once; one after the other where nothing is said",
            "anyOf": [{ "type": "integer", "minimum": 1 }, defined("expression")],
        },
        "queue": {
            "description": "The queue whose workers run it",
            "type": "string",
            "pattern": "^[A-Za-z0-9_.-]{1,64}$",
        },
        "output": described("output", "The type that its output must have; of `http_request`, its `body`"),
    })
}

/// The built-in task types by name, and whatever else a worker may have.
fn task(task_types: &TaskTypes) -> Json {
    let known = task_types.iter().map(|known| json!({ "const": &*known.name, "description": &*known.description }));
    let mut any: Vec<Json> = known.collect();
    any.push(json!({
        "description": "A task type that a handler of your own has",
        "type": "string",
        "pattern": format!(r"^{NAME}(\.{NAME})*$"),
    }));
    json!({ "description": "What the step does: its task type", "anyOf": any })
}

/// `with`, where the step is of this type.
fn with_of(task_type: &TaskType) -> Json {
    let mut with = object_schema(&task_type.config);
    with["description"] = json!(format!("The configuration of `{}`. {}", task_type.name, task_type.description));
    let mut then = json!({ "properties": { "with": with } });
    if with["required"].is_array() {
        then["required"] = json!(["with"]);
    }
    json!({
        "if": { "properties": { "task": { "const": &*task_type.name } }, "required": ["task"] },
        "then": then,
    })
}
