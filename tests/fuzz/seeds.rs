//! The sources that are changed.

use std::fs;
use std::path::{Path, PathBuf};

use stepwell::lang::Notation;

/// A source, right or wrong.
pub struct Seed {
    pub name: String,
    pub notation: Notation,
    pub text: String,
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn sources(folder: &str) -> Vec<Seed> {
    let seed = |path: PathBuf| {
        let name = path.display().to_string();
        let notation = Notation::of_file_name(&name)?;
        Some(Seed { name, notation, text: fs::read_to_string(path).unwrap() })
    };
    files(folder).into_iter().filter_map(seed).collect()
}

/// The files that are kept for what they reach, or because they once failed.
pub fn corpus() -> Vec<Seed> {
    sources("tests/fuzz/corpus")
}

/// Every source that there is: the corpus, the examples, and the blocks of the documentation.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = corpus();
    for folder in ["workflows", "tests/diagnostics"] {
        seeds.extend(sources(folder));
    }
    for page in files("docs") {
        let text = fs::read_to_string(&page).unwrap();
        // Every second part stands between fences; the first line of it says in which language.
        for block in text.split("\n```").skip(1).step_by(2) {
            let (mark, text) = block.split_once('\n').unwrap_or_default();
            let language = mark.split(' ').next().unwrap_or_default();
            if let Some(notation) = Notation::of_file_name(&format!("x.{language}")) {
                seeds.push(Seed { name: page.display().to_string(), notation, text: text.to_owned() });
            }
        }
    }
    seeds
}
