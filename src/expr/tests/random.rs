//! Random values and trees, and what holds for all of them.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::build::scope;
use crate::expr::{
    BinaryOp, Budget, Expr, ExprKind, ListItem, MacroKind, ObjectEntry, Span, TemplatePart, Type, UnaryOp, Value,
    canonical_json, evaluate, functions, type_from_schema,
};

fn text() -> impl Strategy<Value = String> {
    let special = [
        "",
        "a",
        "1",
        "-5",
        "1.5",
        "true",
        "1h30m",
        "2030-01-31T12:00:00Z",
        "a,b",
        "{\"a\":1}",
        "[",
        "(a",
        "é😀",
        "\n\"\\",
    ];
    prop_oneof![select(special.to_vec()).prop_map(str::to_owned), ".{0,12}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    let ints = prop_oneof![any::<i64>(), -5..5_i64, select(vec![i64::MIN, i64::MAX])];
    // Doubles of up to ten digits: more come back from JSON within one unit in the last place only.
    let nums =
        prop_oneof![any::<i32>().prop_map(|int| f64::from(int) / 1000.0), select(vec![0.0, -0.0, 2.0, 1e18, 1e-9])];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        ints.clone().prop_map(Value::Int),
        nums.prop_map(Value::Num),
        text().prop_map(Value::str),
        ints.prop_map(Value::Duration),
        (-62_135_596_800_000_000..=253_402_300_799_999_999_i64).prop_map(Value::Timestamp),
    ]
}

/// Any value.
pub fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::list), vec((text(), inner), 0..4).prop_map(Value::object),]
    })
}

fn span() -> impl Strategy<Value = Span> {
    (0..100_u32, 0..100_u32).prop_map(|(start, end)| Span { start, end })
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["x", "y", "input", "items", "nothing"])
}

fn function_name() -> impl Strategy<Value = &'static str> {
    let names: Vec<&str> = functions().iter().flat_map(|function| function.names()).chain(["nothing"]).collect();
    select(names)
}

fn binary_op() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::*;
    select(vec![Or, And, Eq, Ne, Lt, Le, Gt, Ge, In, Coalesce, Add, Sub, Mul, Div, Rem])
}

fn macro_kind() -> impl Strategy<Value = MacroKind> {
    use MacroKind::*;
    select(vec![All, Exists, ExistsOne, Map, Filter, SortBy])
}

/// Any tree, well typed or not.
pub fn tree() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        3 => value().prop_map(ExprKind::Literal),
        1 => name().prop_map(|name| ExprKind::Name(name.into())),
    ];
    (leaf, span())
        .prop_map(|(kind, span)| Expr::new(kind, span))
        .prop_recursive(5, 48, 4, |inner| (kind(inner), span()).prop_map(|(kind, span)| Expr::new(kind, span)))
}

fn kind(inner: impl Strategy<Value = Expr> + Clone + 'static) -> BoxedStrategy<ExprKind> {
    let one = || inner.clone().prop_map(Box::new);
    let item = (inner.clone(), any::<bool>())
        .prop_map(|(expr, spread)| if spread { ListItem::Spread(expr) } else { ListItem::Item(expr) });
    let entry =
        (inner.clone(), any::<bool>(), text(), span()).prop_map(|(value, spread, key, key_span)| match spread {
            true => ObjectEntry::Spread(value),
            false => ObjectEntry::Field { key: key.into(), key_span, value },
        });
    let part = prop_oneof![
        text().prop_map(|text| TemplatePart::Text(text.into())),
        inner.clone().prop_map(TemplatePart::Expr)
    ];
    prop_oneof![
        1 => (one(), name(), any::<bool>())
            .prop_map(|(base, name, optional)| ExprKind::Field { base, name: name.into(), optional }),
        1 => (one(), one(), any::<bool>())
            .prop_map(|(base, index, optional)| ExprKind::Index { base, index, optional }),
        1 => vec(item, 0..4).prop_map(ExprKind::List),
        1 => vec(entry, 0..4).prop_map(ExprKind::Object),
        1 => (one(), any::<bool>()).prop_map(|(operand, not)| {
            ExprKind::Unary { op: if not { UnaryOp::Not } else { UnaryOp::Negate }, operand }
        }),
        3 => (one(), binary_op(), one()).prop_map(|(left, op, right)| ExprKind::Binary { op, left, right }),
        1 => (one(), one(), one())
            .prop_map(|(test, then, otherwise)| ExprKind::Conditional { test, then, otherwise }),
        6 => (function_name(), proptest::option::of(one()), vec(inner.clone(), 0..4))
            .prop_map(|(function, receiver, args)| ExprKind::Call {
                function: function.into(),
                name_span: Span::default(),
                receiver,
                args,
            }),
        2 => (macro_kind(), one(), name(), proptest::option::of(one()), one()).prop_map(
            |(kind, list, var, filter, body)| ExprKind::Macro { kind, list, var: var.into(), filter, body }
        ),
        1 => one().prop_map(ExprKind::Has),
        1 => vec(part, 0..4).prop_map(ExprKind::Template),
    ]
    .boxed()
}

