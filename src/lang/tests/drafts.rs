//! Drafts of the JSON API, through text and back.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::expr::{Budget, Scope, Value, evaluate};
use crate::lang::{Draft, DraftStep, render_draft};
use crate::plan::Action;

use super::{told, toml};

struct Nothing;

impl Scope for Nothing {
    fn lookup(&self, _name: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

fn step<'a>(name: &'a str, task_type: &'a str, config: &'a Json) -> DraftStep<'a> {
    DraftStep { name, task_type, config, timeout_seconds: None, max_retries: None }
}

#[test]
fn a_draft_is_text_in_the_flat_notation() {
    let metadata = json!({ "owner": "order-team", "note": "costs ${5}", "odd key": [1, 2.5, null] });
    let request = json!({ "url": "https://x/${input.id}", "body": { "a": null, "b": ["\"q\"\n", true] } });
    let log = json!({ "message": "Processing {order_id}" });
    let steps = [
        DraftStep { timeout_seconds: Some(30), max_retries: Some(3), ..step("call", "http_request", &request) },
        step("tell", "log", &log),
    ];
    let draft = Draft {
        name: "order-processing",
        description: Some("Say \"hi\" for ${x}"),
        metadata: metadata.as_object(),
        steps: &steps,
    };
    let text = render_draft(&draft);
    assert_eq!(
        text,
        r#"name = "order-processing"
description = "Say \"hi\" for $${x}"

[metadata]
owner = "order-team"
note = "costs $${5}"
"odd key" = [1, 2.5, "${null}"]

[[step]]
name = "call"
task = "http_request"
timeout = "30s"
retry = 3
[step.with]
url = "https://x/${input.id}"
body = { a = "${null}", b = ["\"q\"\n", true] }

[[step]]
name = "tell"
task = "log"
[step.with]
message = "Processing {order_id}"
"#
    );
    let compiled = toml(&text);
    assert_eq!(told(&text, &compiled), Vec::<String>::new());
    let plan = &compiled.plans[0];
    assert_eq!(plan.description.as_deref(), Some("Say \"hi\" for ${x}"));
    assert_eq!(plan.labels["note"], "costs ${5}");
    assert_eq!(plan.labels["odd key"], json!([1, 2.5, null]));
    let (_, call) = plan.steps().next().unwrap();
    assert_eq!((call.timeout_ms, call.retry.max), (30_000, 3));
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1e300..1e300_f64).prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// What a text is where none of it is an expression.
fn without_expressions(json: &Json) -> Json {
    match json {
        Json::String(text) => Json::String(text.replace('$', "#")),
        Json::Array(items) => items.iter().map(without_expressions).collect(),
        Json::Object(map) => map
            .iter()
            .map(|(key, json)| (key.clone(), without_expressions(json)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn a_configuration_comes_back_as_it_was(body in json_value(), metadata in json_value()) {
        let body = without_expressions(&body);
        let metadata = json!({ "m": metadata });
        let config = json!({ "url": "x", "body": body });
        let steps = [step("call", "http_request", &config)];
        let draft = Draft { name: "w", description: None, metadata: metadata.as_object(), steps: &steps };
        let text = render_draft(&draft);
        let compiled = toml(&text);
        prop_assert_eq!(told(&text, &compiled), Vec::<String>::new());
        let plan = &compiled.plans[0];
        let Action::Task { config } = &plan.steps().next().unwrap().1.action else { panic!() };
        let value = evaluate(config, &Nothing, &mut Budget::default()).unwrap();
        prop_assert_eq!(value.get("body"), Some(&Value::from_json(body)));
        prop_assert_eq!(Value::from_json(plan.labels["m"].clone()), Value::from_json(metadata["m"].clone()));
    }
}
