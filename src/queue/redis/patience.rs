//! Waits between tries at a server that does not answer, so that whoever calls in a loop does not spin.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// Doubles from 20 ms to a second, until something worked.
#[derive(Default)]
pub(super) struct Patience(Option<Duration>);

impl Patience {
    /// Something worked.
    pub(super) fn reset(&mut self) {
        self.0 = None;
    }

    /// Waits, and longer the next time.
    pub(super) async fn wait(&mut self) {
        let wait = self.0.unwrap_or(FIRST);
        self.0 = Some((wait * 2).min(LONGEST));
        tokio::time::sleep(wait).await;
    }
}
