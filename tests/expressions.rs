//! Expressions as they are written, from their text to their value.

use std::borrow::Cow;

use serde_json::{Value as Json, json};
use stepwell::expr::{Budget, EvalError, Map, Scope, Value, evaluate};
use stepwell::lang::parse_expr;

struct Names(Map);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

fn names() -> Names {
    let names = json!({
        "input": {
            "order_id": "o1",
            "amount": 12,
            "email": null,
            "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}, {"sku": "a", "qty": 4}],
        },
        "validate": {"status": 200, "body": {"ok": true}},
        "skipped": null,
        "headers": {"content-type": "text/plain"},
    });
    match Value::from_json(names) {
        Value::Map(map) => Names((*map).clone()),
        _ => Names(Map::new()),
    }
}

fn run(text: &str) -> Result<Value, EvalError> {
    let (expr, problems) = parse_expr(text, 0);
    assert!(problems.is_empty(), "{text}: {problems:?}");
    evaluate(&expr.unwrap(), &names(), &mut Budget::default())
}

/// Each text gives this JSON; a number with a fraction and an int are told apart.
fn check(cases: &[(&str, Json)]) {
    for (text, expected) in cases {
        let found = run(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(found.to_json(), *expected, "{text}");
    }
}

/// Each text fails with this message, and the part of it in the third place is underlined.
fn check_errors(cases: &[(&str, &str, &str)]) {
    for (text, message, underlined) in cases {
        let error = run(text).expect_err(text);
        assert_eq!(error.message, *message, "{text}");
        assert_eq!(&text[error.span.start as usize..error.span.end as usize], *underlined, "{text}");
    }
}

#[test]
fn operators_bind_as_in_cel() {
    check(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3)),
        ("7 / 2.0", json!(3.5)),
        ("-7 % 3", json!(-1)),
        ("1 - 2 - 3", json!(-4)),
        ("!true || true", json!(true)),
        ("1 < 2 && 2 < 3", json!(true)),
        ("1 == 1.0", json!(true)),
        ("true ? 1 : false ? 2 : 3", json!(1)),
        ("false ? 1 : true ? 2 : 3", json!(2)),
        ("\"a\" in [\"a\", \"b\"]", json!(true)),
        ("\"a\" in { a: 1 }", json!(true)),
        ("null ?? 1 == 1", json!(true)),
        ("null ?? 1 + 1", json!(2)),
    ]);
}

#[test]
fn values_are_reached_and_made() {
    check(&[
        ("validate.body.ok && input.amount > 10.0", json!(true)),
        ("headers[\"content-type\"]", json!("text/plain")),
        ("input.items[1].sku", json!("b")),
        ("skipped?.body", json!(null)),
        ("skipped?.body ?? \"none\"", json!("none")),
        ("input.items?.[9]", json!(null)),
        ("has(input.order_id) && !has(input.note)", json!(true)),
        ("[0, ...[1, 2], 3]", json!([0, 1, 2, 3])),
        ("{ a: 1, ...{ b: 2, a: 3 }, \"c d\": 4 }", json!({"a": 3, "b": 2, "c d": 4})),
        ("\"order ${input.order_id}: ${1 + 1} of ${[1, \"x\"]}\"", json!("order o1: 2 of [1,\"x\"]")),
        ("1h30m", json!("1h30m")),
        ("90s == 1m + 30s", json!(true)),
        ("timestamp(\"2030-01-31T12:00:00Z\") + 36h", json!("2030-02-02T00:00:00Z")),
        ("(timestamp(\"2030-01-31T12:00:00Z\") - timestamp(\"2030-01-31T11:00:00Z\")) / 1m", json!(60.0)),
    ]);
}

#[test]
fn macros_and_functions_work_together() {
    check(&[
        ("input.items.map(i, i.qty).sum()", json!(7)),
        ("input.items.filter(i, i.sku == \"a\").map(i, i.qty * 2)", json!([4, 8])),
        ("input.items.map(i, i.qty > 1, i.sku).unique().join(\"+\")", json!("a")),
        ("input.items.sort_by(i, -i.qty).map(i, i.qty)", json!([4, 2, 1])),
        ("input.items.all(i, i.qty > 0) && input.items.exists_one(i, i.qty == 4)", json!(true)),
        ("headers.map(k, k.upper())", json!(["CONTENT-TYPE"])),
        ("size(\"abc\") + \"abc\".size()", json!(6)),
        ("range(3).map(x, range(x).map(y, x * y))", json!([[], [0], [0, 2]])),
        ("max(1, 2.5, 2)", json!(2.5)),
        ("[3, 1, 2].sort().reverse().first(2)", json!([3, 2])),
        ("int(\"4\") + 1", json!(5)),
        ("\"a,b\".split(\",\").zip([1, 2])", json!([["a", 1], ["b", 2]])),
    ]);
}

#[test]
fn errors_underline_what_is_wrong() {
    check_errors(&[
        ("1 + validate.body.okay", "no field `okay` on `validate.body`: did you mean `ok`?", "validate.body.okay"),
        ("skipped.body.id ?? 1", "`skipped` is null, so it has no field `body`: reach it with `?.`", "skipped.body"),
        ("1 + 2 / 0", "division by zero", "2 / 0"),
        ("[1, 2][2]", "index 2 is out of range: the list has 2 items", "[1, 2][2]"),
        ("1 + nothing", "unknown name `nothing`", "nothing"),
        (
            "\"order \" + 1",
            "cannot add text \"order \" and the int 1: to make text of both, write a template such as `\"${a}${b}\"`",
            "\"order \" + 1",
        ),
        ("1 ? 2 : 3", "a condition must be true or false, and this is the int 1", "1"),
    ]);
}

#[test]
fn what_parses_evaluates_without_reaching_a_limit_of_depth() {
    let deep = format!("{}1{}", "(1 + ".repeat(40), ")".repeat(40));
    check(&[(&deep, json!(41))]);
    let long = vec!["true"; 90].join(" && ");
    check(&[(&long, json!(true))]);
}
