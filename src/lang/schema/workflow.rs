//! The keys at the top of a file.

use serde_json::{Value as Json, json};

use super::value::NAME;
use super::{defined, described, duration_pattern};

/// The keys of a workflow.
pub(super) fn properties() -> Json {
    let labels = |description: &str| json!({ "description": description, "type": "object" });
    json!({
        "name": {
            "description": "The workflow's name: identifiers joined by dots, such as `billing.invoice`",
            "type": "string",
            "pattern": format!(r"^{NAME}(\.{NAME})*$"),
        },
        "description": { "description": "What the workflow is for", "type": "string" },
        "labels": labels("Whatever is to be said of the workflow for its keepers: `{ owner = \"order-team\" }`"),
        "metadata": labels("The same as `labels`"),
        "timeout": described("duration", "The longest time that an execution may take"),
        "retry": described("retry", "How often the attempts of its steps are repeated, where a step does not say otherwise"),
        "input": fields("What an execution is given: names to types, or to `{ type, default }`"),
        "settings": fields("What differs between environments: names to types, or to `{ type, default }`; the server's settings may replace it"),
        "output": described("output", "The type of what the workflow gives"),
        "step": {
            "description": "The steps: in order, unless one names `after`; then all at once, each after those that it names",
            "type": "array",
            "items": defined("step"),
        },
        "on": { "description": "What starts the workflow: not in this version" },
    })
}

fn fields(description: &str) -> Json {
    json!({
        "description": description,
        "type": "object",
        "propertyNames": { "pattern": format!("^{NAME}$") },
        "additionalProperties": defined("field"),
    })
}

/// An input or a setting.
pub(super) fn field() -> Json {
    json!({
        "anyOf": [
            defined("type"),
            {
                "type": "object",
                "properties": {
                    "type": described("type", "Its type"),
                    "default": { "description": "What it is where nothing is given" },
                    "description": { "description": "What it is for", "type": "string" },
                },
                "required": ["type"],
                "additionalProperties": false,
            },
        ],
    })
}

/// `retry = 3`, or a table.
pub(super) fn retry() -> Json {
    let max = "Up to so many further attempts after the first";
    let verdict = |what: &str| json!({ "description": what, "anyOf": [{ "type": "boolean" }, defined("expression")] });
    json!({
        "anyOf": [
            { "description": max, "type": "integer", "minimum": 0 },
            {
                "type": "object",
                "properties": {
                    "max": { "description": max, "type": "integer", "minimum": 0 },
                    "backoff": {
                        "description": "The wait before the first further attempt, and the longest: `1s..1m`, or `1s` alone; 1s..5m where nothing is said",
                        "type": "string",
                        "pattern": duration_pattern("^", &duration_pattern(r"(\.\.", ")?$")),
                        "minLength": 2,
                    },
                    "factor": {
                        "description": "What each wait is to the one before; 2 where nothing is said",
                        "type": "number", "minimum": 1, "maximum": 1000,
                    },
                    "jitter": {
                        "description": "Whether a wait is spread at random over its length; `full` where nothing is said",
                        "enum": ["none", "full"],
                    },
                    "unless": verdict("No further attempt where this holds; it reads `error`"),
                    "only": verdict("A further attempt only where this holds, whatever the handler says; it reads `error`"),
                },
                "required": ["max"],
                "additionalProperties": false,
            },
        ],
    })
}
