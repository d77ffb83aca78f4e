//! Text to tokens, with every bracket paired: what cuts a source into entries, and what bounds all that comes after.
//!
//! Invariant: one pass with a stack of its own, no recursion; ends on any text. What it accepts is balanced and nested no
//! deeper than [`MAX_NESTING`].

use crate::expr::Span;
use crate::lang::{Diagnostic, MAX_DIAGNOSTICS, MAX_EXPR_DEPTH, MAX_NESTING, codes};

use super::expression::too_large;
use super::quotes::{TextFault, text_end};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// A number or a length of time.
    Number,
    /// A text in quotes, whole.
    Text,
    /// `(`, `[` or `{`.
    Open(u8),
    /// `)`, `]` or `}`.
    Close(u8),
    /// `,`.
    Comma,
    /// The end of a line.
    Newline,
    /// An operator or another sign.
    Sign,
    /// Something that has been reported.
    Bad,
}

/// A token, its place in bytes, and the index of the bracket that it pairs with.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// For a bracket, the index of its other half; for anything else its own.
    pub mate: usize,
}

/// A scanned text.
#[derive(Debug, Default)]
pub struct Scan {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether it is nested too deep to be looked at further.
    pub too_deep: bool,
}

/// Words that begin an entry. Before another word on a line of their own they end a bracket that was left open.
pub const STARTERS: &[&str] = &[
    "step", "let", "if", "for", "return", "fail", "sleep", "branch", "match", "repeat", "wait", "approve", "workflow",
    "task", "test", "input", "setting", "secret", "yield", "mock", "expect", "refuse",
];

/// Signs of more than one character, longest first.
const SIGNS: &[&str] = &["...", "..", "?.", "??", "||", "&&", "==", "!=", "<=", ">="];

/// The most signs of one expression.
const LONGEST_ROW: usize = 5 * MAX_EXPR_DEPTH;

/// Scans `text`; places in diagnostics are offset by `base`.
pub fn scan(text: &str, base: usize) -> Scan {
    let mut scanner =
        Scanner { text, base, at: 0, scan: Scan::default(), open: Vec::new(), row: vec![0], suspect: None };
    scanner.run();
    scanner.scan
}

