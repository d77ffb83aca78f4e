//! Looks, again and again, for what nobody tells: timers in rows, claims that lapsed, a queue that lost what it held.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::Event;
use crate::ids::ExecutionId;
use crate::service::ports::{AttemptKey, DueTimer, QueueError};

use super::backoff::Backoff;
use super::message::{Inbound, Job};
use super::shared::Shared;
use super::timers::later;

/// How many timers are read at once.
const TIMERS: usize = 1_024;

/// How many unfinished executions are asked for at once.
const PAGE: usize = 512;

/// Reads everything that was unfinished when the partitions were taken, page by page, through the shards.
pub(super) async fn recover(shared: Arc<Shared>) {
    let (mut after, mut count) = (None, 0);
    let mut backoff = Backoff::new();
    let partitions = shared.ownership.owned();
    loop {
        let page = match shared.ports.store.executions_unfinished(&partitions, after, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "the recovery can't read; trying again");
                backoff.wait(&*shared.ports.clock).await;
                continue;
            }
        };
        backoff = Backoff::new();
        let Some(last) = page.last().copied() else { break };
        after = Some(last);
        count += page.len();
        load_page(&shared, page).await;
    }
    shared.recovered.store(true, Ordering::Release);
    tracing::info!(executions = count, "recovered");
}

/// Has the shards load a page, and waits until they have.
async fn load_page(shared: &Shared, page: Vec<ExecutionId>) {
    let (done, mut loaded) = tokio::sync::mpsc::channel::<()>(1);
    let mut by_shard: Vec<Vec<ExecutionId>> = vec![Vec::new(); shared.shards.len()];
    for id in page {
        if let Some(ids) = by_shard.get_mut(shared.shard_of(id.partition())) {
            ids.push(id);
        }
    }
    for (shard, ids) in by_shard.into_iter().enumerate().filter(|(_, ids)| !ids.is_empty()) {
        shared.send(shard, Inbound::Recover { ids, done: done.clone() });
    }
    drop(done);
    // Nobody says anything: the channel closes with the last of them.
    let _ = loaded.recv().await;
}

/// Reads timers from rows until the node ends.
pub(super) async fn scan_timers(shared: Arc<Shared>) {
    let scan = shared.options.scan;
    loop {
        let before = later(shared.now(), scan * 2);
        let partitions = shared.ownership.owned();
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

/// Deletes outputs and events that expired, until the node ends.
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
    for AttemptKey { execution, path, attempt } in queue.lapsed().await? {
        shared.apply(execution, Job::event(Event::Lost { path, attempt }));
    }
    measure(shared).await
}

#[allow(clippy::cast_precision_loss, reason = "gauges are doubles")]
async fn measure(shared: &Shared) -> Result<(), QueueError> {
    metrics::gauge!("stepwell_live_executions").set(shared.live.load(Ordering::Relaxed) as f64);
    for depth in shared.ports.queue.depths().await? {
        let queue = depth.queue.to_string();
        metrics::gauge!("stepwell_queue_depth", "queue" => queue.clone()).set(depth.waiting as f64);
        metrics::gauge!("stepwell_queue_oldest_seconds", "queue" => queue).set(depth.oldest_ms as f64 / 1_000.0);
    }
    Ok(())
}
