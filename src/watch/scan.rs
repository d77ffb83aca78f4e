//! A scan: which files a folder holds, and what is in them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::lang::{MAX_SOURCE_BYTES, Notation, TEST_ENDING};
use crate::service::source_hash;

/// How deep folders are looked through.
const MAX_DEPTH: usize = 32;

/// How many files are taken.
const MAX_FILES: usize = 10_000;

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A source.
    Text {
        /// How it is written.
        notation: Notation,
        /// What it says.
        text: Arc<str>,
        /// The hash of that.
        hash: String,
    },
    /// It is no source, or can't be read: why.
    Unreadable(String),
}

/// What a folder holds, by the path below it, with `/` between its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub files: BTreeMap<String, Found>,
    /// Whether there were more than are taken.
    pub truncated: bool,
}

/// Reads a folder and those below it. An error is about the folder itself: what it holds is then unknown.
pub(super) fn scan(dir: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut seen = HashSet::new();
    seen.insert(fs::canonicalize(dir)?);
    folder(dir, "", 0, &mut seen, &mut scan)?;
    Ok(scan)
}

fn folder(dir: &Path, below: &str, depth: usize, seen: &mut HashSet<PathBuf>, scan: &mut Scan) -> io::Result<()> {
    let mut names: Vec<String> =
        fs::read_dir(dir)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names.into_iter().filter(|name| !is_passed_over(name)) {
        let path = dir.join(&name);
        let shown = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        // Links are followed: a mounted ConfigMap is made of them.
        let Ok(found) = fs::metadata(&path) else {
            if Notation::of_file_name(&name).is_some() && path.is_symlink() {
                scan.files.insert(shown, Found::Unreadable("it is a link to a file that is not there".to_owned()));
            }
            continue;
        };
        if found.is_dir() {
            let fresh = fs::canonicalize(&path).is_ok_and(|real| seen.insert(real));
            if fresh && depth < MAX_DEPTH {
                // A folder that goes while it is read holds nothing.
                let _ = folder(&path, &shown, depth + 1, seen, scan);
            }
        } else if let Some(notation) = Notation::of_file_name(&name) {
            if scan.files.len() >= MAX_FILES {
                scan.truncated = true;
                return Ok(());
            }
            if let Some(found) = read(&path, &found, notation) {
                scan.files.insert(shown, found);
            }
        }
    }
    Ok(())
}

/// Whether a name is one that editors and tools give to what is not finished, that is hidden, or that holds no workflows.
fn is_passed_over(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(TEST_ENDING)
        || name.starts_with('.')
        || name.starts_with('~')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'))
        || [".swp", ".swo", ".swx", ".tmp", ".bak", ".orig", ".rej"].iter().any(|ending| lower.ends_with(ending))
        || lower == "stepwell.toml"
}

/// Reads a file; none where it is gone meanwhile.
fn read(path: &Path, found: &fs::Metadata, notation: Notation) -> Option<Found> {
    if !found.is_file() {
        return Some(Found::Unreadable("it is not a file".to_owned()));
    }
    if found.len() > MAX_SOURCE_BYTES as u64 {
        let reason = format!("it has {} bytes, and {MAX_SOURCE_BYTES} are allowed", found.len());
        return Some(Found::Unreadable(reason));
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Found::Unreadable(format!("can't read it: {error}"))),
    };
    Some(match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            Found::Text { notation, hash: source_hash(text), text: text.into() }
        }
        Err(error) => Found::Unreadable(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        scan(dir).unwrap().files.into_keys().collect()
    }

    #[test]
    fn what_editors_leave_and_what_is_hidden_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a.flow",
            "b.toml",
            ".a.flow.swp",
            ".#a.flow",
            "#a.flow#",
            "a.flow~",
            "a.flow.swp",
            "a.flow.tmp",
            "notes.md",
            "stepwell.toml",
            "a.test.flow",
            "4913",
        ] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir_all(dir.path().join(".git/sub")).unwrap();
        fs::write(dir.path().join(".git/c.flow"), "x").unwrap();
        assert_eq!(names(dir.path()), ["a.flow", "b.toml"]);
    }

    #[test]
    fn folders_below_and_links_are_followed_and_circles_end() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("team/deep")).unwrap();
        fs::write(dir.path().join("team/deep/a.flow"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("team/circle")).unwrap();
        fs::create_dir_all(dir.path().join("..data")).unwrap();
        fs::write(dir.path().join("..data/b.flow"), "x").unwrap();
        std::os::unix::fs::symlink("..data/b.flow", dir.path().join("b.flow")).unwrap();
        assert_eq!(names(dir.path()), ["b.flow", "team/deep/a.flow"]);
    }

    #[test]
    fn what_is_no_source_says_why() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("big.flow"), vec![b' '; MAX_SOURCE_BYTES + 1]).unwrap();
        fs::write(dir.path().join("binary.flow"), b"ab\xff").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling.flow")).unwrap();
        let reasons: Vec<_> = scan(dir.path())
            .unwrap()
            .files
            .into_values()
            .map(|found| match found {
                Found::Unreadable(reason) => reason,
                Found::Text { .. } => panic!("it was read"),
            })
            .collect();
        assert_eq!(
            reasons,
            [
                "it has 2097153 bytes, and 2097152 are allowed",
                "byte 2 is not UTF-8",
                "it is a link to a file that is not there",
            ]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(scan(&dir.path().join("gone")).is_err());
        assert_eq!(scan(dir.path()).unwrap(), Scan::default());
    }
}
