//! Takes workers' outcomes from the queue to the shards.
//!
//! Invariant: no outcome is taken that there is no room for: what is not taken stays with the queue.

use std::sync::Arc;

use crate::service::ports::Delivered;

use super::backoff::Backoff;
use super::message::{Job, What};
use super::shared::Shared;

/// How many outcomes are taken at once.
const BATCH: usize = 1_024;

/// Takes outcomes until the node ends.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::new();
    loop {
        match shared.ports.queue.outcomes(BATCH).await {
            Ok(outcomes) => {
                backoff = Backoff::new();
                if !hand_over(&shared, outcomes).await {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "outcomes can't be read; trying again");
                backoff.wait(&*shared.ports.clock).await;
            }
        }
    }
}

/// Sends outcomes to their shards as there is room; false where the node has ended.
async fn hand_over(shared: &Shared, outcomes: Vec<Delivered>) -> bool {
    let mut outcomes = outcomes.into_iter().peekable();
    let most = shared.options.max_in_flight.clamp(1, BATCH);
    while outcomes.peek().is_some() {
        let count = outcomes.len().min(most);
        let permits = u32::try_from(count).unwrap_or(1);
        let Ok(mut room) = shared.admission.clone().acquire_many_owned(permits).await else { return false };
        for delivered in outcomes.by_ref().take(count) {
            let id = delivered.outcome.execution;
            let what = What::Outcome(Box::new(delivered));
            shared.apply(id, Job { permit: room.split(1), ..Job::own(what) });
        }
    }
    true
}
