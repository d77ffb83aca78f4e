//! The formatter: rules of style, and what holds for all trees.

mod comments;
mod random;
mod style;
mod trees;

use crate::lang::ast::File;
use crate::lang::{Notation, Source, format_source};

/// How many trees or texts are looked at: `number`, or what `FMT_TREES` says when the tests are compiled.
fn repeats(number: u64) -> u64 {
    option_env!("FMT_TREES").and_then(|number| number.parse().ok()).unwrap_or(number)
}

/// A text in the flow language.
fn source(text: &str) -> Source {
    Source { name: "test.flow".into(), notation: Notation::Flow, text: text.into() }
}

/// The canonical form of a text, which is its own canonical form.
fn formatted(text: &str) -> String {
    let once = format_source(&source(text)).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{text}"));
    let twice = format_source(&source(&once)).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{once}"));
    same(&once, &twice, &format!("the second time it is another:\n{text}\n---\n{once}\n---\n{twice}"));
    once
}

/// A tree as text, without the places in it.
fn without_spans(file: &File) -> String {
    let tree = format!("{file:?}");
    let mut parts = tree.split("Span { start: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tree, part| tree + part.split_once('}').map_or(part, |(_, rest)| rest))
}

/// Shows of two texts where they part.
fn same(wanted: &str, found: &str, what: &str) {
    let at = wanted.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| -> String {
        let near = |start: usize| start + 100 > at && start < at + 200;
        text.char_indices().filter(|(start, _)| near(*start)).map(|(_, char)| char).collect()
    };
    assert!(wanted == found, "{what}\nwanted …{}…\nfound  …{}…", around(wanted), around(found));
}
