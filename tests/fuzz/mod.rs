//! Whatever stands in a source, compiling it ends, panics never, and says where: every example, every block of the
//! documentation and every file of `corpus/` is compiled, and then changed at random and compiled again.
//!
//! The changes are the same on each run. For a long one: `STEPWELL_FUZZ_CASES=1000000 cargo test fuzz`, with another
//! `STEPWELL_FUZZ_SEED` for other changes. What fails once belongs into `corpus/`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stepwell::lang::{
    CompileOptions, Diagnostic, Notation, Source, builtin_task_types, compile, compile_with, format_source, render,
    report,
};
use stepwell::plan::{Plan, TaskTypes};

mod change;
mod seeds;

use change::{Changer, Random};
use seeds::{Seed, corpus, seeds};

/// How many changed sources are compiled where nobody says.
const CASES: u64 = 1_500;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Compiles a source and checks all that holds of any.
fn exercise(source: &Source, types: &TaskTypes) {
    let compiled = compile(source, types);
    for diagnostic in &compiled.diagnostics {
        places_are_in(&source.text, diagnostic);
    }
    assert_eq!(report(source, &compiled.diagnostics).len(), compiled.diagnostics.len());
    assert_eq!(render(source, &compiled.diagnostics, false).is_empty(), compiled.diagnostics.is_empty());
    assert!(compiled.plans.is_empty() || !compiled.has_errors(), "a plan of what is wrong");

    let again = compile_with(source, types, &CompileOptions { strict: true, ..CompileOptions::default() });
    if !again.has_errors() {
        assert_eq!(again.plans.len(), compiled.plans.len(), "no plan without an error");
    }
    for (plan, again) in compiled.plans.iter().zip(&again.plans) {
        assert_eq!(plan.hash(), again.hash(), "another plan the second time");
        assert_eq!(serde_json::from_str::<Plan>(&plan.to_json()).unwrap(), **plan, "another plan from its JSON");
    }
    if source.notation == Notation::Flow {
        form_holds(source);
    }
}

fn places_are_in(text: &str, diagnostic: &Diagnostic) {
    assert!(!diagnostic.labels.is_empty() && !diagnostic.message.is_empty(), "{diagnostic:?}");
    for label in &diagnostic.labels {
        let range = label.span.start as usize..label.span.end as usize;
        assert!(text.get(range).is_some(), "{label:?} is no place");
    }
}

/// What can be parsed has a canonical form, which is its own.
fn form_holds(source: &Source) {
    let Ok(form) = format_source(source) else { return };
    let formed = Source { text: Arc::from(&*form), ..source.clone() };
    let again = format_source(&formed).unwrap_or_else(|found| panic!("the form is wrong: {found:?}\n{form}"));
    assert_eq!(again, form, "the form has another form");
}

fn source(seed: &Seed, text: &str) -> Source {
    Source { name: seed.name.as_str().into(), notation: seed.notation, text: text.into() }
}

/// Compiles a source; gives what went wrong.
fn failure(seed: &Seed, text: &str, types: &TaskTypes) -> Option<String> {
    let source = source(seed, text);
    let outcome = catch_unwind(AssertUnwindSafe(|| exercise(&source, types)));
    outcome.err().map(|cause| {
        let message = cause.downcast_ref::<String>().cloned();
        message.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

#[test]
fn every_seed_is_compiled_and_says_where() {
    let (types, seeds) = (builtin_task_types(), seeds());
    assert!(seeds.len() >= 150, "only {} seeds were found", seeds.len());
    for seed in &seeds {
        let found = failure(seed, &seed.text, &types);
        assert!(found.is_none(), "{}: {}\n{}", seed.name, found.unwrap_or_default(), seed.text);
    }
}

#[test]
fn the_corpus_compiles_where_it_is_not_broken_on_purpose() {
    let types = builtin_task_types();
    for seed in corpus() {
        let source = source(&seed, &seed.text);
        let compiled = compile(&source, &types);
        let broken = seed.name.contains("broken-");
        assert_eq!(compiled.has_errors(), broken, "{}", render(&source, &compiled.diagnostics, false));
        assert!(compiled.plans.is_empty() || !broken, "{}", seed.name);
    }
}

#[test]
fn the_corpus_reaches_every_statement() {
    let text: String =
        corpus().into_iter().filter(|seed| !seed.name.contains("broken-")).map(|seed| seed.text).collect();
    let statements = [
        "step ",
        "let ",
        "if ",
        "else {",
        "match ",
        "parallel first",
        "parallel any",
        "branch ",
        "for ",
        "keep going",
        "repeat ",
        "try {",
        "catch ",
        "finally {",
        "compensate",
        "undo ",
        "undo never",
        "wait ",
        "approve ",
        "sleep 1s",
        "sleep until ",
        "yield ",
        "return ",
        "fail ",
        "cause ",
        "secret ",
        "on webhook",
        "on event",
        "on cron",
        "concurrency ",
        "test ",
        "given ",
        "mock ",
        "refuse ",
        "expect failed",
        "expect ran",
        "expect not ran",
        "irreversible",
        "idempotent",
        "at most once",
        "cache key",
        "rate ",
        "priority ",
        "heartbeat ",
        "queue ",
        "task ",
        "[[step]]",
        "for_each",
        "when = ",
    ];
    for statement in statements {
        assert!(text.contains(statement), "nothing in the corpus has `{statement}`");
    }
}

#[test]
fn a_changed_source_is_compiled_and_says_where() {
    let (types, seeds) = (builtin_task_types(), seeds());
    let changer = Changer::new(&seeds);
    let start = number("STEPWELL_FUZZ_SEED", 1);
    for case in 0..number("STEPWELL_FUZZ_CASES", CASES) {
        // Each case has its own numbers, so that it can be run by itself.
        let mut random = Random::new(start.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(case));
        let seed = &seeds[random.below(seeds.len())];
        let text = changer.changed(seed, &mut random);
        let found = failure(seed, &text, &types);
        assert!(found.is_none(), "case {case} of {start}, of {}: {}\n{text}", seed.name, found.unwrap_or_default());
    }
}
