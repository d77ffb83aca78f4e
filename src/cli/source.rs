//! How a file of workflows is read, or what comes on standard input.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::lang::{MAX_SOURCE_BYTES, Notation, Refused, Source};

use super::args::StdinName;

/// The path that means standard input.
const STDIN: &str = "-";

/// Why a file is no source.
pub(super) enum Unread {
    /// It can't be read.
    Failed(String),
    /// It is no text, or too large.
    Refused(Box<Refused>),
}

impl Unread {
    fn of_io(error: &std::io::Error) -> Self {
        Self::Failed(match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::PermissionDenied => "it may not be read".to_owned(),
            ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => format!("can't read it: {error}"),
        })
    }
}

/// Whether the path means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// The notation of a file, by its name.
pub(super) fn notation(path: &Path) -> Option<Notation> {
    Notation::of_file_name(&path.file_name()?.to_string_lossy())
}

/// Reads a file as a source, or standard input where the path is `-`.
pub(super) fn read_source(path: &Path, stdin: &StdinName) -> Result<Source, Unread> {
    if !is_stdin(path) {
        return read_file(path);
    }
    let (name, notation) = named(&stdin.name)?;
    let bytes = read_stdin().map_err(|error| Unread::of_io(&error))?;
    Source::from_bytes(&name, notation, &bytes).map_err(Unread::Refused)
}

/// Reads a file as a source. A large one is refused unread.
pub(super) fn read_file(path: &Path) -> Result<Source, Unread> {
    let (name, notation) = named(path)?;
    let failed = |error: std::io::Error| Unread::of_io(&error);
    let size = usize::try_from(fs::metadata(path).map_err(failed)?.len()).unwrap_or(usize::MAX);
    if size > MAX_SOURCE_BYTES {
        return Err(Unread::Refused(Source::too_large(&name, notation, size)));
    }
    let bytes = fs::read(path).map_err(failed)?;
    Source::from_bytes(&name, notation, &bytes).map_err(Unread::Refused)
}

/// What a file is called, and the notation that tells.
fn named(path: &Path) -> Result<(String, Notation), Unread> {
    let other = || Unread::Failed("it is neither a .flow nor a .toml file".to_owned());
    Ok((path.display().to_string(), notation(path).ok_or_else(other)?))
}

/// What comes on standard input, up to the first byte too many.
fn read_stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_SOURCE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
