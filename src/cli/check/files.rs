//! Which files hold workflows, and how they are read.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::lang::{MAX_SOURCE_BYTES, Notation, Refused, Source};

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
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Complaint> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
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

fn notation(path: &Path) -> Option<Notation> {
    Notation::of_file_name(&path.file_name()?.to_string_lossy())
}

/// Why a file is no source.
pub(in crate::cli) enum Unread {
    /// It can't be read.
    Failed(String),
    /// It is no text, or too large.
    Refused(Box<Refused>),
}

/// Reads a file as a source.
pub(in crate::cli) fn read_source(path: &Path) -> Result<Source, Unread> {
    let failed = |error: std::io::Error| Unread::Failed(reason(&error));
    let other = || Unread::Failed("it is neither a .flow nor a .toml file".to_owned());
    let notation = notation(path).ok_or_else(other)?;
    let name = path.display().to_string();
    let size = usize::try_from(fs::metadata(path).map_err(failed)?.len()).unwrap_or(usize::MAX);
    if size > MAX_SOURCE_BYTES {
        return Err(Unread::Refused(Source::too_large(&name, notation, size)));
    }
    let bytes = fs::read(path).map_err(failed)?;
    Source::from_bytes(&name, notation, &bytes).map_err(Unread::Refused)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => format!("can't read it: {error}"),
    }
}
