//! What an execution counts against, where its workflow says `concurrency`.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::expr::{Budget, Scope, Value, canonical_json, evaluate};
use crate::plan::Plan;

/// A longer key is kept as its hash.
const MAX_KEY: usize = 200;

/// What a `concurrency key` reads.
struct Given<'a> {
    input: &'a Value,
    settings: &'a Value,
}

impl Scope for Given<'_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "input" => Some(Cow::Borrowed(self.input)),
            "settings" => Some(Cow::Borrowed(self.settings)),
            _ => None,
        }
    }
}

/// What an execution counts against: the value of its workflow's `concurrency key`, as canonical JSON. None where the
/// workflow has no limit.
///
/// # Errors
/// A key that can't be evaluated for this input, in words.
pub fn concurrency_key(plan: &Plan, input: &Value, settings: &Value) -> Result<Option<Arc<str>>, String> {
    let Some(concurrency) = &plan.concurrency else { return Ok(None) };
    let value = evaluate(&concurrency.key, &Given { input, settings }, &mut Budget::default());
    let value =
        value.map_err(|error| format!("the `concurrency key` has no value for this input: {}", error.message))?;
    let text = canonical_json(&value);
    let text = if text.len() > MAX_KEY { crate::ids::hex(&Sha256::digest(text.as_bytes())) } else { text };
    Ok(Some(text.into()))
}
