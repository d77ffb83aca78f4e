//! `stepwell explain`: what a code of the compiler means.

use serde_json::{Value as Json, json};

use crate::lang::explain::{Page, nearest_code, page, pages};

use super::Exit;
use super::args::{ExplainArgs, Format};
use super::color::{self, Paint};
use super::output;

/// Shows the page of a code, or lists them all.
pub(super) fn run(args: &ExplainArgs) -> Exit {
    let text = match (&args.code, args.format) {
        (None, Format::Text) => list(color::stdout()),
        (None, Format::Json) => lines(&json!({ "codes": pages().iter().map(as_json).collect::<Vec<_>>() })),
        (Some(code), format) => match (page(code), format) {
            (Some(page), Format::Text) => as_text(page, color::stdout()),
            (Some(page), Format::Json) => lines(&as_json(page)),
            (None, _) => return unknown(code),
        },
    };
    output::print(&text)
}

fn unknown(code: &str) -> Exit {
    let help = match nearest_code(code) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`stepwell explain` lists all of them".to_owned(),
    };
    output::usage(&format!("there is no code `{code}`"), Some(&help))
}

fn lines(json: &Json) -> String {
    format!("{json:#}\n")
}

fn as_json(page: &Page<'_>) -> Json {
    json!({ "code": page.code, "title": page.title, "chapter": page.chapter, "text": page.text })
}

/// Every code with its title, by chapter.
fn list(color: bool) -> String {
    let mut text = String::new();
    let mut chapter = "";
    for page in pages() {
        if page.chapter != chapter {
            let before = if chapter.is_empty() { "" } else { "\n" };
            chapter = page.chapter;
            text.push_str(&format!("{before}{}\n", Paint::Bold.on(chapter, color)));
        }
        text.push_str(&format!("  {}  {}\n", Paint::Blue.on(page.code, color), page.title));
    }
    text + "\n`stepwell explain CODE` says what one means, with examples.\n"
}

/// The page as a terminal shows it: examples set in, the wrong and the right ones marked.
fn as_text(page: &Page<'_>, color: bool) -> String {
    let heading = Paint::Bold.on(&format!("{}: {}", page.code, page.title), color);
    let mut text = format!("{heading}\n\n");
    let mut within = false;
    for line in page.text.lines() {
        match (line.strip_prefix("```"), within) {
            (Some(fence), false) => {
                if fence.ends_with(" error") {
                    text.push_str(&format!("{}\n\n", Paint::Red.on("Wrong:", color)));
                }
                within = true;
            }
            (Some(_), true) => within = false,
            (None, true) => text.push_str(format!("    {line}").trim_end()),
            (None, false) if line == "Right:" => text.push_str(&Paint::Green.on(line, color)),
            (None, false) => text.push_str(line),
        }
        if !line.starts_with("```") {
            text.push('\n');
        }
    }
    text
}
