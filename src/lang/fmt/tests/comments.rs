//! Comments, line ends and parentheses wherever they may stand.

use super::trees::Random;
use super::{formatted, repeats, same, source, without_spans};
use crate::lang::fmt::read::Read;
use crate::lang::{format_file, parse_flow};

#[test]
fn no_comment_is_lost_or_moved_past_code_wherever_it_stands() {
    (0..repeats(500)).for_each(commented);
}

fn commented(seed: u64) {
    let mut random = Random::new(seed);
    let mut text = format_file(&random.file());
    let tree = tree(&text).unwrap();
    for number in 0..12 {
        let changed = disturbed(&text, number, &mut random);
        if self::tree(&changed).is_some_and(|found| found == tree) {
            text = changed;
        }
    }
    let done = formatted(&text);
    let what = |what: &str| format!("text {seed} {what}:\n{text}\n---\n{done}");
    same(&tree, &self::tree(&done).unwrap(), &what("is another tree"));
    same(&places(&text), &places(&done), &what("has its comments elsewhere"));
}

/// A tree without its places; nothing where the text has something wrong with it.
fn tree(text: &str) -> Option<String> {
    let (file, diagnostics) = parse_flow(&source(text));
    diagnostics.is_empty().then(|| without_spans(&file))
}

/// The text with something put in between two of its tokens.
fn disturbed(text: &str, number: usize, random: &mut Random) -> String {
    let read = Read::new(text, 0, text.len());
    let ends: Vec<usize> = std::iter::once(0).chain(read.pieces.iter().map(|piece| piece.end)).collect();
    let at = random.below(ends.len());
    let mut out = text.to_owned();
    match random.below(8) {
        0 => out.insert(ends[at], '\n'),
        1 => out.insert_str(ends[at], "\n \n\n"),
        2 => {
            let until = (at + 1 + random.below(6)).min(ends.len() - 1);
            out.insert(ends[until], ')');
            out.insert_str(ends[at], " (");
        }
        3 | 4 => out.insert_str(ends[at], &format!("\n\n   #{number}\n")),
        _ => out.insert_str(ends[at], &format!(" #{number} \n")),
    }
    out
}

/// Each comment, with the number of tokens before it that are no commas or parentheses.
fn places(text: &str) -> String {
    let read = Read::new(text, 0, text.len());
    let hard = |at: &usize| !matches!(read.text_of(*at), "," | "(" | ")");
    let place = |(comment, before): (&str, usize)| format!("{comment} after {}\n", (0..before).filter(hard).count());
    read.comments().map(place).collect()
}
