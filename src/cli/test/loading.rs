//! The files of a test run: read, parsed and compiled once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::beside::{beside, parse};
use crate::cli::check::find_files;
use crate::cli::source::{Unread, read_file};
use crate::lang::ast::{File, Test};
use crate::lang::{self, CompileOptions, Compiled, Diagnostic, Source, TEST_ENDING};
use crate::trial::Library;

/// A message, and the way out.
type Complaint = (String, String);

/// All files of a run.
pub(super) struct Loaded {
    pub files: Vec<LoadedFile>,
    pub library: Library,
    /// In which file each workflow is.
    pub homes: BTreeMap<Arc<str>, usize>,
}

/// A file of a run.
pub(super) struct LoadedFile {
    pub source: Source,
    /// What was parsed.
    pub file: File,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether it was asked for; else it is here for the sake of its workflows.
    pub wanted: bool,
}

impl LoadedFile {
    /// Whether it does not compile.
    pub fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl Loaded {
    /// The tests of files that compile, in order, each with its file.
    pub fn tests(&self) -> impl Iterator<Item = (usize, &Test)> {
        let whole = |(_, file): &(usize, &LoadedFile)| file.wanted && !file.is_broken();
        self.files
            .iter()
            .enumerate()
            .filter(whole)
            .flat_map(|(at, file)| file.file.tests.iter().map(move |test| (at, test)))
    }

    /// How many files that were asked for do not compile.
    pub fn broken(&self) -> usize {
        self.files.iter().filter(|file| file.wanted && file.is_broken()).count()
    }

    /// The workflows of files that were asked for.
    pub fn workflows(&self) -> impl Iterator<Item = &Arc<str>> {
        self.homes.iter().filter(|(_, file)| self.files[**file].wanted).map(|(name, _)| name)
    }
}

/// Loads files and folders, and the files that lie beside those that are named.
pub(super) fn load(paths: &[PathBuf]) -> Result<Loaded, Complaint> {
    let mut found: Vec<(PathBuf, bool)> = find_files(paths)?.into_iter().map(|path| (path, true)).collect();
    for path in paths.iter().filter(|path| path.is_file()) {
        for beside in beside(path) {
            if !found.iter().any(|(known, _)| *known == beside) {
                let wanted = is_test_of(&beside, path);
                found.push((beside, wanted));
            }
        }
    }
    let sources: Vec<(Source, Vec<Diagnostic>, bool)> = found
        .iter()
        .map(|(path, wanted)| read(path).map(|(source, wrong)| (source, wrong, *wanted)))
        .collect::<Result<_, _>>()?;
    compile_all(sources)
}

/// Whether a file holds the tests of another: `order.test.flow` those of `order.flow`.
fn is_test_of(tests: &Path, file: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (tests, file) = (name(tests), name(file));
    let stem = file.rsplit_once('.').map_or(&*file, |(stem, _)| stem);
    tests.strip_suffix(TEST_ENDING) == Some(stem)
}

fn read(path: &Path) -> Result<(Source, Vec<Diagnostic>), Complaint> {
    match read_file(path) {
        Ok(source) => Ok((source, Vec::new())),
        Err(Unread::Refused(refused)) => Ok((refused.source, vec![refused.diagnostic])),
        Err(Unread::Failed(reason)) => {
            Err((format!("`{}`: {reason}", path.display()), "name a file or a folder of workflows".to_owned()))
        }
    }
}

fn compile_all(sources: Vec<(Source, Vec<Diagnostic>, bool)>) -> Result<Loaded, Complaint> {
    let types = lang::builtin_task_types();
    let parsed: Vec<File> = sources.iter().map(|(source, ..)| parse(source)).collect();
    let mut loaded = Loaded { files: Vec::new(), library: Library::default(), homes: BTreeMap::new() };
    for (at, (source, mut diagnostics, wanted)) in sources.into_iter().enumerate() {
        let options = CompileOptions { beside: &parsed, ..CompileOptions::default() };
        let Compiled { plans, diagnostics: mut wrong, .. } = match diagnostics.is_empty() {
            true => lang::compile_with(&source, &types, &options),
            false => Compiled::default(),
        };
        diagnostics.append(&mut wrong);
        let known = lang::with_declared(&types, &parsed[at]);
        for plan in plans {
            if let Some(home) = loaded.homes.insert(plan.workflow.clone(), at) {
                let (name, first): (_, &LoadedFile) = (&plan.workflow, &loaded.files[home]);
                let message = format!("`{name}` is in `{}` and in `{}`", first.source.name, source.name);
                return Err((message, "name files or folders that hold each workflow once".to_owned()));
            }
            let unfit = |message| (message, "the default of an input or a setting has to fit its type".to_owned());
            loaded.library.insert(plan, &known).map_err(unfit)?;
        }
        loaded.files.push(LoadedFile { source, file: File::default(), diagnostics, wanted });
    }
    for (file, parsed) in loaded.files.iter_mut().zip(parsed) {
        file.file = parsed;
    }
    Ok(loaded)
}
