//! A source text: its name, its notation, and where its lines begin.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::Span;

use super::{Diagnostic, codes};

/// The largest source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 2 * 1024 * 1024;

/// The ending of files that hold nothing but tests: `order.test.flow` those of `order.flow`.
pub const TEST_ENDING: &str = ".test.flow";

/// The deepest nesting of brackets and blocks.
pub const MAX_NESTING: usize = 64;

/// The most steps a plan may have.
pub const MAX_STEPS: usize = 10_000;

/// How a source is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// The flow language.
    Flow,
    /// The flat notation.
    Toml,
}

impl Notation {
    /// The notation that a file name's ending tells.
    pub fn of_file_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "flow" => Some(Self::Flow),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flow => "flow",
            Self::Toml => "toml",
        })
    }
}

/// A source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name shown in diagnostics: a file's path, or `request`.
    pub name: Arc<str>,
    /// How it is written.
    pub notation: Notation,
    /// The text, line ends as they came.
    pub text: Arc<str>,
}

/// Bytes that are no source: as much of them as can be shown, and what is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The text, with a sign in place of what is none; empty where it is too large.
    pub source: Source,
    /// What is wrong.
    pub diagnostic: Diagnostic,
}

impl Source {
    /// The source that a file's bytes are. A byte-order mark is left out.
    ///
    /// # Errors
    /// What is too large, or no UTF-8, is refused, and the diagnostic says where.
    pub fn from_bytes(name: &str, notation: Notation, bytes: &[u8]) -> Result<Self, Box<Refused>> {
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(Self::too_large(name, notation, bytes.len()));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let source = |text: &str| Self { name: name.into(), notation, text: text.into() };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(source(text)),
            Err(error) => {
                let diagnostic = not_utf8(bytes, error.valid_up_to());
                Err(Box::new(Refused { source: source(&String::from_utf8_lossy(bytes)), diagnostic }))
            }
        }
    }

    /// The refusal of a source of so many bytes, which need not be read.
    pub fn too_large(name: &str, notation: Notation, bytes: usize) -> Box<Refused> {
        let source = Self { name: name.into(), notation, text: "".into() };
        Box::new(Refused { source, diagnostic: too_large(bytes) })
    }

    /// The source with every line ended by `\n`, so that the places in its plans are the same wherever it was checked out.
    #[must_use]
    pub fn with_plain_line_ends(self) -> Self {
        if self.text.contains("\r\n") { Self { text: self.text.replace("\r\n", "\n").into(), ..self } } else { self }
    }
}

/// The diagnostic of a source of so many bytes.
pub(super) fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("the source has {bytes} bytes, and {MAX_SOURCE_BYTES} is the most");
    Diagnostic::error(codes::SOURCE_TOO_LARGE, message, Span::default()).help("split it into several workflows")
}

fn not_utf8(bytes: &[u8], at: usize) -> Diagnostic {
    let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let found = bytes.get(at).copied().unwrap_or_default();
    let message = format!("the source is not UTF-8: byte {at}, on line {line}, is 0x{found:02X}");
    let sign = char::REPLACEMENT_CHARACTER.len_utf8();
    Diagnostic::error(codes::NOT_UTF8, message, Span::new(at, at + sign)).help("save the file as UTF-8")
}
