//! Changes at random: of tokens, which reach what parses, and of bytes, which reach what does not.

use super::Seed;

/// Numbers that are the same on each run (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; nothing where that is nothing.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }

    fn of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items.get(self.below(items.len())).copied().unwrap_or_default()
    }
}

/// Pieces that mean something where they land, beside the tokens of the seeds.
const PIECES: &[&str] = &[
    "${",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "\"\"\"",
    "r\"",
    "\\",
    "\\u{",
    "\\ud83d",
    "#",
    "\n",
    "\r\n",
    "=",
    ".",
    "..",
    "...",
    "?.",
    "??",
    "?",
    ":",
    ",",
    "-",
    "!",
    "in",
    "null",
    "true",
    "1s",
    "0x",
    "1e400",
    "9223372036854775808",
    "-1",
    "\u{0}",
    "\u{feff}",
    "\u{fffd}",
    "é",
    "😀",
    "error",
    "event",
    "data",
    "secrets",
    "input",
    "execution.id",
];

/// A source as tokens: words, spaces, and single characters.
fn tokens(text: &str) -> Vec<&str> {
    let kind = |char: char| match char {
        ' ' | '\t' => 1,
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => 2,
        _ => 0,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, char) in text.char_indices() {
        let kind = kind(char);
        if before.is_some_and(|before| before != kind || kind == 0) {
            tokens.push(&text[start..at]);
            start = at;
        }
        before = Some(kind);
    }
    tokens.push(&text[start..]);
    tokens
}

/// Makes other sources of sources.
pub struct Changer<'s> {
    /// Every word and sign of every seed, once.
    words: Vec<&'s str>,
    /// Every line of every seed.
    lines: Vec<&'s str>,
}

impl<'s> Changer<'s> {
    pub fn new(seeds: &'s [Seed]) -> Self {
        let mut words: Vec<&str> = seeds.iter().flat_map(|seed| tokens(&seed.text)).collect();
        words.sort_unstable();
        words.dedup();
        Self { words, lines: seeds.iter().flat_map(|seed| seed.text.lines()).collect() }
    }

    /// The source with one to six changes.
    pub fn changed(&self, seed: &Seed, random: &mut Random) -> String {
        let mut text = seed.text.clone();
        for _ in 0..=random.below(6) {
            text = match random.below(4) {
                0 => self.lines_changed(&text, random),
                1 => bytes_changed(&text, random),
                _ => self.tokens_changed(&text, random),
            };
        }
        text
    }

    fn tokens_changed(&self, text: &str, random: &mut Random) -> String {
        let mut tokens = tokens(text);
        let (at, other) = (random.below(tokens.len()), random.below(tokens.len()));
        match random.below(6) {
            0 => drop(tokens.remove(at)),
            1 => tokens.swap(at, other),
            2 => tokens.insert(at, tokens[other]),
            3 => tokens[at] = random.of(&self.words),
            4 => tokens.insert(at, random.of(&self.words)),
            _ => tokens.insert(at, random.of(PIECES)),
        }
        tokens.concat()
    }

    fn lines_changed(&self, text: &str, random: &mut Random) -> String {
        let mut lines: Vec<&str> = text.split('\n').collect();
        let (at, other) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(4) {
            0 => drop(lines.remove(at)),
            1 => lines.swap(at, other),
            2 => lines.insert(at, lines[other]),
            _ => lines.insert(at, random.of(&self.lines)),
        }
        lines.join("\n")
    }
}

/// Cuts, doubles or ends the text anywhere, or puts a piece into it.
fn bytes_changed(text: &str, random: &mut Random) -> String {
    let from = text.floor_char_boundary(random.below(text.len() + 1));
    let to = text.floor_char_boundary((from + random.below(40)).min(text.len()));
    let to = to.max(from);
    match random.below(4) {
        0 => [&text[..from], &text[to..]].concat(),
        1 => [&text[..to], &text[from..]].concat(),
        2 => text[..from].to_owned(),
        _ => [&text[..from], random.of(PIECES), &text[from..]].concat(),
    }
}
