//! Policies, secrets and triggers, whole and broken.

use crate::lang::ast::{Policy, PolicyKind, StmtKind, TriggerKind};

use super::{Parsed, check, names};

/// The policies of a step.
fn step(parsed: &Parsed) -> &[Policy] {
    match parsed.first() {
        StmtKind::Step(step) => &step.policies,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_policy_of_a_step_has_its_own_kind() {
    let parsed = Parsed::whole(
        "step a: x {\n  irreversible\n  idempotent, at most once\n  priority 9\n  heartbeat 15s\n  cache key input.id for 1h\n  rate \"bank\" 10/1m\n}",
    );
    let policies = step(&parsed);
    let keywords: Vec<_> = policies.iter().map(|policy| &*policy.keyword.value).collect();
    assert_eq!(keywords, ["irreversible", "idempotent", "at most once", "priority", "heartbeat", "cache", "rate"]);
    let kinds: Vec<_> = policies.iter().map(|policy| &policy.kind).collect();
    assert!(matches!(kinds[..3], [PolicyKind::Irreversible, PolicyKind::Idempotent, PolicyKind::AtMostOnce]));
    let (PolicyKind::Priority(priority), PolicyKind::Heartbeat(heartbeat)) = (kinds[3], kinds[4]) else { panic!() };
    assert_eq!((parsed.expr(priority), parsed.expr(heartbeat)), ("9", "15s"));
    let PolicyKind::Cache { key, ttl } = kinds[5] else { panic!() };
    assert_eq!((parsed.expr(key).trim_end(), parsed.expr(ttl)), ("input.id", "1h"));
    let PolicyKind::Rate { name, limit } = kinds[6] else { panic!() };
    assert_eq!((&*name.value, parsed.expr(limit)), ("bank", "10/1m"));
}

#[test]
fn an_undo_is_a_step_without_a_name() {
    let parsed = Parsed::whole(
        "step a: x {\n  url = 1\n  undo http.call { method = \"POST\", url = a.id, retry 2, idempotent }\n  timeout 1s\n}",
    );
    let [undo, timeout] = step(&parsed) else { panic!() };
    assert!(matches!(timeout.kind, PolicyKind::Timeout(_)));
    let PolicyKind::Undo(undo) = &undo.kind else { panic!() };
    assert_eq!(&*undo.task_type.value, "http.call");
    assert_eq!(undo.config.iter().map(|entry| &*entry.key.value).collect::<Vec<_>>(), ["method", "url"]);
    assert!(matches!(
        undo.policies[..],
        [Policy { kind: PolicyKind::Retry(_), .. }, Policy { kind: PolicyKind::Idempotent, .. }]
    ));
}

#[test]
fn a_workflow_has_policies_of_its_own() {
    let parsed = Parsed::whole(
        "concurrency key input.id limit 3 else cancel\nconcurrency key \"all\" limit 1\nkeep 2d\nundo never",
    );
    let kinds: Vec<_> = parsed.workflow().policies.iter().map(|policy| &policy.kind).collect();
    let PolicyKind::Concurrency { key, limit, otherwise } = kinds[0] else { panic!() };
    assert_eq!((parsed.expr(key).trim_end(), parsed.expr(limit).trim_end()), ("input.id", "3"));
    assert_eq!(otherwise.as_ref().map(|word| &*word.value), Some("cancel"));
    assert!(matches!(kinds[1], PolicyKind::Concurrency { otherwise: None, .. }));
    assert!(matches!(kinds[2..], [PolicyKind::Keep(_), PolicyKind::UndoNever]));
}

#[test]
fn a_broken_policy_costs_itself() {
    let parsed = check(
        "step a: x {\n  undo y\n  undo { a = 1 }\n  undo y { a = , retry x backof }\n  at most twice\n  cache input.id for 1h\n  cache key 1 for\n  rate bank 1/1s\n  heartbeat\n  priority high low\n  undo y { } z\n  atmost once\n  url = 1\n}\nundo soon\nconcurrency key 1",
        &[
            "3:8 expected `{`, found the end of the line (`undo` has a block: `undo … { … }`)",
            "4:6 expected a name, found the end of the line",
            "5:14 expected an expression, found the end of the line",
            "5:26 expected `backoff`, `factor`, `jitter`, `unless` or `only`, found `backof` (did you mean `backoff`?)",
            "6:11 expected `once`, found `twice`",
            "7:9 expected `key`, found `input`",
            "8:17 expected an expression, found the end of the line",
            "9:8 expected a text in quotes, found `bank`",
            "10:11 expected an expression, found the end of the line",
            "11:17 expected an operator or the end of the line, found `low`",
            "12:14 expected the end of the line, found `z`",
            "16:6 expected `{`, found the end of the line (`undo` has a block: `undo … { … }`)",
            "17:17 expected `limit`, found the end of the line",
        ],
    );
    let StmtKind::Step(step) = parsed.first() else { panic!() };
    assert_eq!(step.config.len(), 1);
}

#[test]
fn triggers_have_their_clauses_in_any_order() {
    let parsed = Parsed::whole(
        "secret pay-key\non cron \"0 6 * * 1-5\" overlap skip timezone \"Europe/Paris\" catch up last with { a: 1 }\non event \"order.placed\" with { id: event.id } where event.region == \"eu\"\non webhook \"orders\" dedupe body.id hmac pay-key where headers.x == \"y\" with body\non event \"tick\"",
    );
    let workflow = parsed.workflow();
    assert_eq!(names(&workflow.secrets), ["pay-key"]);
    let [cron, event, webhook, tick] = &workflow.triggers[..] else { panic!() };
    let TriggerKind::Cron { schedule, timezone, catch_up, overlap } = &cron.kind else { panic!() };
    let word = |word: &Option<crate::lang::ast::Name>| word.as_ref().map(|word| word.value.to_string());
    assert_eq!(&*schedule.value, "0 6 * * 1-5");
    assert_eq!(
        [timezone, catch_up, overlap].map(word),
        ["Europe/Paris", "last", "skip"].map(|word| Some(word.to_owned()))
    );
    assert_eq!(parsed.maybe(&cron.with), Some("{ a: 1 }"));
    assert!(matches!(&event.kind, TriggerKind::Event { event } if &*event.value == "order.placed"));
    assert_eq!(parsed.maybe(&event.condition), Some("event.region == \"eu\""));
    let TriggerKind::Webhook { path, hmac, dedupe } = &webhook.kind else { panic!() };
    assert_eq!((&*path.value, word(hmac).as_deref()), ("orders", Some("pay-key")));
    assert_eq!((parsed.maybe(dedupe).map(str::trim_end), parsed.maybe(&webhook.with)), (Some("body.id"), Some("body")));
    assert!(tick.with.is_none() && tick.condition.is_none());
}

#[test]
fn a_broken_trigger_or_secret_costs_itself() {
    let parsed = check(
        "secret key x\nsecret\non corn \"x\"\non cron 5\non event \"a\" with 1 with 2\non webhook \"a\" hmc k\non cron \"x\" catch last",
        &[
            "2:12 expected the end of the line, found `x`",
            "3:6 expected a name, found the end of the line",
            "4:4 expected `cron`, `event` or `webhook`, found `corn` (did you mean `cron`?)",
            "5:9 expected a text in quotes, found `5`",
            "6:21 `with` stands twice in one `on` (take one of them away)",
            "7:16 expected `where`, `with`, `hmac` or `dedupe`, found `hmc` (did you mean `hmac`?)",
            "8:19 expected `up`, found `last`",
        ],
    );
    assert_eq!(names(&parsed.workflow().secrets), ["key"]);
    assert_eq!(parsed.workflow().triggers.len(), 1);
}
