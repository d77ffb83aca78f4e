//! The examples, and those of the documentation, compile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stepwell::lang::{
    CompileOptions, Diagnostic, Notation, Source, builtin_task_types, compile_with, format_source, render,
};

use crate::e2e::server::BINARY;

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

/// The pages: those of `docs/`, and the README.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> = files(&root.join("docs")).into_iter().filter(|path| ends_in(path, "md")).collect();
    pages.push(root.join("README.md"));
    pages
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn ends_in(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

fn compiled(name: String, notation: Notation, text: &str, strict: bool) -> (Vec<Diagnostic>, String) {
    let source = Source { name: name.into(), notation, text: text.into() };
    let options = CompileOptions { strict, ..CompileOptions::default() };
    let found = compile_with(&source, &builtin_task_types(), &options).diagnostics;
    let drawn = render(&source, &found, false);
    (found, drawn)
}

#[test]
fn the_mistake_that_the_readme_shows_is_drawn_as_it_says() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = blocks(&page);
    let (_, _, greet) = blocks.iter().find(|(_, mark, _)| mark == "flow").unwrap();
    let text = greet.replace("if fetch.", "if fetsh.");
    let (_, drawn) = compiled("greet.flow".to_owned(), Notation::Flow, &text, false);
    let (_, _, shown) = blocks.iter().find(|(_, _, text)| text.starts_with("$ stepwell check greet.flow")).unwrap();
    assert_eq!(shown.split_once('\n').unwrap().1.trim(), drawn.trim());
}

#[test]
fn every_workflow_in_the_documentation_compiles_unless_it_is_marked_as_wrong() {
    let (mut right, mut wrong) = (0, 0);
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (line, mark, text) in blocks(&page) {
            let (language, mark) = mark.split_once(' ').unwrap_or((&mark, ""));
            let Some(notation) = Notation::of_file_name(&format!("x.{language}")) else { continue };
            // A block of settings is TOML, and no workflow.
            if mark.is_empty() && notation == Notation::Toml && !text.contains("[[step]]") {
                continue;
            }
            // Some mistakes are told of by a strict check alone.
            let name = format!("{}:{line}", path.display());
            let (found, drawn) = compiled(name, notation, &text, mark == "error");
            match mark {
                "error" => {
                    assert!(!found.is_empty(), "{}:{line} has nothing wrong with it", path.display());
                    wrong += 1;
                }
                "" => {
                    assert!(found.is_empty(), "{drawn}");
                    right += 1;
                }
                other => panic!("{}:{line}: a block marked `{other}`", path.display()),
            }
        }
    }
    assert!(right >= 60 && wrong >= 60, "only {right} right and {wrong} wrong examples were found");
}

/// `stepwell fmt workflows examples` formats the files; of the pages, those whose blocks are not beside a wrong one of the same
/// shape are held to it.
#[test]
fn every_example_and_every_page_is_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut hold = |name: String, text: &str| {
        let source = Source { name: name.clone().into(), notation: Notation::Flow, text: text.into() };
        let wanted = format_source(&source).unwrap();
        assert!(*text == *wanted, "{name} is not formatted; it would be\n{wanted}");
        seen += 1;
    };
    for path in files(&root.join("workflows")).into_iter().chain(files(&root.join("examples"))) {
        if ends_in(&path, "flow") {
            hold(path.display().to_string(), &fs::read_to_string(&path).unwrap());
        }
    }
    for path in pages().into_iter().filter(|path| !path.ends_with("docs/diagnostics.md")) {
        for (line, mark, text) in blocks(&fs::read_to_string(&path).unwrap()) {
            if mark == "flow" {
                hold(format!("{}:{line}", path.display()), &text);
            }
        }
    }
    assert!(seen >= 12, "only {seen} texts were found");
}

#[test]
fn every_test_in_the_documentation_passes() {
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let tested = |(_, mark, text): &(usize, String, String)| mark == "flow" && text.contains("\ntest \"");
        for (line, _, text) in blocks(&page).into_iter().filter(tested) {
            // Each in a folder of its own: pages may call two workflows the same.
            let place = folder.path().join(ran.to_string());
            fs::create_dir(&place).unwrap();
            fs::write(place.join("page.flow"), text).unwrap();
            passes(&place, &format!("{}:{line}", path.display()));
            ran += 1;
        }
    }
    assert!(ran >= 1, "no page shows a test");
}

/// Runs the tests of a folder, also on an engine that recovers after every event.
fn passes(folder: &Path, name: &str) {
    for more in [&[][..], &["--crashes"]] {
        let output = Command::new(BINARY).arg("test").args(more).arg(folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("all passed"), "{name}: {said}");
    }
}

#[test]
fn every_test_of_the_examples_passes() {
    passes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows"), "workflows");
}

#[test]
fn every_example_compiles_with_nothing_to_say() {
    let mut seen = 0;
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows")) {
        let Some(notation) = Notation::of_file_name(&path.to_string_lossy()) else { continue };
        let (found, drawn) = compiled(path.display().to_string(), notation, &fs::read_to_string(&path).unwrap(), false);
        assert!(found.is_empty(), "{drawn}");
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} examples were found");
}
