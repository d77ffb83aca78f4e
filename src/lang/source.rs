//! A source text: its name, its notation, and where its lines begin.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
