//! The arrows of the layout, and the purity of the core.

use std::fs;
use std::path::{Path, PathBuf};

/// What each folder of `src/` may import of the crate.
const ARROWS: &[(&str, &[&str])] = &[
    ("ids", &["ids"]),
    ("expr", &["ids", "expr"]),
    ("plan", &["ids", "expr", "plan"]),
    ("lang", &["ids", "expr", "plan", "lang"]),
    ("engine", &["ids", "expr", "plan", "engine"]),
    ("trial", &["ids", "expr", "plan", "lang", "engine", "trial"]),
    ("service", &["ids", "expr", "plan", "lang", "engine", "service"]),
    ("store", &["ids", "expr", "plan", "lang", "engine", "service", "store"]),
    ("queue", &["ids", "expr", "plan", "lang", "engine", "service", "queue"]),
    ("runtime", &["ids", "expr", "plan", "lang", "engine", "service", "runtime"]),
    ("worker", &["ids", "expr", "plan", "lang", "engine", "service", "worker"]),
    ("watch", &["ids", "expr", "plan", "lang", "engine", "service", "watch"]),
    ("api", &["ids", "expr", "plan", "lang", "engine", "service", "api"]),
];

/// What the core never names: clocks, files, the network, random sources.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "Utc::now",
    "Local::now",
    "tokio",
    "reqwest",
    "sea_orm",
    "redis::",
    "rand::",
    "new_v4",
    "now_v7",
];

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn module_of(file: &Path, src: &Path) -> String {
    let relative = file.strip_prefix(src).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_follow_the_arrows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let module = module_of(&file, &src);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for (at, line) in code_lines(&text) {
            for import in line.split("crate::").skip(1) {
                let target: String = import.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !target.is_empty() && !allowed.contains(&&*target) {
                    wrong.push(format!("{}:{at}: `{module}` may not know `{target}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_its_arrows_or_is_wiring() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let wiring = ["lib", "main", "config", "cli", "server"];
    for file in rust_files(&src) {
        let module = module_of(&file, &src);
        let known = wiring.contains(&&*module) || ARROWS.iter().any(|(name, _)| *name == module);
        assert!(known, "`{module}` is not in the table of arrows");
    }
}

#[test]
fn the_core_names_nothing_impure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        if !["ids", "expr", "plan", "lang", "engine", "trial"].contains(&&*module_of(&file, &src)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (at, line) in code_lines(&text) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{at}: the core names `{word}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
