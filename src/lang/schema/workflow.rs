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
        "secrets": {
            "description": "Names of secrets: they may reach a request, and never a log or an output",
            "type": "array",
            "items": { "type": "string", "pattern": format!("^{NAME}$") },
        },
        "on": { "description": "What starts the workflow", "type": "array", "items": defined("trigger") },
        "concurrency": concurrency(),
        "undo": { "description": "A failure or a cancel undoes nothing", "const": "never" },
        "keep": described("duration", "How long an event waits for the workflow; a day where nothing is said"),
    })
}

fn concurrency() -> Json {
    json!({
        "description": "How many executions run at once",
        "type": "object",
        "properties": {
            "key": { "description": "What is counted apart: `${input.id}`" },
            "limit": { "description": "So many with one key", "type": "integer", "minimum": 1 },
            "else": {
                "description": "What becomes of one more; it waits where nothing is said",
                "enum": ["queue", "cancel", "replace", "fail"],
            },
        },
        "required": ["key", "limit"],
        "additionalProperties": false,
    })
}

/// An `[[on]]`: each kind with its own keys.
pub(super) fn trigger() -> Json {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    let with = json!({ "description": "The input of the execution; an empty one where nothing is said" });
    let condition = json!({ "description": "Which of them: `${event.amount > 0}`", "anyOf": [{ "type": "boolean" }, defined("expression")] });
    let kind = |key: &str, properties: Json| json!({ "type": "object", "properties": properties, "required": [key], "additionalProperties": false });
    json!({
        "anyOf": [
            kind("cron", json!({
                "cron": text("Minute, hour, day of the month, month, day of the week: `0 6 * * 1-5`"),
                "timezone": text("The zone of its times; UTC where nothing is said"),
                "catch_up": {
                    "description": "Which of the times that passed while nothing ran are made up for",
                    "enum": ["none", "last", "all"],
                },
                "overlap": {
                    "description": "What becomes of a time at which the execution of the one before still runs",
                    "enum": ["allow", "skip", "queue", "replace"],
                },
                "with": with,
            })),
            kind("event", json!({ "event": text("The event's type: `order.placed`"), "where": condition, "with": with })),
            kind("webhook", json!({
                "webhook": text("The path: `orders`"),
                "hmac": text("The secret that signs its requests"),
                "dedupe": { "description": "What names a request, so that one that comes twice starts once" },
                "where": condition,
                "with": with,
            })),
        ],
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
