//! The parser that pest makes of `grammar/flow.pest`.
//!
//! Invariant: called only on text that `dsl::scan` has found bounded and balanced, so its recursion is bounded too.

// What pest derives has no doc comments.
#![allow(missing_docs)]

use pest_derive::Parser;

/// The rules of `grammar/flow.pest`.
#[derive(Parser)]
#[grammar = "grammar/flow.pest"]
pub struct Grammar;
