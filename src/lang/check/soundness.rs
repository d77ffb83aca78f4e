//! What checks without an error gives what the checker says, and never fails for a wrong type.
//!
//! Random expressions over inputs of known types, most of them right and some not, are checked and then evaluated with random
//! inputs. What depends on the values (a division by zero, an index out of range, a text that is no number) may fail.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Checker, Surroundings};
use crate::expr::{Budget, Scope, Type, Value, evaluate};
use crate::lang::ast::StmtKind;
use crate::lang::{Notation, Source, builtin_task_types, parse_flow};

const INPUTS: &str = r#"
  input i: int
  input n: number
  input s: string
  input b: bool
  input d: duration
  input t: timestamp
  input e: "red" | "blue"
  input oi: int?
  input os: string?
  input li: list<int>
  input ls: list<string>
  input lo: list<{ a: int, b: string? }>
  input o: { a: int, b: string? }
  input m: map<int>
"#;

/// What a random expression is meant to give.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Int,
    Number,
    Text,
    Bool,
    Duration,
    Moment,
    MaybeInt,
    MaybeText,
    Ints,
    Texts,
    Objects,
    Object,
}

const KINDS: [Kind; 12] = [
    Kind::Int,
    Kind::Number,
    Kind::Text,
    Kind::Bool,
    Kind::Duration,
    Kind::Moment,
    Kind::MaybeInt,
    Kind::MaybeText,
    Kind::Ints,
    Kind::Texts,
    Kind::Objects,
    Kind::Object,
];

/// A source of choices: the same seed gives the same expression.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    /// An expression of a kind; now and then of another.
    fn expr(&mut self, kind: Kind, depth: usize) -> String {
        let kind = if self.roll(40) == 0 { KINDS[self.roll(KINDS.len())] } else { kind };
        let forms = forms(kind);
        let leaves = forms.iter().take_while(|form| !form.contains('%')).count();
        let form = if depth == 0 { forms[self.roll(leaves)] } else { forms[self.roll(forms.len())] };
        let mut out = String::new();
        let mut rest = form;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            if rest[at + 1..].starts_with('%') {
                out.push('%');
                rest = &rest[at + 2..];
                continue;
            }
            let part = kind_of(&rest[at + 1..=at + 1]);
            out.push_str(&format!("({})", self.expr(part, depth.saturating_sub(1))));
            rest = &rest[at + 2..];
        }
        out + rest
    }
}

fn kind_of(letter: &str) -> Kind {
    match letter {
        "i" => Kind::Int,
        "n" => Kind::Number,
        "s" => Kind::Text,
        "b" => Kind::Bool,
        "d" => Kind::Duration,
        "t" => Kind::Moment,
        "I" => Kind::MaybeInt,
        "S" => Kind::MaybeText,
        "L" => Kind::Ints,
        "M" => Kind::Texts,
        "P" => Kind::Objects,
        _ => Kind::Object,
    }
}

