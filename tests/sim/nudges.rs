//! Nudges between the nodes of a simulation.

use async_trait::async_trait;
use stepwell::service::ports::{Nudge, Nudges};
use tokio::sync::{Mutex, broadcast};

/// What one node says and hears.
pub struct SimNudges {
    said: broadcast::Sender<Nudge>,
    heard: Mutex<broadcast::Receiver<Nudge>>,
}

impl SimNudges {
    pub fn new(said: &broadcast::Sender<Nudge>) -> Self {
        Self { said: said.clone(), heard: Mutex::new(said.subscribe()) }
    }
}

#[async_trait]
impl Nudges for SimNudges {
    fn send(&self, nudge: Nudge) {
        let _ = self.said.send(nudge);
    }

    async fn next(&self) -> Nudge {
        let mut heard = self.heard.lock().await;
        loop {
            match heard.recv().await {
                Ok(nudge) => return nudge,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
