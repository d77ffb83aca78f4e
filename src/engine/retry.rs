//! Waits between attempts.

use sha2::{Digest, Sha256};

use crate::ids::{Attempt, ExecutionId, StepPath};
use crate::plan::{Jitter, MAX_RETRY_WAIT_MS, RetryPolicy};

/// After how many crashes of its worker a step fails for good.
pub const MAX_CRASHES: u32 = 3;

/// The wait before further attempt number `retry` (from 1), in milliseconds: the larger of the backoff and what the other
/// side asked for, at most an hour.
pub fn retry_wait_ms(
    policy: &RetryPolicy,
    retry: u32,
    retry_after_ms: Option<u64>,
    execution: ExecutionId,
    path: &StepPath,
    attempt: Attempt,
) -> u64 {
    let backoff = backoff_ms(policy, retry);
    let spread = match policy.jitter {
        Jitter::None => backoff,
        Jitter::Full => spread(backoff, execution, path, attempt),
    };
    spread.max(retry_after_ms.unwrap_or(0)).min(MAX_RETRY_WAIT_MS)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a float past the range is cut to it, and the result is bounded by the policy"
)]
fn backoff_ms(policy: &RetryPolicy, retry: u32) -> u64 {
    let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
    let wait = policy.backoff_ms as f64 * policy.factor.powi(exponent);
    (wait as u64).min(policy.backoff_max_ms)
}

/// A wait from nothing to `wait`: by a hash of who waits, so that a replay waits as long, and a crowd spreads out.
fn spread(wait: u64, execution: ExecutionId, path: &StepPath, attempt: Attempt) -> u64 {
    let mut hash = Sha256::new();
    hash.update(execution.0.as_bytes());
    hash.update(path.as_str().as_bytes());
    hash.update(attempt.to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes) % wait.saturating_add(1)
}
