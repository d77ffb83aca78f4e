//! What no text may do: exhaust the stack, run without end, or panic.

use proptest::prelude::*;

use crate::lang::{
    Diagnostic, MAX_NESTING, MAX_SOURCE_BYTES, Notation, Source, codes, parse_expr, parse_flow, parse_template,
    parse_type, render, report,
};

const LEVELS: usize = 100_000;

fn source(text: &str) -> Source {
    Source { name: "a.flow".into(), notation: Notation::Flow, text: text.into() }
}

/// The codes that an expression gets, alone and in a workflow.
fn codes_of(text: &str) -> Vec<&'static str> {
    let (expr, alone) = parse_expr(text, 0);
    assert!(expr.is_none());
    let (_, inside) = parse_flow(&source(&format!("workflow w {{\n  let x = {text}\n}}\n")));
    assert!(!inside.is_empty());
    alone.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn a_hundred_thousand_levels_give_one_clear_diagnostic() {
    for text in ["(", "[", "{ a: ", "f(", "a[", "\"${"] {
        assert_eq!(codes_of(&text.repeat(LEVELS)), [codes::NESTED_TOO_DEEP], "{text}");
    }
    for text in ["!", "-"] {
        assert_eq!(codes_of(&format!("{}a", text.repeat(LEVELS))), [codes::EXPRESSION_TOO_LARGE], "{text}");
    }
    for (text, last) in [("a ? b : ", "c"), ("a.", "b")] {
        assert_eq!(codes_of(&format!("{}{last}", text.repeat(LEVELS))), [codes::EXPRESSION_TOO_LARGE], "{text}");
    }
}

#[test]
fn a_long_chain_of_operators_is_refused_and_its_tree_is_never_deep() {
    let (expr, found) = parse_expr("a+".repeat(LEVELS).trim_end_matches('+'), 0);
    assert!(expr.is_none());
    assert!(found.iter().all(|diagnostic| diagnostic.code == codes::EXPRESSION_TOO_LARGE));
}

#[test]
fn nested_types_and_blocks_are_bounded() {
    let (ty, found) = parse_type(&"list<".repeat(LEVELS), 0);
    assert!(ty.is_none());
    assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [codes::NESTED_TOO_DEEP]);
    let (_, found) = parse_flow(&source(&format!("workflow w {{\n{}", "if a {\n".repeat(LEVELS))));
    assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [codes::NESTED_TOO_DEEP]);
}

#[test]
fn blocks_of_every_kind_are_bounded_and_as_deep_as_that_they_are_read() {
    let opened = [
        ("try {", "} catch e { }"),
        ("try { } catch e {", "}"),
        ("match a { 1 {", "} }"),
        ("match a { else {", "} }"),
        ("repeat max 1 until a {", "}"),
        ("parallel first { branch b {", "} }"),
        ("step a: x { undo y {", "} }"),
    ];
    for (open, close) in opened {
        let (_, found) = parse_flow(&source(&format!("workflow w {{\n{}", format!("{open}\n").repeat(LEVELS / 4))));
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [codes::NESTED_TOO_DEEP], "{open}");
        let levels = MAX_NESTING / open.matches('{').count() - 2;
        let (open, close) = (format!("{open}\n").repeat(levels), close.repeat(levels));
        let found = whole(&format!("workflow w {{\n{open}{close}\n}}\n"));
        let syntax = found.iter().map(|one| one.code).collect::<Vec<_>>();
        assert!(syntax.iter().all(|code| *code == codes::MISPLACED), "{open} {syntax:?}");
    }
}

