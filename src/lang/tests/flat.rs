//! The flat notation: what it reads, and what it compiles to.

use crate::plan::{Action, NodeKind, Plan};

use super::{told, toml};

const ORDER: &str = r#"
name = "order-processing"
description = "Validate an order and tell"
retry = { max = 3, backoff = "1s..1m" }
timeout = "2d"

[metadata]
owner = "order-team"

[input]
order_id = "string"
amount   = { type = "number", default = 0 }

[[step]]
name = "validate"
task = "http_request"
timeout = "10s"
with = { method = "POST", url = "https://api.internal/validate", body = { order_id = "${input.order_id}" } }

[[step]]
name = "tell"
task = "log"
when = "${validate.body.ok}"
with = { message = "Processing {order_id} of ${input.amount}" }
"#;

fn plan(text: &str) -> Plan {
    let compiled = toml(text);
    assert_eq!(told(text, &compiled), Vec::<String>::new());
    (*compiled.plans[0]).clone()
}

#[test]
fn a_small_file_compiles_to_steps_in_order() {
    let plan = plan(ORDER);
    let steps: Vec<_> = plan.steps().map(|(_, step)| (&*step.name, step.order, step.retry.max)).collect();
    assert_eq!(steps, [("validate", 1, 3), ("tell", 2, 3)]);
    assert_eq!(plan.timeout_ms, Some(2 * 86_400_000));
    assert!(plan.output_is_data);
    assert_eq!(plan.labels["owner"], "order-team");
    let (_, tell) = plan.steps().nth(1).unwrap();
    assert!(tell.reads_data, "the message reads `data`");
    assert!(matches!(tell.action, Action::Log { .. }));
}

#[test]
fn a_plan_goes_through_json_and_keeps_its_hash() {
    let plan = plan(ORDER);
    let again: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(again, plan);
    assert_eq!(again.hash(), self::plan(ORDER).hash());
}

#[test]
fn steps_that_name_after_are_a_graph() {
    let plan = plan(
        r#"
name = "graph"
[[step]]
name = "a"
task = "log"
with = { message = "a" }
[[step]]
name = "b"
task = "log"
after = "a"
for_each = "${input.items}"
parallel = 2
with = { message = "${item}" }
[[step]]
name = "c"
task = "log"
after = ["a", "b"]
with = { message = "c" }
[input]
items = "any"
"#,
    );
    let edges = plan.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Parallel { children, .. } => {
            Some(children.iter().map(|child| child.after.clone()).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(edges, Some(vec![vec![], vec![0], vec![0, 1]]));
    assert!(
        plan.nodes.iter().any(|node| matches!(&node.kind, NodeKind::For(each) if each.name.as_deref() == Some("b")))
    );
}
