//! The built-in task types: what the checker, the API's list and the documentation know of them.
//!
//! Invariant: types and words alone. What a step of such a type does is the engine's and the workers' business.

mod condition;
mod transform;
mod value_path;

use std::sync::Arc;

use crate::expr::{FieldType, ObjectType, Type};
use crate::plan::{Runs, TaskDefaults, TaskType, TaskTypes};

pub(super) use condition::read_condition;
pub(super) use transform::read_transforms;
pub(super) use value_path::path_of_text;

/// The methods that `http_request` knows.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// The levels of a log entry.
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

/// The task types that every installation has.
pub fn builtin_task_types() -> TaskTypes {
    let mut types = TaskTypes::default();
    for task_type in [http_request(), data_transform(), delay(), conditional(), log(), workflow()] {
        types.insert(task_type);
    }
    types
}

fn required(name: &str, ty: Type, doc: &str) -> FieldType {
    FieldType { name: name.into(), ty, required: true, doc: Some(doc.into()) }
}

fn optional(name: &str, ty: Type, doc: &str) -> FieldType {
    FieldType { required: false, ..required(name, ty, doc) }
}

fn object(fields: Vec<FieldType>) -> ObjectType {
    ObjectType { fields, open: false }
}

fn one_of(words: &[&str]) -> Type {
    Type::Union(words.iter().map(|word| Type::Literal((*word).into())).collect())
}

fn task_type(name: &str, description: &str, config: Vec<FieldType>, output: Type, runs: Runs) -> TaskType {
    let (name, description, config) = (name.into(), description.into(), object(config));
    TaskType { name, description, config, output, runs, defaults: TaskDefaults::default() }
}

fn text_map() -> Type {
    Type::Map(Box::new(Type::String))
}

fn http_request() -> TaskType {
    let config = vec![
        required("url", Type::String, "the address, `http` or `https`"),
        optional("method", one_of(&METHODS), "the method; `GET` where none is given"),
        optional(
            "headers",
            Type::Map(Box::new(scalar())),
            "headers to send; `Idempotency-Key` is added to each attempt",
        ),
        optional("query", Type::Map(Box::new(Type::Any)), "parameters added to the address, encoded"),
        optional("body", Type::Any, "what is sent: text as it is, anything else as JSON"),
        optional("auth", auth(), "`{ bearer: token }` or `{ basic: { username, password } }`"),
        optional(
            "expect_status",
            expect_status(),
            "the statuses that are no failure: `201`, a class such as `\"2xx\"`, or a list; below 400 where nothing is said",
        ),
        optional("follow_redirects", Type::Bool, "whether redirects are followed; `true` where nothing is said"),
        optional("max_response_bytes", Type::Int, "the largest response that is taken, in bytes"),
    ];
    let output = object(vec![
        required("status", Type::Int, "the status"),
        required("headers", text_map(), "the response's headers, names in lower case"),
        required("body", Type::Any, "the response's body: JSON as data, anything else as text"),
    ]);
    let description = "Sends an HTTP request and gives the response.";
    task_type("http_request", description, config, Type::Object(output), Runs::Worker)
}

/// By key (`{ bearer: … }`, `{ basic: { … } }`), or with the kind as `type` beside its fields.
fn auth() -> Type {
    let kind = |word: &str| required("type", Type::Literal(word.into()), "the kind");
    let token = || required("token", Type::String, "the token");
    let user = || {
        [
            required("username", Type::String, "the user"),
            optional("password", Type::String, "the password, empty where none is given"),
        ]
    };
    let basic = Type::Object(object(user().into()));
    Type::Union(vec![
        Type::Object(object(vec![required("bearer", Type::String, "a token")])),
        Type::Object(object(vec![required("basic", basic, "a user and a password")])),
        Type::Object(object(vec![kind("bearer"), token()])),
        Type::Object(object([vec![kind("basic")], user().into()].concat())),
    ])
}

fn expect_status() -> Type {
    let status = Type::Union(vec![Type::Int, Type::String]);
    Type::Union(vec![Type::Int, Type::String, Type::List(Box::new(status))])
}

fn scalar() -> Type {
    Type::Union(vec![Type::String, Type::Number, Type::Bool, Type::Null])
}

fn data_transform() -> TaskType {
    let transforms = "changes made one after the other, each `{ rename: { from, to } }` or `{ op: \"rename\", from, to }`; \
        the operations are rename, set, remove, copy, pick, default, map, cast and merge";
    let config = vec![
        optional("transforms", Type::List(Box::new(Type::Any)), transforms),
        optional("value", Type::Any, "the output itself, worked out in place of `transforms`"),
        optional("source", Type::Any, "what the transforms start from; `data` where nothing is given"),
    ];
    task_type("data_transform", "Reshapes data.", config, Type::Any, Runs::Engine)
}

fn delay() -> TaskType {
    let config = vec![
        optional("seconds", Type::Number, "how long to wait, in seconds"),
        optional("duration", Type::Duration, "how long to wait"),
        optional("until", Type::Timestamp, "the moment to wait for"),
    ];
    let output = object(vec![required("waited", Type::Duration, "how long it waited")]);
    let description = "Waits, durably: no worker is held, and a restart changes nothing.";
    task_type("delay", description, config, Type::Object(output), Runs::Engine)
}

fn conditional() -> TaskType {
    let names = || Type::Union(vec![Type::String, Type::List(Box::new(Type::String))]);
    let condition =
        "`{ field, operator, value }`, `{ all: […] }`, `{ any: […] }` or `{ not: … }` of these, or an expression";
    let config = vec![
        required("condition", Type::Any, condition),
        optional("then", names(), "the later steps that run where it holds (the flat notation and JSON alone)"),
        optional("else", names(), "the later steps that run where it does not hold (the flat notation and JSON alone)"),
    ];
    let output = object(vec![required("result", Type::Bool, "whether the condition holds")]);
    task_type("conditional", "Decides.", config, Type::Object(output), Runs::Engine)
}

fn log() -> TaskType {
    let config = vec![
        required("message", Type::Any, "what to write, as text; `{path}` is taken from `data`, `{{` is a brace"),
        optional("level", one_of(&LEVELS), "`info` where nothing is said"),
        optional("details", Type::Any, "more, for a program"),
    ];
    task_type("log", "Writes to the execution's log.", config, Type::Null, Runs::Engine)
}

fn workflow() -> TaskType {
    let config = vec![
        required("name", Type::String, "the workflow to run"),
        optional("input", Type::Any, "its input: an object"),
        optional("version", Type::Int, "the version to run; the active one where none is given"),
        optional(
            "wait",
            Type::Bool,
            "`false` starts it and goes on: the output is `{ execution_id }`, and it lives its own life",
        ),
    ];
    let description = "Runs another workflow as a child, waits for it, and gives its output.";
    task_type("workflow", description, config, Type::Any, Runs::Engine)
}

/// The words of an enum type, where it is one.
pub(super) fn enum_words(ty: &Type) -> Option<Vec<Arc<str>>> {
    match ty {
        Type::Literal(word) => Some(vec![word.clone()]),
        Type::Union(members) => {
            let mut words = Vec::new();
            for member in members.iter().filter(|member| **member != Type::Null) {
                match member {
                    Type::Literal(word) => words.push(word.clone()),
                    _ => return None,
                }
            }
            (!words.is_empty()).then_some(words)
        }
        _ => None,
    }
}
