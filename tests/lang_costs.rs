//! What a source may cost to compile: whatever fits the limits is compiled, or refused, within seconds, and brings nothing down.

use std::fmt::Write;
use std::time::{Duration, Instant};

use stepwell::lang::{Compiled, Notation, Source, builtin_task_types, compile};

/// Compiles a source, which takes no longer than a fraction of what it would if it grew with the square of its length.
fn timely(notation: Notation, text: &str) -> Compiled {
    assert!(text.len() <= stepwell::lang::MAX_SOURCE_BYTES, "{}", text.len());
    let source = Source { name: "a".into(), notation, text: text.into() };
    let began = Instant::now();
    let compiled = compile(&source, &builtin_task_types());
    let took = began.elapsed();
    eprintln!("{} bytes took {took:?}: {:?}", text.len(), compiled.diagnostics.first().map(|d| &d.message));
    assert!(took < Duration::from_secs(60), "it took {took:?}");
    compiled
}

fn flow(text: &str) -> Compiled {
    timely(Notation::Flow, text)
}

/// `count` times what `of` writes.
fn many(count: usize, of: impl Fn(&mut String, usize) -> std::fmt::Result) -> String {
    let mut text = String::new();
    (0..count).for_each(|at| of(&mut text, at).unwrap());
    text
}

#[test]
fn a_path_in_a_message_is_as_deep_as_anything_may_be() {
    let path = vec!["a"; 100_000].join(".");
    let compiled = flow(&format!("workflow w {{ step a: log {{ message = \"{{{path}}}\" }} }}"));
    assert!(!compiled.has_errors());
}

#[test]
fn many_conditionals_decide_over_one_step() {
    let n = 9_999;
    let text = many(n, |text, at| {
        write!(
            text,
            "[[step]]\nname = \"c{at}\"\ntask = \"conditional\"\nwith = {{ condition = true, then = [\"x\"] }}\n"
        )
    });
    let text = format!("name = \"w\"\n{text}[[step]]\nname = \"x\"\ntask = \"log\"\nwith = {{ message = \"m\" }}\n");
    let compiled = timely(Notation::Toml, &text);
    assert!(!compiled.has_errors(), "{:?}", compiled.diagnostics.first());
    let plan = &compiled.plans[0];
    assert_eq!(stepwell::plan::Plan::from_json(&plan.to_json()).unwrap(), **plan);
}

#[test]
fn many_arms_of_an_if() {
    let arms = many(3_000, |text, at| write!(text, "if input.n == {at} {{ }}\nelse "));
    flow(&format!("workflow w {{ input n: int\n {arms} {{ }} }}"));
}

#[test]
fn many_arms_of_a_match_over_a_long_subject() {
    let subject = many(20_000, |text, at| write!(text, "{at}, "));
    let arms = many(500, |text, at| writeln!(text, "{at} {{}}"));
    flow(&format!("workflow w {{ match [{subject}].size() {{ {arms} else {{ }} }} }}"));
}

#[test]
fn many_patterns_of_a_match() {
    let patterns = many(20_000, |text, at| write!(text, "{at}, "));
    flow(&format!("workflow w {{ input n: int\n match input.n {{ {patterns} -1 {{}} else {{ }} }} }}"));
}

#[test]
fn many_words_in_a_list() {
    let words = many(20_000, |text, at| write!(text, "\"a{at}\", "));
    flow(&format!("workflow w {{ let a = [{words}]\n return a }}"));
}

#[test]
fn many_fields_of_a_type() {
    let words = many(20_000, |text, at| write!(text, "a{at}: int, "));
    flow(&format!("workflow w {{ input a: {{ {words} }}\n return input.a }}"));
}

#[test]
fn many_tests_of_many_steps() {
    let steps = many(1_000, |text, at| writeln!(text, "step a{at}: log {{ message = \"x\" }}"));
    let tests = many(100, |text, at| {
        writeln!(text, "test \"a{at}\" for w {{ expect completed\n expect that status == \"x\" }}")
    });
    flow(&format!("workflow w {{ {steps} }}\n{tests}"));
}

#[test]
fn many_conditions_one_after_the_other() {
    let steps = many(3_000, |text, at| writeln!(text, "if input.n == {at} {{ fail \"x\" }}"));
    flow(&format!("workflow w {{ input n: int\n {steps} }}"));
}

#[test]
fn many_unexpected_characters() {
    flow(&";".repeat(1_000_000));
}

#[test]
fn many_children_of_a_parallel() {
    let children = many(60_000, |text, at| writeln!(text, "branch a{at} {{ let b{at} = 1 }}"));
    let compiled = flow(&format!("workflow w {{ parallel {{ {children} }} }}"));
    assert_eq!(compiled.diagnostics[0].message, "a `parallel` may have 10000 children, and this is one more");
}
