//! Every diagnostic, as it is shown: `docs/diagnostics.md` is the reference and the snapshot at once.
//!
//! Each code has a section. A block marked `error` must give what the ```` ```text ```` block after it shows, and that code
//! alone; a block without the mark must compile with nothing to say. `UPDATE=1` writes the ```` ```text ```` blocks anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stepwell::lang::explain::{Block, BlockKind, Page, pages, read_pages};
use stepwell::lang::{
    CompileOptions, Diagnostic, MAX_SOURCE_BYTES, MAX_STEPS, Notation, Source, builtin_task_types, code_titles,
    compile, compile_with, render,
};

/// Mistakes that can't be made in the flat notation, which has no statements and whose keys are TOML's own.
const NOT_IN_TOML: &[&str] = &[
    "E0108", "E0113", "E0114", "E0200", "E0310", "E0317", "E0318", "E0319", "E0401", "E0404", "E0503", "E0504",
    "E0505", "E0510", "E0801", "E0802",
];

/// What is told where the check is strict.
const STRICT: &[&str] = &["E0316"];

/// Mistakes that can't be made in the language.
const NOT_IN_FLOW: &[&str] = &["E0212", "E0309", "E0601", "E0602", "E0603", "E0604"];

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md")
}

fn read() -> String {
    fs::read_to_string(path()).unwrap()
}

/// The notation of a block, and whether it is a wrong example.
fn example(block: &Block<'_>) -> Option<(Notation, bool)> {
    Some((Notation::of_file_name(&format!("x.{}", block.language))?, block.kind == BlockKind::Wrong))
}

fn source(notation: Notation, text: &str) -> Source {
    Source { name: format!("order.{notation}").into(), notation, text: text.into() }
}

/// Sources that are too large, or no text, for a page.
fn written(code: &str) -> Vec<(Source, Vec<Diagnostic>)> {
    let of_bytes = |notation: Notation, bytes: &[u8]| {
        let refused = Source::from_bytes(&format!("order.{notation}"), notation, bytes).unwrap_err();
        (refused.source, vec![refused.diagnostic])
    };
    let both = [Notation::Flow, Notation::Toml];
    match code {
        "E0101" => both.map(|notation| of_bytes(notation, &vec![b' '; MAX_SOURCE_BYTES + 1])).into(),
        "E0102" => both.map(|notation| of_bytes(notation, b"name = \"order\"\ndescription = \"caf\xe9\"\n")).into(),
        "E0507" => both.map(|notation| compiled(source(notation, &many_steps(notation)))).into(),
        "E0508" => vec![compiled(source(Notation::Flow, &many_types()))],
        _ => Vec::new(),
    }
}

/// Ten workflows with a task type of 20,000 fields, each with a copy of it in its plan.
fn many_types() -> String {
    let fields: String = (0..20).map(|at| format!("g{at}: {{ {} }}, ", group(1_000))).collect();
    let workflow = |at: usize| format!("workflow w{at} {{\n  step all: report.read {{ }}\n}}\n");
    let workflows: String = (0..10).map(workflow).collect();
    format!("{workflows}task report.read {{ output {{ {fields}}} }}\n")
}

fn group(fields: usize) -> String {
    (0..fields).map(|at| format!("f{at}: int, ")).collect()
}

fn many_steps(notation: Notation) -> String {
    let step = |at: usize| match notation {
        Notation::Flow => format!("  step s{at}: log {{ message = \"hello\" }}\n"),
        Notation::Toml => format!("[[step]]\nname = \"s{at}\"\ntask = \"log\"\nwith = {{ message = \"hello\" }}\n"),
    };
    let steps: String = (0..=MAX_STEPS).map(step).collect();
    match notation {
        Notation::Flow => format!("workflow order {{\n{steps}}}\n"),
        Notation::Toml => format!("name = \"order\"\n{steps}"),
    }
}

fn compiled(source: Source) -> (Source, Vec<Diagnostic>) {
    let found = compile(&source, &builtin_task_types()).diagnostics;
    (source, found)
}

/// The same, as a wrong example of a code is compiled.
fn compiled_for(code: &str, source: Source) -> (Source, Vec<Diagnostic>) {
    let options = CompileOptions { strict: STRICT.contains(&code), ..CompileOptions::default() };
    let found = compile_with(&source, &builtin_task_types(), &options).diagnostics;
    (source, found)
}

