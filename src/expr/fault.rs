//! What goes wrong inside an evaluation, before its place is known.

use super::{EvalError, Span};

/// An error on its way out. It is in a box, since whatever hands on a value hands on the room for an error too.
pub type Failure = Box<EvalError>;

/// An error without a place: operators and functions work on values, and the evaluator knows where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// Whether it is the budget or a size limit that is used up.
    pub limit: bool,
}

impl Fault {
    /// A value that cannot be worked with.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), limit: false }
    }

    /// A limit that is reached.
    pub fn limit(message: impl Into<String>) -> Self {
        Self { message: message.into(), limit: true }
    }

    /// The same at a place.
    pub fn at(self, span: Span) -> Failure {
        Box::new(EvalError { message: self.message, span, limit: self.limit })
    }
}
