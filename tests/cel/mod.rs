//! What we claim of CEL. Each row names a section of `docs/expressions.md`, an expression, the names that it reads, and what it
//! gives: the rows are of our own writing, after CEL's language definition.
//!
//! A value is written so that types are told apart: `3` and `3.0`, `"90s"` and `90s`, `@2030-01-31T12:00:00Z`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use stepwell::expr::{Budget, Map, Scope, Timestamp, Value, duration_text, evaluate};
use stepwell::lang::{Diagnostic, parse_expr};

mod functions;
mod operators;
mod syntax;
mod times;

/// What an expression comes to.
enum Expect {
    /// A value.
    Is(&'static str),
    /// An error while it is evaluated: its message, and what it underlines.
    Fails(&'static str, &'static str),
    /// A diagnostic: the expression is no expression of the language.
    Refused(&'static str),
}

use Expect::{Fails, Is, Refused};

/// A section, an expression, the names that it reads (as JSON), and what it comes to.
type Row = (&'static str, &'static str, &'static str, Expect);

const TABLES: [&[Row]; 4] = [syntax::ROWS, operators::ROWS, functions::ROWS, times::ROWS];

fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.into_iter().flatten()
}

struct Names(Map);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

fn names(json: &str) -> Names {
    let json = if json.is_empty() { "{}" } else { json };
    match serde_json::from_str(json) {
        Ok(Value::Map(map)) => Names(Map::clone(&map)),
        other => panic!("{json}: {other:?}"),
    }
}

/// A value, its type to be seen.
fn shown(value: &Value) -> String {
    let all = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Num(num) => format!("{num:?}"),
        Value::Str(text) => format!("{text:?}"),
        Value::Duration(micros) => duration_text(*micros),
        Value::Timestamp(micros) => format!("@{}", Timestamp(*micros)),
        Value::List(items) => format!("[{}]", all(items.iter().map(shown).collect())),
        Value::Map(map) => {
            format!("{{{}}}", all(map.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect()))
        }
    }
}

/// What an expression comes to, and its diagnostics where it is none.
fn found(text: &str, bindings: &str) -> Result<Result<String, (String, String)>, Vec<Diagnostic>> {
    let (expr, problems) = parse_expr(text, 0);
    let Some(expr) = expr.filter(|_| problems.is_empty()) else { return Err(problems) };
    let outcome = evaluate(&expr, &names(bindings), &mut Budget::default());
    Ok(outcome.map(|value| shown(&value)).map_err(|error| {
        let under = text.get(error.span.start as usize..error.span.end as usize).unwrap_or("no place");
        (error.message, under.to_owned())
    }))
}

#[test]
fn every_row_comes_to_what_it_says() {
    let mut wrong = Vec::new();
    for (section, text, bindings, expected) in rows() {
        let found = found(text, bindings);
        let right = match (expected, &found) {
            (Is(value), Ok(Ok(found))) => found == value,
            (Fails(message, under), Ok(Err((found, place)))) => found == message && place == under,
            (Refused(message), Err(problems)) => problems.iter().any(|problem| problem.message == *message),
            _ => false,
        };
        if !right {
            wrong.push(format!("{section}: {text}\n    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows().count() >= 300, "only {} rows", rows().count());
}

/// The sections of the page with what is claimed of each: the first two columns of the tables under `## CEL`.
fn claims() -> Vec<(String, String)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/expressions.md")).unwrap();
    let (_, part) = page.split_once("\n## CEL\n").unwrap();
    let cells = part.lines().filter(|line| line.starts_with("| ")).map(|line| line.split(" | ").collect::<Vec<_>>());
    let claims = cells.map(|cells| (cells[0].trim_start_matches("| ").to_owned(), cells[1].to_owned()));
    claims.filter(|(section, _)| section != "section").collect()
}

#[test]
fn the_page_and_the_rows_name_the_same_sections() {
    let claims = claims();
    assert!(claims.len() >= 50, "{claims:?}");
    let known: BTreeSet<&str> = claims.iter().map(|(section, _)| &**section).collect();
    assert_eq!(known.len(), claims.len(), "a section stands twice");
    let tested: BTreeSet<&str> = rows().map(|row| row.0).collect();
    let untested: Vec<_> =
        claims.iter().filter(|(section, claim)| claim != "no" && !tested.contains(&**section)).collect();
    assert!(untested.is_empty(), "claimed, and held by no row: {untested:?}");
    let unknown: Vec<_> = tested.difference(&known).collect();
    assert!(unknown.is_empty(), "in rows, and not on the page: {unknown:?}");
    for (section, claim) in &claims {
        assert!(["yes", "differs", "no"].contains(&&**claim), "{section}: {claim}");
    }
}

/// CEL asks for 32 of each of these at least.
#[test]
fn expressions_may_be_as_large_as_cel_asks() {
    let row = |part: &str, separator: &str| vec![part; 32].join(separator);
    let cases = [
        (format!("{}1{}", "(1 + ".repeat(32), ")".repeat(32)), "33"),
        (row("false", " || "), "false"),
        (row("true", " && "), "true"),
        (format!("{} == true", row("1 < 2", " == ")).replace("1 < 2 == 1 < 2", "true == true"), "true"),
        (row("1", " + "), "32"),
        (row("1", " * "), "1"),
        (format!("{}a", "a.".repeat(31)), "1"),
        (format!("l{}", "[0]".repeat(32)), "2"),
        (format!("max({})", row("7", ", ")), "7"),
        (format!("[{}].size()", row("7", ", ")), "32"),
        (format!("{{{}}}.size()", (0..32).map(|at| format!("k{at}: 1")).collect::<Vec<_>>().join(", ")), "32"),
    ];
    let deep = format!("{}1{}", "{\"a\": ".repeat(31), "}".repeat(31));
    let list = format!("{}2{}", "[".repeat(32), "]".repeat(32));
    let bindings = format!("{{\"a\": {deep}, \"l\": {list}}}");
    for (text, expected) in cases {
        assert_eq!(found(&text, &bindings), Ok(Ok(expected.to_owned())), "{text}");
    }
}
