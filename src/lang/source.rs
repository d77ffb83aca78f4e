//! A source text: its name, its notation, and where its lines begin.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::Span;

use super::{Diagnostic, codes};

/// The largest source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 2 * 1024 * 1024;

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

impl Source {
    /// The source that a file's bytes are. A byte-order mark is left out. What is too large, or no UTF-8, is refused, and the
    /// diagnostic says where.
    pub fn from_bytes(name: &str, notation: Notation, bytes: &[u8]) -> Result<Self, Diagnostic> {
        if bytes.len() > MAX_SOURCE_BYTES {
            let message = format!("the source has {} bytes, and {MAX_SOURCE_BYTES} is the most", bytes.len());
            let error = Diagnostic::error(codes::SOURCE_TOO_LARGE, message, Span::default());
            return Err(error.help("split it into several workflows"));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name: name.into(), notation, text: text.into() }),
            Err(error) => Err(not_utf8(bytes, error.valid_up_to())),
        }
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Diagnostic {
    let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let found = bytes.get(at).copied().unwrap_or_default();
    let message = format!("the source is not UTF-8: byte {at}, on line {line}, is 0x{found:02X}");
    Diagnostic::error(codes::NOT_UTF8, message, Span::new(at, at + 1)).help("save the file as UTF-8")
}
