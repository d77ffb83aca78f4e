//! `stepwell fmt`: files of the flow language in their canonical form.
//!
//! Invariant: a file that is formatted already is not written, and neither is one that can't be parsed.

mod diff;

use std::fs;
use std::path::{Path, PathBuf};

use crate::lang::{self, Notation, Source};

use super::Exit;
use super::args::{FmtArgs, StdinName};
use super::check::find_files;
use super::color::{self, Paint};
use super::output;
use super::source::{Unread, is_stdin, notation, read_source};

/// A source and its canonical form.
struct Formatted {
    source: Source,
    text: String,
}

/// Formats files, or says what would change.
pub(super) fn run(args: &FmtArgs) -> Exit {
    let found = match find_files(&args.paths) {
        Ok(found) => found,
        Err((message, help)) => return output::usage(&message, Some(&help)),
    };
    let (mut failed, mut changed) = (false, false);
    for path in found.iter().filter(|path| is_stdin(path) || notation(path) == Some(Notation::Flow)) {
        match formatted(path, &args.stdin) {
            Some(file) => {
                changed |= *file.source.text != *file.text;
                failed |= done(path, &file, args) != Exit::Done;
            }
            None => failed = true,
        }
    }
    if failed || args.check && changed { Exit::Failed } else { Exit::Done }
}

/// Reads and formats a file. What is wrong with it is said.
fn formatted(path: &Path, stdin: &StdinName) -> Option<Formatted> {
    let (source, diagnostics) = match read_source(path, stdin) {
        Ok(source) if source.notation != Notation::Flow => {
            output::fail(&format!("`{}` is no .flow file", source.name), Some("only these are formatted"));
            return None;
        }
        Ok(source) => match lang::format_source(&source) {
            Ok(text) => return Some(Formatted { source, text }),
            Err(diagnostics) => (source, diagnostics),
        },
        Err(Unread::Refused(refused)) => (refused.source, vec![refused.diagnostic]),
        Err(Unread::Failed(reason)) => {
            output::fail(&format!("`{}`: {reason}", path.display()), None);
            return None;
        }
    };
    output::note(&format!("{}\n\n", lang::render(&source, &diagnostics, color::stderr()).trim_end()));
    None
}

/// Writes the file, or shows what would change of it.
fn done(path: &PathBuf, file: &Formatted, args: &FmtArgs) -> Exit {
    let (old, new) = (&*file.source.text, &*file.text);
    if is_stdin(path) && !args.check && !args.diff {
        return output::print(new);
    }
    if old == new {
        return Exit::Done;
    }
    if args.diff {
        return output::print(&diff::unified(&file.source.name, old, new, color::stdout()));
    }
    if args.check {
        return output::print(&format!("{} is not formatted\n", file.source.name));
    }
    match fs::write(path, new) {
        Ok(()) => output::print(&format!("{} {}\n", Paint::Green.on("formatted", color::stdout()), path.display())),
        Err(error) => output::fail(&format!("can't write `{}`: {error}", path.display()), None),
    }
}
