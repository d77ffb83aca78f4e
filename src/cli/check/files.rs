//! Which files hold workflows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::source::{is_stdin, notation};

/// `.toml` files that are no workflows, by what they are called.
const OTHERS: &[&str] = &[
    "stepwell.toml",
    "cargo.toml",
    "pyproject.toml",
    "rustfmt.toml",
    ".rustfmt.toml",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "netlify.toml",
    "fly.toml",
    "wrangler.toml",
    "taplo.toml",
    "book.toml",
    "buf.toml",
    "ruff.toml",
    "mise.toml",
];

/// How deep folders are looked through.
const MAX_DEPTH: usize = 64;

/// A message, and the way out.
type Complaint = (String, String);

/// The files that are named, and those below the folders that are named; each once, in order.
pub(in crate::cli) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Complaint> {
    let mut found = Vec::new();
    for path in paths {
        if is_stdin(path) {
            found.push(path.clone());
        } else if path.is_dir() {
            walk(path, 0, &mut found);
        } else if !path.exists() {
            return Err((format!("there is no `{}`", path.display()), "name a file or a folder".to_owned()));
        } else if notation(path).is_none() {
            let message = format!("`{}` is neither a .flow nor a .toml file", path.display());
            return Err((message, "workflows are written in files of these endings".to_owned()));
        } else {
            found.push(path.clone());
        }
    }
    found.dedup();
    if found.is_empty() {
        let paths = paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ");
        return Err((format!("{paths} holds no .flow or .toml file"), "name a folder of workflows".to_owned()));
    }
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        // A folder behind a link may be one that we are in.
        if path.is_dir() && !path.is_symlink() && depth < MAX_DEPTH {
            walk(&path, depth + 1, found);
        } else if path.is_file() && notation(&path).is_some() && !OTHERS.contains(&&*name) {
            found.push(path);
        }
    }
}
