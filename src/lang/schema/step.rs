//! A `[[step]]`: its keys, and `with` by the task type.

use serde_json::{Value as Json, json};

use crate::plan::{TaskType, TaskTypes};

use super::value::{NAME, object_schema};
use super::{defined, described, duration_pattern};

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
        "keep_going": flag("An item that fails is `{ error }` in the list, and ends nothing"),
        "max_failures": {
            "description": "How many items may fail where the loop keeps going; one more fails it",
            "anyOf": [{ "type": "integer", "minimum": 0 }, defined("expression")],
        },
        "queue": queue(),
        "output": described("output", "The type that its output must have; of `http_request`, its `body`"),
        "undo": undo(task_types),
        "irreversible": flag("Nothing undoes it, and so it is attempted at most once"),
        "idempotent": flag("Repeating it does no harm"),
        "at_most_once": flag("An attempt that is lost is not repeated"),
        "priority": {
            "description": "The higher starts first; 5 where nothing is said",
            "type": "integer", "minimum": 0, "maximum": 9,
        },
        "heartbeat": described("duration", "How long its handler may be silent before the attempt counts as lost"),
        "cache": cache(),
        "rate": rate(),
    })
}

fn queue() -> Json {
    json!({ "description": "The queue whose workers run it", "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" })
}

fn flag(description: &str) -> Json {
    json!({ "description": description, "type": "boolean" })
}

/// `undo = { … }`.
fn undo(task_types: &TaskTypes) -> Json {
    json!({
        "description": "What undoes it, once it has completed, where the execution fails or is cancelled",
        "type": "object",
        "properties": {
            "task": task(task_types),
            "with": { "description": "The configuration of the task; it may read the step's output", "type": "object" },
            "timeout": described("duration", "How long an attempt may take; 5 minutes where nothing is said"),
            "retry": described("retry", "How often an attempt is repeated; as the workflow says where nothing is said"),
            "queue": queue(),
            "idempotent": flag("Repeating it does no harm"),
        },
        "required": ["task"],
        "additionalProperties": false,
        "allOf": task_types.iter().map(with_of).collect::<Vec<_>>(),
    })
}

fn cache() -> Json {
    json!({
        "description": "Keeps its output for others with the same key",
        "type": "object",
        "properties": {
            "key": { "description": "What names the output, within the task type: `${input.id}`" },
            "for": described("duration", "How long it is kept"),
        },
        "required": ["key", "for"],
        "additionalProperties": false,
    })
}

fn rate() -> Json {
    json!({
        "description": "How often it may start, together with all steps that name the same limit",
        "type": "object",
        "properties": {
            "name": { "description": "The name of the limit", "type": "string" },
            "limit": {
                "description": "This many in this long: `10/1m`",
                "type": "string",
                "pattern": format!(r"^\s*\d+\s*/\s*{}\s*$", duration_pattern("", "")),
            },
        },
        "required": ["name", "limit"],
        "additionalProperties": false,
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
