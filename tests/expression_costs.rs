//! What expressions cost: each function charges the budget as `docs/functions.md` says, however large its arguments, stops
//! where the budget does, and says where; nothing runs on after it.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::json;
use stepwell::expr::{Budget, Expr, ExprKind, Form, Map, Scope, Value, evaluate, function, functions};
use stepwell::lang::parse_expr;

struct Names(Map);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

/// Arguments of size `n`.
fn names(n: usize) -> Names {
    let text = "a".repeat(n);
    let names = json!({
        "n": n,
        "text": &text,
        "zeros": "0".repeat(n),
        "long_duration": format!("{}s", "0".repeat(n - 1)),
        "long_moment": format!("2030-01-31T12:00:00.{}Z", "0".repeat(n - 21)),
        "base64": "YWFh".repeat(n / 4),
        "json": format!("[{}1]", "1,".repeat((n - 3) / 2)),
        "list": (0..n).collect::<Vec<_>>(),
        "pairs": vec![[1, 2]; n],
        "map": (0..n).map(|at| (at.to_string(), json!(at))).collect::<serde_json::Map<_, _>>(),
        "entries": (0..n).map(|at| json!({"key": at.to_string(), "value": at})).collect::<Vec<_>>(),
    });
    let Value::Map(names) = Value::from_json(names) else { panic!("names are an object") };
    let mut names = Map::clone(&names);
    names.insert("moment".into(), Value::Timestamp(0));
    Names(names)
}

fn parsed(text: &str) -> Expr {
    let (expr, problems) = parse_expr(text, 0);
    assert!(problems.is_empty(), "{text}: {problems:?}");
    expr.unwrap()
}

/// A unit for each part, and one more for each call.
fn parts(expr: &Expr) -> u64 {
    let mut units = 1 + u64::from(matches!(expr.kind, ExprKind::Call { .. }));
    expr.each_part(&mut |part| units += parts(part));
    units
}

const ALL: u64 = 1_000_000_000;

/// What evaluating costs, and whether the budget was enough.
fn spent(text: &str, names: &Names, steps: u64) -> (u64, bool) {
    let mut budget = Budget { steps, max_bytes: 1 << 26 };
    let outcome = evaluate(&parsed(text), names, &mut budget);
    if let Err(error) = &outcome {
        assert!(error.limit, "{text}: {error}");
        assert!(
            text.get(error.span.start as usize..error.span.end as usize).is_some_and(|at| !at.is_empty()),
            "{text}"
        );
    }
    (steps - budget.steps, outcome.is_ok())
}

