//! From text to plan: the language in its two notations.
//!
//! Invariant: pure. No file, clock or network; every mistake of a source is reported at once, and nothing panics.

pub mod ast;
mod compile;
mod diagnostic;
mod source;

pub use compile::{Compiled, compile};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use source::{MAX_NESTING, MAX_SOURCE_BYTES, MAX_STEPS, Notation, Source};
