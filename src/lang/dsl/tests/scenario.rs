//! `test` blocks, whole and broken.

use crate::lang::ast::{Answer, Ask, Expectation, Mock, TestKind};

use super::{Parsed, names};

fn test(entries: &str) -> Parsed {
    Parsed::of(&format!("test \"t\" for a.b {{\n{entries}\n}}\n"))
}

fn kinds(parsed: &Parsed) -> Vec<&TestKind> {
    assert_eq!(parsed.told, Vec::<String>::new());
    parsed.file.tests[0].entries.iter().map(|entry| &entry.kind).collect()
}

#[test]
fn what_is_given_and_what_happens() {
    let parsed = test(
        "given { id: \"o1\" }\nsettings { url: \"x\" }\nat \"2026-01-31T08:00:00Z\"\nsend \"order.placed\" after 1h with { id: 1 }\napprove risk with { note: null } after 2h\nrefuse risk\ncancel after 3s\npause, resume",
    );
    let kinds = kinds(&parsed);
    let (TestKind::Given(given), TestKind::Settings(settings), TestKind::At(at)) = (kinds[0], kinds[1], kinds[2])
    else {
        panic!()
    };
    assert_eq!(
        [given, settings, at].map(|expr| parsed.expr(expr)),
        ["{ id: \"o1\" }", "{ url: \"x\" }", "\"2026-01-31T08:00:00Z\""]
    );
    let TestKind::Send { event, data, after } = kinds[3] else { panic!() };
    assert_eq!((&*event.value, parsed.maybe(data)), ("order.placed", Some("{ id: 1 }")));
    assert_eq!(parsed.maybe(after).map(str::trim_end), Some("1h"));
    let TestKind::Decide { name, approved: true, with, after } = kinds[4] else { panic!() };
    assert_eq!((&*name.value, parsed.maybe(after)), ("risk", Some("2h")));
    assert_eq!(parsed.maybe(with).map(str::trim_end), Some("{ note: null }"));
    assert!(matches!(kinds[5], TestKind::Decide { approved: false, with: None, after: None, .. }));
    let asked: Vec<_> = kinds[6..]
        .iter()
        .map(|kind| match kind {
            TestKind::Ask { what, after } => (*what, parsed.maybe(after)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked, [(Ask::Cancel, Some("3s")), (Ask::Pause, None), (Ask::Resume, None)]);
}

#[test]
fn a_mock_gives_or_fails_or_never_comes_back() {
    let parsed = test(
        "mock pick-it[0][input.n] = { sku: config.sku } times 2\nmock charge undo after 5s = 1\nmock a fails \"BAD\" status 503 message \"no ${config.x}\" fatal times 3\nmock b after 1s times out\nmock c times 2 lost\nmock d times out times 4",
    );
    let mocks: Vec<&Mock> = kinds(&parsed)
        .into_iter()
        .map(|kind| match kind {
            TestKind::Mock(mock) => &**mock,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((&*mocks[0].step.value, parsed.exprs(&mocks[0].items)), ("pick-it", vec!["0", "input.n"]));
    assert_eq!(parsed.maybe(&mocks[0].times), Some("2"));
    assert!(!mocks[0].undo && mocks[1].undo);
    assert_eq!(parsed.maybe(&mocks[1].after).map(str::trim_end), Some("5s"));
    let Answer::Gives(given) = &mocks[0].answer else { panic!() };
    assert_eq!(parsed.expr(given).trim_end(), "{ sku: config.sku }");
    let Answer::Fails { code, message, status, fatal: true } = &mocks[2].answer else { panic!() };
    assert_eq!(parsed.expr(code).trim_end(), "\"BAD\"");
    assert_eq!(parsed.maybe(status).map(str::trim_end), Some("503"));
    assert_eq!(parsed.maybe(message).map(str::trim_end), Some("\"no ${config.x}\""));
    assert_eq!(parsed.maybe(&mocks[2].times), Some("3"));
    assert!(matches!((&mocks[3].answer, &mocks[3].times), (Answer::TimesOut, None)));
    assert!(matches!((&mocks[4].answer, parsed.maybe(&mocks[4].times).map(str::trim_end)), (Answer::Lost, Some("2"))));
    assert!(matches!((&mocks[5].answer, parsed.maybe(&mocks[5].times)), (Answer::TimesOut, Some("4"))));
}

#[test]
fn expectations_are_of_the_end_of_the_steps_and_of_anything() {
    let parsed = test(
        "expect completed\nexpect completed output { a: 1 }\nexpect failed code \"X\"\nexpect cancelled\nexpect ran a, b-c\nexpect not ran d\nexpect ran e,\n  f times 2\nexpect undone a, b\nexpect not undone c, expect that elapsed < 1h",
    );
    let expected: Vec<&Expectation> = kinds(&parsed)
        .into_iter()
        .map(|kind| match kind {
            TestKind::Expect(expected) => expected,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(expected.len(), 10);
    assert!(matches!(expected[0], Expectation::Completed { output: None }));
    assert!(
        matches!(expected[1], Expectation::Completed { output: Some(output) } if parsed.expr(output) == "{ a: 1 }")
    );
    assert!(matches!(expected[2], Expectation::Failed { code: Some(code) } if parsed.expr(code) == "\"X\""));
    assert!(matches!(expected[3], Expectation::Cancelled));
    let ran = |at: usize| match expected[at] {
        Expectation::Ran { not, steps, times } => (*not, names(steps), parsed.maybe(times)),
        other => panic!("{other:?}"),
    };
    assert_eq!(ran(4), (false, vec!["a", "b-c"], None));
    assert_eq!(ran(5), (true, vec!["d"], None));
    assert_eq!(ran(6), (false, vec!["e", "f"], Some("2")));
    assert!(matches!(expected[7], Expectation::Undone { not: false, steps } if names(steps) == ["a", "b"]));
    assert!(matches!(expected[8], Expectation::Undone { not: true, steps } if names(steps) == ["c"]));
    assert!(matches!(expected[9], Expectation::That(that) if parsed.expr(that) == "elapsed < 1h"));
}

#[test]
fn a_broken_entry_of_a_test_costs_itself() {
    let parsed = test(
        "gven { a: 1 }\nmock a\nmock b = 1 times\nmock c fails\nexpect rain a\nexpect ran\nsend order\nrefuse risk after 1s after 2s\n5\nmock d lost lost\nexpect cancelled",
    );
    assert_eq!(
        parsed.told,
        [
            "2:1 unknown statement `gven` (did you mean `given`?)",
            "3:6 expected `after`, `undo`, `fails`, `times`, `lost` or `=`, found the end of the line",
            "4:16 expected an expression, found the end of the line",
            "5:12 expected an expression, found the end of the line",
            "6:8 expected `completed`, `failed`, `cancelled`, `that`, `ran` or `undone`, found `rain` (did you mean `ran`?)",
            "7:10 expected a name, found the end of the line",
            "8:6 expected a text in quotes, found `order`",
            "9:22 `after` stands twice in one `refuse` (take one of them away)",
            "10:1 expected an entry of a test, found `5`",
            "11:13 expected `after`, `undo` or `times`, found `lost`",
        ]
    );
    assert_eq!(parsed.file.tests[0].entries.len(), 2);
}

#[test]
fn a_file_may_hold_tests_alone() {
    let parsed = test("expect completed");
    assert!(parsed.told.is_empty() && parsed.file.workflows.is_empty());
    let compiled = crate::lang::compile(
        &crate::lang::Source {
            name: "a.test.flow".into(),
            notation: crate::lang::Notation::Flow,
            text: parsed.text.as_str().into(),
        },
        &crate::lang::builtin_task_types(),
    );
    assert!(!compiled.diagnostics.iter().any(|diagnostic| diagnostic.message.contains("no workflow here")));

    let parsed = Parsed::of(
        "test for w { gven 1 }\ntest \"a\" w { }\ntest \"b\" for w\ntets \"c\" for w { }\nworkflow w { sleep 1s }\n",
    );
    assert_eq!(
        parsed.told,
        [
            "1:6 expected a text in quotes, found `for`",
            "1:14 unknown statement `gven` (did you mean `given`?)",
            "2:10 expected `for`, found `w`",
            "3:14 expected `{`, found the end of the line (`test` has a block: `test … { … }`)",
            "4:1 a file holds workflows, tasks and tests, found `tets` (did you mean `test`?)",
        ]
    );
    assert_eq!((parsed.file.tests.len(), parsed.file.workflows.len()), (0, 1));
}
