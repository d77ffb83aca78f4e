//! Looks, again and again, for what nobody tells: timers in rows, claims that lapsed, a queue that lost what it held.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::service::ports::{DueTimer, QueueError};

use super::backoff::Backoff;
use super::inbox::unclaimed_before;
use super::message::Inbound;
use super::meters::measure_queue;
use super::shared::Shared;
use super::timers::later;

/// How many timers are read at once.
const TIMERS: usize = 1_024;

/// Reads timers from rows until the node ends.
pub(super) async fn scan_timers(shared: Arc<Shared>) {
    let scan = shared.options.scan;
    loop {
        let before = later(shared.now(), scan * 2);
        let partitions = shared.ownership.served();
        match shared.ports.store.timers_due(&partitions, before, TIMERS).await {
            Ok(due) => hand_over(&shared, due),
            Err(error) => tracing::warn!(%error, "timers can't be read; trying again"),
        }
        shared.ports.clock.sleep(scan).await;
    }
}

fn hand_over(shared: &Shared, due: Vec<DueTimer>) {
    let mut by_shard: Vec<Vec<DueTimer>> = vec![Vec::new(); shared.shards.len()];
    for timer in due {
        if let Some(timers) = by_shard.get_mut(shared.shard_of(timer.execution.partition())) {
            timers.push(timer);
        }
    }
    for (shard, timers) in by_shard.into_iter().enumerate().filter(|(_, timers)| !timers.is_empty()) {
        shared.send(shard, Inbound::Due(timers));
    }
}

/// How many expired outputs or events are deleted at once, and how long to wait between two looks that find few.
const EXPIRED: u64 = 1_000;
const EXPIRY: std::time::Duration = std::time::Duration::from_secs(60);

/// Deletes outputs and events that expired, and replies that nobody came for, until the node ends.
pub(super) async fn expire(shared: Arc<Shared>) {
    loop {
        match shared.ports.store.events_sweep(shared.now(), EXPIRED).await {
            Ok(EXPIRED..) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired events can't be deleted; trying again"),
        }
        match shared.ports.store.cache_sweep(shared.now(), EXPIRED).await {
            Ok(EXPIRED..) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired outputs can't be deleted; trying again"),
        }
        match shared.ports.store.inbox_sweep(unclaimed_before(shared.now()), EXPIRED).await {
            Ok(EXPIRED..) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "replies that nobody came for can't be deleted; trying again"),
        }
        shared.ports.clock.sleep(EXPIRY).await;
    }
}

/// Looks after the queue until the node ends.
pub(super) async fn watch_queue(shared: Arc<Shared>) {
    let mut nonce = None;
    let mut backoff = Backoff::new();
    loop {
        match look(&shared, &mut nonce).await {
            Ok(()) => backoff = Backoff::new(),
            Err(error) => {
                tracing::warn!(%error, "the queue is away");
                shared.mark_undelivered();
                backoff.wait(&*shared.ports.clock).await;
                continue;
            }
        }
        tokio::select! {
            biased;
            () = shared.resend.notified() => backoff.wait(&*shared.ports.clock).await,
            () = shared.ports.clock.sleep(shared.options.sweep) => {}
        }
    }
}

async fn look(shared: &Shared, nonce: &mut Option<u64>) -> Result<(), QueueError> {
    let queue = &shared.ports.queue;
    let current = queue.nonce().await?;
    let changed = nonce.replace(current).is_some_and(|before| before != current);
    if changed {
        tracing::warn!("the queue has lost what it held; sending it again");
    }
    if changed | shared.undelivered.swap(false, Ordering::AcqRel) {
        shared.broadcast(|| Inbound::Resend { lost: changed });
    }
    let lapsed = queue.lapsed().await?;
    if !lapsed.is_empty() {
        tracing::warn!(claims = lapsed.len(), "workers are gone that held claims");
    }
    measure(shared).await
}

#[allow(clippy::cast_precision_loss, reason = "gauges are doubles")]
async fn measure(shared: &Shared) -> Result<(), QueueError> {
    metrics::gauge!("stepwell_partitions").set(shared.ownership.leases().len() as f64);
    metrics::gauge!("stepwell_live_executions").set(shared.live.load(Ordering::Relaxed) as f64);
    shared.ports.queue.depths().await?.iter().for_each(measure_queue);
    Ok(())
}
