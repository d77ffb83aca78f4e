//! What holds for all trees.

use super::trees::Random;
use super::{repeats, same, source, without_spans};
use crate::lang::{format_file, format_source, parse_flow, render};

/// A quarter of the trees: four tests share the processors.
fn quarter(part: u64) {
    (part..repeats(10_000)).step_by(4).for_each(round_trip);
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
