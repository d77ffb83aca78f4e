//! Waits between tries at a queue that does not answer.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(3);

/// Doubles from 50 ms to 3 s.
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// Waits, and longer the next time.
    pub(super) async fn wait(&mut self) {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        tokio::time::sleep(wait).await;
    }
}
