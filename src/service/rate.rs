//! A limit on how often: the times of the last dispatches under its name, and how many more may go.
//!
//! Invariant: pure. Whoever keeps a window lets one at a time take from it, so that no two take the same room.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::engine::Rate;
use crate::expr::Timestamp;

/// The times of the last dispatches under a name, oldest first: as many as the largest count that was ever asked with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RateWindow(VecDeque<Timestamp>);

/// What may go now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateTaken {
    /// This many.
    pub granted: usize,
    /// When the next may, where not all that was wanted was granted.
    pub next: Option<Timestamp>,
}

impl RateWindow {
    /// Takes up to `wanted` dispatches at `now`.
    pub fn take(&mut self, rate: &Rate, wanted: usize, now: Timestamp) -> RateTaken {
        let count = usize::try_from(rate.count).unwrap_or(usize::MAX).max(1);
        let most = self.0.len().max(count);
        // A clock that is behind the one of whoever took last does not make the list fall.
        let now = self.0.back().map_or(now, |last| now.max(*last));
        let mut taken = RateTaken::default();
        while taken.granted < wanted {
            taken.next = self.free_at(count, rate.per_ms).filter(|free| *free > now);
            if taken.next.is_some() {
                break;
            }
            self.0.push_back(now);
            taken.granted += 1;
        }
        while self.0.len() > most {
            self.0.pop_front();
        }
        taken
    }

    /// When one more may go; none where one may at any time.
    fn free_at(&self, count: usize, per_ms: u64) -> Option<Timestamp> {
        let oldest = self.0.len().checked_sub(count)?;
        self.0.get(oldest).map(|at| at.plus_ms(per_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(count: u32, per_ms: u64) -> Rate {
        Rate { name: "calls".into(), count, per_ms }
    }

    fn taken(granted: usize, next: Option<i64>) -> RateTaken {
        RateTaken { granted, next: next.map(Timestamp) }
    }

    #[test]
    fn no_more_go_within_its_time_than_its_count() {
        let mut window = RateWindow::default();
        assert_eq!(window.take(&rate(3, 1), 2, Timestamp(0)), taken(2, None));
        assert_eq!(window.take(&rate(3, 1), 2, Timestamp(400)), taken(1, Some(1_000)));
        assert_eq!(window.take(&rate(3, 1), 2, Timestamp(999)), taken(0, Some(1_000)));
        assert_eq!(window.take(&rate(3, 1), 9, Timestamp(1_000)), taken(2, Some(1_400)));
    }

    #[test]
    fn whoever_asks_with_a_smaller_count_forgets_nothing_of_the_larger() {
        let mut window = RateWindow::default();
        assert_eq!(window.take(&rate(3, 10), 3, Timestamp(0)), taken(3, None));
        assert_eq!(window.take(&rate(1, 1), 1, Timestamp(1_000)), taken(1, None));
        assert_eq!(window.take(&rate(3, 10), 3, Timestamp(2_000)), taken(0, Some(10_000)));
    }

    #[test]
    fn a_clock_that_is_behind_takes_no_room_that_is_not_there() {
        let mut window = RateWindow::default();
        window.take(&rate(1, 1), 1, Timestamp(5_000));
        assert_eq!(window.take(&rate(1, 1), 1, Timestamp(4_000)), taken(0, Some(6_000)));
    }
}
