//! What the language has beside steps, there and back.

use super::*;
use crate::lang::{builtin_task_types, lower};
use crate::plan::Plan;

const WHOLE: &str = r#"
name = "order"
secrets = ["pay_key", "hook"]
concurrency = { key = "${input.size}", limit = 1, else = "replace" }
undo = "never"
keep = "2d"

[input]
size = "string"
items = "list<any>"

# Each morning.
[[on]]
cron = "0 6 * * 1-5"
timezone = "Europe/Paris"
catch_up = "last"
overlap = "skip"
with = { size = "small" }

[[on]]
webhook = "orders"
hmac = "hook"
dedupe = "${body.id}"
where = "${body.size == 1}"
with = { size = "${body.size}" }

[[on]]
event = "order.placed"

[[step]]
name = "each"
task = "http_request"
for_each = "${input.items}"
keep_going = true
max_failures = 2
at_most_once = true
priority = 7
heartbeat = "15s"
cache = { key = "${item.sku}", for = "1h" }
rate = { name = "bank", limit = "10/1m" }
undo = { task = "http_request", retry = 2, idempotent = true, with = { url = "https://a.internal/${each.body.id}" } }
with = { url = "https://a.internal" }

[[step]]
name = "gone"
task = "http_request"
irreversible = true
with = { url = "https://b.internal", headers = { authorization = "Bearer ${secrets.pay_key}" } }
"#;

fn source(notation: Notation, text: &str) -> Source {
    Source { name: "order".into(), notation, text: text.into() }
}

/// The plan as data without its places, whatever the checker says.
fn plan(source: &Source) -> String {
    let (file, found) = match source.notation {
        Notation::Flow => parse_flow(source),
        Notation::Toml => parse_toml(source),
    };
    assert!(found.is_empty(), "{found:?}\n{}", source.text);
    let Plan { nodes, triggers, secrets, concurrency, undo_never, keep_ms, .. } =
        lower(&file.workflows[0], &builtin_task_types());
    let kinds: Vec<_> = nodes.into_iter().map(|node| (node.id, node.kind)).collect();
    let text = format!("{kinds:?} {triggers:?} {secrets:?} {concurrency:?} {undo_never} {keep_ms:?}");
    let places = regex::Regex::new(r"Span \{ start: \d+, end: \d+ \}");
    places.map(|places| places.replace_all(&text, "_").into_owned()).unwrap_or_default()
}

#[test]
fn what_a_step_and_a_workflow_rarely_have_goes_there_and_back() {
    let from = source(Notation::Toml, WHOLE);
    let there = source(Notation::Flow, &to_flow(&from));
    let back = source(Notation::Toml, &to_toml(&there).unwrap_or_else(|misfit| panic!("{misfit:?}\n{}", there.text)));
    assert_eq!(plan(&back), plan(&from), "{}\n{}", there.text, back.text);
    assert_eq!(to_flow(&back), &*there.text);
    assert!(there.text.contains("  # Each morning.\n  on cron"), "{}", there.text);
    assert!(back.text.contains("# Each morning.\n[[on]]\ncron"), "{}", back.text);
}
