//! Expressions, templates and types.

use std::borrow::Cow;

use crate::expr::{Budget, ExprKind, Scope, Value, evaluate};
use crate::lang::{parse_expr, parse_template, parse_type};

struct Names;

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        let json = serde_json::json!({ "x": 5, "s": "hi", "n": null, "o": { "a": { "b": 1 } }, "l": [1, 2, 3] });
        json.get(name).cloned().map(Value::from_json).map(Cow::Owned)
    }
}

/// What an expression comes to, as JSON.
fn check(text: &str, expected: serde_json::Value) {
    let (expr, found) = parse_expr(text, 0);
    let expr = expr.unwrap_or_else(|| panic!("{text}: {found:?}"));
    let value = evaluate(&expr, &Names, &mut Budget::default()).unwrap();
    assert_eq!(serde_json::to_value(&value).unwrap(), expected, "{text}");
}

#[test]
fn operators_bind_as_the_language_says() {
    use serde_json::json;
    check("1 + 2 * 3", json!(7));
    check("(1 + 2) * 3", json!(9));
    check("10 - 2 - 3", json!(5));
    check("n ?? 1 + 1", json!(2));
    check("n ?? 1 == 1", json!(true));
    check("false && true || true", json!(true));
    check("!false && -x < 0", json!(true));
    check("x > 3 ? \"big\" : x > 1 ? \"mid\" : \"small\"", json!("big"));
    check("2 in l && !(9 in l)", json!(true));
    check("o.a.b + o[\"a\"][\"b\"]", json!(2));
    check("n?.a?.[0]", json!(null));
    check("x-1", json!(4));
}

#[test]
fn literals_are_what_they_say() {
    use serde_json::json;
    check("[1, ...l, 9,]", json!([1, 1, 2, 3, 9]));
    check("{ a: 1, \"b c\": 2, content-type: 3, ...o, }", json!({ "a": { "b": 1 }, "b c": 2, "content-type": 3 }));
    check("{ a: 1\n  b: 2 }", json!({ "a": 1, "b": 2 }));
    check("1h30m", json!("1h30m"));
    check("-250ms", json!("-250ms"));
    check("1.5e3", json!(1500.0));
    check("-9223372036854775808", json!(i64::MIN));
    check(r#""a\n\t\"\\\$\u{e9}\u00e9""#, json!("a\n\t\"\\$éé"));
    check(r#"r"a\n${x}""#, json!("a\\n${x}"));
    check(r#""x is ${x} and $${x}, ${"inner ${s + "}"}"}""#, json!("x is 5 and ${x}, inner hi}"));
    check("\"\"\"\n    one ${x}\n      two\n\n    three\n    \"\"\"", json!("one 5\n  two\n\nthree"));
    check("\"\"", json!(""));
}

#[test]
fn macros_bind_a_name() {
    use serde_json::json;
    check("l.map(i, i * 2)", json!([2, 4, 6]));
    check("l.map(i, i > 1, i * 2)", json!([4, 6]));
    check("l.filter(i, i > 1)", json!([2, 3]));
    check("l.all(i, i > 0) && l.exists(i, i == 2) && l.exists_one(i, i == 2)", json!(true));
    check("has(o.a) && !has(o.z)", json!(true));
}

#[test]
fn a_template_of_one_expression_keeps_its_type() {
    let kind = |text: &str| parse_template(text, 10).0.unwrap().kind;
    assert!(matches!(kind("${x}"), ExprKind::Name(_)));
    assert!(matches!(kind("a ${x}"), ExprKind::Template(_)));
    assert!(matches!(kind("a \\n $${x}"), ExprKind::Literal(Value::Str(text)) if &*text == "a \\n ${x}"));
    let expr = parse_template("ab ${x}", 10).0.unwrap();
    let ExprKind::Template(parts) = expr.kind else { panic!("no template") };
    assert!(format!("{parts:?}").contains("Span { start: 15, end: 16 }"), "{parts:?}");
}

#[test]
fn a_type_is_written_as_it_reads() {
    for text in ["list<list<int>>?", "{ a: string, b: int? }", "\"a\" | \"b\"", "map<any>", "string?", "int | string"] {
        let (ty, found) = parse_type(text, 0);
        assert_eq!(ty.map(|ty| ty.to_string()).as_deref(), Some(text), "{found:?}");
    }
}
