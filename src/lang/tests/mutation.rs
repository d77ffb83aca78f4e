//! Whatever stands in a source, compiling it ends, and panics never.

use proptest::prelude::*;

use crate::lang::{Notation, Source, builtin_task_types, compile};

const TOML: &str = include_str!("samples/order.toml");
const FLOW: &str = include_str!("samples/order.flow");

/// Pieces that mean something where they land.
const PIECES: &[&str] = &[
    "${",
    "}",
    "{",
    "[",
    "]",
    "\"",
    "'",
    "\"\"\"",
    "\\",
    "#",
    "\n",
    "=",
    ".",
    "..",
    ",",
    "after",
    "step",
    "for",
    "in",
    "if",
    "parallel",
    "yield",
    "return",
    "[[step]]",
    "[input]",
    "-",
    "??",
    "?.",
    "1s",
    "null",
    "true",
    "validate_order",
    "input.id",
    "\u{0}",
    "\u{fffd}",
    "é",
    "9223372036854775808",
    "-1",
    "1e400",
    "when",
    "retry",
    "timeout",
    "name",
];

#[derive(Clone, Debug)]
enum Change {
    Cut(usize, usize),
    Put(usize, usize),
    Swap(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Put(at, piece)),
        (any::<usize>(), any::<usize>(), 1..40_usize).prop_map(|(from, to, length)| Change::Swap(from, to, length)),
    ]
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn apply(text: &mut String, change: &Change) {
    let size = text.len() + 1;
    match change {
        Change::Cut(at, length) => {
            let from = floor(text, at % size);
            let to = floor(text, from + length);
            text.replace_range(from..to, "");
        }
        Change::Put(at, piece) => {
            let at = floor(text, at % size);
            text.insert_str(at, PIECES[*piece]);
        }
        Change::Swap(from, to, length) => {
            let from = floor(text, from % size);
            let end = floor(text, from + length);
            let moved = text[from..end].to_owned();
            let to = floor(text, to % size);
            text.insert_str(to, &moved);
        }
    }
}

fn compiles_to_something(notation: Notation, text: &str) {
    let source = Source { name: "test".into(), notation, text: text.into() };
    let compiled = compile(&source, &builtin_task_types());
    assert!(compiled.has_errors() || !compiled.plans.is_empty() || !compiled.diagnostics.is_empty());
    for label in compiled.diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
        let range = label.span.start as usize..label.span.end as usize;
        assert!(text.get(range).is_some(), "{label:?} is no place in {text:?}");
    }
    for plan in &compiled.plans {
        assert!(!plan.hash().0.is_empty());
    }
}

#[test]
fn the_samples_are_right_before_they_are_changed() {
    for (notation, text) in [(Notation::Toml, TOML), (Notation::Flow, FLOW)] {
        let source = Source { name: "sample".into(), notation, text: text.into() };
        let compiled = compile(&source, &builtin_task_types());
        assert_eq!(super::told(text, &compiled), Vec::<String>::new());
        assert_eq!(compiled.plans.len(), 1);
        let plan = &compiled.plans[0];
        assert_eq!(plan.hash(), compile(&source, &builtin_task_types()).plans[0].hash());
        assert_eq!(serde_json::from_str::<crate::plan::Plan>(&plan.to_json()).unwrap(), **plan);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_toml_source_never_panics(changes in prop::collection::vec(change(), 1..6)) {
        let mut text = TOML.to_owned();
        changes.iter().for_each(|change| apply(&mut text, change));
        compiles_to_something(Notation::Toml, &text);
    }

    #[test]
    fn a_changed_flow_source_never_panics(changes in prop::collection::vec(change(), 1..6)) {
        let mut text = FLOW.to_owned();
        changes.iter().for_each(|change| apply(&mut text, change));
        compiles_to_something(Notation::Flow, &text);
    }
}
