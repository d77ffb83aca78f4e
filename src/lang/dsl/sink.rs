//! Where diagnostics are gathered, no more than are of use to anyone.

use crate::lang::{Diagnostic, MAX_DIAGNOSTICS};

/// Diagnostics.
#[derive(Debug, Default)]
pub struct Sink {
    found: Vec<Diagnostic>,
}

impl Sink {
    /// Adds one, unless there are too many already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.found.len() < MAX_DIAGNOSTICS {
            self.found.push(diagnostic);
        }
    }

    /// Adds several.
    pub fn extend(&mut self, diagnostics: Vec<Diagnostic>) {
        let left = MAX_DIAGNOSTICS - self.found.len();
        self.found.extend(diagnostics.into_iter().take(left));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order of the text.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
        self.found
    }
}