/// A function, a call of it on arguments of size `n`, how its cost grows, and the cost beyond its parts.
type Case = (&'static str, &'static str, &'static str, fn(u64) -> u64);

const CASES: &[Case] = &[
    ("size", "size(text)", "O(n)", |n| n / 64),
    ("contains", "text.contains(\"b\")", "O(n)", |n| n / 16),
    ("contains", "list.contains(-1)", "O(n)", |n| n),
    ("contains", "map.contains(text)", "O(n)", |n| n / 64),
    ("starts_with", "text.starts_with(text)", "O(n)", |n| n / 64),
    ("ends_with", "text.ends_with(text)", "O(n)", |n| n / 64),
    ("matches", "text.matches(\"^a+$\")", "O(n m)", |n| 900 + n * 3 / 4),
    ("matches", "text.matches(\"^(aa)+$\") && text.matches(\"^(aa)+$\")", "O(n m)", |n| 1200 + 2 * n),
    ("replace", "text.replace(\"a\", \"bc\")", "O(n)", |n| n / 16 + n / 2 + n / 32),
    ("split", "text.split(\"a\")", "O(n)", |n| n / 16 + 2 * (n + 1)),
    ("join", "list.join(\"\")", "O(n)", |n| 2 * n),
    ("trim", "text.trim()", "O(n)", |n| n / 8 + n / 64),
    ("lower", "text.lower()", "O(n)", |n| n / 8 + n / 64),
    ("upper", "text.upper()", "O(n)", |n| n / 8 + n / 64),
    ("lower_ascii", "text.lower_ascii()", "O(n)", |n| n / 8 + n / 64),
    ("upper_ascii", "text.upper_ascii()", "O(n)", |n| n / 8 + n / 64),
    ("substring", "text.substring(1)", "O(n)", |n| n / 16),
    ("index_of", "text.index_of(\"b\")", "O(n)", |n| n / 8),
    ("last_index_of", "text.last_index_of(\"b\")", "O(n)", |n| n / 8),
    ("char_at", "text.char_at(1)", "O(n)", |n| n / 16),
    ("reverse", "list.reverse()", "O(n)", |n| n),
    ("reverse", "text.reverse()", "O(n)", |n| n / 8 + n / 64),
    ("first", "list.first(n)", "O(n)", |n| n),
    ("last", "list.last(n)", "O(n)", |n| n),
    ("slice", "list.slice(10)", "O(n)", |n| n - 10),
    ("sum", "list.sum()", "O(n)", |n| n),
    ("avg", "list.avg()", "O(n)", |n| n),
    ("min", "list.min()", "O(n)", |n| n - 1),
    ("max", "list.max()", "O(n)", |n| n - 1),
    ("sort", "list.sort()", "O(n log n)", |n| n * u64::from(n.ilog2())),
    ("unique", "list.unique()", "O(n)", |n| 8 * n),
    ("flatten", "pairs.flatten()", "O(n)", |n| n + (n + 2 * n) + 2 * n),
    ("zip", "list.zip(list)", "O(n)", |n| 3 * n),
    ("range", "range(n)", "O(n)", |n| n),
    ("keys", "map.keys()", "O(n)", |n| n),
    ("values", "map.values()", "O(n)", |n| n),
    ("entries", "map.entries()", "O(n)", |n| 12 * n),
    ("from_entries", "from_entries(entries)", "O(n)", |n| 3 * n),
    ("merge", "map.merge(map)", "O(n)", |n| 2 * n + 3 * n),
    ("int", "int(zeros)", "O(n)", |n| n / 16),
    ("number", "number(zeros)", "O(n)", |n| n / 16),
    ("double", "double(zeros)", "O(n)", |n| n / 16),
    ("duration", "duration(long_duration)", "O(n)", |n| n / 16),
    ("timestamp", "timestamp(long_moment)", "O(n)", |n| 4 + n / 16),
    ("parse_json", "parse_json(json)", "O(n)", |n| (n - 1) / 2),
    ("to_json", "list.to_json()", "O(n)", |n| (2 + 9 * n) / 16),
    ("format", "moment.format(text)", "O(n)", |n| 8 * n + n / 64),
    ("base64_encode", "text.base64_encode()", "O(n)", |n| n / 16 + n.div_ceil(3) * 4 / 64),
    ("base64_decode", "base64.base64_decode()", "O(n)", |n| n / 16),
    ("url_encode", "text.url_encode()", "O(n)", |n| n / 16 + n / 64),
    ("sha256", "sha256(text)", "O(n)", |n| n / 8),
];

/// Calls of the functions that cost the same whatever they are called on.
const CONSTANT: &[(&str, &str)] = &[
    ("abs", "abs(-1)"),
    ("round", "round(1.25, 1)"),
    ("floor", "floor(1.5)"),
    ("ceil", "ceil(1.5)"),
    ("bool", "bool(\"true\")"),
    ("type", "type(list)"),
    ("get_full_year", "moment.get_full_year()"),
    ("get_month", "moment.get_month()"),
    ("get_date", "moment.get_date()"),
    ("get_day_of_month", "moment.get_day_of_month()"),
    ("get_day_of_week", "moment.get_day_of_week()"),
    ("get_day_of_year", "moment.get_day_of_year()"),
    ("get_hours", "moment.get_hours()"),
    ("get_minutes", "moment.get_minutes()"),
    ("get_seconds", "moment.get_seconds()"),
    ("get_milliseconds", "moment.get_milliseconds(\"+01:00\")"),
];

/// Checks that a call costs exactly so much, and does not end with one unit less.
fn costs(call: &str, names: &Names, units: u64) {
    let wanted = parts(&parsed(call)) + units;
    assert_eq!(spent(call, names, ALL), (wanted, true), "{call}");
    assert_eq!(spent(call, names, wanted), (wanted, true), "{call}");
    assert!(!spent(call, names, wanted - 1).1, "{call} ended on less than it costs");
}

#[test]
fn every_function_is_paid_for_as_the_reference_says() {
    for n in [64_u32, 6_400] {
        let names = names(n as usize);
        for (name, call, order, units) in CASES {
            assert_eq!(function(name).unwrap().order, *order, "{name}");
            costs(call, &names, units(n.into()));
        }
        for (name, call) in CONSTANT {
            assert_eq!(function(name).unwrap().order, "O(1)", "{name}");
            costs(call, &names, 0);
        }
        // `string` writes a list as JSON, and then copies that.
        let written: u64 = (0..n).map(|at| at.to_string().len() as u64 + 1).sum::<u64>() + 1;
        costs("string(list)", &names, 1 + (2 + 9 * u64::from(n)) / 16 + written / 64);
    }
}

#[test]
fn no_function_is_left_out_of_the_table_of_costs() {
    let known: Vec<&str> = CASES.iter().map(|case| case.0).chain(CONSTANT.iter().map(|case| case.0)).collect();
    for function in functions() {
        assert!(known.contains(&function.name) || function.name == "string", "{} has no case", function.name);
        assert!((function.order == "O(1)") == function.cost.is_empty(), "{}: {}", function.name, function.cost);
    }
}

#[test]
fn a_function_that_cannot_say_what_is_wanted_says_where() {
    // These take anything.
    let easy = ["string", "type", "to_json"];
    for function in functions().iter().filter(|function| !easy.contains(&function.name)) {
        let args = |count: usize| vec!["null"; count].join(", ");
        let call = match function.form {
            Form::Global => format!("{}({})", function.name, args(function.min_args)),
            _ => format!("null.{}({})", function.name, args(function.min_args)),
        };
        let text = format!("[1, {call}]");
        let error = evaluate(&parsed(&text), &names(64), &mut Budget::default()).expect_err(&text);
        assert_eq!(&text[error.span.start as usize..error.span.end as usize], call, "{error}");
        assert!(error.message.contains("null") && !error.limit, "{text}: {error}");
    }
}

/// A list under every name, which counts how often it is asked for.
struct Counting(Value, Cell<u64>);

impl Scope for Counting {
    fn lookup(&self, _name: &str) -> Option<Cow<'_, Value>> {
        self.1.set(self.1.get() + 1);
        Some(Cow::Borrowed(&self.0))
    }
}

