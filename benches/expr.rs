//! How long evaluating typical conditions takes: `cargo bench --bench expr` prints nanoseconds for each.

#![allow(clippy::unwrap_used, reason = "a benchmark that panics fails, as it should")]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::json;
use stepwell::expr::{Budget, Expr, Map, Scope, Value, evaluate};
use stepwell::lang::parse_expr;

const EXPRESSIONS: [&str; 5] = [
    "validate.body.ok && input.amount > 10.0",
    "error.status == 501 || error.code in [\"TIMEOUT\", \"WORKER_LOST\"]",
    "input.items.exists(i, i.qty > 2 && i.sku.starts_with(\"b\"))",
    "input.items.map(i, i.qty).sum() * 2 + size(input.order_id)",
    "charge?.body?.state ?? \"none\" == \"review\" ? input.email : \"ops@example.com\"",
];

struct Names(Map);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

fn names() -> Names {
    let names = json!({
        "input": {
            "order_id": "o-1093",
            "amount": 12.5,
            "email": "ann@example.com",
            "items": [{"sku": "a-1", "qty": 1}, {"sku": "b-2", "qty": 3}, {"sku": "c-3", "qty": 2}],
        },
        "validate": {"status": 200, "body": {"ok": true, "reason": null}},
        "charge": {"status": 200, "body": {"id": "c-9", "state": "review"}},
        "error": {"code": "WORKER_LOST", "status": null, "message": "the worker is gone"},
    });
    match Value::from_json(names) {
        Value::Map(map) => Names((*map).clone()),
        _ => Names(Map::new()),
    }
}

/// Nanoseconds for one evaluation: the best of several rounds, which disturbs least.
fn nanoseconds(expr: &Expr, names: &Names) -> f64 {
    const ROUNDS: usize = 10;
    const ROUND: Duration = Duration::from_millis(50);
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (start, mut runs) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            for _ in 0..100 {
                black_box(evaluate(black_box(expr), names, &mut Budget::default())).unwrap();
            }
            runs += 100;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(runs));
    }
    best
}

fn main() {
    let names = names();
    for text in EXPRESSIONS {
        let (expr, problems) = parse_expr(text, 0);
        assert!(problems.is_empty(), "{text}: {problems:?}");
        println!("{:8.0} ns  {text}", nanoseconds(&expr.unwrap(), &names));
    }
}
