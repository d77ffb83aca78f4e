//! Swaps claims for their outcomes.

use redis::Pipeline;

use crate::service::ports::{QueueError, Receipt, TaskOutcome};

use super::entry::{FIELD, encode};
use super::keys::{self, GROUP, Keys};
use super::link::Link;

/// How many outcomes go in one round trip.
const BATCH: usize = 512;
/// How many bytes, roughly, go in one round trip.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Outcomes, and the claims that they take the place of.
#[derive(Default)]
pub(super) struct Swap {
    outcomes: Vec<(String, Vec<u8>)>,
    pub(super) claims: Vec<Receipt>,
    bytes: usize,
}

/// What is to be swapped, in round trips.
pub(super) fn swaps(keys: &Keys, outcomes: Vec<(TaskOutcome, Receipt)>) -> Result<Vec<Swap>, QueueError> {
    let mut all: Vec<Swap> = Vec::new();
    let mut swap = Swap::default();
    for (outcome, receipt) in outcomes {
        let json = encode(&outcome)?;
        if swap.is_full(json.len()) {
            all.push(std::mem::take(&mut swap));
        }
        swap.bytes += json.len();
        swap.outcomes.push((keys.outcomes(outcome.execution.partition()), json));
        swap.claims.push(receipt);
    }
    all.extend(Some(swap).filter(|swap| !swap.claims.is_empty()));
    Ok(all)
}

impl Swap {
    /// Swaps claims for their outcomes: first these are sent, in one transaction, so that what is refused (a full memory) leaves
    /// its claim. Claims and outcomes may be on different servers. A claim that stays behind lapses, after its outcome.
    pub(super) async fn send(&self, link: &Link, keys: &Keys) -> Result<(), QueueError> {
        let mut pipeline: Pipeline = redis::pipe();
        pipeline.atomic();
        for (stream, json) in &self.outcomes {
            pipeline.cmd("XADD").arg(stream).arg("*").arg(FIELD).arg(json).ignore();
        }
        link.send::<()>(&pipeline).await?;
        let mut pipeline: Pipeline = redis::pipe();
        for (lane, ids) in keys::by_stream(&self.claims) {
            let stream = keys.tasks(lane);
            pipeline.cmd("XACK").arg(&stream).arg(GROUP).arg(&ids).ignore();
            pipeline.cmd("XDEL").arg(&stream).arg(&ids).ignore();
        }
        link.send(&pipeline).await
    }

    /// Whether there is no room for another outcome of this size.
    fn is_full(&self, more: usize) -> bool {
        !self.claims.is_empty() && (self.claims.len() >= BATCH || self.bytes + more > BATCH_BYTES)
    }
}
