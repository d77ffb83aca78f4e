//! What holds for all trees.

use super::trees::Random;
use super::{source, without_spans};
use crate::lang::{format_file, format_source, parse_flow, render};

/// How many trees are looked at: another number with `FMT_TREES`.
fn trees() -> u64 {
    std::env::var("FMT_TREES").ok().and_then(|number| number.parse().ok()).unwrap_or(10_000)
}

#[test]
fn a_formatted_tree_is_the_same_tree_and_is_formatted_the_same_again() {
    std::thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || (part..trees()).step_by(4).for_each(round_trip));
        }
    });
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
