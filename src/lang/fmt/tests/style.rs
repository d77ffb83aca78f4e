//! Each rule of style.

use super::{formatted, source};
use crate::lang::{format_file, format_source, parse_flow};

/// What the statements of a workflow become.
fn check(text: &str, wanted: &str) {
    let inside = |text: &str| format!("workflow a {{\n{text}}}\n");
    assert_eq!(formatted(&inside(text)), inside(wanted));
}

/// What expressions become, each in a line of its own.
fn expressions(pairs: &[(&str, &str)]) {
    for (text, wanted) in pairs {
        check(&format!("  let x = {text}\n"), &format!("  let x = {wanted}\n"));
    }
}

/// What the tree of a text is written as, where nothing of the text is known.
fn from_tree(text: &str) -> String {
    let (file, diagnostics) = parse_flow(&source(text));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    format_file(&file)
}

#[test]
fn an_entry_a_line_two_spaces_a_level_and_nothing_aligned() {
    check(
        "\n\n input  x :string\n    input long:   number=1\n\n\n\n step s:log{\n message=\"m\",level   = \"info\"\n timeout 1s } ",
        "  input x: string\n  input long: number = 1\n\n  step s: log {\n    message = \"m\"\n    level = \"info\"\n    timeout 1s\n  }\n",
    );
}

#[test]
fn a_block_stays_on_one_line_where_the_author_began_it_so_and_it_fits() {
    check(
        "  step s: log{message=\"m\",level=\"i\"\n timeout 1s }\n",
        "  step s: log { message = \"m\", level = \"i\", timeout 1s }\n",
    );
    check("  step s: log {\n message = \"m\" }\n", "  step s: log {\n    message = \"m\"\n  }\n");
    let long = "m".repeat(100);
    check(
        &format!("  step s: log {{ message = \"{long}\" }}\n"),
        &format!("  step s: log {{\n    message = \"{long}\"\n  }}\n"),
    );
    check("  if true {}\n  else{\n}\n", "  if true { } else { }\n");
    // A comment ends its line.
    check("  step s: log { # why\n message = \"m\" }\n", "  step s: log {  # why\n    message = \"m\"\n  }\n");
}

#[test]
fn all_blocks_of_a_choice_are_on_one_line_or_none_is() {
    check("  if a { return 1 } else { return 2 }\n", "  if a { return 1 } else { return 2 }\n");
    check("  if a { return 1 } else {\n return 2 }\n", "  if a {\n    return 1\n  } else {\n    return 2\n  }\n");
    check(
        "  try { sleep 1s }\n catch e if e.code == \"X\" { compensate }\n finally {\n sleep 2s }\n",
        "  try {\n    sleep 1s\n  } catch e if e.code == \"X\" {\n    compensate\n  } finally {\n    sleep 2s\n  }\n",
    );
}

#[test]
fn the_arms_of_a_match_stand_apart() {
    check(
        "  match a { \"x\",\"y\" { } else { return 1 } }\n",
        "  match a {\n    \"x\", \"y\" { }\n    else { return 1 }\n  }\n",
    );
}

#[test]
fn names_in_a_row_are_not_followed_by_a_word_on_one_line() {
    check("  branch b { after c\n return }\n", "  branch b {\n    after c\n    return\n  }\n");
    check("  branch b { after c\n return 1 }\n", "  branch b { after c, return 1 }\n");
}

#[test]
fn one_blank_line_stays_but_not_at_the_beginning_or_the_end() {
    check("\n\n  let a = 1\n\n\n\n  let b = 2\n  let c = 3\n\n", "  let a = 1\n\n  let b = 2\n  let c = 3\n");
    check("  let a = [\n\n 1,\n\n\n 2\n\n]\n", "  let a = [\n    1,\n\n    2,\n  ]\n");
    assert_eq!(formatted("\n\n\nworkflow a { }\n\n\n\nworkflow b { }\n\n"), "workflow a { }\n\nworkflow b { }\n");
    assert_eq!(formatted(" \n\n"), "");
}

#[test]
fn lists_and_objects_have_a_line_for_each_item_where_they_are_long_or_begun_so() {
    check("  let a = [1,2 , 3,]\n", "  let a = [1, 2, 3]\n");
    check("  let a = [\n1,2 , 3]\n", "  let a = [\n    1,\n    2,\n    3,\n  ]\n");
    check("  let a = {b:1,\"c\": 2, \"d e\" : 3\n f:4 , ...g}\n", "  let a = { b: 1, c: 2, \"d e\": 3, f: 4, ...g }\n");
    let item = "x".repeat(60);
    check(
        &format!("  let a = [\"{item}\", \"{item}\"]\n"),
        &format!("  let a = [\n    \"{item}\",\n    \"{item}\",\n  ]\n"),
    );
    check("  let a = [ ]\n  let b = { }\n", "  let a = []\n  let b = {}\n");
}

