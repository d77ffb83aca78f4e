//! Waits between tries at something that is away.

use std::time::Duration;

use crate::service::ports::Clock;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Waits that double, from 50 ms to 2 s.
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub fn new() -> Self {
        Self { next: FIRST }
    }

    /// Waits, and will wait longer next time.
    pub async fn wait(&mut self, clock: &dyn Clock) {
        clock.sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST);
    }
}
