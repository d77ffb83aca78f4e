//! What each code means: the pages of `docs/diagnostics.md`, which is compiled in.
//!
//! Invariant: there is one source. The documentation, `stepwell explain`, the rules of a SARIF report and the tests all read
//! these pages, so that none can say something else than another.

use std::ops::Range;
use std::sync::LazyLock;

use super::nearest::nearest;

/// What begins and ends a block.
const FENCE: &str = "```";

/// The document that the pages are in.
const DOCUMENT: &str = include_str!("../../docs/diagnostics.md");

static PAGES: LazyLock<Vec<Page<'static>>> = LazyLock::new(|| read_pages(DOCUMENT));

/// What is to be said of a code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// The code.
    pub code: &'a str,
    /// What it is, in a line.
    pub title: &'a str,
    /// The chapter it stands in: `Names`.
    pub chapter: &'a str,
    /// The whole of it below its heading, in Markdown.
    pub text: &'a str,
    /// The paragraphs before the first example.
    pub meaning: &'a str,
    /// Its examples and what they give, in order.
    pub blocks: Vec<Block<'a>>,
}

/// A fenced block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// What it is.
    pub kind: BlockKind,
    /// What its fence says: `flow`, `toml` or `text`, without a mark.
    pub language: &'a str,
    /// What stands between the fences.
    pub text: &'a str,
    /// Where `text` stands in the document, in bytes.
    pub place: Range<usize>,
}

/// The kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// A source that has the mistake.
    Wrong,
    /// What is said of the wrong source before it.
    Shown,
    /// A source that has not.
    Right,
}

/// Every page, in the order of the codes.
pub fn pages() -> &'static [Page<'static>] {
    &PAGES
}

/// The page of a code, which may be written in lower case and without its first zeros: `e203`.
pub fn page(code: &str) -> Option<&'static Page<'static>> {
    let code = canonical(code)?;
    PAGES.iter().find(|page| page.code == code)
}

/// The code that was likely meant.
pub fn nearest_code(word: &str) -> Option<&'static str> {
    let word = canonical(word).unwrap_or_else(|| word.to_uppercase());
    nearest(&word, PAGES.iter().map(|page| page.code))
}

/// A code as it stands in the pages.
fn canonical(word: &str) -> Option<String> {
    let digits = word.trim().trim_start_matches(['E', 'e']);
    let number: u32 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("E{number:04}"))
}

/// The pages of a document: each begins at a heading `### CODE: title` and ends at the next heading.
pub fn read_pages(document: &str) -> Vec<Page<'_>> {
    let headings = headings(document);
    let mut chapter = "";
    let mut pages = Vec::new();
    for (at, place) in headings.iter().enumerate() {
        let line = document[place.clone()].trim_end();
        let end = headings.get(at + 1).map_or(document.len(), |next| next.start);
        if let Some(name) = line.strip_prefix("## ") {
            chapter = name;
        } else if let Some((code, title)) = line.strip_prefix("### ").and_then(|heading| heading.split_once(": ")) {
            pages.push(page_of(document, place.end..end, Page { code, title, chapter, ..Page::default() }));
        }
    }
    pages
}

/// A document's lines, each with its place.
fn lines(document: &str, place: Range<usize>) -> impl Iterator<Item = (&str, Range<usize>)> {
    document[place.clone()].split_inclusive('\n').scan(place.start, |at, line| {
        let start = *at;
        *at += line.len();
        Some((line.trim_end(), start..*at))
    })
}

/// Where the headings stand: lines that begin with `#`, but for those within a block.
fn headings(document: &str) -> Vec<Range<usize>> {
    let mut within = false;
    let heading = |(line, _): &(&str, Range<usize>)| {
        within ^= line.starts_with(FENCE);
        !within && line.starts_with('#')
    };
    lines(document, 0..document.len()).filter(heading).map(|(_, place)| place).collect()
}

/// The page whose text stands at `place`.
fn page_of<'a>(document: &'a str, place: Range<usize>, page: Page<'a>) -> Page<'a> {
    let text = &document[place.clone()];
    let meaning = text.split(FENCE).next().unwrap_or_default().trim();
    let meaning = meaning.strip_suffix("Right:").unwrap_or(meaning).trim_end();
    Page { text: text.trim(), meaning, blocks: blocks(document, place), ..page }
}

fn blocks(document: &str, place: Range<usize>) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    for (line, at) in lines(document, place) {
        match (line.strip_prefix(FENCE), open) {
            (Some(_), Some((fence, start))) => {
                blocks.push(block(fence, document, start..at.start));
                open = None;
            }
            (Some(fence), None) => open = Some((fence, at.end)),
            (None, _) => {}
        }
    }
    blocks
}

fn block<'a>(fence: &'a str, document: &'a str, place: Range<usize>) -> Block<'a> {
    let (language, mark) = fence.split_once(' ').unwrap_or((fence, ""));
    let kind = match (language, mark) {
        ("text", _) => BlockKind::Shown,
        (_, "error") => BlockKind::Wrong,
        _ => BlockKind::Right,
    };
    Block { kind, language, text: &document[place.clone()], place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::code_titles;

    #[test]
    fn every_code_has_its_page_under_its_title() {
        let found: Vec<_> = pages().iter().map(|page| (page.code, page.title)).collect();
        assert_eq!(found, code_titles().collect::<Vec<_>>());
        assert!(pages().iter().all(|page| !page.chapter.is_empty() && !page.blocks.is_empty()));
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for code in ["E0203", "e0203", "E203", "203", " e203 "] {
            assert_eq!(page(code).map(|page| page.code), Some("E0203"), "{code}");
        }
        for word in ["", "E", "E9999", "E02x3", "+203", "E0203E", "step"] {
            assert_eq!(page(word), None, "{word}");
        }
        assert_eq!(nearest_code("e0230"), Some("E0200"));
        assert_eq!(nearest_code("step"), None);
    }

    #[test]
    fn a_page_has_its_text_its_meaning_and_its_blocks() {
        let text = "# D\n\nIntro\n## Names\n### E1: a `b`\n\nOne.\n\n```flow error\n### no heading\n```\n```text\nx\n```\nRight:\n```toml\n```\n## Z\n";
        let pages = read_pages(text);
        let [page] = &pages[..] else { panic!("{pages:?}") };
        assert_eq!((page.code, page.title, page.chapter, page.meaning), ("E1", "a `b`", "Names", "One."));
        let blocks: Vec<_> = page.blocks.iter().map(|block| (block.kind, block.language, block.text)).collect();
        let wanted = [
            (BlockKind::Wrong, "flow", "### no heading\n"),
            (BlockKind::Shown, "text", "x\n"),
            (BlockKind::Right, "toml", ""),
        ];
        assert_eq!(blocks, wanted);
        assert!(page.blocks.iter().all(|block| text[block.place.clone()] == *block.text));
        assert!(page.text.starts_with("One.") && page.text.ends_with("```"));
    }
}
