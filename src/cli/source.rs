//! How a file of workflows is read, or what comes on standard input.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use crate::lang::{self, Diagnostic, MAX_SOURCE_BYTES, Notation, Refused, Source};
use crate::plan::Plan;

use super::args::StdinName;
use super::color;
use super::output;
use super::trouble::Trouble;

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

    /// The trouble that it is for a command that needs the file.
    pub fn trouble(self, path: &Path) -> Trouble {
        match self {
            Self::Failed(reason) => Trouble::Usage(format!("`{}`: {reason}", path.display()), None),
            Self::Refused(refused) => told(&refused.source, &[refused.diagnostic]),
        }
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

/// The plan of a source's workflow of that name, or of the one that it has.
pub(super) fn plan_of(source: &Source, name: Option<&str>) -> Result<Arc<Plan>, Trouble> {
    let compiled = lang::compile(source, &lang::builtin_task_types());
    if compiled.has_errors() {
        return Err(told(source, &compiled.diagnostics));
    }
    let plans = compiled.plans;
    let listed = || plans.iter().map(|plan| format!("`{}`", plan.workflow)).collect::<Vec<_>>().join(", ");
    let usage = |message: &str, help| Err(Trouble::Usage(format!("`{}` {message}", source.name), help));
    match (name, &plans[..]) {
        (None, [plan]) => Ok(plan.clone()),
        (None, []) => usage("holds no workflow", None),
        (None, _) => usage("holds several workflows", Some(format!("name one with `--workflow`: {}", listed()))),
        (Some(name), _) => match plans.iter().find(|plan| &*plan.workflow == name) {
            Some(plan) => Ok(plan.clone()),
            None => usage(&format!("holds no workflow `{name}`"), Some(format!("it holds {}", listed()))),
        },
    }
}

/// Draws what is wrong with a source on standard error.
pub(super) fn told(source: &Source, diagnostics: &[Diagnostic]) -> Trouble {
    let text = lang::render(source, diagnostics, color::stderr());
    output::note(&format!("{}\n", text.trim_end()));
    Trouble::Told
}

/// What comes on standard input, up to the first byte too many.
fn read_stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_SOURCE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
