//! How long expressions take: typical conditions, a file of 200 lines with all checks, and how long the worst expressions run
//! until their budget stops them. `cargo bench --bench expr` prints the times, and fails where one is past its goal;
//! `-- conditions`, `-- compiling` or `-- worst` measures one of these alone.

#![allow(clippy::unwrap_used, reason = "a benchmark that panics fails, as it should")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use stepwell::expr::{Budget, Expr, Scope, Value, evaluate};
use stepwell::lang::{Notation, Source, builtin_task_types, compile, parse_expr};

/// Conditions as workflows have them; each takes at most a microsecond.
const CONDITIONS: [&str; 7] = [
    "validate.body.ok && input.amount > 100",
    "error.code in [\"TIMEOUT\", \"WORKER_LOST\"]",
    "event.order == input.order_id",
    "error.status == 501 || error.code in [\"TIMEOUT\", \"WORKER_LOST\"]",
    "input.items.exists(i, i.qty > 2 && i.sku.starts_with(\"b\"))",
    "input.items.map(i, i.qty).sum() * 2 + size(input.order_id)",
    "charge?.body?.state ?? \"none\" == \"review\" ? input.email : \"ops@example.com\"",
];

/// Expressions that do as much as they can for each unit of the budget; each is stopped, or ends, within 50 ms.
const WORST: [&str; 50] = [
    "l.map(a, l.map(b, a * b))",
    "l.map(a, l.filter(b, b > a).size()).sum()",
    "l.map(a, l.map(b, [a]))",
    "l.map(a, l.map(b, { a: a }))",
    "l.map(a, l.map(b, \"${a}-${b}\"))",
    "l.map(a, l.map(b, \"${b * 0.1}\"))",
    "l.exists(a, l.exists(b, b / 0 == a))",
    "l.exists(a, l.exists(b, wide.nothing_of_that_name_is_in_there))",
    "l.exists(a, l.exists(b, text < 1))",
    "l.exists(a, l.exists(b, nothing(b)))",
    "l.map(a, l.sort_by(b, b * 7919 % 10007))",
    "l.map(a, words.sort())",
    "l.map(a, l.join(\",\"))",
    "l.map(a, l.unique())",
    "l.map(a, lists.flatten())",
    "l.map(a, l + l)",
    "l.map(a, l.zip(l))",
    "l.map(a, l.reverse())",
    "l.map(a, [...l, ...l])",
    "l.map(a, [l.min(), l.max(), l.sum(), l.avg()])",
    "l.map(a, a in l || -1 in l)",
    "l.map(a, wide.entries())",
    "l.map(a, from_entries(wide.entries()))",
    "l.map(a, { ...wide, ...wide })",
    "l.map(a, wide.merge(wide))",
    "l.map(a, long in wide)",
    "l.map(a, { ...keyed, ...keyed })",
    "l.map(a, from_entries([{ key: long, value: a }]))",
    "l.map(a, long == other)",
    "l.map(a, long.starts_with(long))",
    "l.map(a, half + half)",
    "l.map(a, \"${half}${half}\")",
    "l.map(a, long.index_of(\"aab\") + long.last_index_of(\"baa\"))",
    "l.map(a, long.contains(needle))",
    "l.map(a, long.replace(\"a\", \"b\"))",
    "l.map(a, long.split(\"a\"))",
    "l.map(a, unicode.upper().lower().reverse())",
    "l.map(a, unicode.substring(200000))",
    "l.map(a, unicode.char_at(200000))",
    "l.map(a, long.url_encode().sha256())",
    "l.map(a, unicode.base64_encode().base64_decode())",
    "l.map(a, parse_json(l.to_json()))",
    "l.map(a, parse_json(wide.to_json()))",
    "l.map(a, random.matches(\"(a|b|ab)*$\") && random.matches(\"(a|b|ab)*\\\\d\"))",
    "l.map(a, random.matches(\"[ab]*a[ab]{200}\\\\d\"))",
    "l.map(a, random.matches(\"(\\\\w{5}[ab])+\\\\d\"))",
    "l.map(a, \"\".matches(\"\\\\w{5}${a}\"))",
    "l.map(a, l.map(b, timestamp(\"2030-01-31T12:00:00.123456+01:00\").get_day_of_year(\"+02:00\")))",
    "l.map(a, l.map(b, timestamp(b).format(\"%c%c%c%c%c%+%+%+%+%+\")))",
    "l.map(a, int(zeros) + number(zeros))",
];

/// A scope as an execution has it: names in a table, blocks within blocks.
struct Names {
    names: HashMap<String, Value>,
    outer: Option<Box<Names>>,
}

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        match self.names.get(name) {
            Some(value) => Some(Cow::Borrowed(value)),
            None => self.outer.as_ref()?.lookup(name),
        }
    }
}

fn names(json: serde_json::Value, outer: Option<Names>) -> Names {
    let Value::Map(names) = Value::from_json(json) else { panic!("names are an object") };
    let names = names.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    Names { names, outer: outer.map(Box::new) }
}