/// The forms of a kind, those without parts first. `%i` is an expression that gives an int, and so on.
fn forms(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Int => &[
            "input.i",
            "3",
            "input.o.a",
            "%i + %i",
            "%i * %i",
            "%i / %i",
            "%i %% %i",
            "-%i",
            "%I ?? %i",
            "%b ? %i : %i",
            "%s.size()",
            "%L.sum()",
            "%L[%i]",
            "%P.first()?.a ?? %i",
            "int(%n)",
            "round(%n)",
            "min(%i, %i)",
            "%t.get_hours()",
            "input.m[%s]",
            "%o.a",
            "%L.max() ?? %i",
            "abs(%i)",
            "input.m.values().sum()",
            "%P.map(x, x.a).sum()",
            "range(%i).size()",
            "%s.index_of(%s)",
            "%I != null ? input.oi ?? 1 : %i",
            "input.oi != null ? input.oi + 1 : 0",
            "[][%i]",
            "[null].filter(x, x != null).map(x, x + %i)?.[0] ?? %i",
        ],
        Kind::Number => &[
            "input.n",
            "1.5",
            "%n + %i",
            "%n / %n",
            "%d / %d",
            "%L.avg() ?? %n",
            "max(%n, %i)",
            "round(%n, 2)",
            "number(%s)",
            "%b ? %i : %n",
            "%L.map(x, x * 0.5).sum()",
        ],
        Kind::Text => &[
            "input.s",
            "\"a\"",
            "input.e",
            "%s + %s",
            "\"${%i} ${%s} ${%o}\"",
            "%S ?? %s",
            "%b ? %s : %s",
            "%s.upper()",
            "%M.join(%s)",
            "%s.replace(%s, %s)",
            "%M[%i]",
            "string(%I)",
            "%o.b ?? %s",
            "%L.to_json()",
            "type(%S)",
            "%s.substring(%i)",
            "%M.sort().first() ?? %s",
            "has(input.o.b) ? input.o.b : %s",
            "%s.reverse()",
            "%M.max() ?? %s",
        ],
        Kind::Bool => &[
            "input.b",
            "true",
            "%i < %n",
            "%s >= %s",
            "%i == %n",
            "%S == %s",
            "%I != null",
            "%b && %b",
            "%b || !%b",
            "%i in %L",
            "%s in input.m",
            "%M.exists(x, x == %s)",
            "%P.all(x, x.a > %i)",
            "%d > %d",
            "%t < %t",
            "%s.contains(%s)",
            "input.os != null && input.os.size() > %i",
            "input.os == null || input.os.starts_with(%s)",
            "input.e == \"red\"",
            "%L.contains(%i)",
            "%P.exists_one(x, x.b == null)",
            "bool(%s)",
        ],
        Kind::Duration => &[
            "input.d",
            "1m",
            "%d + %d",
            "%d * %i",
            "%d / %n",
            "%t - %t",
            "-%d",
            "%b ? %d : %d",
            "%d %% %d",
            "[%d, %d].sum(%d)",
            "%L.map(x, x * 1s).sum(0s)",
        ],
        Kind::Moment => &["input.t", "execution.started_at", "%t + %d", "%t - %d", "timestamp(%i)", "%b ? %t : %t"],
        Kind::MaybeInt => &[
            "input.oi",
            "null",
            "input.i",
            "%L.first()",
            "%P.last()?.a",
            "%L?.[%i]",
            "input.m?.[%s]",
            "%b ? %i : null",
            "%L.min()",
        ],
        Kind::MaybeText => &["input.os", "null", "input.o.b", "%P.first()?.b", "%M.first()", "%b ? %s : null", "%o.b"],
        Kind::Ints => &[
            "input.li",
            "[]",
            "[1, 2]",
            "[%i, ...%L]",
            "%L + %L",
            "%P.map(x, x.a)",
            "%L.filter(x, x > %i)",
            "%L.sort()",
            "%L.first(%i)",
            "range(%i)",
            "input.m.values()",
            "%L.unique()",
            "[%L, %L].flatten()",
            "%b ? %L : []",
            "%L.reverse()",
            "%L.map(x, x > 1, x + %i)",
            "%L.sort_by(x, -x)",
            "[%I, %I].filter(x, x != null).map(x, x + 1)",
            "[].map(x, x.a)",
        ],
        Kind::Texts => &[
            "input.ls",
            "[\"a\", \"b\"]",
            "%s.split(%s)",
            "%P.map(x, x.b ?? %s)",
            "input.m.keys()",
            "%M.map(x, x.upper())",
            "%P.filter(x, x.b != null).map(x, x.b.upper())",
            "%L.map(x, \"${x}\")",
            "%o.keys()",
            "%M.sort_by(x, x.size())",
        ],
        Kind::Objects => &[
            "input.lo",
            "[input.o]",
            "[%o, %o]",
            "%P.filter(x, x.a > %i)",
            "%P.sort_by(x, x.a)",
            "%P + %P",
            "%L.map(x, { a: x, b: %S })",
        ],
        Kind::Object => &[
            "input.o",
            "{ a: %i, b: %S }",
            "{ ...%o, a: %i }",
            "{ ...%o, ...%o }",
            "%b ? %o : %o",
            "%o.merge({ a: %i })",
            "%o + { b: %S }",
        ],
    }
}

/// Messages of what depends on the values alone.
const OF_VALUES: &[&str] = &[
    "division by zero",
    "too large",
    "out of range",
    "is not within",
    "outside of the years",
    "past the end",
    "no field `",
    "is not an int",
    "is not a number",
    "is not a duration",
    "is not a timestamp",
    "is not true or false",
    "from 0 up",
    "takes an int, and this is the number",
    "at most",
    "larger than the limit",
    "budget",
    "the end is before the start",
    "a list is indexed by an int, and this is the number",
    "deeper",
    "nested too deep",
];

