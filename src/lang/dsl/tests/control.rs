//! Statements with blocks, whole and broken.

use crate::lang::ast::{ParallelMode, StmtKind};
use crate::lang::unread::has_unread;

use super::{Parsed, check};

#[test]
fn a_match_keeps_its_arms_in_order_and_its_else() {
    let parsed = Parsed::whole(
        "match input.state {\n  \"a\", \"b\" { sleep 1s }\n  -1,\n  null { }, true { }\n\n  else { sleep 2s\n sleep 3s }\n}",
    );
    let StmtKind::Match(matched) = parsed.first() else { panic!() };
    assert_eq!(parsed.expr(&matched.subject), "input.state");
    let arms: Vec<_> = matched.arms.iter().map(|arm| parsed.exprs(&arm.patterns)).collect();
    assert_eq!(arms, [vec!["\"a\"", "\"b\""], vec!["-1", "null"], vec!["true"]]);
    assert_eq!(parsed.at(matched.arms[2].span), "true { }");
    assert_eq!(matched.otherwise.as_ref().map(Vec::len), Some(2));
}

#[test]
fn a_broken_match_costs_what_is_broken_in_it() {
    let parsed = check(
        "match input. {\n  \"a\" \"b\" { let x = 1 }\n  { let y = 2 }\n  else { let z = 3 }\n  \"c\" { let u = 4 }\n  else { }\n}\nlet after = 5",
        &[
            "2:12 expected a name, found the end of the line",
            "3:7 expected `,`, found `\"b\"`",
            "4:3 expected a value or `else`, found `{`",
            "6:3 an arm can't stand after the `else` of its `match` (put `else { … }` last)",
            "7:3 `else` stands twice in one `match` (take one of them away)",
        ],
    );
    let StmtKind::Match(matched) = parsed.first() else { panic!() };
    assert!(has_unread(&matched.subject) && has_unread(&matched.arms[0].patterns[0]));
    assert_eq!(matched.arms.iter().map(|arm| arm.body.len()).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(parsed.workflow().body.len(), 2);
    check(
        "match { a: 1 } { 1 { } }",
        &["2:7 expected an expression, found `{` (an object in the head of a block needs parentheses)"],
    );
    check(
        "match input.x { \"a\" }",
        &["2:17 expected `{`, found the end of the line (`\"a\"` has a block: `\"a\" … { … }`)"],
    );
}

#[test]
fn a_parallel_says_how_its_children_are_joined() {
    let parsed = Parsed::whole("parallel { }\nparallel first { }\nparallel any input.n + 1 of { }");
    let modes: Vec<_> = parsed.workflow().body.iter().map(|statement| &statement.kind).collect();
    assert!(matches!(modes[0], StmtKind::Parallel { mode: ParallelMode::All, .. }));
    let StmtKind::Parallel { mode: ParallelMode::First(span), .. } = modes[1] else { panic!() };
    assert_eq!(parsed.at(*span), "first");
    let StmtKind::Parallel { mode: ParallelMode::Any { count, span }, .. } = modes[2] else { panic!() };
    assert_eq!((parsed.expr(count), parsed.at(*span)), ("input.n + 1", "any input.n + 1 of"));

    let parsed = check(
        "parallel any 2 { step a: log { } }\nparallel frist { step b: log { } }",
        &[
            "2:14 expected `of`, found the end of the line",
            "3:10 expected `first` or `any`, found `frist` (did you mean `first`?)",
        ],
    );
    let children = |at: usize| match &parsed.workflow().body[at].kind {
        StmtKind::Parallel { children, .. } => children.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((children(0), children(1)), (1, 1));
}

#[test]
fn a_loop_may_keep_going_in_any_order_of_its_clauses() {
    for head in ["parallel 8 keep going max 3", "keep going max 3 parallel 8"] {
        let parsed = Parsed::whole(&format!("let all = for x in input.list {head} {{ yield x }}"));
        let StmtKind::For(each) = parsed.first() else { panic!() };
        assert_eq!((&*each.var.value, parsed.expr(&each.list)), ("x", "input.list"));
        assert_eq!(each.name.as_ref().map(|name| &*name.value), Some("all"));
        assert_eq!(parsed.maybe(&each.parallel), Some("8"));
        let keep = each.keep_going.as_ref().unwrap();
        assert_eq!((parsed.maybe(&keep.max), parsed.at(keep.span).trim_end()), (Some("3"), "keep going max 3"));
    }
    let parsed = Parsed::whole("for x in input.list keep going { }");
    let StmtKind::For(each) = parsed.first() else { panic!() };
    assert!(each.keep_going.as_ref().is_some_and(|keep| keep.max.is_none()) && each.name.is_none());
    check(
        "for x in a keep going keep going { }\nfor in a { }\nfor x in a keep { }",
        &[
            "2:23 `keep` stands twice in one `for` (take one of them away)",
            "3:8 expected `in`, found `a`",
            "4:15 expected `going`, found the end of the line",
        ],
    );
}

#[test]
fn a_repeat_has_its_bound_and_its_end() {
    let parsed = Parsed::whole(
        "repeat every 30s max input.n until poll.body.done { step poll: log { } }\nrepeat max 3 until x { }",
    );
    let StmtKind::Repeat(repeat) = parsed.first() else { panic!() };
    assert_eq!(parsed.maybe(&repeat.every), Some("30s"));
    assert_eq!((parsed.expr(&repeat.max), parsed.expr(&repeat.until)), ("input.n", "poll.body.done"));
    assert_eq!(repeat.body.len(), 1);
    let StmtKind::Repeat(repeat) = &parsed.workflow().body[1].kind else { panic!() };
    assert_eq!(repeat.every, None);

    let parsed = check("repeat every 30s until true { step poll: log { } }", &["2:18 expected `max`, found `until`"]);
    let StmtKind::Repeat(repeat) = parsed.first() else { panic!() };
    assert!(has_unread(&repeat.max) && has_unread(&repeat.until));
    assert_eq!(repeat.body.len(), 1);
}

#[test]
fn a_try_has_catches_and_a_finally() {
    let parsed = Parsed::whole(
        "try {\n sleep 1s\n}\ncatch e if e.code == \"A\" { compensate }\ncatch other { }\nfinally { sleep 2s }\ntry { } finally { }",
    );
    let StmtKind::Try(tried) = parsed.first() else { panic!() };
    assert_eq!(tried.body.len(), 1);
    let catches: Vec<_> =
        tried.catches.iter().map(|catch| (&*catch.name.value, parsed.maybe(&catch.condition))).collect();
    assert_eq!(catches, [("e", Some("e.code == \"A\"")), ("other", None)]);
    assert!(matches!(tried.catches[0].body[0].kind, StmtKind::Compensate));
    assert_eq!(parsed.at(tried.catches[1].span), "catch other { }");
    assert_eq!(tried.finally.as_ref().map(Vec::len), Some(1));
    assert_eq!(parsed.workflow().body.len(), 2);
}

#[test]
fn a_broken_try_still_declares_what_stands_in_it() {
    let parsed = check(
        "try { let a = 1 }\nlet b = 2",
        &["2:1 a `try` needs a `catch` or a `finally` (write `catch error { … }` after its `}`)"],
    );
    assert!(matches!(parsed.first(), StmtKind::Try(_)));
    assert_eq!(parsed.workflow().body.len(), 2);

    let parsed = check(
        "try { let a = 1 } finally { let b = 2 } catch e { let c = 3 } finally { }",
        &[
            "2:41 `catch` can't stand after the `finally` of its `try` (put `finally { … }` last)",
            "2:63 `finally` stands twice in one `try` (take one of them away)",
        ],
    );
    let StmtKind::Try(tried) = parsed.first() else { panic!() };
    assert_eq!((tried.catches.len(), tried.finally.as_ref().map(Vec::len)), (1, Some(1)));

    let parsed = check(
        "try { } catch { let c = 3 } catch e when x { } catch f if { }",
        &[
            "2:13 expected a name, found the end of the line",
            "2:37 expected `if`, found `when`",
            "2:57 expected an expression, found the end of the line",
        ],
    );
    let StmtKind::Try(tried) = parsed.first() else { panic!() };
    assert_eq!(tried.catches.iter().map(|catch| &*catch.name.value).collect::<Vec<_>>(), ["error", "e", "f"]);
    check("try { }\ncatch e", &["3:7 expected `{`, found the end of the line (`catch` has a block: `catch … { … }`)"]);
    check("catch e { }", &["2:1 unknown statement `catch` (`catch` follows the `}` of a `try`)"]);
}
