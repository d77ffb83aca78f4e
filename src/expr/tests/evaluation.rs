//! What each kind of node gives, and what it says when it gives nothing.

use serde_json::json;

use super::build::*;
use crate::expr::{
    BinaryOp, Budget, Expr, ExprKind, ListItem, MacroKind, ObjectEntry, Span, TemplatePart, UnaryOp, Value, evaluate,
};

fn int(int: i64) -> Value {
    Value::Int(int)
}

fn json_of(value: Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

fn fails() -> Expr {
    binary(lit(1), BinaryOp::Div, lit(0))
}

#[test]
fn a_typical_condition_holds() {
    let names = json!({"validate": {"body": {"ok": true}}, "input": {"amount": 12}});
    let condition =
        binary(path("validate.body.ok"), BinaryOp::And, binary(path("input.amount"), BinaryOp::Gt, lit(10.0)));
    assert_eq!(eval_in(names, &condition), Ok(Value::Bool(true)));
}

#[test]
fn a_side_that_decides_absorbs_the_error_of_the_other() {
    for (op, decides) in [(BinaryOp::And, false), (BinaryOp::Or, true)] {
        assert_eq!(eval(&binary(fails(), op, lit(decides))), Ok(Value::Bool(decides)));
        assert_eq!(eval(&binary(lit(decides), op, fails())), Ok(Value::Bool(decides)));
        assert_eq!(error(&binary(fails(), op, lit(!decides))), "division by zero");
        assert_eq!(error(&binary(lit(!decides), op, fails())), "division by zero");
        assert_eq!(eval(&binary(lit(3), op, lit(decides))), Ok(Value::Bool(decides)));
    }
}

#[test]
fn a_used_up_budget_is_absorbed_by_nothing() {
    let costly = over(path("items"), MacroKind::All, "x", lit(true));
    let names = scope(json!({"items": vec![1; 100]}));
    for tree in
        [binary(costly.clone(), BinaryOp::Or, lit(true)), over(list([lit(1), lit(2)]), MacroKind::Exists, "y", costly)]
    {
        let error = evaluate(&tree, &names, &mut Budget { steps: 50, ..Budget::default() }).unwrap_err();
        assert!(error.limit, "{error:?}");
    }
}

#[test]
fn a_missing_field_names_the_nearest_one() {
    let names = json!({"charge": {"body": {"id": "c1", "state": "ok"}}});
    assert_eq!(
        error_in(names.clone(), &path("charge.body.stat")),
        "no field `stat` on `charge.body`: did you mean `state`?"
    );
    assert_eq!(error_in(names.clone(), &path("charge.body.amount")), "no field `amount` on `charge.body`");
    assert_eq!(error_in(names, &path("charge.body.id.x")), "no field `x`: `charge.body.id` is text \"c1\"");
}

#[test]
fn null_has_no_fields_but_optional_ones() {
    let names = json!({"charge": null, "done": {}});
    assert_eq!(
        error_in(names.clone(), &path("charge.body")),
        "`charge` is null, so it has no field `body`: reach it with `?.`"
    );
    assert_eq!(eval_in(names.clone(), &field(path("charge"), "body", true)), Ok(Value::Null));
    assert_eq!(eval_in(names.clone(), &field(path("done"), "body", true)), Ok(Value::Null));
    let or = binary(field(path("charge"), "body", true), BinaryOp::Coalesce, lit("none"));
    assert_eq!(eval_in(names, &or), Ok(Value::str("none")));
}

#[test]
fn an_optional_field_does_not_hide_a_wrong_type() {
    let tree = field(lit("text"), "size", true);
    assert_eq!(error(&tree), "no field `size`: this is text \"text\"");
}

#[test]
fn a_list_is_indexed_from_zero_and_says_how_long_it_is() {
    let names = json!({"items": [1, 2, 3]});
    assert_eq!(eval_in(names.clone(), &index(path("items"), 2, false)), Ok(int(3)));
    assert_eq!(eval_in(names.clone(), &index(path("items"), 2.0, false)), Ok(int(3)));
    assert_eq!(
        error_in(names.clone(), &index(path("items"), 3, false)),
        "index 3 is out of range: `items` has 3 items"
    );
    assert_eq!(
        error_in(names.clone(), &index(path("items"), -1, false)),
        "index -1 is out of range: `items` has 3 items"
    );
    assert_eq!(eval_in(names.clone(), &index(path("items"), 9, true)), Ok(Value::Null));
    assert_eq!(
        error_in(names.clone(), &index(path("items"), "a", true)),
        "a list is indexed by an int, and this is text \"a\""
    );
    let names = json!({"headers": {"content-type": "x"}});
    assert_eq!(eval_in(names.clone(), &index(path("headers"), "content-type", false)), Ok(Value::str("x")));
    assert_eq!(
        error_in(names, &index(path("headers"), "content_type", false)),
        "no field `content_type` on `headers`: did you mean `content-type`?"
    );
}

#[test]
fn has_is_about_the_last_field_alone() {
    let names = json!({"a": {"b": 1, "n": null}});
    let has = |tree: Expr| expr(ExprKind::Has(Box::new(tree)));
    assert_eq!(eval_in(names.clone(), &has(path("a.b"))), Ok(Value::Bool(true)));
    assert_eq!(eval_in(names.clone(), &has(path("a.c"))), Ok(Value::Bool(false)));
    assert_eq!(eval_in(names.clone(), &has(path("a.n"))), Ok(Value::Bool(false)));
    assert_eq!(eval_in(names.clone(), &has(path("a.n.x"))), Ok(Value::Bool(false)));
    assert_eq!(error_in(names, &has(path("a.c.d"))), "no field `c` on `a`");
    assert_eq!(error(&has(lit(1))), "`has` takes a field, such as `has(input.email)`");
}

#[test]
fn lists_and_objects_take_spread_in_order() {
    let tree =
        expr(ExprKind::List(vec![ListItem::Item(lit(0)), ListItem::Spread(path("more")), ListItem::Item(lit(3))]));
    assert_eq!(json_of(eval_in(json!({"more": [1, 2]}), &tree).unwrap()), json!([0, 1, 2, 3]));
    assert_eq!(
        error_in(json!({"more": null}), &tree),
        "`...` takes a list, and `more` is null: write `...(value ?? [])`"
    );
    let entry = |key: &str, value| ObjectEntry::Field { key: key.into(), key_span: Span::default(), value: lit(value) };
    let tree = expr(ExprKind::Object(vec![entry("a", 1), ObjectEntry::Spread(path("more")), entry("b", 9)]));
    assert_eq!(json_of(eval_in(json!({"more": {"a": 2, "b": 3}}), &tree).unwrap()), json!({"a": 2, "b": 9}));
}

#[test]
fn a_template_shows_each_type_as_it_is_written() {
    let shown = |value: Value| {
        let parts = [TemplatePart::Text("<".into()), TemplatePart::Expr(lit(value)), TemplatePart::Text(">".into())];
        eval(&template(parts)).unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(shown(Value::str("a")), "<a>");
    assert_eq!(shown(int(-3)), "<-3>");
    assert_eq!(shown(Value::Num(10.0)), "<10>");
    assert_eq!(shown(Value::Num(0.1)), "<0.1>");
    assert_eq!(shown(Value::Num(1e300)), "<1e300>");
    assert_eq!(shown(Value::Null), "<null>");
    assert_eq!(shown(Value::Bool(true)), "<true>");
    assert_eq!(shown(Value::Duration(5_400_000_000)), "<1h30m>");
    assert_eq!(shown(Value::Timestamp(0)), "<1970-01-01T00:00:00Z>");
    assert_eq!(shown(Value::from_json(json!({"b": [1, "x"], "a": null}))), r#"<{"b":[1,"x"],"a":null}>"#);
}

#[test]
fn a_condition_must_be_a_bool() {
    let tree =
        expr(ExprKind::Conditional { test: Box::new(lit(1)), then: Box::new(lit(2)), otherwise: Box::new(lit(3)) });
    assert_eq!(error(&tree), "a condition must be true or false, and this is the int 1");
    let not = expr(ExprKind::Unary { op: UnaryOp::Not, operand: Box::new(lit(Value::Null)) });
    assert_eq!(error(&not), "a condition must be true or false, and this is null");
}

#[test]
fn macros_go_over_lists_and_keys() {
    let names = json!({"xs": [3, 1, 2], "m": {"b": 1, "a": 2}});
    let x = || path("x");
    let run = |tree: &Expr| json_of(eval_in(names.clone(), tree).unwrap());
    let over_two = || binary(x(), BinaryOp::Gt, lit(2));
    assert_eq!(run(&over(path("xs"), MacroKind::All, "x", over_two())), json!(false));
    assert_eq!(run(&over(path("xs"), MacroKind::Exists, "x", over_two())), json!(true));
    assert_eq!(run(&over(path("xs"), MacroKind::ExistsOne, "x", over_two())), json!(true));
    assert_eq!(run(&over(path("xs"), MacroKind::Filter, "x", over_two())), json!([3]));
    assert_eq!(run(&over(path("xs"), MacroKind::Map, "x", binary(x(), BinaryOp::Mul, lit(2)))), json!([6, 2, 4]));
    assert_eq!(run(&over(path("xs"), MacroKind::SortBy, "x", x())), json!([1, 2, 3]));
    assert_eq!(run(&over(path("m"), MacroKind::Map, "x", x())), json!(["b", "a"]));
    let kind = ExprKind::Macro {
        kind: MacroKind::Map,
        list: Box::new(path("xs")),
        var: "x".into(),
        filter: Some(Box::new(over_two())),
        body: Box::new(x()),
    };
    assert_eq!(run(&expr(kind)), json!([3]));
    assert_eq!(run(&over(list([]), MacroKind::All, "x", x())), json!(true));
    assert_eq!(run(&over(list([]), MacroKind::Exists, "x", x())), json!(false));
}

#[test]
fn an_inner_variable_hides_an_outer_one() {
    let inner = over(list([lit(10)]), MacroKind::Map, "x", path("x"));
    let tree = over(list([lit(1)]), MacroKind::Map, "x", list([path("x"), index(inner, 0, false), path("x")]));
    assert_eq!(json_of(eval(&tree).unwrap()), json!([[1, 10, 1]]));
}

#[test]
fn quantifiers_absorb_errors_that_do_not_decide() {
    let divides = || binary(binary(lit(2), BinaryOp::Div, path("x")), BinaryOp::Eq, lit(2));
    let xs = || list([lit(0), lit(1)]);
    assert_eq!(eval(&over(xs(), MacroKind::Exists, "x", divides())), Ok(Value::Bool(true)));
    assert_eq!(error(&over(xs(), MacroKind::All, "x", divides())), "division by zero");
    assert_eq!(error(&over(xs(), MacroKind::ExistsOne, "x", divides())), "division by zero");
}

#[test]
fn what_cannot_be_ordered_is_not_sorted() {
    let mixed = over(list([lit(1), lit("a")]), MacroKind::SortBy, "x", path("x"));
    assert_eq!(error(&mixed), "cannot compare the int 1 with text \"a\"");
    let one = over(list([lit(Value::Null)]), MacroKind::SortBy, "x", path("x"));
    assert_eq!(error(&one), "null has no order: give it a value with `??` before comparing");
}

#[test]
fn a_nested_comprehension_over_a_large_list_is_stopped() {
    let xs: Vec<i64> = (0..5_000).collect();
    let names = scope(json!({"xs": xs}));
    let inner = over(path("xs"), MacroKind::All, "y", lit(true));
    let tree = over(path("xs"), MacroKind::All, "x", inner);
    let mut budget = Budget::default();
    let error = evaluate(&tree, &names, &mut budget).unwrap_err();
    assert!(error.limit);
    assert_eq!(error.message, "the expression costs too much: its budget is used up");
    assert_eq!(budget.steps, 0);
}

#[test]
fn a_value_larger_than_the_limit_is_refused_wherever_it_is_made() {
    let small =
        |tree: &Expr, names| evaluate(tree, &scope(names), &mut Budget { max_bytes: 1_000, ..Budget::default() });
    let long = "x".repeat(600);
    let names = json!({"long": long, "xs": vec![1; 400]});
    for tree in [
        binary(path("long"), BinaryOp::Add, path("long")),
        template([TemplatePart::Expr(path("long")), TemplatePart::Expr(path("long"))]),
        list([path("long"), path("long")]),
        template([TemplatePart::Expr(path("xs"))]),
        path("xs"),
    ] {
        assert!(small(&tree, names.clone()).unwrap_err().limit, "{tree:?}");
    }
    assert!(small(&path("long"), names).is_ok());
}

#[test]
fn sharing_does_not_hide_the_size_of_a_value() {
    let mut value = Value::str("0123456789");
    for _ in 0..60 {
        value = Value::list(vec![value.clone(), value]);
    }
    let tree = lit(value.clone());
    assert!(eval(&tree).unwrap_err().limit);
    assert!(eval(&template([TemplatePart::Expr(lit(value.clone()))])).unwrap_err().limit);
    let other = Value::list(vec![value.clone()]);
    let copy = |_| Value::list(vec![rebuilt(&value, 18)]);
    assert!(eval(&binary(lit(other), BinaryOp::Eq, lit(copy(())))).is_err_and(|error| error.limit));
}

/// The same value in other memory down to a depth, so that nothing is known to be equal by its address.
fn rebuilt(value: &Value, depth: usize) -> Value {
    match value {
        Value::List(items) if depth > 0 => Value::list(items.iter().map(|item| rebuilt(item, depth - 1)).collect()),
        Value::List(items) => Value::list(items.to_vec()),
        other => other.clone(),
    }
}

#[test]
fn a_value_nested_too_deep_is_refused() {
    let mut value = Value::Null;
    for _ in 0..101 {
        value = Value::list(vec![value]);
    }
    let error = eval(&lit(value)).unwrap_err();
    assert!(error.limit);
    assert_eq!(error.message, "the value is nested more than 100 deep");
}

#[test]
fn a_tree_nested_too_deep_is_refused_and_a_long_chain_is_not() {
    let mut deep = lit(true);
    for _ in 0..1_000 {
        deep = expr(ExprKind::Unary { op: UnaryOp::Not, operand: Box::new(deep) });
    }
    assert_eq!(error(&deep), "the expression is nested too deep");
    let chain = (0..2_000).fold(lit(0), |left, _| binary(left, BinaryOp::Add, lit(1)));
    assert_eq!(eval(&chain), Ok(int(2_000)));
}

#[test]
fn the_deepest_tree_of_any_kind_fits_the_stack() {
    let mut tree = lit(true);
    for at in 0..300 {
        tree = match at % 6 {
            0 => over(list([lit(1)]), MacroKind::Map, "x", tree),
            1 => call("max", [lit(1), tree]),
            2 => template([TemplatePart::Expr(tree)]),
            3 => object([("a", tree)]),
            4 => binary(lit(true), BinaryOp::And, tree),
            _ => index(list([tree]), 0, false),
        };
    }
    assert_eq!(error(&tree), "the expression is nested too deep");
}

#[test]
fn unknown_functions_and_wrong_calls_say_what_is_meant() {
    assert_eq!(error(&call("sise", [lit("a")])), "unknown function `sise`: did you mean `size`?");
    assert_eq!(
        error(&method(lit("a"), "size", [lit(1)])),
        "`size` takes no arguments, and got 1: `size(value: string | list<any> | map<any>) -> int`"
    );
    assert_eq!(error(&call("size", [])), "`size` needs a value: `size(value: string | list<any> | map<any>) -> int`");
    assert_eq!(error(&call("size", [lit(1)])), "`size` takes text, a list or an object, and this is the int 1");
}

#[test]
fn an_error_stands_where_the_operator_does() {
    let mut tree = binary(lit(1), BinaryOp::Add, fails());
    if let ExprKind::Binary { right, .. } = &mut tree.kind {
        right.span = Span::new(7, 12);
    }
    assert_eq!(eval(&tree).unwrap_err().span, Span::new(7, 12));
}

#[test]
fn a_stored_chain_reads_back_however_long() {
    let chain = (0..1_000).fold(lit(true), |left, _| binary(left, BinaryOp::And, lit(Value::Duration(5))));
    let read: Expr = serde_json::from_str(&serde_json::to_string(&chain).unwrap()).unwrap();
    assert_eq!(read, chain);
}

#[test]
fn nodes_that_do_not_fit_together_are_refused() {
    for wrong in
        [r#"[]"#, r#"[["index",0,0]]"#, r#"[[{"name":"a"},0,0],[{"name":"b"},0,0]]"#, r#"[[{"list":[true]},0,0]]"#]
    {
        assert!(serde_json::from_str::<Expr>(wrong).is_err(), "{wrong}");
    }
}
