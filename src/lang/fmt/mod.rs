//! The canonical form of the flow language: `stepwell fmt`, and the text of trees that were made elsewhere.
//!
//! The way: [`build`] walks the tree and writes a row of [`ops`], words and places where a line may end; [`layout`] decides
//! which lines end. Of a source, each word that is written is looked up among the source's tokens ([`read`]): so the author's
//! notation of texts and numbers is kept, and each comment stands between the same two words as before.
//!
//! Invariant: what is written parses to the same tree, and is written the same again. An entry whose words are not found one by
//! one in the source is left as it is: nothing is ever lost.

mod build;
mod expr;
mod item;
mod layout;
mod ops;
mod policy;
mod read;
mod statement;
mod test;
#[cfg(test)]
mod tests;
mod text;
mod types;

use crate::expr::Expr;

use super::ast::File;
use super::dsl::parse_flow;
use super::{Diagnostic, Source};

use build::{Builder, Kept};
use read::Read;

/// The text of a tree. What the tree does not hold, as the notation of texts, is chosen.
pub fn format_file(file: &File) -> String {
    let mut builder = Builder::new(None, Kept::default());
    builder.file(file);
    layout::lay_out(builder.ops, Vec::new())
}

/// An expression on one line, as the language writes it.
pub fn format_expr(expr: &Expr) -> String {
    text::inline(expr, None).unwrap_or_default()
}

/// The canonical form of a source in the flow language, comments and all.
///
/// # Errors
/// What can't be parsed has no form; the diagnostics say why.
pub fn format_source(source: &Source) -> Result<String, Vec<Diagnostic>> {
    // Line ends stay what they are: a checkout may have turned them.
    let turned = source.text.find('\n').is_some_and(|end| source.text[..end].ends_with('\r'));
    let text = format_plain(&source.clone().with_plain_line_ends())?;
    Ok(if turned { text.replace('\n', "\r\n") } else { text })
}

fn format_plain(source: &Source) -> Result<String, Vec<Diagnostic>> {
    let (file, diagnostics) = parse_flow(source);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let read = Read::new(&source.text, 0, source.text.len());
    let mut builder = Builder::new(Some(&read), Kept::default());
    builder.file(&file);
    let kept = read.kept_parentheses(&builder.matched);
    if !kept.is_empty() {
        builder = Builder::new(Some(&read), kept);
        builder.file(&file);
    }
    if !builder.is_at_end() {
        return Ok(source.text.to_string());
    }
    let (ops, comments) = read.place(builder.ops);
    Ok(layout::lay_out(ops, comments))
}
