//! The formatter: rules of style, and what holds for all trees.

mod random;
mod style;
mod trees;

use crate::lang::ast::File;
use crate::lang::{Notation, Source, format_source};

/// A text in the flow language.
fn source(text: &str) -> Source {
    Source { name: "test.flow".into(), notation: Notation::Flow, text: text.into() }
}

/// The canonical form of a text, which is its own canonical form.
fn formatted(text: &str) -> String {
    let once = format_source(&source(text)).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{text}"));
    let twice = format_source(&source(&once)).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{once}"));
    assert_eq!(once, twice, "the second time it is another");
    once
}

/// A tree as text, without the places in it.
fn without_spans(file: &File) -> String {
    let tree = format!("{file:?}");
    let mut parts = tree.split("Span { start: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tree, part| tree + part.split_once('}').map_or(part, |(_, rest)| rest))
}