#[test]
fn a_call_breaks_its_arguments_and_holds_an_object_at_its_end() {
    let word = "x".repeat(60);
    check(
        &format!("  let a = f(\"{word}\", \"{word}\")\n"),
        &format!("  let a = f(\n    \"{word}\",\n    \"{word}\",\n  )\n"),
    );
    check(
        &format!("  let a = l.map(i, {{ b: \"{word}\", c: \"{word}\" }})\n"),
        &format!("  let a = l.map(i, {{\n    b: \"{word}\",\n    c: \"{word}\",\n  }})\n"),
    );
}

#[test]
fn long_expressions_break_before_operators_dots_and_the_signs_of_a_choice() {
    let (name, call) = ("a".repeat(40), format!("m{}", "x".repeat(36)));
    check(
        &format!("  let x = {name} + {name} - {name} * 2\n"),
        &format!("  let x = {name}\n    + {name}\n    - {name} * 2\n"),
    );
    check(
        &format!("  let x = {name} && {name} || {name} && !b\n"),
        &format!("  let x = {name} && {name}\n    || {name} && !b\n"),
    );
    check(
        &format!("  let x = in_put.items.{call}(1).b.{call}(i, i)[0].{call}()\n"),
        &format!("  let x = in_put.items\n    .{call}(1)\n    .b.{call}(i, i)[0]\n    .{call}()\n"),
    );
    check(
        &format!("  let x = {name} ? {name} : b ? {name} : c\n"),
        &format!("  let x = {name}\n    ? {name}\n    : b ? {name}\n    : c\n"),
    );
    check(
        &format!("  if {name} && {name} && {name} {{ return }}\n"),
        &format!("  if {name}\n      && {name}\n      && {name} {{\n    return\n  }}\n"),
    );
}

#[test]
fn only_the_parentheses_that_matter_stay() {
    expressions(&[
        ("((a))", "a"),
        ("(a + b) + c", "a + b + c"),
        ("a + (b + c)", "a + (b + c)"),
        ("(a * b) + (c / d)", "a * b + c / d"),
        ("(a + b) * c", "(a + b) * c"),
        ("(a ?? b) + c", "(a ?? b) + c"),
        ("a ?? (b + c)", "a ?? b + c"),
        ("(a ?? b) == c", "a ?? b == c"),
        ("!(a && b)", "!(a && b)"),
        ("!(a.b)", "!a.b"),
        ("(!a).b", "(!a).b"),
        ("(-5).f()", "(-5).f()"),
        ("- ( 5 )", "-5"),
        ("- - 5", "5"),
        ("a - (-5)", "a - -5"),
        ("(a ? b : c) ? d : (e ? f : g)", "(a ? b : c) ? d : e ? f : g"),
        ("a ? (b ? c : d) : e", "a ? (b ? c : d) : e"),
        ("(a in b) in (c in d)", "a in b in (c in d)"),
        ("({ a: 1 }).a", "{ a: 1 }.a"),
        ("f((a), [(b)])", "f(a, [b])"),
    ]);
    check("  if ({ a: 1 }).a == 1 { }\n", "  if ({ a: 1 }).a == 1 { }\n");
    check("  for x in ([{ a: 1 }]) { }\n", "  for x in [{ a: 1 }] { }\n");
}

#[test]
fn parentheses_stay_where_a_word_would_mean_another_thing() {
    check("  sleep (until.x)\n  sleep until until.x\n", "  sleep (until.x)\n  sleep until until.x\n");
    check("  let a = (b.in)\n  let c = (step) in d\n", "  let a = b.in\n  let c = (step) in d\n");
    let after = "  step a: log {\n    after b, check-in\n    queue \"x\"\n  }\n";
    check(after, after);
    check("  match a { (else) { } else { } }\n", "  match a {\n    (else) { }\n    else { }\n  }\n");
    check("  approve a: \"g\" form (list<int>)\n  sleep 1s\n", "  approve a: \"g\" form (list<int>)\n  sleep 1s\n");
    check("  step s: log {\n \"in\" = 1\n \"b\" = 2 }\n", "  step s: log {\n    \"in\" = 1\n    b = 2\n  }\n");
}

