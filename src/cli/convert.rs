//! `stepwell convert`: a file in the other notation.

use crate::lang::convert::{Misfit, Unconverted, convert};
use crate::lang::{self, Source};

use super::Exit;
use super::args::ConvertArgs;
use super::output;
use super::source::{read_source, told};
use super::trouble::Trouble;

/// Prints it.
pub(super) fn run(args: &ConvertArgs) -> Exit {
    match converted(args) {
        Ok(source) => output::print(&source.text),
        Err(trouble) => trouble.tell(),
    }
}

fn converted(args: &ConvertArgs) -> Result<Source, Trouble> {
    let source = read_source(&args.file, &args.stdin).map_err(|unread| unread.trouble(&args.file))?;
    convert(&source, &lang::builtin_task_types()).map_err(|reason| match reason {
        Unconverted::Mistakes(diagnostics) => told(&source, &diagnostics),
        Unconverted::Misfit(misfit) => unfit(&source, misfit),
    })
}

/// Where it stands, and why it can't stay.
fn unfit(source: &Source, misfit: Misfit) -> Trouble {
    let (line, column) = lang::line_and_column(&source.text, misfit.span.start as usize);
    Trouble::Failed(format!("{}:{line}:{column}: {}", source.name, misfit.message), misfit.help)
}