/// The drawing as it stands on the page: no line ends in a space.
fn drawn(source: &Source, found: &[Diagnostic]) -> String {
    let text = render(source, found, false);
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    format!("{}\n", text.trim_matches('\n'))
}

/// What each `text` block of a section must show, in order.
fn expected(section: &Page<'_>, complaints: &mut Vec<String>) -> Vec<String> {
    let wrong = section.blocks.iter().filter_map(|block| match example(block) {
        Some((notation, true)) => Some(compiled_for(section.code, source(notation, block.text))),
        _ => None,
    });
    let sources: Vec<_> = wrong.chain(written(section.code)).collect();
    for (source, found) in &sources {
        let others: Vec<_> = found.iter().filter(|one| one.code != section.code).map(|one| one.code).collect();
        if found.is_empty() || !others.is_empty() {
            complaints.push(format!("{}: gives {others:?}\n{}", section.code, drawn(source, found)));
        }
    }
    let mut shown: Vec<String> = sources.iter().map(|(source, found)| drawn(source, found)).collect();
    shown.dedup();
    shown
}

#[test]
fn every_wrong_example_is_told_of_as_shown() {
    let document = read();
    let update = std::env::var_os("UPDATE").is_some();
    let mut complaints = Vec::new();
    let mut anew = document.clone();
    for section in read_pages(&document).iter().rev() {
        let wanted = expected(section, &mut complaints);
        let shown: Vec<_> = section.blocks.iter().filter(|block| block.kind == BlockKind::Shown).collect();
        if shown.len() != wanted.len() {
            complaints.push(format!("{}: {} wrong examples, {} shown", section.code, wanted.len(), shown.len()));
        }
        for (block, wanted) in shown.iter().zip(&wanted).rev() {
            if update {
                anew.replace_range(block.place.clone(), wanted);
            } else if block.text != *wanted {
                complaints.push(format!("{} shows\n{}\nand not\n{wanted}", section.code, block.text));
            }
        }
    }
    if update {
        fs::write(path(), anew).unwrap();
    }
    assert!(complaints.is_empty(), "{}\nif this is right: UPDATE=1 cargo test diagnostics", complaints.join("\n"));
}

#[test]
fn every_code_has_its_section_with_a_wrong_and_a_right_example() {
    let found: Vec<_> = pages().iter().map(|page| (page.code, page.title)).collect();
    assert_eq!(found, code_titles().collect::<Vec<_>>());
    for section in pages() {
        let code = section.code;
        if !written(code).is_empty() {
            continue;
        }
        let has = |wanted| section.blocks.iter().any(|block| example(block) == Some(wanted));
        assert_eq!(has((Notation::Flow, true)), !NOT_IN_FLOW.contains(&code), "{code} in the language");
        assert_eq!(has((Notation::Toml, true)), !NOT_IN_TOML.contains(&code), "{code} in the flat notation");
        assert!(has((Notation::Flow, false)) || has((Notation::Toml, false)), "{code} has no right example");
    }
}

#[test]
fn every_right_example_compiles_and_is_not_warned_of() {
    let mut complaints = String::new();
    for section in pages() {
        for block in &section.blocks {
            let Some((notation, false)) = example(block) else { continue };
            let (source, found) = compiled(source(notation, block.text));
            if !found.is_empty() {
                complaints.push_str(&format!("{}\n{}", section.code, drawn(&source, &found)));
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

#[test]
fn messages_are_in_the_style_of_the_house() {
    let mut seen = BTreeMap::new();
    for section in pages() {
        for block in section.blocks.iter().filter(|block| matches!(example(block), Some((_, true)))) {
            let Some((notation, _)) = example(block) else { continue };
            for one in compiled(source(notation, block.text)).1 {
                seen.insert(one.message.clone(), section.code);
                for text in [Some(&one.message), one.help.as_ref()].into_iter().flatten() {
                    let capital = text.chars().next().is_some_and(char::is_uppercase);
                    assert!(!text.is_empty() && !capital && !text.ends_with('.'), "{}: {text}", section.code);
                    assert_eq!(text.matches('`').count() % 2, 0, "{}: {text}", section.code);
                }
            }
        }
    }
    assert!(seen.len() > 60, "{}", seen.len());
}
