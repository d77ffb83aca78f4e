//! What a checked source lowers to.

use crate::expr::{Expr, ExprKind, TemplatePart};
use crate::plan::{Action, Condition, NodeKind, Plan, StepNode, TransformOp};

use super::{told, toml};

fn plan(text: &str) -> Plan {
    let compiled = toml(text);
    assert_eq!(told(text, &compiled), Vec::<String>::new());
    (*compiled.plans[0]).clone()
}

fn step(plan: &Plan, name: &str) -> StepNode {
    plan.steps().find(|(_, step)| &*step.name == name).unwrap().1.clone()
}

/// An expression in few words: enough to tell what it was lowered to.
fn short(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Literal(value) => serde_json::to_string(value).unwrap(),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Field { base, name, optional } => {
            format!("{}{}{name}", short(base), if *optional { "?." } else { "." })
        }
        ExprKind::Index { base, index, .. } => format!("{}?.[{}]", short(base), short(index)),
        ExprKind::Binary { op, left, right } => format!("({} {op:?} {})", short(left), short(right)),
        ExprKind::Template(parts) => parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => text.to_string(),
                TemplatePart::Expr(expr) => format!("<{}>", short(expr)),
            })
            .collect(),
        other => format!("{other:?}"),
    }
}

fn message(text: &str) -> String {
    let plan = plan(&format!("name = \"w\"\n[[step]]\nname = \"a\"\ntask = \"log\"\nwith = {{ message = {text} }}"));
    match step(&plan, "a").action {
        Action::Log { message, .. } => short(&message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn braces_in_a_message_read_data_in_its_own_text_alone() {
    assert_eq!(message("'Processing {order_id}'"), "Processing <data?.order_id>");
    assert_eq!(message("'{a.b[0]} and {{a}} and { a: 1 }'"), "<data?.a?.b?.[0]> and {a} and { a: 1 }");
    assert_eq!(message("'$${a} ${input.a} {a}'"), "${a} <input.a> <data?.a>");
    assert_eq!(message("'{} }{ {'"), "\"{} }{ {\"");
    assert_eq!(message("'${input.count}'"), "<input.count>");
}

const DECISION: &str = r#"
name = "decide"
[[step]]
name = "look-up"
task = "http_request"
with = { url = "https://x" }
[[step]]
name = "is-big"
task = "conditional"
[step.with]
condition = { all = [{ field = "amount", operator = "gte", value = 100 }, { not = { field = "vip", operator = "exists" } }, "${look_up.status == 200}"] }
then = "approve"
else = ["ship", "tell"]
[[step]]
name = "approve"
task = "log"
when = "${input.live}"
with = { message = "big" }
[[step]]
name = "ship"
task = "log"
with = { message = "small" }
[[step]]
name = "tell"
task = "log"
with = { message = "small" }
"#;

#[test]
fn a_conditional_guards_the_steps_that_it_names() {
    let plan = plan(DECISION);
    let when = |name: &str| step(&plan, name).when.as_ref().map(short);
    assert_eq!(when("approve").as_deref(), Some("((is_big?.result Eq true) And input.live)"));
    assert_eq!(when("ship").as_deref(), Some("(is_big?.result Eq false)"));
    assert_eq!(when("tell"), when("ship"));
    assert_eq!(when("look-up"), None);
    let Action::Conditional(config) = step(&plan, "is-big").action else { panic!() };
    let Condition::All(parts) = config.condition else { panic!() };
    assert!(matches!(&parts[..], [Condition::Test { .. }, Condition::Not(_), Condition::Expr(_)]));
    assert!(step(&plan, "is-big").reads_data);
    assert!(!step(&plan, "look-up").reads_data);
}

#[test]
fn in_a_graph_a_conditional_is_settled_before_what_it_decides() {
    let plan = plan(
        &DECISION
            .replace("task = \"http_request\"", "task = \"http_request\"\nafter = []")
            .replace("name = \"is-big\"", "name = \"is-big\"\nafter = \"look-up\""),
    );
    let edges = plan.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Parallel { children, .. } => {
            Some(children.iter().map(|child| child.after.clone()).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(edges, Some(vec![vec![], vec![0], vec![1], vec![1], vec![1]]));
}

#[test]
fn both_shapes_of_a_transform_mean_the_same() {
    let ops = |list: &str| {
        let head = "name = \"w\"\n[[step]]\nname = \"a\"\ntask = \"data_transform\"\nwith = { transforms = ";
        match step(&plan(&format!("{head}{list} }}")), "a").action {
            Action::Transform { ops, .. } => ops,
            other => panic!("{other:?}"),
        }
    };
    let strip = |ops: &[TransformOp]| {
        ops.iter().map(|op| format!("{op:?}")).map(|text| without_spans(&text)).collect::<Vec<_>>()
    };
    let long = r#"[{ op = "rename", from = "a", to = "b.c" }, { op = "remove", path = "x" }, { type = "pick", paths = ["a", "b[0]"] }, { op = "cast", path = "n", to = "int" }, { op = "set", path = "p", value = 1 }, { op = "merge", value = { k = 1 } }]"#;
    let keyed = r#"[{ rename = { from = "a", to = "b.c" } }, { remove = "x" }, { pick = ["a", "b[0]"] }, { cast = { path = "n", to = "int" } }, { set = { path = "p", value = 1 } }, { merge = { k = 1 } }]"#;
    assert_eq!(strip(&ops(long)), strip(&ops(keyed)));
    assert_eq!(ops(long).len(), 6);
}

/// What `{:?}` gives, with no places in it.
pub fn without_spans(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("Span {") {
        out.push_str(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

#[test]
fn policies_come_from_the_step_then_the_workflow_then_the_default() {
    let plan = plan(
        r#"
name = "w"
retry = { max = 2, backoff = "2s" }
[[step]]
name = "a"
task = "http_request"
with = { url = "x" }
[[step]]
name = "b"
task = "http_request"
timeout = "1500ms"
retry = { max = 1, backoff = "1s..1m", jitter = "none", factor = 3, unless = "${error.status == 501}" }
queue = "slow"
with = { url = "x" }
"#,
    );
    let (a, b) = (step(&plan, "a"), step(&plan, "b"));
    assert_eq!((a.retry.max, a.retry.backoff_ms, a.retry.backoff_max_ms), (2, 2_000, 300_000));
    assert_eq!((a.timeout_ms, &*a.queue), (300_000, "default"));
    assert_eq!((b.retry.max, b.retry.backoff_ms, b.retry.backoff_max_ms), (1, 1_000, 60_000));
    assert_eq!((b.timeout_ms, &*b.queue), (1_500, "slow"));
    assert!(b.retry.filter.is_some());
}

#[test]
fn ids_are_stable_and_each_is_there_once() {
    let text = r#"
name = "w"
[[step]]
name = "for-1"
task = "log"
for_each = "${input.items}"
with = { message = "${item}" }
[[step]]
name = "b"
task = "log"
with = { message = "${for_1}" }
"#;
    let plan = plan(text);
    let ids: Vec<_> = plan.nodes.iter().map(|node| &*node.id).collect();
    assert_eq!(ids, ["root", "for-2", "for-2/body", "for-1", "b"]);
    assert!(plan.nodes.iter().enumerate().all(|(at, node)| node.parent.is_none_or(|parent| (parent.0 as usize) < at)));
}