struct Scanner<'t> {
    text: &'t str,
    base: usize,
    at: usize,
    scan: Scan,
    /// The indices of the brackets that are open.
    open: Vec<usize>,
    /// How many signs stand in a row, of the text and of each bracket that is open.
    row: Vec<usize>,
    /// A `{` whose `}` stands further left than its line: likely the one that lacks its own.
    suspect: Option<usize>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(next) = self.text[self.at..].chars().next() {
            if self.scan.too_deep {
                return;
            }
            self.step(next);
        }
        self.finish();
    }

    fn step(&mut self, next: char) {
        let start = self.at;
        match next {
            ' ' | '\t' | '\r' => self.at += 1,
            '\u{feff}' if start == 0 => self.at += next.len_utf8(),
            '\n' => self.push(Kind::Newline, 1),
            '#' => self.at += self.text[start..].find('\n').unwrap_or(self.text.len() - start),
            ',' => self.push(Kind::Comma, 1),
            '(' | '[' | '{' => self.open(next as u8),
            ')' | ']' | '}' => self.close(next as u8),
            '"' => self.quoted(),
            'r' if self.text[start..].starts_with("r\"") => self.quoted(),
            _ if next.is_ascii_alphabetic() || next == '_' => self.word(),
            _ if next.is_ascii_digit() => self.number(),
            '=' | '!' | '<' | '>' | '+' | '-' | '*' | '/' | '%' | '.' | '?' | ':' | '|' | '&' => self.sign(next),
            _ => self.bad(next),
        }
    }

    /// Reports a mistake, unless there are too many already.
    fn tell(&mut self, diagnostic: Diagnostic) {
        if self.scan.diagnostics.len() < MAX_DIAGNOSTICS {
            self.scan.diagnostics.push(diagnostic);
        }
    }

    /// Counts signs, so that a chain without end costs nothing but this: it is far longer than any tree may be deep.
    fn count(&mut self, kind: Kind) {
        let tokens = &self.scan.tokens;
        let new_line = tokens.last().is_some_and(|token| token.kind == Kind::Newline);
        let goes_on = kind == Kind::Sign
            || tokens
                .iter()
                .rev()
                .find(|token| token.kind != Kind::Newline)
                .is_some_and(|token| token.kind == Kind::Sign && &self.text[token.start..token.end] != "?");
        let Some(row) = self.row.last_mut() else { return };
        if kind == Kind::Comma || new_line && !goes_on {
            *row = 0;
        }
        if kind == Kind::Sign {
            *row += 1;
        }
    }

    fn push(&mut self, kind: Kind, length: usize) {
        if kind != Kind::Newline {
            self.count(kind);
        }
        let index = self.scan.tokens.len();
        self.scan.tokens.push(Token { kind, start: self.at, end: self.at + length, mate: index });
        self.at += length;
    }

    fn run_of(&self, is: impl Fn(char) -> bool) -> usize {
        let rest = &self.text[self.at..];
        rest.find(|char: char| !is(char)).unwrap_or(rest.len())
    }

    fn word(&mut self) {
        let length = self.run_of(|char| char.is_ascii_alphanumeric() || char == '_');
        let starts_line = self.starts_line();
        if starts_line && !self.open.is_empty() {
            self.maybe_unclosed(self.at, length);
        }
        self.push(Kind::Word, length);
    }

    fn number(&mut self) {
        let mut length = self.run_of(|char| char.is_ascii_alphanumeric() || char == '_');
        let rest = &self.text[self.at + length..];
        if rest.starts_with('.') && rest[1..].starts_with(|char: char| char.is_ascii_digit()) {
            let fraction = &rest[1..];
            length += 1 + fraction.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(fraction.len());
        }
        self.push(Kind::Number, length);
    }

    fn sign(&mut self, next: char) {
        let rest = &self.text[self.at..];
        if next == '&' && !rest.starts_with("&&") {
            return self.bad(next);
        }
        let sign =
            SIGNS.iter().find(|sign| rest.starts_with(**sign)).filter(|sign| **sign != ">=" || !self.ends_type());
        let length = sign.map_or(1, |sign| sign.len());
        self.push(Kind::Sign, length);
        if self.row.last() == Some(&LONGEST_ROW) {
            let place = Span::new(self.base + self.at - length, self.base + self.at);
            self.tell(too_large(place));
            self.push(Kind::Bad, 0);
        }
    }

    /// Whether a `>` here is the end of a `list<T>` or `map<T>`, rather than a comparison.
    fn ends_type(&self) -> bool {
        let tokens = &self.scan.tokens;
        let text = |at: usize| &self.text[tokens[at].start..tokens[at].end];
        let (mut depth, mut at) = (0_usize, tokens.len());
        while at > 0 {
            at -= 1;
            match tokens[at].kind {
                Kind::Close(_) => at = tokens[at].mate,
                Kind::Word | Kind::Text => {}
                Kind::Sign => match text(at) {
                    ">" => depth += 1,
                    "<" if depth > 0 => depth -= 1,
                    "<" => return at > 0 && matches!(text(at - 1), "list" | "map"),
                    "|" | "?" => {}
                    _ => return false,
                },
                _ => return false,
            }
        }
        false
    }

    fn quoted(&mut self) {
        match text_end(self.text, self.at) {
            Ok(end) => self.push(Kind::Text, end - self.at),
            Err(fault) => self.unclosed_text(fault),
        }
    }

    fn unclosed_text(&mut self, fault: TextFault) {
        let rest = &self.text[self.at..];
        let line = rest.find('\n').unwrap_or(rest.len());
        let line = rest[..line].trim_end().len();
        let place = |start: usize, end: usize| Span::new(self.base + start, self.base + end);
        let diagnostic = match fault {
            TextFault::Quote { multi: true } => {
                Diagnostic::error(codes::UNCLOSED_TEXT, "the text is never closed", place(self.at, self.at + 3))
                    .label("opened here")
                    .help("close it with `\"\"\"`")
            }
            TextFault::Quote { multi: false } => Diagnostic::error(
                codes::UNCLOSED_TEXT,
                "the text is not closed on its line",
                place(self.at, self.at + line),
            )
            .help("close it with `\"`, or write `\"\"\"` for a text of many lines"),
            TextFault::Interpolation(start) => {
                Diagnostic::error(codes::UNCLOSED_INTERPOLATION, "`${` is not closed", place(start, start + 2))
                    .help("close it with `}`, or write `$${` for the two characters themselves")
            }
            TextFault::TooDeep(start) => {
                self.scan.too_deep = true;
                too_deep(place(start, start + 1))
            }
        };
        self.tell(diagnostic);
        // The rest of a file after an open `"""` is one mistake; looking for its end again and again would take long.
        let multi = rest.starts_with("\"\"\"");
        let length = if multi { rest.len() } else { line.max(1) };
        let swallowed = &rest[..length];
        self.push(Kind::Bad, length);
        if !multi {
            self.close_swallowed(swallowed);
        }
    }

    /// The brackets at the end of a line that an open text has swallowed close what was opened on that line, without a word.
    fn close_swallowed(&mut self, swallowed: &str) {
        let text = swallowed.trim_end_matches([')', ']', '}', ',', ' ', '\t']);
        for bracket in swallowed[text.len()..].bytes() {
            let Some(open) = self.open.last().copied() else { return };
            let token = self.scan.tokens[open];
            let same_line = token.start >= self.line_start(self.at);
            if matches!(token.kind, Kind::Open(open) if closing(open) == bracket) && same_line {
                self.open.pop();
                self.row.pop();
                let index = self.scan.tokens.len();
                self.scan.tokens.push(Token { kind: Kind::Close(bracket), start: self.at, end: self.at, mate: open });
                self.scan.tokens[open].mate = index;
            }
        }
    }

    fn bad(&mut self, next: char) {
        let start = self.at;
        let length = match next {
            // The whole of a text in single quotes is one mistake.
            '\'' => {
                let line = self.text[start..].lines().next().unwrap_or_default();
                line[1..].find('\'').map_or(line.len(), |end| end + 2)
            }
            _ => {
                let known = |char: char| char.is_ascii() && !char.is_ascii_control();
                if next.is_ascii_graphic() { 1 } else { self.run_of(|char| !known(char) && !"\t\r\n".contains(char)) }
            }
        };
        let length = length.max(next.len_utf8());
        let place = Span::new(self.base + start, self.base + start + length);
        self.tell(unexpected_character(next, &self.text[start..start + length], place));
        self.push(Kind::Bad, length);
    }

    fn open(&mut self, bracket: u8) {
        if self.open.len() >= MAX_NESTING {
            self.scan.too_deep = true;
            self.tell(too_deep(Span::new(self.base + self.at, self.base + self.at + 1)));
            return;
        }
        self.open.push(self.scan.tokens.len());
        self.push(Kind::Open(bracket), 1);
        self.row.push(0);
    }

    fn close(&mut self, bracket: u8) {
        let wanted = match bracket {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        let opener = self.open.iter().rposition(|open| self.scan.tokens[*open].kind == Kind::Open(wanted));
        // A `)` or `]` does not reach out of a block.
        let block = self.open.iter().rposition(|open| self.scan.tokens[*open].kind == Kind::Open(b'{'));
        let Some(opener) = opener.filter(|opener| bracket == b'}' || block.is_none_or(|block| block < *opener)) else {
            let place = Span::new(self.base + self.at, self.base + self.at + 1);
            let message = format!("`{}` closes nothing", bracket as char);
            self.tell(Diagnostic::error(codes::UNOPENED_BRACKET, message, place).help("take it away"));
            return self.push(Kind::Bad, 1);
        };
        while self.open.len() > opener + 1 {
            self.force_close(self.at);
        }
        let Some(open) = self.open.pop() else { return };
        self.row.pop();
        if bracket == b'}' && self.suspect.is_none() && self.starts_line() {
            let (here, there) = (self.indent(self.at), self.indent(self.scan.tokens[open].start));
            if here < there {
                self.suspect = Some(open);
            }
        }
        let index = self.scan.tokens.len();
        self.push(Kind::Close(bracket), 1);
        self.scan.tokens[index].mate = open;
        self.scan.tokens[open].mate = index;
    }

    /// Closes the innermost bracket, which has no other half, with an empty token at `at`, and reports it.
    fn force_close(&mut self, at: usize) {
        let Some(open) = self.open.pop() else { return };
        self.row.pop();
        let token = self.scan.tokens[open];
        let Kind::Open(bracket) = token.kind else { return };
        let closing = closing(bracket);
        let place = Span::new(self.base + token.start, self.base + token.end);
        let diagnostic =
            Diagnostic::error(codes::UNCLOSED_BRACKET, format!("`{}` is never closed", bracket as char), place)
                .label("opened here")
                .help(format!("close it with `{}`", closing as char));
        self.tell(diagnostic);
        // The entry it stands in is broken; nothing more is said of it.
        let bad = self.scan.tokens.len();
        self.scan.tokens.push(Token { kind: Kind::Bad, start: at, end: at, mate: bad });
        let index = self.scan.tokens.len();
        self.scan.tokens.push(Token { kind: Kind::Close(closing), start: at, end: at, mate: open });
        self.scan.tokens[open].mate = index;
    }

    /// At a word that begins a line inside of brackets: whether it shows that they were left open.
    fn maybe_unclosed(&mut self, at: usize, length: usize) {
        let word = &self.text[at..at + length];
        if !STARTERS.contains(&word) {
            return;
        }
        let rest = self.text[at + length..].trim_start_matches([' ', '\t']);
        let before_word =
            rest.len() < self.text.len() - at - length && rest.starts_with(|char: char| char.is_ascii_alphabetic());
        if !before_word {
            return;
        }
        // A workflow at the left edge is in no block.
        let top = matches!(word, "workflow" | "task") && self.indent(at) == 0 && at == self.line_start(at);
        let newline_at = self.scan.tokens.last().map_or(at, |token| token.start);
        let mut closed = false;
        while let Some(open) = self.open.last().copied() {
            let block = self.scan.tokens[open].kind == Kind::Open(b'{');
            if block && !top {
                break;
            }
            closed = true;
            match self.suspect.take().filter(|_| block) {
                Some(suspect) => self.blame(open, suspect),
                None => self.force_close(newline_at),
            }
        }
        if closed {
            // What follows is an entry of its own.
            let mate = self.scan.tokens.len();
            self.scan.tokens.push(Token { kind: Kind::Newline, start: newline_at, end: newline_at, mate });
        }
    }

    /// Closes `open`, but says that it is `suspect` that lacks its other half.
    fn blame(&mut self, open: usize, suspect: usize) {
        let reported = self.scan.diagnostics.len();
        self.force_close(self.at);
        if open != suspect
            && let Some(last) = self.scan.diagnostics.get_mut(reported)
        {
            let token = self.scan.tokens[suspect];
            last.labels[0].span = Span::new(self.base + token.start, self.base + token.end);
        }
    }

    fn finish(&mut self) {
        while let Some(open) = self.open.last().copied() {
            match self.suspect.take() {
                Some(suspect) => self.blame(open, suspect),
                None => self.force_close(self.at),
            }
        }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn starts_line(&self) -> bool {
        self.scan.tokens.last().is_none_or(|token| token.kind == Kind::Newline)
    }

    fn indent(&self, at: usize) -> usize {
        let line = &self.text[self.line_start(at)..];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }
}

fn closing(bracket: u8) -> u8 {
    match bracket {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

/// The diagnostic of what is nested too deep.
pub fn too_deep(place: Span) -> Diagnostic {
    Diagnostic::error(codes::NESTED_TOO_DEEP, format!("nested more than {MAX_NESTING} deep"), place)
        .help("give the inner parts names with `let`, or take them apart into several workflows")
}

fn unexpected_character(char: char, run: &str, place: Span) -> Diagnostic {
    let control = char.is_control();
    let message = if control {
        format!("unexpected control character U+{:04X}", u32::from(char))
    } else if char == '\'' {
        "text is written in double quotes".to_owned()
    } else {
        format!("unexpected `{}`", run.chars().take(20).collect::<String>())
    };
    let diagnostic = Diagnostic::error(codes::UNEXPECTED_CHARACTER, message, place);
    match char {
        ';' => diagnostic.help("a statement ends where its line ends"),
        '\'' => diagnostic.help(format!("write `\"{}\"`", run.trim_matches('\''))),
        '&' => diagnostic.help("write `&&`"),
        '$' => diagnostic.help("`${…}` stands inside of text; elsewhere the expression is written as it is"),
        '“' | '”' => diagnostic.help("write the straight quote `\"`"),
        _ if char.is_alphabetic() => diagnostic.help("names are made of the letters a to z, digits, `_` and `-`"),
        _ => diagnostic,
    }
}
