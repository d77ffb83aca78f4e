//! What every statement, policy and trigger of the language lowers to.

use std::sync::Arc;

use crate::expr::{Expr, Value};
use crate::lang::{Notation, Source, builtin_task_types, lower, parse_flow};
use crate::plan::{CatchUp, JoinMode, Node, NodeKind, Overflow, Overlap, Plan, StepNode, TriggerOn};

/// The example of the design, which holds all of the language.
const WHOLE: &str = include_str!("../dsl/tests/sources/whole.flow");

fn plans(text: &str) -> Vec<Plan> {
    let source = Source { name: "a.flow".into(), notation: Notation::Flow, text: text.into() };
    let (file, found) = parse_flow(&source);
    assert_eq!(found, [], "{text}");
    file.workflows.iter().map(|workflow| lower(workflow, &builtin_task_types())).collect()
}

/// The plan of a workflow of these entries.
fn plan(entries: &str) -> Plan {
    plans(&format!("workflow w {{\n{entries}\n}}\n")).remove(0)
}

fn node<'a>(plan: &'a Plan, id: &str) -> &'a Node {
    plan.nodes.iter().find(|node| &*node.id == id).unwrap_or_else(|| panic!("no `{id}`"))
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a StepNode {
    match &node(plan, id).kind {
        NodeKind::Step(step) => step,
        other => panic!("{other:?}"),
    }
}

fn int(expr: &Expr) -> Option<i64> {
    match crate::lang::constant::constant_value(expr)? {
        Value::Int(int) => Some(int),
        _ => None,
    }
}

#[test]
fn every_node_has_an_id_that_tells_where_it_stands() {
    let plan = plans(WHOLE).remove(0);
    let parent = |node: &Node| node.parent.map_or("", |parent| &*plan.node(parent).id);
    let ids: Vec<_> = plan.nodes.iter().map(|node| format!("{} < {}", node.id, parent(node))).collect();
    let expected = "\
root < 
validate < root
if-1 < root
if-1/1 < if-1
fail-1 < if-1/1
total < root
try-1 < root
try-1/body < try-1
charge < try-1/body
charge.undo < charge
match-1 < try-1/body
match-1/1 < match-1
match-1/2 < match-1
risk < match-1/2
picks < try-1/body
picks/body < picks
pick < picks/body
pick.undo < pick
parallel-1 < try-1/body
label < parallel-1
invoice < parallel-1
notify < parallel-1
try-1/catch-1 < try-1
compensate-1 < try-1/catch-1
fail-2 < try-1/catch-1
try-1/finally < try-1
audit < try-1/finally
accepted < root
repeat-1 < root
repeat-1/body < repeat-1
poll < repeat-1/body
sleep-1 < root
return-1 < root";
    assert_eq!(ids.join("\n"), expected);
    assert!(plan.nodes.iter().enumerate().all(|(at, node)| node.parent.is_none_or(|parent| (parent.0 as usize) < at)));
}

#[test]
fn every_plan_is_read_back_as_it_was_written() {
    for plan in plans(WHOLE) {
        assert_eq!(Plan::from_json(&plan.to_json()).unwrap(), plan);
    }
}