#[test]
fn a_nested_comprehension_over_a_large_list_is_stopped_by_its_budget() {
    let nested = [
        "l.map(a, l.map(b, l.map(c, l.size())))",
        "l.filter(a, l.exists(b, l.all(c, l == l)))",
        "l.exists(a, l.exists(b, l.nothing.at.all))",
        "l.sort_by(a, l.exists_one(b, l.size() == 0))",
        "l.map(a, l.map(b, \"${l.size()}\"))",
    ];
    for text in nested {
        let scope = Counting(Value::list((0..100_000).map(Value::Int).collect()), Cell::new(0));
        let mut budget = Budget::default();
        let steps = budget.steps;
        let error = evaluate(&parsed(text), &scope, &mut budget).expect_err(text);
        assert!(
            error.limit && error.message == "the expression costs too much: its budget is used up",
            "{text}: {error}"
        );
        assert_eq!(budget.steps, 0, "{text}");
        // Each look-up is a part that was paid for.
        assert!(scope.1.get() > 10_000 && scope.1.get() <= steps, "{text}: {} look-ups", scope.1.get());
    }
}

#[test]
fn what_an_error_costs_is_paid_by_what_absorbs_it() {
    let names = names(640);
    let absorbed = spent("list.exists(x, x.nothing)", &names, 1_000);
    assert_eq!(absorbed, (1_000, false));
    let (cheap, _) = spent("list.exists(x, x < 0)", &names, ALL);
    let mut budget = Budget { steps: ALL, ..Budget::default() };
    evaluate(&parsed("list.exists(x, x.nothing)"), &names, &mut budget).unwrap_err();
    assert!(ALL - budget.steps >= cheap + 640 * 10, "{} for all errors, {cheap} for none", ALL - budget.steps);
}
