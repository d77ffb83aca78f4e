//! What the two notations both can say, they say to one end.

use crate::lang::{Notation, Source, builtin_task_types, lower, parse_flow, parse_toml};
use crate::plan::Plan;

use super::lowering::without_spans;

const FLAT: &str = r#"
name = "w"
secrets = ["pay_key", "hook"]
undo = "never"
keep = "3d"
concurrency = { key = "${input.id}", limit = 2, else = "replace" }
retry = 2

[[on]]
cron = "0 6 * * 1-5"
timezone = "Europe/Paris"
catch_up = "last"
overlap = "skip"
with = { id = "x" }

[[on]]
event = "order.placed"
where = '${event.region == "eu"}'
with = { id = "${event.order}" }

[[on]]
webhook = "orders"
hmac = "hook"
dedupe = "${body.id}"
with = "${body}"

[[step]]
name = "hold-all"
task = "x.hold"
for_each = "${input.items}"
parallel = 4
keep_going = true
max_failures = 3
queue = "stock"
priority = 7
heartbeat = "15s"
rate = { name = "stock", limit = "10/1m" }
cache = { key = "${item.sku}", for = "1h" }
undo = { task = "x.free", with = { sku = "${item.sku}" }, retry = 5, timeout = "1m", queue = "free", idempotent = true }
with = { sku = "${item.sku}" }

[[step]]
name = "pay"
task = "http_request"
irreversible = true
idempotent = true
with = { method = "POST", url = "https://pay" }

[[step]]
name = "tell"
task = "http_request"
at_most_once = true
irreversible = false
keep_going = false
with = { url = "https://tell" }
"#;

const FLOW: &str = r#"
workflow w {
  secret pay_key
  secret hook
  undo never
  keep 3d
  concurrency key input.id limit 2 else replace
  retry 2
  on cron "0 6 * * 1-5" timezone "Europe/Paris" catch up last overlap skip with { id: "x" }
  on event "order.placed" where event.region == "eu" with { id: event.order }
  on webhook "orders" hmac hook dedupe body.id with body
  let hold-all = for item in input.items parallel 4 keep going max 3 {
    step hold-all: x.hold {
      sku = item.sku
      queue "stock"
      priority 7
      heartbeat 15s
      rate "stock" 10/1m
      cache key item.sku for 1h
      undo x.free { sku = item.sku, retry 5, timeout 1m, queue "free", idempotent }
    }
    yield hold_all
  }
  step pay: http_request { method = "POST", url = "https://pay", irreversible, idempotent }
  step tell: http_request { url = "https://tell", at most once }
}
"#;

fn plan(notation: Notation, text: &str) -> Plan {
    let source = Source { name: "w".into(), notation, text: text.into() };
    let (file, found) = match notation {
        Notation::Flow => parse_flow(&source),
        Notation::Toml => parse_toml(&source),
    };
    assert_eq!(found, []);
    lower(&file.workflows[0], &builtin_task_types())
}

#[test]
fn what_both_notations_can_say_lowers_to_one_plan() {
    let (flat, flow) = (plan(Notation::Toml, FLAT), plan(Notation::Flow, FLOW));
    assert!(flat.output_is_data && !flow.output_is_data);
    let flow = Plan { output_is_data: true, ..flow };
    let lines = |plan: &Plan| without_spans(&format!("{plan:#?}"));
    for (flat, flow) in lines(&flat).lines().zip(lines(&flow).lines()) {
        assert_eq!(flat, flow);
    }
    assert_eq!(lines(&flat).lines().count(), lines(&flow).lines().count());
}
