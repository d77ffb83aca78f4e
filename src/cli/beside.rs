//! The files that lie beside one: tests are of workflows there.

use std::path::{Path, PathBuf};

use crate::lang::ast::File;
use crate::lang::{self, Notation, Source};

use super::check::find_files;
use super::source::read_file;

/// The files in the folder of a file.
pub(super) fn beside(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut paths: Vec<_> =
        names.map(|name| folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name))).collect();
    paths.retain(|beside| beside != path && beside.is_file() && find_files(std::slice::from_ref(beside)).is_ok());
    paths.sort();
    paths
}

/// What the files beside one hold. Those that can't be read are left out: they are told of where they are named.
pub(super) fn parsed_beside(path: &Path) -> Vec<File> {
    beside(path).iter().filter_map(|path| read_file(path).ok()).map(|source| parse(&source)).collect()
}

/// What a source holds, as far as it can be read.
pub(super) fn parse(source: &Source) -> File {
    match source.notation {
        Notation::Flow => lang::parse_flow(source).0,
        Notation::Toml => lang::parse_toml(source).0,
    }
}
