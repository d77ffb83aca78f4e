//! Policies, resolved.

use crate::lang::ast::{Policy, PolicyKind, Retry};
use crate::lang::constant::{count, duration_ms, number};
use crate::plan::{Jitter, RetryFilter, RetryPolicy};

/// The policy of steps that have none of their own: the workflow's, or no retry at all.
pub fn default_retry(policies: &[Policy]) -> RetryPolicy {
    retry(policies).unwrap_or_default()
}

/// The `retry` among these policies.
pub fn retry(policies: &[Policy]) -> Option<RetryPolicy> {
    policies.iter().find_map(|policy| match &policy.kind {
        PolicyKind::Retry(retry) => Some(resolved(retry)),
        _ => None,
    })
}

fn resolved(retry: &Retry) -> RetryPolicy {
    let plain = RetryPolicy::default();
    let backoff_ms = retry.backoff.as_ref().and_then(duration_ms).unwrap_or(plain.backoff_ms);
    let backoff_max_ms = retry.backoff_max.as_ref().and_then(duration_ms).unwrap_or(plain.backoff_max_ms);
    RetryPolicy {
        max: count(&retry.max).unwrap_or(plain.max),
        backoff_ms,
        backoff_max_ms: backoff_max_ms.max(backoff_ms),
        factor: retry.factor.as_ref().and_then(number).unwrap_or(plain.factor),
        jitter: match retry.jitter.as_ref().map(|jitter| &*jitter.value) {
            Some("none") => Jitter::None,
            _ => Jitter::Full,
        },
        filter: filter(retry),
    }
}

fn filter(retry: &Retry) -> Option<RetryFilter> {
    let unless = retry.unless.clone().map(RetryFilter::Unless);
    retry.only.clone().map(RetryFilter::Only).or(unless)
}