#[test]
fn the_notation_of_texts_and_numbers_is_the_authors() {
    expressions(&[
        (r#"r"\d+""#, r#"r"\d+""#),
        (r#""a\/\u{e9}\u00e9""#, r#""a\/\u{e9}\u00e9""#),
        (r#""${ a+b }$${c}${d ?? r"x" }""#, r#""${a + b}$${c}${d ?? r"x"}""#),
        ("90s + 1500ms", "90s + 1500ms"),
        ("1e-9 + 1.50 + -2.0", "1e-9 + 1.50 + -2.0"),
    ]);
    // The lines of a long text move with it, and mean the same.
    check(
        "  let a =  \"\"\"\n        b\n          ${ c }\n\n      \"\"\"\n",
        "  let a = \"\"\"\n    b\n      ${c}\n\n    \"\"\"\n",
    );
}

#[test]
fn clauses_stay_in_the_authors_order() {
    check(
        "  step s: log { message = \"m\", retry 3 jitter full backoff 1s .. 2s factor 2 }\n",
        "  step s: log { message = \"m\", retry 3 jitter full backoff 1s..2s factor 2 }\n",
    );
    check("  on event \"e\" with {a:1} where event.b\n", "  on event \"e\" with { a: 1 } where event.b\n");
    check("  step s: log { rate \"api\" 100 / 1m }\n", "  step s: log { rate \"api\" 100/1m }\n");
    let test = "test \"t\" for a {\n  mock b[0] = { ok: true } after 5s undo times 2\n  mock b fails \"X\" fatal status 500\n  mock b times out times 3\n  expect not ran b, c times 2\n}\n";
    assert_eq!(formatted(test), test);
}

#[test]
fn types_keep_their_words() {
    check(
        "  input a: (string|null) ?\n  input b: list< map<int>> = []\n  output {\"a\":int , b:\"x\"|\"y\"? }\n",
        "  input a: (string | null)?\n  input b: list<map<int>> = []\n  output { a: int, b: \"x\" | \"y\"? }\n",
    );
}

#[test]
fn the_end_of_a_type_before_a_value_is_no_comparison() {
    check(
        "  input  a: list< int>= [ 1 ]  # b\n  setting c: map<list<{ d: int}>>= {}\n  let e = a <b\n  let f = list>=c\n",
        "  input a: list<int> = [1]  # b\n  setting c: map<list<{ d: int }>> = {}\n  let e = a < b\n  let f = list >= c\n",
    );
}

#[test]
fn comments_stand_where_they_stood() {
    let text = "\
# before

# also before
workflow a {  # behind
  # first

  # second
  let a = 1  # one

  # before b
  let b = [  # open
    1,  # in
    # own
    2,
    # last
  ]
  let c = a  # x
    + b  # y
    # z
    - c
  if a { }  # after the end
  # else comes
  else {
    # nothing
  }
  step s: log {
    # only this
  }

  # at the end
}

# after all
";
    assert_eq!(formatted(text), text);
    assert_eq!(formatted("#a   \n\n\n#b"), "#a\n\n#b\n");
}

#[test]
fn parentheses_around_a_comment_stay() {
    check(
        "  fail (\"a\" # why\n ) code \"X\"\n  let a = (b)  # c\n",
        "  fail (\"a\"  # why\n    ) code \"X\"\n  let a = b  # c\n",
    );
    check("  let a = ( # c\n b)\n", "  let a = (  # c\n    b)\n");
}

#[test]
fn line_ends_stay_what_they_are() {
    assert_eq!(
        format_source(&source("workflow a {\r\n  let b = \"\"\"\r\n  c\r\n  \"\"\"\r\n}")).unwrap(),
        "workflow a {\r\n  let b = \"\"\"\r\n    c\r\n    \"\"\"\r\n}\r\n"
    );
}

#[test]
fn what_can_not_be_parsed_is_not_formatted() {
    let diagnostics = format_source(&source("workflow a { let b = }")).unwrap_err();
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn a_tree_alone_is_written_in_the_same_style() {
    let text = "workflow a { description = \"d\", input b: string, input c: int = 1, setting d: int = 2, retry 3
 step e: log { message = \"m\" }
 step f: log { message = \"a\\nb\", level = \"info\" }
 let g = \"x\"
 if g == \"x\" { return 1 } }
task t { config { a: int } output { b: string? } }";
    let wanted = "\
workflow a {
  description = \"d\"

  input b: string
  input c: int = 1

  setting d: int = 2

  retry 3

  step e: log { message = \"m\" }

  step f: log {
    message = \"\"\"
      a
      b
      \"\"\"
    level = \"info\"
  }

  let g = \"x\"

  if g == \"x\" {
    return 1
  }
}

task t {
  config { a: int }
  output { b: string? }
}
";
    assert_eq!(from_tree(text), wanted);
    assert_eq!(formatted(wanted), wanted);
}
