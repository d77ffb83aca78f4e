//! Sends outcomes: whatever finished while the last batch was under way is the next one. No artificial delay.

use tokio::sync::mpsc;

use crate::service::ports::{Receipt, TaskOutcome, TaskSource};

use super::backoff::Backoff;
use super::running::Running;

/// How many outcomes go in one batch.
const MAX_BATCH: usize = 512;

/// An attempt whose outcome is to be sent.
pub(super) struct Finished {
    /// Its number in `Running`.
    pub(super) id: u64,
    /// The outcome.
    pub(super) outcome: TaskOutcome,
    /// The claim's receipt.
    pub(super) receipt: Receipt,
}

/// Sends what comes, until the senders are gone. A queue that does not answer is tried again: it may come back before the
/// lease of these claims is over, and if it does not, a late outcome does no harm.
pub(super) async fn run(source: &dyn TaskSource, running: &Running, mut finished: mpsc::Receiver<Finished>) {
    let mut batch = Vec::new();
    while finished.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let ids: Vec<u64> = batch.iter().map(|finished| finished.id).collect();
        let outcomes = batch.drain(..).map(|Finished { outcome, receipt, .. }| (outcome, receipt)).collect();
        send(source, outcomes).await;
        running.sent(ids.into_iter());
    }
}

async fn send(source: &dyn TaskSource, outcomes: Vec<(TaskOutcome, Receipt)>) {
    let mut backoff = Backoff::default();
    while let Err(error) = source.complete(outcomes.clone()).await {
        tracing::warn!(%error, outcomes = outcomes.len(), "can't send outcomes");
        backoff.wait().await;
    }
}
