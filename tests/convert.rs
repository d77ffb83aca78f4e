//! From one notation to the other and back: the same plan, whatever stands in the file.

use std::fs;
use std::path::Path;

use regex::Regex;
use stepwell::lang::convert::{Unconverted, convert};
use stepwell::lang::explain::{BlockKind, pages};
use stepwell::lang::{Notation, Source, builtin_task_types, compile, line_and_column, parse_flow, render};

fn source(notation: Notation, text: &str) -> Source {
    Source { name: format!("order.{notation}").into(), notation, text: text.into() }
}

/// The plans of a source without their places.
fn plans(source: &Source) -> String {
    let compiled = compile(source, &builtin_task_types());
    let drawn = render(source, &compiled.diagnostics, false);
    assert!(!compiled.has_errors(), "{drawn}\n{}", source.text);
    Regex::new(r"Span \{\s*start: \d+,\s*end: \d+,?\s*\}")
        .unwrap()
        .replace_all(&format!("{:#?}", compiled.plans), "_")
        .into()
}

fn converted(source: &Source) -> Source {
    match convert(source, &builtin_task_types()) {
        Ok(converted) => converted,
        Err(reason) => panic!("{reason:?}\n{}", source.text),
    }
}

/// What has no place in the flat notation: where, and why.
fn misfit(text: &str) -> String {
    let source = source(Notation::Flow, text);
    match convert(&source, &builtin_task_types()) {
        Err(Unconverted::Misfit(misfit)) => {
            let (line, column) = line_and_column(text, misfit.span.start as usize);
            format!("{line}:{column} {}", misfit.message)
        }
        other => panic!("{other:?}"),
    }
}

fn assert_there_and_back(from: &Source) {
    let there = converted(from);
    assert_ne!(there.notation, from.notation);
    let back = converted(&there);
    assert_eq!(plans(&back), plans(from), "{}\n{}\n{}", from.text, there.text, back.text);
    // What was written by us is written the same again.
    assert_eq!(converted(&back).text, there.text);
}