#[test]
fn thousands_of_arms_catches_and_entries_are_read_in_one_pass() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let lines = |line: &dyn Fn(usize) -> String| many(1_000, line);
    let arms = many(10_000, &|at| format!("    \"a{at}\", {at} {{ let x{at} = 1 }}\n"));
    let catches = lines(&|at| format!(" catch e{at} if e{at}.code == \"a\" {{ let c{at} = 1 }}\n"));
    let broken = lines(&|_| "    5 6 { }\n".to_owned());
    let ifs = lines(&|at| format!(" else if a == {at} {{ let i{at} = 1 }}\n"));
    let triggers = lines(&|at| format!("  on event \"e{at}\" where event.a == {at} with event\n"));
    let mocks = lines(&|at| format!("  mock s{at}[{at}] after 1s fails \"A\" status 500 times 2\n"));
    for text in [
        format!("workflow w {{\n  match a {{\n{arms}  }}\n}}\n"),
        format!("workflow w {{\n  try {{ }}{catches}\n}}\n"),
        format!("workflow w {{\n  if a {{ }}{ifs}\n}}\n"),
        format!("workflow w {{\n{triggers}}}\n"),
        format!("test \"t\" for w {{\n{mocks}}}\n"),
    ] {
        let (file, found) = parse_flow(&source(&text));
        assert_eq!(found, []);
        assert_eq!(file.workflows.len() + file.tests.len(), 1);
    }
    let (_, found) = parse_flow(&source(&format!("workflow w {{\n  match a {{\n{broken}  }}\n}}\n")));
    assert_eq!(found.len(), crate::lang::MAX_DIAGNOSTICS);
}

#[test]
fn a_source_that_is_too_large_or_no_utf8_is_refused_with_its_place() {
    let refused = |bytes: &[u8]| Source::from_bytes("a.flow", Notation::Flow, bytes).unwrap_err().diagnostic;
    assert_eq!(refused(&vec![b' '; 10_000_000]).code, codes::SOURCE_TOO_LARGE);
    let error = refused(b"workflow a {\n  \xff }");
    assert_eq!((error.code, error.labels[0].span.start), (codes::NOT_UTF8, 15));
    assert!(error.message.contains("line 2"));
    assert!(parse_flow(&source(&" ".repeat(MAX_SOURCE_BYTES + 1))).1[0].code == codes::SOURCE_TOO_LARGE);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken() {
    let text = "\u{feff}workflow a {\r\n  let x = 1\r\n  return { x: x }\r\n}\r\n";
    assert_eq!(parse_flow(&source(text)).1, []);
    let read = Source::from_bytes("a.flow", Notation::Flow, text.as_bytes()).unwrap();
    assert!(read.text.starts_with("workflow"));
}

#[test]
fn control_characters_are_reported_by_their_number() {
    let found = parse_flow(&source("workflow a {\n  let x = \0 1\n}\n")).1;
    assert_eq!(found[0].message, "unexpected control character U+0000");
}

fn whole(text: &str) -> Vec<Diagnostic> {
    let source = source(text);
    let (_, found) = parse_flow(&source);
    render(&source, &found[..found.len().min(3)], false);
    report(&source, &found);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_parsed_to_an_end(text in "\\PC{0,200}") {
        whole(&text);
        parse_expr(&text, 7);
        parse_template(&text, 7);
        parse_type(&text, 7);
    }

    #[test]
    fn any_signs_are_parsed_to_an_end(text in "[a-c0-9 \"$#(){}\\[\\]<>?:.,=+!|&\n\\\\r-]{0,120}") {
        whole(&format!("workflow w {{\n{text}"));
        parse_expr(&text, 0);
        parse_template(&text, 0);
        parse_type(&text, 0);
    }

    #[test]
    fn a_mutated_source_is_parsed_to_an_end(at in 0usize..4000, cut in 0usize..40, put in "[\"{}()\\[\\]$,:=\na-z]{0,6}") {
        let text = include_str!("sources/whole.flow");
        let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (start + cut..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        whole(&format!("{}{put}{}", &text[..start], &text[end..]));
    }
}

#[test]
fn many_entries_of_few_parts_are_no_chain() {
    let inputs: String = (0..2_000).map(|at| format!("  input i{at}: string?\n")).collect();
    let fields: String = (0..2_000).map(|at| format!("    k{at}: -1\n")).collect();
    let text = format!("workflow w {{\n{inputs}  let o = {{\n{fields}  }}\n}}\n");
    assert_eq!(parse_flow(&source(&text)).1, []);
}

#[test]
fn the_deepest_expression_is_read_back_from_its_plan() {
    let text = format!("workflow w {{\n  let x = 1{}\n}}\n", " + 1".repeat(crate::lang::MAX_EXPR_DEPTH - 1));
    let compiled = crate::lang::compile(&source(&text), &crate::lang::builtin_task_types());
    assert!(!compiled.has_errors(), "{:?}", compiled.diagnostics);
    let plan = &compiled.plans[0];
    assert_eq!(crate::plan::Plan::from_json(&plan.to_json()).unwrap(), **plan);
}
