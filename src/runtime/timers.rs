//! The near timers of a shard: those due within the horizon. All of them stand in rows too.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::TimerTarget;
use crate::expr::Timestamp;
use crate::ids::ExecutionId;

/// A time at which somebody is to be woken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm {
    pub due: Timestamp,
    pub execution: ExecutionId,
    pub target: TimerTarget,
}

/// Alarms by their time. A set, so that one that is read from its row again is not there twice.
#[derive(Default)]
pub(super) struct Timers {
    alarms: BTreeSet<Alarm>,
}

impl Timers {
    /// Sets an alarm, unless it is further away than `horizon`: then its row is found in time.
    pub fn arm(&mut self, alarm: Alarm, now: Timestamp, horizon: Duration) {
        if alarm.due.since_ms(now) <= u64::try_from(horizon.as_millis()).unwrap_or(u64::MAX) {
            self.alarms.insert(alarm);
        }
    }

    /// Takes out the next alarm that is due.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Alarm> {
        if self.alarms.first()?.due > now {
            return None;
        }
        self.alarms.pop_first()
    }

    /// When the next alarm is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.alarms.first().map(|alarm| alarm.due)
    }
}

/// The time from `now` to `later`; nothing where it is past.
pub(super) fn until(now: Timestamp, later: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(later.0.saturating_sub(now.0)).unwrap_or(0))
}

/// This much later.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

/// This much earlier.
pub(super) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn alarm(due: i64) -> Alarm {
        Alarm { due: Timestamp(due), execution: ExecutionId(Uuid::nil()), target: TimerTarget::Execution }
    }

    #[test]
    fn an_alarm_past_the_horizon_is_left_to_its_row() {
        let mut timers = Timers::default();
        timers.arm(alarm(61_000_000), Timestamp(0), Duration::from_secs(60));
        assert_eq!(timers.next(), None);
        timers.arm(alarm(60_000_000), Timestamp(0), Duration::from_secs(60));
        assert_eq!(timers.next(), Some(Timestamp(60_000_000)));
    }

    #[test]
    fn alarms_ring_in_order_once_each_and_never_early() {
        let mut timers = Timers::default();
        for due in [30, 10, 20, 10] {
            timers.arm(alarm(due), Timestamp(0), Duration::from_secs(1));
        }
        assert_eq!(timers.pop_due(Timestamp(9)), None);
        let rung: Vec<_> = std::iter::from_fn(|| timers.pop_due(Timestamp(20))).map(|alarm| alarm.due.0).collect();
        assert_eq!(rung, [10, 20]);
    }
}