#[test]
fn an_undo_is_a_node_of_its_own_below_its_step() {
    let plan = plan(
        "retry 4
step first: log { message = \"x\" }
step hold-it: x.hold {
  queue \"stock\"
  retry 1
  undo x.let-go { id = hold_it.id }
}
step pay: http_request {
  url = \"x\"
  undo http_request { url = \"y\", retry 9, timeout 5s, queue \"other\", idempotent }
}",
    );
    let hold = step(&plan, "hold-it.undo");
    assert_eq!((&*hold.name, &*hold.ident, &*hold.task_type), ("hold-it.undo", "hold_it.undo", "x.let-go"));
    // It goes where the step went, and is tried again as the workflow says.
    assert_eq!((hold.order, &*hold.queue, hold.retry.max, hold.timeout_ms), (2, "stock", 4, 300_000));
    let pay = step(&plan, "pay.undo");
    assert_eq!((pay.order, &*pay.queue, pay.retry.max, pay.timeout_ms), (3, "other", 9, 5_000));
    assert!(pay.rarely.idempotent && !step(&plan, "pay").rarely.idempotent);
    assert_eq!(&*plan.node(step(&plan, "pay").undo.unwrap()).id, "pay.undo");
    assert_eq!(plan.steps().map(|(_, step)| &*step.name).collect::<Vec<_>>(), ["first", "hold-it", "pay"]);
    assert_eq!(step(&plan, "pay").order, 3);
}

#[test]
fn policies_that_few_steps_have_are_resolved() {
    let plan = plan(
        "step a: x { irreversible, priority 9, heartbeat 1500ms, cache key input.id for 1h, rate \"bank\" 10/1m }
step b: x { at most once }
step c: x { idempotent }
step d: x { }",
    );
    let a = &step(&plan, "a").rarely;
    assert!(a.irreversible && a.at_most_once && !a.idempotent);
    assert_eq!((a.priority, a.heartbeat_ms), (Some(9), Some(1_500)));
    assert_eq!(a.cache.as_ref().map(|cache| cache.ttl_ms), Some(3_600_000));
    let rate = a.rate.as_ref().map(|rate| (&*rate.name, rate.count, rate.per_ms));
    assert_eq!(rate, Some(("bank", 10, 60_000)));
    let b = &step(&plan, "b").rarely;
    assert!(b.at_most_once && !b.irreversible);
    assert!(step(&plan, "c").rarely.idempotent && step(&plan, "d").rarely.is_default());
}

#[test]
fn branches_loops_and_waits_keep_what_they_say() {
    let plan = plan(
        "match input.x { 1, 2 { } \"a\" { sleep 1s } else { sleep 2s } }
let all = for x in input.l parallel 2 keep going max 5 { yield x }
for y in input.l keep going { }
repeat every 1s max 3 until input.ok { }
repeat max 4 until input.ok { }
try { } catch oh_no if oh_no.code == \"A\" { } catch e { }
try { } finally { sleep 3s }
wait came-back: \"a.b\" where event.x == 1 timeout 1h
approve say-so: \"g\" form { note: string? }",
    );
    let NodeKind::Match(matched) = &node(&plan, "match-1").kind else { panic!() };
    let blocks: Vec<_> = matched.arms.iter().map(|arm| (arm.patterns.len(), &*plan.node(arm.block).id)).collect();
    assert_eq!(blocks, [(2, "match-1/1"), (1, "match-1/2")]);
    assert_eq!(&*plan.node(matched.otherwise.unwrap()).id, "match-1/else");
    let going = |id: &str| match &node(&plan, id).kind {
        NodeKind::For(each) => each.keep_going.as_ref().map(|going| going.max.as_ref().and_then(int)),
        other => panic!("{other:?}"),
    };
    assert_eq!((going("all"), going("for-1")), (Some(Some(5)), Some(None)));
    let NodeKind::Repeat(repeat) = &node(&plan, "repeat-1").kind else { panic!() };
    assert_eq!(
        (repeat.every.is_some(), int(&repeat.max), &*plan.node(repeat.body).id),
        (true, Some(3), "repeat-1/body")
    );
    assert!(matches!(&node(&plan, "repeat-2").kind, NodeKind::Repeat(repeat) if repeat.every.is_none()));
    let NodeKind::Try(tried) = &node(&plan, "try-1").kind else { panic!() };
    let catches: Vec<_> = tried
        .catches
        .iter()
        .map(|catch| (&*catch.name, catch.condition.is_some(), &*plan.node(catch.block).id))
        .collect();
    assert_eq!(catches, [("oh_no", true, "try-1/catch-1"), ("e", false, "try-1/catch-2")]);
    assert_eq!(tried.finally, None);
    let NodeKind::Try(tried) = &node(&plan, "try-2").kind else { panic!() };
    assert_eq!(&*plan.node(tried.finally.unwrap()).id, "try-2/finally");
    let NodeKind::Wait(wait) = &node(&plan, "came-back").kind else { panic!() };
    assert_eq!((&*wait.name, &*wait.event), ("came_back", "a.b"));
    assert!(wait.condition.is_some() && wait.timeout.is_some());
    let NodeKind::Approve(approve) = &node(&plan, "say-so").kind else { panic!() };
    assert_eq!((&*approve.name, &*approve.group), ("say_so", "g"));
    assert_eq!(approve.form.as_ref().map(ToString::to_string).as_deref(), Some("{ note: string? }"));
}

#[test]
fn a_parallel_is_joined_as_it_says() {
    let plan = plan(
        "parallel { step a: x { } }
parallel first { step b: x { }, step c: x { after b } }
parallel any 2 of { step d: x { } }",
    );
    let mode = |id: &str| match &node(&plan, id).kind {
        NodeKind::Parallel { mode, .. } => mode.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((mode("parallel-1"), mode("parallel-2")), (JoinMode::All, JoinMode::First));
    assert!(matches!(mode("parallel-3"), JoinMode::Any(count) if int(&count) == Some(2)));
    // What says nothing is stored as it was before there was anything to say.
    let json = plan.to_json();
    assert_eq!(json.matches("\"mode\"").count(), 2);
}

#[test]
fn the_workflow_says_what_starts_it_and_how_many_run() {
    let plan = plan(
        "secret pay-key
secret hook
on cron \"0 6 * * *\" timezone \"Europe/Paris\" catch up all overlap replace
on cron \"* * * * *\"
on event \"a.b\" where event.x == 1 with { id: event.id }
on webhook \"orders\" hmac pay-key dedupe body.id
concurrency key input.id limit 2 else fail
undo never
keep 3d
timeout 1h
step a: x { }",
    );
    let secrets: Vec<&str> = plan.secrets.iter().map(|secret| &**secret).collect();
    assert_eq!(secrets, ["pay_key", "hook"]);
    let on: Vec<&TriggerOn> = plan.triggers.iter().map(|trigger| &trigger.on).collect();
    let cron = |schedule: &str, timezone: &str, catch_up, overlap| TriggerOn::Cron {
        schedule: schedule.into(),
        timezone: timezone.into(),
        catch_up,
        overlap,
    };
    assert_eq!(*on[0], cron("0 6 * * *", "Europe/Paris", CatchUp::All, Overlap::Replace));
    assert_eq!(*on[1], cron("* * * * *", "UTC", CatchUp::None, Overlap::Allow));
    assert_eq!(*on[2], TriggerOn::Event { event: "a.b".into() });
    assert!(plan.triggers[2].condition.is_some() && plan.triggers[2].with.is_some());
    let TriggerOn::Webhook { path, hmac, dedupe: Some(_) } = on[3] else { panic!() };
    assert_eq!((&**path, hmac.as_deref()), ("orders", Some("pay_key")));
    let concurrency = plan.concurrency.as_ref().unwrap();
    assert_eq!((concurrency.limit, concurrency.otherwise), (2, Overflow::Fail));
    assert!(plan.undo_never);
    assert_eq!((plan.keep_ms, plan.timeout_ms), (Some(259_200_000), Some(3_600_000)));
}

#[test]
fn what_could_not_be_read_has_no_node_and_breaks_nothing() {
    let text = WHOLE
        .replace("until poll.body.done", "until")
        .replace("match charge.body.state", "match")
        .replace("catch error if", "catch if");
    let source = Source { name: "a.flow".into(), notation: Notation::Flow, text: Arc::from(text) };
    let (file, found) = parse_flow(&source);
    assert_eq!(found.len(), 3);
    let plan = lower(&file.workflows[0], &builtin_task_types());
    assert_eq!(plan.steps().count(), 8);
}
