//! Waiting until nothing is left of what is in hand.

use tokio::sync::Notify;

/// Told when the last of something has gone.
#[derive(Debug, Default)]
pub struct Emptied(Notify);

impl Emptied {
    /// The last has gone.
    pub fn tell(&self) {
        self.0.notify_waiters();
    }

    /// Waits until nothing is left, as `is_empty` says.
    pub async fn wait(&self, is_empty: impl Fn() -> bool) {
        loop {
            let emptied = self.0.notified();
            tokio::pin!(emptied);
            // Asked once it is listened to: what goes between the two is told.
            emptied.as_mut().enable();
            if is_empty() {
                return;
            }
            emptied.await;
        }
    }
}
