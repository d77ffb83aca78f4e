//! What holds for all trees.

use super::trees::Random;
use super::{source, without_spans};
use crate::lang::{format_file, format_source, parse_flow, render};

/// How many trees are looked at.
const TREES: u64 = 10_000;

/// A quarter of the trees: four tests share the processors.
fn quarter(part: u64) {
    (part..TREES).step_by(4).for_each(round_trip);
}

#[test]
fn a_formatted_tree_is_the_same_tree_and_is_formatted_the_same_again() {
    quarter(0);
}

#[test]
fn a_formatted_tree_is_the_same_tree_in_the_second_quarter() {
    quarter(1);
}

#[test]
fn a_formatted_tree_is_the_same_tree_in_the_third_quarter() {
    quarter(2);
}

#[test]
fn a_formatted_tree_is_the_same_tree_in_the_last_quarter() {
    quarter(3);
}

fn round_trip(seed: u64) {
    let file = Random::new(seed).file();
    let text = format_file(&file);
    let (read, diagnostics) = parse_flow(&source(&text));
    let told = render(&source(&text), &diagnostics, false);
    assert!(diagnostics.is_empty(), "tree {seed}:\n{told}\n{text}");
    same(&without_spans(&file), &without_spans(&read), &format!("tree {seed} is another:\n{text}"));
    let again = format_source(&source(&text)).unwrap();
    same(&text, &again, &format!("tree {seed} is formatted in another way the second time"));
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