/// An execution in a `catch` within its workflow.
fn execution() -> Names {
    let outer = json!({
        "input": {
            "order_id": "o-1093",
            "amount": 112.5,
            "email": "ann@example.com",
            "items": [{"sku": "a-1", "qty": 1}, {"sku": "b-2", "qty": 3}, {"sku": "c-3", "qty": 2}],
        },
        "validate": {"status": 200, "headers": {"content-type": "text/json"}, "body": {"ok": true, "reason": null}},
        "charge": {"status": 200, "headers": {}, "body": {"id": "c-9", "state": "review"}},
        "total": 6,
    });
    let inner = json!({
        "error": {"code": "WORKER_LOST", "status": null, "message": "the worker is gone", "step": "charge", "attempt": 1},
        "event": {"order": "o-1093", "carrier": "bike"},
    });
    names(inner, Some(names(outer, None)))
}

/// Values near to the limits of their size.
fn large() -> Names {
    let key = |at: usize| format!("{at:03}-a-key-that-is-as-long-as-the-keys-of-some-systems-are--");
    let long = "a".repeat(900_000);
    let wide = |count: usize| (0..count).map(|at| (key(at), json!(at))).collect::<serde_json::Map<_, _>>();
    names(
        json!({
            "l": (0..5_000).collect::<Vec<i64>>(),
            "words": (0..2_000).map(|at| key(at * 7919 % 2_000)).collect::<Vec<_>>(),
            "lists": vec![(0..500).collect::<Vec<i64>>(); 10],
            "wide": wide(200),
            "keyed": { &long: 1 },
            "text": "aé😀".repeat(100_000),
            "unicode": "é😀Ж".repeat(80_000),
            "needle": format!("{}b", "a".repeat(2_000)),
            "zeros": "0".repeat(900_000),
            "half": "b".repeat(500_000),
            "random": random_letters(4_000),
            "other": format!("{}b", &long[1..]),
            "long": long,
        }),
        None,
    )
}

/// Letters `a` and `b` in no order that a short pattern could learn.
fn random_letters(count: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if state >> 63 == 0 { 'a' } else { 'b' }
    };
    (0..count).map(|_| next()).collect()
}

fn parsed(text: &str) -> Expr {
    let (expr, problems) = parse_expr(text, 0);
    assert!(problems.is_empty(), "{text}: {problems:?}");
    expr.unwrap()
}

/// Seconds for one run: the best of several rounds, which disturbs least.
fn seconds(runs_a_round: u32, mut run: impl FnMut()) -> f64 {
    const ROUNDS: usize = 10;
    const ROUND: Duration = Duration::from_millis(50);
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (start, mut runs) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            (0..runs_a_round).for_each(|_| run());
            runs += runs_a_round;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(runs));
    }
    best
}

/// Prints a time; whether it is within its goal.
fn within(goal: f64, unit: (f64, &str), time: f64, what: &str) -> bool {
    let mark = if time <= goal { "" } else { "  PAST ITS GOAL" };
    println!("{:8.1} {}  {what}{mark}", time * unit.0, unit.1);
    time <= goal
}

fn conditions() -> bool {
    let names = execution();
    let mut good = true;
    for text in CONDITIONS {
        let expr = parsed(text);
        let time =
            seconds(100, || drop(black_box(evaluate(black_box(&expr), &names, &mut Budget::default())).unwrap()));
        good &= within(1e-6, (1e9, "ns"), time, text);
    }
    good
}

fn compiling() -> bool {
    let text = include_str!("fulfilment.flow");
    let source = Source { name: "fulfilment.flow".into(), notation: Notation::Flow, text: text.into() };
    let types = builtin_task_types();
    let compiled = compile(&source, &types);
    assert!(compiled.diagnostics.is_empty() && !compiled.plans.is_empty(), "{:?}", compiled.diagnostics);
    let time = seconds(1, || drop(black_box(compile(black_box(&source), &types))));
    within(5e-3, (1e3, "ms"), time, &format!("compiling {} lines", text.lines().count()))
}

fn worst() -> bool {
    let names = large();
    let mut good = true;
    for text in WORST {
        let expr = parsed(text);
        let mut time = f64::MAX;
        let mut left = 0;
        for _ in 0..5 {
            let mut budget = Budget::default();
            let start = Instant::now();
            drop(black_box(evaluate(&expr, &names, &mut budget)));
            time = time.min(start.elapsed().as_secs_f64());
            left = budget.steps;
        }
        good &= within(0.05, (1e3, "ms"), time, &format!("{text}  ({left} units left)"));
    }
    good
}

/// A part of the bench: its name, and what runs it and says whether its goals were met.
type Part = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    let parts: [Part; 3] = [("conditions", conditions), ("compiling", compiling), ("worst", worst)];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    // Every one is measured, also after one that is too slow.
    let mut good = true;
    for (_, part) in parts.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)) {
        good &= part();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