struct Names(Value);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "input" => Some(Cow::Borrowed(&self.0)),
            "execution" => Some(Cow::Owned(Value::object([("started_at", Value::Timestamp(1_000_000))]))),
            _ => None,
        }
    }
}

fn inputs() -> impl Strategy<Value = Json> {
    let text = || prop_oneof!["[a-c]{0,3}", Just("12".to_owned()), Just("true".to_owned())];
    let object = (-3..4_i64, proptest::option::of(text())).prop_map(|(a, b)| json!({ "a": a, "b": b }));
    let lists = (
        proptest::collection::vec(-3..4_i64, 0..4),
        proptest::collection::vec(text(), 0..4),
        proptest::collection::vec(object.clone(), 0..3),
        object,
    );
    let scalars =
        (-3..4_i64, -2.0..2.0_f64, text(), any::<bool>(), proptest::option::of(0..3_i64), proptest::option::of(text()));
    (scalars, lists, proptest::collection::btree_map("[ab]", 0..3_i64, 0..3)).prop_map(
        |((i, n, s, b, oi, os), (li, ls, lo, o), m)| {
            json!({
                "i": i, "n": n, "s": s, "b": b, "d": "90s", "t": "2030-01-31T12:00:00Z", "e": "red", "oi": oi, "os": os,
                "li": li, "ls": ls, "lo": lo, "o": o, "m": m,
            })
        },
    )
}

/// What an expression is, where nothing is wrong with it, and the value that it has or why it has none.
fn checked(expr: &str, input: &Json) -> Option<(Type, Result<Value, String>)> {
    let text = format!("workflow w {{{INPUTS}\n  let value = {expr}\n  return value\n}}\n");
    let source = Source { name: "w.flow".into(), notation: Notation::Flow, text: text.into() };
    let (file, found) = parse_flow(&source);
    if found.iter().any(crate::lang::Diagnostic::is_error) {
        return None;
    }
    let types = builtin_task_types();
    let around = Surroundings { strict: false, workflows: Vec::new() };
    let mut checker = Checker::new(&file.workflows[0], &types, &around);
    checker.workflow();
    if checker.diagnostics.iter().any(crate::lang::Diagnostic::is_error) {
        return None;
    }
    let StmtKind::Let { value: tree, .. } = &file.workflows[0].body[0].kind else { return None };
    let ty = checker.type_of(tree);
    let input_type = Type::clone(checker.roots.get("input").unwrap());
    let input = input_type.admit(Value::from_json(input.clone())).unwrap();
    let value = evaluate(tree, &Names(input), &mut Budget::default()).map_err(|error| error.message);
    Some((ty, value))
}

/// Enough for every run, or more where `PROPTEST_CASES` says so.
fn cases() -> u32 {
    ProptestConfig::default().cases.max(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn what_checks_gives_what_the_checker_says(seed in 1..u64::MAX, input in inputs()) {
        let mut dice = Dice(seed);
        let kind = KINDS[dice.roll(KINDS.len())];
        let expr = dice.expr(kind, 4);
        if let Some((ty, value)) = checked(&expr, &input) {
            match value {
                Ok(value) => prop_assert!(ty.admit(value.clone()).is_ok(), "{expr} is {value:?}, and not `{ty}`"),
                Err(message) => {
                    let of_values = OF_VALUES.iter().any(|known| message.contains(known));
                    prop_assert!(of_values, "{expr}, a `{ty}`, fails: {message}");
                }
            }
        }
    }
}

#[test]
fn most_random_expressions_are_right_and_some_are_not() {
    let input = json!({
        "i": 1, "n": 1.5, "s": "a", "b": true, "d": "90s", "t": "2030-01-31T12:00:00Z", "e": "red",
        "li": [1], "ls": ["a"], "lo": [{ "a": 1 }], "o": { "a": 1 }, "m": { "a": 1 },
    });
    let right = (1..=500_u64).filter(|seed| {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let kind = KINDS[dice.roll(KINDS.len())];
        let expr = dice.expr(kind, 3);
        checked(&expr, &input).is_some_and(|(ty, _)| ty != Type::Any)
    });
    let right = right.count();
    assert!((250..500).contains(&right), "{right} of 500");
}
