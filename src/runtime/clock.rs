//! The real clock and the real source of fresh ids.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::{NoContext, Uuid};

use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::{Clock, Entropy};

/// Monotonic time, counted from an anchor: a wall clock that jumps makes no delay fire early.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    anchor: Timestamp,
    since: Instant,
}

impl SystemClock {
    /// Anchored to the host's clock, as with SQLite, whose clock it is.
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::anchored(Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Anchored to what a database's clock says now.
    pub fn anchored(now: Timestamp) -> Self {
        Self { anchor: now, since: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.anchor.0.saturating_add(micros))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn execution_id(&self, now: Timestamp) -> ExecutionId {
        let micros = u64::try_from(now.0).unwrap_or(0);
        let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
        ExecutionId(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, micros / 1_000_000, nanos)))
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_counts_from_its_anchor_whatever_the_wall_clock_does() {
        let clock = SystemClock::anchored(Timestamp(1_000_000));
        clock.sleep(Duration::from_millis(250)).await;
        assert_eq!(clock.now(), Timestamp(1_250_000));
    }

    #[test]
    fn ids_of_later_moments_sort_later() {
        let first = SystemEntropy.execution_id(Timestamp(1_700_000_000_000_000));
        let second = SystemEntropy.execution_id(Timestamp(1_700_000_000_002_000));
        assert!(first < second);
        assert_eq!(first.0.get_version_num(), 7);
    }
}