/// Text that no two different values share: unlike `==` it tells ints from doubles, and unlike JSON times from text.
fn exact(value: &Value) -> String {
    format!("{value:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn evaluation_ends_within_its_budget_and_never_panics(tree in tree(), steps in 0..3_000_u64) {
        let names = scope(json!({"input": {"x": 1, "items": ["a", "b"]}, "items": [3, 1, 2]}));
        let mut budget = Budget { steps, max_bytes: 10_000 };
        if let Ok(value) = evaluate(&tree, &names, &mut budget) {
            prop_assert!(value.fits(10_000));
            prop_assert!(serde_json::to_string(&value).unwrap().len() < 30_000);
        }
        prop_assert!(budget.steps <= steps);
    }

    #[test]
    fn evaluation_gives_the_same_each_time(tree in tree()) {
        let names = scope(json!({"input": {"x": 1}, "items": [3, 1, 2]}));
        let run = || evaluate(&tree, &names, &mut Budget::default()).map(|value| exact(&value));
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn a_stored_tree_reads_back_as_it_was(tree in tree()) {
        let json = serde_json::to_string(&tree).unwrap();
        let read: Expr = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(format!("{tree:?}"), format!("{read:?}"));
    }

    #[test]
    fn equal_values_have_one_canonical_text(value in value()) {
        let text = canonical_json(&value);
        prop_assert_eq!(&canonical_json(&reversed(&value)), &text);
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(canonical_json(&read), text);
    }

    #[test]
    fn values_survive_json(value in value()) {
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&serde_json::to_string(&value.to_json()).unwrap(), &text);
        prop_assert!(value.approx_bytes() + 64 >= text.len() / 4, "{} for {}", value.approx_bytes(), text.len());
    }

    #[test]
    fn what_was_admitted_is_admitted_again_from_its_json(value in value()) {
        let value = even(value);
        let ty = type_of(&value);
        let admitted = ty.admit(value).map_err(|found| TestCaseError::fail(format!("{found:?}")))?;
        let again = ty.admit(Value::from_json(admitted.to_json()));
        let again = again.map_err(|found| TestCaseError::fail(format!("{found:?}")))?;
        prop_assert_eq!(exact(&admitted), exact(&again));
    }

    #[test]
    fn a_type_survives_its_schema(value in value()) {
        let ty = type_of(&even(value));
        prop_assert_eq!(type_from_schema(&crate::expr::schema_from_type(&ty)), ty);
    }
}

/// The same value with the entries of its objects the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::list(items.iter().map(reversed).collect()),
        Value::Map(map) => Value::map(map.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect()),
        other => other.clone(),
    }
}

/// A type that a value fits.
fn type_of(value: &Value) -> Type {
    use crate::expr::{FieldType, ObjectType};
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Num(_) => Type::Number,
        Value::Str(text) => Type::Literal(text.clone()),
        Value::Duration(_) => Type::Duration,
        Value::Timestamp(_) => Type::Timestamp,
        Value::List(items) => Type::List(Box::new(items.first().map_or(Type::Any, type_of))),
        Value::Map(map) => {
            let fields: BTreeMap<_, _> = map.iter().map(|(key, value)| (key.clone(), type_of(value))).collect();
            let field = |(name, ty): (_, Type)| FieldType { name, required: !ty.accepts_null(), ty, doc: None };
            Type::Object(ObjectType { fields: fields.into_iter().map(field).collect(), open: false })
        }
    }
}

/// The same value with lists of one type of item.
fn even(value: Value) -> Value {
    match value {
        Value::List(items) => {
            let mut items: Vec<Value> = items.iter().cloned().map(even).collect();
            let first = items.first().map(type_of);
            items.retain(|item| Some(type_of(item)) == first);
            Value::list(items)
        }
        Value::Map(map) => Value::map(map.iter().map(|(key, value)| (key.clone(), even(value.clone()))).collect()),
        other => other,
    }
}
