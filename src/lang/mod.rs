//! From text to plan: the language in its two notations.
//!
//! Invariant: pure. No file, clock or network; every mistake of a source is reported at once, and nothing panics.

pub mod ast;
mod builtin;
mod check;
pub mod codes;
mod compile;
mod constant;
pub mod convert;
mod diagnostic;
mod draft;
mod dsl;
pub mod explain;
mod fmt;
mod grammar;
mod graph;
mod lower;
mod nearest;
mod render;
mod report;
mod schema;
mod source;
mod statements;
#[cfg(test)]
mod tests;
mod toml;
mod unread;
mod walk;

pub use self::toml::parse_toml;
pub use builtin::builtin_task_types;
pub use check::check;
pub use check::codes::code_titles;
pub use compile::{CompileOptions, Compiled, compile, compile_with, with_declared};
pub use diagnostic::{Diagnostic, Fix, Label, MAX_DIAGNOSTICS, Severity};
pub use draft::{Draft, DraftStep, render_draft};
pub use dsl::{MAX_EXPR_DEPTH, parse_expr, parse_flow, parse_template, parse_type};
pub use fmt::{format_expr, format_file, format_source};
pub use graph::Graph;
pub use lower::lower;
pub use render::render;
pub use report::{Report, ReportFix, ReportLabel, line_and_column, report};
pub use schema::toml_schema;
pub use source::{MAX_NESTING, MAX_SOURCE_BYTES, MAX_STEPS, Notation, Refused, Source, TEST_ENDING};
