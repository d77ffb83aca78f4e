//! The examples of the documentation compile.

use std::fs;
use std::path::Path;

use stepwell::lang::{Notation, Source, builtin_task_types, compile, render};

/// The fenced blocks of a page: the line on which each begins, its language, its text.
fn blocks(page: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (at, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(language), None) => open = Some((at + 1, language.to_owned(), String::new())),
            (None, Some((_, _, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

#[test]
fn every_workflow_in_the_documentation_compiles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut compiled = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let page = fs::read_to_string(&path).unwrap();
        for (line, language, text) in blocks(&page) {
            let Some(notation) = Notation::of_file_name(&format!("x.{language}")) else { continue };
            // A block of settings is TOML, and no workflow.
            if notation == Notation::Toml && !text.contains("[[step]]") {
                continue;
            }
            let source = Source { name: format!("{}:{line}", path.display()).into(), notation, text: text.into() };
            let found = compile(&source, &builtin_task_types());
            assert!(!found.has_errors(), "{}", render(&source, &found.diagnostics, false));
            compiled += 1;
        }
    }
    assert!(compiled >= 5, "only {compiled} examples were found");
}
