//! Diagnostics: what is wrong with a source, where, and the way out.
//!
//! Style: lower case, the user's words in backticks, no full stop, no Rust type names; the way out stands apart in `help`.

use serde::{Deserialize, Serialize};

use crate::expr::Span;

/// The most diagnostics that are kept of one source: more are of use to no one.
pub const MAX_DIAGNOSTICS: usize = 1_000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It compiles, and is likely not what was meant.
    Warning,
    /// It does not compile.
    Error,
}

/// A mistake in a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// A stable code: `E0203`. See `codes.rs`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The places, the first being the one it is about.
    pub labels: Vec<Label>,
    /// The way out.
    pub help: Option<String>,
    /// The way out as a change of the source, where there is one that is likely meant.
    pub fix: Option<Box<Fix>>,
}

/// A change that puts a mistake right: other words in place of those at the first place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is written.
    pub from: String,
    /// What is meant.
    pub to: String,
}

/// A place and what is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        let label = Label { span, text: String::new() };
        Self { code, severity: Severity::Error, message: message.into(), labels: vec![label], help: None, fix: None }
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, span) }
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Says something of the first place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds a place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says that one word is written where another is meant.
    #[must_use]
    pub fn meant(mut self, written: &str, meant: &str) -> Self {
        self.fix = Some(Box::new(Fix { from: written.to_owned(), to: meant.to_owned() }));
        self.help(format!("did you mean `{meant}`?"))
    }

    /// Says the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
