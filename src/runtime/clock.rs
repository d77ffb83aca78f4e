//! The real clock and the real source of fresh ids.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::{NoContext, Uuid};

use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::{Clock, Entropy};

/// How often the clock is compared with the database's.
const COMPARE: Duration = Duration::from_secs(60);

/// How far it is moved at a comparison, in microseconds: what clocks drift apart in that time, and no more.
const MOST_MOVED: i64 = 30_000;

/// A difference, in microseconds, that is no drift: a clock was set.
const JUMP: i64 = 60_000_000;

/// Monotonic time, counted from an anchor to the database's clock, and moved after it a little at a time: a wall clock that
/// jumps makes no delay fire early, and the time never runs backwards.
#[derive(Debug)]
pub struct SystemClock {
    since: Instant,
    /// What is added to the time since then, in microseconds.
    anchor: AtomicI64,
    /// The latest moment that was told, in microseconds.
    told: AtomicI64,
}

impl SystemClock {
    /// Anchored to the host's clock, as with SQLite, whose clock it is.
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::anchored(Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Anchored to what a database's clock said just now.
    pub fn anchored(now: Timestamp) -> Self {
        Self { since: Instant::now(), anchor: AtomicI64::new(now.0), told: AtomicI64::new(now.0) }
    }

    /// Follows the database's clock for as long as it is polled. `ask` gives what that clock says, or none where it does not
    /// answer.
    pub async fn follow<A: Future<Output = Option<Timestamp>>>(&self, ask: impl Fn() -> A) {
        let mut jumped = false;
        loop {
            tokio::time::sleep(COMPARE).await;
            let Some(theirs) = ask().await else { continue };
            // Its answer took a while to get here, so that ours is behind rather than ahead: what is due there is due.
            let ahead = theirs.0.saturating_sub(self.counted());
            let jump = ahead.saturating_abs() > JUMP;
            if jump && !jumped {
                let seconds = ahead / 1_000_000;
                tracing::warn!(seconds, "the database's clock was set, or this host slept; what waits, waits its time");
            }
            jumped = jump;
            if !jump {
                self.anchor.fetch_add(ahead.clamp(-MOST_MOVED, MOST_MOVED), Ordering::Relaxed);
            }
        }
    }

    fn counted(&self) -> i64 {
        let micros = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.anchor.load(Ordering::Relaxed).saturating_add(micros)
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
        let now = self.counted();
        Timestamp(now.max(self.told.fetch_max(now, Ordering::Relaxed)))
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

    /// After an hour beside a clock that says `theirs` of each moment since the beginning: ours, in microseconds since then.
    async fn beside(theirs: impl Fn(i64) -> i64) -> i64 {
        let (clock, began) = (SystemClock::anchored(Timestamp(0)), Instant::now());
        let micros = || i64::try_from(began.elapsed().as_micros()).unwrap();
        let ask = || std::future::ready(Some(Timestamp(theirs(micros()))));
        let mut last = clock.now();
        let watch = async {
            while micros() < 3_600_000_000 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert!(clock.now() >= last, "the time ran backwards");
                last = clock.now();
            }
        };
        tokio::select! {
            () = clock.follow(ask) => unreachable!(),
            () = watch => {}
        }
        clock.now().0
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_drifts_is_followed_and_one_that_jumps_is_not() {
        let hour = 3_600_000_000;
        let near = |ours: i64, theirs: i64| (ours - theirs).abs() <= 40_000;
        assert!(near(beside(|at| at + at / 10_000).await, hour + hour / 10_000), "a fast clock");
        assert!(near(beside(|at| at - at / 10_000).await, hour - hour / 10_000), "a slow clock");
        let later = |by: i64| move |at: i64| at + if at > 600_000_000 { by } else { 0 };
        assert!(near(beside(later(7_200_000_000)).await, hour), "set two hours on");
        assert!(near(beside(later(-7_200_000_000)).await, hour), "set two hours back");
        assert!(beside(later(50_000_000)).await < hour + 2_000_000, "set less than a minute on");
    }

    #[test]
    fn ids_of_later_moments_sort_later() {
        let first = SystemEntropy.execution_id(Timestamp(1_700_000_000_000_000));
        let second = SystemEntropy.execution_id(Timestamp(1_700_000_000_002_000));
        assert!(first < second);
        assert_eq!(first.0.get_version_num(), 7);
    }
}
