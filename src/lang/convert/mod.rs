//! From one notation to the other: the flat notation to the language, and back where it fits.
//!
//! Invariants: what comes out compiles, and does what the source does. What has no place in the other notation is told of and
//! never left out, but for comments that do not stand above something that is written on.

mod comments;
mod fit;
mod policy;
mod print;
#[cfg(test)]
mod tests;
mod unfold;
mod value;

use crate::expr::Span;
use crate::plan::TaskTypes;

use super::{Diagnostic, Notation, Source, compile, format_file, format_source, parse_flow, parse_toml};

/// Why a source can't be converted.
#[derive(Clone, Debug, PartialEq)]
pub enum Unconverted {
    /// It does not compile.
    Mistakes(Vec<Diagnostic>),
    /// Something in it has no place in the other notation.
    Misfit(Misfit),
}

/// What has no place in the other notation.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit {
    /// Where it stands.
    pub span: Span,
    /// What it is, and why it has none.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

impl Misfit {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// The source in the other notation.
///
/// # Errors
/// What does not compile, or has no place in the other notation.
pub fn convert(source: &Source, task_types: &TaskTypes) -> Result<Source, Unconverted> {
    let source = source.clone().with_plain_line_ends();
    let compiled = compile(&source, task_types);
    if compiled.has_errors() {
        return Err(Unconverted::Mistakes(compiled.diagnostics));
    }
    let (notation, text) = match source.notation {
        Notation::Toml => (Notation::Flow, to_flow(&source)),
        Notation::Flow => (Notation::Toml, to_toml(&source).map_err(Unconverted::Misfit)?),
    };
    let converted = Source { name: source.name, notation, text: text.into() };
    let again = compile(&converted, task_types);
    if again.has_errors() {
        return Err(Unconverted::Misfit(lost(&again.diagnostics)));
    }
    Ok(converted)
}

/// The flat notation lets pass what the language does not, as reading an input that is not declared.
fn lost(diagnostics: &[Diagnostic]) -> Misfit {
    let first = diagnostics.iter().find(|one| one.is_error());
    let message = first.map_or("it would not compile", |first| &*first.message);
    Misfit::new(Span::default(), format!("the other notation does not take it: {message}"))
}

fn to_flow(source: &Source) -> String {
    let (file, _) = parse_toml(source);
    let mut unfolded = file.clone();
    unfolded.workflows.iter_mut().for_each(unfold::unfold);
    let text = format_file(&unfolded);
    let written = Source { name: source.name.clone(), notation: Notation::Flow, text: text.into() };
    let (again, _) = parse_flow(&written);
    let text = comments::carried(source, &file, &written, &again);
    let commented = Source { text: text.into(), ..written };
    format_source(&commented).unwrap_or_else(|_| commented.text.to_string())
}

fn to_toml(source: &Source) -> Result<String, Misfit> {
    let (file, _) = parse_flow(source);
    let flat = fit::flat(&file)?;
    Ok(print::document(&flat, source))
}
