//! Statements without a block, and a file with everything in it.

use crate::lang::ast::{PolicyKind, Stmt, StmtKind, TestKind, TriggerKind};
use crate::lang::statements::each_statement;
use crate::lang::unread::has_unread;

use super::{Parsed, check, names};

#[test]
fn a_file_with_every_statement_of_the_language_has_its_whole_tree() {
    let parsed = Parsed::of(include_str!("sources/whole.flow"));
    assert_eq!(parsed.told, Vec::<String>::new());
    let (order, report) = (&parsed.file.workflows[0], &parsed.file.workflows[1]);
    assert_eq!(names(&order.secrets), ["pay_key", "pay_hook"]);
    assert_eq!(order.triggers.len(), 2);
    assert!(matches!(report.triggers[0].kind, TriggerKind::Cron { .. }));
    assert_eq!(parsed.file.tasks.len(), 2);
    let (mut steps, mut undos) = (Vec::new(), 0);
    each_statement(&order.body, &mut |statement: &Stmt| match &statement.kind {
        StmtKind::Step(step) => {
            steps.push(&*step.name.value);
            undos += step.policies.iter().filter(|policy| matches!(policy.kind, PolicyKind::Undo(_))).count();
        }
        StmtKind::Unread { words } => panic!("{words:?}"),
        _ => {}
    });
    assert_eq!(steps, ["validate", "charge", "pick", "label", "invoice", "notify", "audit", "poll"]);
    assert_eq!(undos, 2);
    let test = &parsed.file.tests[0];
    assert_eq!(
        (&*test.name.value, &*test.workflow.value),
        ("a review that is refused refunds the charge", "order-processing")
    );
    assert_eq!(test.entries.len(), 8);
    assert!(matches!(test.entries[0].kind, TestKind::Given(_)));
}

#[test]
fn a_wait_names_its_event() {
    for clauses in ["where event.id == input.id timeout 1d", "timeout 1d where event.id == input.id"] {
        let parsed = Parsed::whole(&format!("wait came-back: \"carrier.accepted\" {clauses}"));
        let StmtKind::Wait(wait) = parsed.first() else { panic!() };
        assert_eq!((&*wait.name.value, &*wait.event.value), ("came-back", "carrier.accepted"));
        assert_eq!(parsed.maybe(&wait.condition).map(str::trim_end), Some("event.id == input.id"));
        assert_eq!(parsed.maybe(&wait.timeout), Some("1d"));
    }
    let parsed = Parsed::whole("wait a: \"b\"");
    assert!(matches!(parsed.first(), StmtKind::Wait(wait) if wait.condition.is_none() && wait.timeout.is_none()));
}

#[test]
fn an_approval_names_its_group_and_its_form() {
    let parsed = Parsed::whole("approve risk: \"risk-team\" form {\n  note: string?\n  ok: bool\n} timeout 4h");
    let StmtKind::Approve(approve) = parsed.first() else { panic!() };
    assert_eq!((&*approve.name.value, &*approve.group.value), ("risk", "risk-team"));
    assert_eq!(
        approve.form.as_ref().map(|form| form.value.to_string()).as_deref(),
        Some("{ note: string?, ok: bool }")
    );
    assert_eq!(parsed.maybe(&approve.timeout), Some("4h"));
    assert!(matches!(Parsed::whole("compensate").first(), StmtKind::Compensate));
}

#[test]
fn a_broken_wait_or_approval_still_has_its_name() {
    let parsed = check(
        "wait a: b\nwait c \"b\"\napprove d: \"g\" timeot 4h\napprove e: \"g\" timeout 1s timeout 2s\nwait f: \"b ${x}\"\nwait : \"b\"\ncompensate it",
        &[
            "2:9 expected a text in quotes, found `b`",
            "3:8 expected `:`, found `\"b\"`",
            "4:16 expected `timeout` or `form`, found `timeot` (did you mean `timeout`?)",
            "5:27 `timeout` stands twice in one `approve` (take one of them away)",
            "6:9 this text is a fixed text (take the `${…}` away)",
            "7:6 expected a name, found `:`",
            "8:12 expected the end of the line, found `it`",
        ],
    );
    let body = &parsed.workflow().body;
    let lets: Vec<_> = body
        .iter()
        .filter_map(|statement| match &statement.kind {
            StmtKind::Let { name, value } if has_unread(value) => Some(&*name.value),
            _ => None,
        })
        .collect();
    assert_eq!(lets, ["a", "c", "d"]);
    let StmtKind::Approve(approve) = &body[3].kind else { panic!() };
    assert_eq!(parsed.maybe(&approve.timeout), Some("1s"));
    assert!(matches!(body[5].kind, StmtKind::Unread { .. }));
}
