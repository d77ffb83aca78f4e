//! The messages: what is wrong, where, and the way out, for each kind of mistake.

use crate::lang::{Notation, Source, parse_expr, parse_flow, report};

/// Each diagnostic as `line:column message (help)`.
fn lines(text: &str) -> Vec<String> {
    let source = Source { name: "a.flow".into(), notation: Notation::Flow, text: text.into() };
    let (_, found) = parse_flow(&source);
    let shown = |report: crate::lang::Report| {
        let help = report.help.map_or(String::new(), |help| format!(" ({help})"));
        format!("{}:{} {}{help}", report.labels[0].line, report.labels[0].column, report.message)
    };
    report(&source, &found).into_iter().map(shown).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(lines(text), expected, "{text}");
}

#[test]
fn a_file_with_ten_mistakes_shows_ten_diagnostics_in_their_places() {
    let text = r#"workflow w {
  input a strng
  input b: strng = 5
  stpe x: log { message = "a" }
  step y log { message = "a" }
  step z: log { message: "a", level = "info" }
  retry 5 backof 1s
  timeout 10x
  let t = a + * 2
  for x of y { yield x }
  return { a: 1, "b" }
}
"#;
    check(
        text,
        &[
            "2:11 expected `:`, found `strng`",
            "3:12 unknown type `strng` (did you mean `string`?)",
            "4:3 unknown statement `stpe` (did you mean `step`?)",
            "5:10 expected `:`, found `log`",
            "6:24 expected `=`, found `:`",
            "7:11 expected `backoff`, `factor`, `jitter`, `unless` or `only`, found `backof` (did you mean `backoff`?)",
            "8:11 `10x` is no length of time (whole numbers with `d h m s ms us`, the largest first: `1h30m`, `250ms`)",
            "9:15 expected an expression, found `*`",
            "10:9 expected `in`, found `of`",
            "11:22 expected `:`, found `}`",
        ],
    );
}

#[test]
fn an_open_bracket_costs_its_own_entry_alone() {
    let text = "workflow w {\n  let a = [1, 2\n  let b = f(1\n  let c = 3 +\n}\n";
    check(
        text,
        &[
            "2:11 `[` is never closed (close it with `]`)",
            "3:12 `(` is never closed (close it with `)`)",
            "4:13 expected an expression, found the end of the line",
        ],
    );
}

#[test]
fn an_open_block_is_blamed_where_its_indentation_shows_it() {
    let text = "workflow w {\n  if true {\n    sleep 1s\n  sleep 2s\n}\n\nworkflow v {\n  sleep 1s\n}\n";
    check(text, &["2:11 `{` is never closed (close it with `}`)"]);
}

#[test]
fn what_follows_a_block_on_its_line_is_told_and_read() {
    let text = "workflow w {\n  if a { sleep 1s } sleep 5y\n  if { a: 1 } == b { sleep 1s }\n}\n";
    let found = lines(text);
    assert_eq!(found[0], "2:21 expected the end of the line, found `sleep`");
    assert!(found[1].starts_with("2:27 `5y` is no length of time"));
    assert_eq!(found[2], "3:6 expected an expression, found `{` (an object in the head of a block needs parentheses)");
}

#[test]
fn expressions_say_what_was_expected() {
    for (text, message) in [
        ("a +", "expected an expression, found the end"),
        ("[1, 2 x]", "expected `,` or `]`, found `x`"),
        ("a ? b", "expected `:`, found the end"),
        ("a b", "expected an operator or the end, found `b`"),
        ("{ a: 1 b: 2 }", "expected `,` or `}`, found `b`"),
        (")", "`)` closes nothing"),
        ("'abc'", "text is written in double quotes"),
        ("\"\\q\"", "unknown escape `\\q`"),
        ("\"abc", "the text is not closed on its line"),
        ("has(a)", "`has` asks whether a field is there"),
        ("x.map(1, 2)", "`map` takes a name and an expression"),
        ("99999999999999999999", "the integer does not fit 64 bits"),
        ("a ? b ? c : d : e", "expected `:`, found `?`"),
    ] {
        let (expr, found) = parse_expr(text, 0);
        assert!(expr.is_none(), "{text}");
        assert_eq!(found.iter().map(|one| &*one.message).collect::<Vec<_>>(), [message], "{text}");
    }
}

#[test]
fn what_stands_after_an_item_is_one_mistake() {
    check("workflow w { sleep 1s }\n+ 2\n", &["2:1 expected the end of the line, found `+`"]);
    check("workflow w { sleep 1s } task t { }\n", &["1:25 expected the end of the line, found `task`"]);
}

#[test]
fn an_open_text_takes_no_bracket_with_it() {
    check(
        "workflow w {\n  step a: log { message = \"x }\n  let b = size(\"y)\n  let c = 1 +\n}\n",
        &[
            "2:27 the text is not closed on its line (close it with `\"`, or write `\"\"\"` for a text of many lines)",
            "3:16 the text is not closed on its line (close it with `\"`, or write `\"\"\"` for a text of many lines)",
            "4:13 expected an expression, found the end of the line",
        ],
    );
    check(
        "workflow w {\n  step a: log { message = \"x ${b\" }\n}\n",
        &["2:30 `${` is not closed (close it with `}`, or write `$${` for the two characters themselves)"],
    );
}
