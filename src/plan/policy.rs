//! Policies of a step, resolved: defaults applied, durations in milliseconds.

use serde::{Deserialize, Serialize};

use crate::expr::Expr;

/// The time-out of an attempt where nothing says otherwise.
pub const DEFAULT_TIMEOUT_MS: u64 = 300_000;

/// The time-out of a `delay` or a child workflow that has none of its own: a century, since waiting is what they do.
pub const PATIENT_TIMEOUT_MS: u64 = 100 * 365 * 86_400_000;

/// The longest wait before an attempt, whatever `Retry-After` asks for.
pub const MAX_RETRY_WAIT_MS: u64 = 3_600_000;

/// When and how often a failed attempt is made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Further attempts after the first.
    pub max: u32,
    /// The wait before the first further attempt.
    pub backoff_ms: u64,
    /// The longest wait.
    pub backoff_max_ms: u64,
    /// What each wait is to the one before.
    pub factor: f64,
    /// Whether a wait is spread at random over its length.
    pub jitter: Jitter,
    /// Narrows (`unless`) or replaces (`only`) the handler's own verdict of what is worth another attempt.
    pub filter: Option<RetryFilter>,
}

/// How waits are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// The wait as it is.
    None,
    /// Anything from nothing to the wait.
    Full,
}

/// An expression over `error` that decides whether another attempt is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryFilter {
    /// `unless expr`.
    Unless(Expr),
    /// `only expr`.
    Only(Expr),
}

impl Default for RetryPolicy {
    /// No further attempt; where one is asked for without a backoff, 1s..5m, factor 2, full jitter.
    fn default() -> Self {
        Self { max: 0, backoff_ms: 1_000, backoff_max_ms: 300_000, factor: 2.0, jitter: Jitter::Full, filter: None }
    }
}
