//! Evaluation under a budget.

use super::{Expr, Span, Value};

/// What names mean where an expression is evaluated.
pub trait Scope {
    /// The value of a root name (`input`, a step's identifier, a loop variable); none where there is nothing of that name.
    fn lookup(&self, name: &str) -> Option<Value>;
}

/// How much an evaluation may cost.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Units of work left: about one for each node evaluated and each item or 64 bytes of text touched.
    pub steps: u64,
    /// The largest value, in bytes of its JSON, roughly.
    pub max_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: 1_000_000, max_bytes: 1024 * 1024 }
    }
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong, in the style of a diagnostic.
    pub message: String,
    /// Where in the source.
    pub span: Span,
    /// Whether it is the budget or a size limit that is used up.
    pub limit: bool,
}

/// Evaluates an expression.
///
/// # Errors
/// Unknown names and fields, wrong types, overflow, division by zero, and an exhausted budget; each with its place.
pub fn evaluate(expr: &Expr, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, EvalError> {
    let _ = (scope, budget);
    Err(EvalError { message: "no evaluator".into(), span: expr.span, limit: false })
}
