//! Policies, resolved.

use crate::expr::{BinaryOp, Expr, ExprKind};
use crate::lang::ast::{Policy, PolicyKind, Retry};
use crate::lang::constant::{count, duration_ms, number};
use crate::plan::{CachePolicy, Jitter, Rarely, RatePolicy, RetryFilter, RetryPolicy};

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

/// The policies that few steps have.
pub fn rarely(policies: &[Policy]) -> Rarely {
    let mut rarely = Rarely::default();
    for policy in policies {
        match &policy.kind {
            // What can't be undone is not done twice either.
            PolicyKind::Irreversible => (rarely.irreversible, rarely.at_most_once) = (true, true),
            PolicyKind::Idempotent => rarely.idempotent = true,
            PolicyKind::AtMostOnce => rarely.at_most_once = true,
            PolicyKind::Priority(priority) => {
                rarely.priority = count(priority).and_then(|priority| u8::try_from(priority).ok());
            }
            PolicyKind::Heartbeat(duration) => rarely.heartbeat_ms = duration_ms(duration),
            PolicyKind::Cache { key, ttl } => {
                rarely.cache = duration_ms(ttl).map(|ttl_ms| CachePolicy { key: key.clone(), ttl_ms });
            }
            PolicyKind::Rate { name, limit } => {
                rarely.rate = per(limit).map(|(count, per_ms)| RatePolicy { name: name.value.clone(), count, per_ms });
            }
            _ => {}
        }
    }
    rarely
}

/// `10/1m`: this many in this long.
fn per(limit: &Expr) -> Option<(u32, u64)> {
    match &limit.kind {
        ExprKind::Binary { op: BinaryOp::Div, left, right } => Some((count(left)?, duration_ms(right)?)),
        _ => None,
    }
}