fn workflows(ending: &str) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|found| found == ending));
    let notation = Notation::of_file_name(&format!("x.{ending}")).unwrap();
    paths.map(|path| source(notation, &fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_flat_file_goes_there_and_back() {
    let right = pages().iter().flat_map(|page| &page.blocks);
    let right = right.filter(|block| block.kind == BlockKind::Right && block.language == "toml");
    let sources: Vec<_> = right.map(|block| source(Notation::Toml, block.text)).chain(workflows("toml")).collect();
    assert!(sources.len() >= 9, "only {}", sources.len());
    // An input that is not declared is let pass in the flat notation alone.
    let declared = |from: &&Source| !from.text.contains("input.") || from.text.contains("[input]");
    sources.iter().filter(declared).for_each(assert_there_and_back);
}

#[test]
fn every_file_of_the_language_goes_there_and_back_or_says_what_does_not_fit() {
    let sources = workflows("flow");
    assert!(sources.len() >= 6, "only {}", sources.len());
    for from in sources {
        match convert(&from, &builtin_task_types()) {
            Ok(_) => assert_there_and_back(&from),
            Err(Unconverted::Misfit(misfit)) => {
                let statement = &from.text[misfit.span.start as usize..misfit.span.end as usize];
                assert!(!statement.is_empty() && misfit.message.contains("flat"), "{misfit:?}");
            }
            Err(reason) => panic!("{reason:?}"),
        }
    }
}

const FLAT: &str = r##"#:schema ./stepwell.schema.json
# Takes an order in.
name = "order"
# What it is.
description = 'It costs $${5}, "all in"'
timeout = "1h30m"
retry = { max = 3, backoff = "1s..1m", factor = 1.5, jitter = "none", unless = "${error.status == 501}" }

[labels]
owner = "shop"
"a key" = [1, 2.0, true]

# What comes in.
[input]
list = { type = "list<{ sku: string, qty: int? }>", default = [] }
# Small or large.
size = '"small" | "large"'

[settings]
url = { type = "string", default = "https://a.internal" }

# Decides first.
[[step]]
name = "is-large"
task = "conditional"
with = { condition = "${input.size == 'large'}", then = ["each", "tell"], else = "stop" }

# Each of them.
[[step]]
name = "each"
task = "http_request"
# Slowly.
timeout = "10s"
for_each = "${input.list.filter(i, i.qty ?? 0 > 0)}"
parallel = 4
queue = "slow"
output = { id = "string", parts = { a = "int?" } }
when = "${item.sku != ''}"
with = { url = "${settings.url}/${item.sku}", method = "POST", body = { n = "${item.qty}", s = "${string(item.qty)}", list = ["${item}", "x"], t = 2030-01-31T12:00:00Z } }

[[step]]
name = "tell"
task = "log"
after = ["each"]
when = "${input.list.size() > 0}"
with = { message = """
{size} of '${input.size}'
  and "more" \\ back""", level = "warn" }

[[step]]
name = "stop"
task = "delay"
with = { duration = "5s" }
"##;

#[test]
fn everything_of_the_flat_notation_goes_there_and_back() {
    // Single quotes are no text in expressions.
    let text = FLAT.replace("== 'large'", "== \\\"large\\\"").replace("!= ''", "!= \\\"\\\"");
    let from = source(Notation::Toml, &text);
    assert_there_and_back(&from);
    let flow = converted(&from).text;
    for wanted in [
        "# Takes an order in.\nworkflow order {",
        "  # What comes in.\n  input list:",
        "  # Small or large.\n  input size:",
        "    # Decides first.\n    step is-large: conditional",
        "    # Each of them.\n",
        "# Slowly.\n",
        "when is_large?.result == true",
    ] {
        assert!(flow.contains(wanted), "{wanted}\n{flow}");
    }
    assert!(!flow.contains("schema") && flow.contains("return data"), "{flow}");
    let back = converted(&converted(&from)).text;
    for wanted in [
        "# Takes an order in.\nname = ",
        "# What comes in.\n[input]\n",
        "# Small or large.\nsize = ",
        "# Decides first.\n[[step]]\n",
    ] {
        assert!(back.contains(wanted), "{wanted}\n{back}");
    }
}

#[test]
fn a_long_list_has_a_line_for_each_item() {
    let items = format!("[{}]", ["{ set: { path: \"a.b\", value: 1 } }"; 5].join(", "));
    let text = format!("workflow w {{\n step t: data_transform {{ transforms = {items} }}\n return data\n}}\n");
    let from = source(Notation::Flow, &text);
    let flat = converted(&from).text;
    assert!(flat.contains("transforms = [\n  { set = { path = \"a.b\", value = 1 } },\n"), "{flat}");
    assert!(flat.lines().all(|line| line.chars().count() <= 100), "{flat}");
    assert_there_and_back(&from);
}

#[test]
fn steps_that_wait_for_nothing_stay_a_graph() {
    let text = "workflow w {\n parallel {\n step a: log { message = \"a\" }\n step b: log { message = \"b\" }\n }\n return data\n}\n";
    let from = source(Notation::Flow, text);
    assert!(converted(&from).text.contains("after = []"));
    assert_there_and_back(&from);
}

#[test]
fn values_of_the_language_have_their_like() {
    let text = r#"workflow w {
  input a: int
  step say: log {
    message = "a$${b} $ ${input.a}: ${"in ${input.a}"}"
    details = { n: null, d: 1h30m, t: "${input.a}", l: [1, ...[2]], m: { ...{ x: 1 } }, e: "", q: "'\"\\\n\u{1}", "k.k": $DOLLAR }
  }
  return data
}
"#;
    let text = text.replace("$DOLLAR", "\"$${x}$\"");
    assert_there_and_back(&source(Notation::Flow, &text));
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let step = "step a: log { message = \"a\" }";
    let of = |body: &str| misfit(&format!("workflow w {{\n {body}\n return data\n}}\n"));
    assert_eq!(of(&format!("{step}\n let x = 1\n if true {{ }}")), "3:2 `let` has no place in the flat notation");
    assert_eq!(of(&format!("if true {{ {step} }}")), "2:2 `if` has no place in the flat notation");
    assert_eq!(of(&format!("{step}\n sleep 1s")), "3:2 `sleep` has no place in the flat notation");
    assert_eq!(
        of(&format!("{step}\n for x in [1] {{ }}")).split(',').next().unwrap(),
        "3:2 a loop has no place in the flat notation"
    );
    let each = "let l = for x in [1] {\n step b: log { message = x }\n yield b\n }";
    assert_eq!(of(each), "2:2 `for_each` of the flat notation calls its item `item`");
    assert_eq!(
        of(&each.replace('x', "item").replace("yield b", "yield item")),
        "2:2 `for_each` of the flat notation gives the outputs of its step, and this `yield`s something else"
    );
    assert_eq!(
        of(&format!("parallel {{ {step} }}\n step b: log {{ message = \"b\" }}")),
        "2:2 `parallel` has no place in the flat notation"
    );
    assert_eq!(
        misfit(&format!("workflow w {{\n {step}\n}}\n")),
        "1:10 it does not end with `return data`, and a workflow in the flat notation gives its `data`"
    );
    assert_eq!(
        misfit(&format!("workflow w {{\n {step}\n return data\n}}\nworkflow v {{\n {step}\n}}\n")),
        "5:10 a file in the flat notation holds one workflow"
    );
}

#[test]
fn a_file_with_mistakes_is_not_converted() {
    let wrong = source(Notation::Toml, "name = \"w\"\nnonsense = 1\n");
    assert!(matches!(convert(&wrong, &builtin_task_types()), Err(Unconverted::Mistakes(_))));
    // An input that is not declared is let pass in the flat notation alone.
    let loose = source(
        Notation::Toml,
        "name = \"w\"\n[[step]]\nname = \"s\"\ntask = \"log\"\nwith = { message = \"${input.x}\" }\n",
    );
    assert!(matches!(convert(&loose, &builtin_task_types()), Err(Unconverted::Misfit(_))));
    let (file, found) = parse_flow(&source(Notation::Flow, ""));
    assert!(file.workflows.is_empty() && found.is_empty());
}
