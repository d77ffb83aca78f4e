//! The pool: claims tasks up to its free concurrency and runs each in a task of its own.
//!
//! Invariant: no task is claimed that there is no room for, and none that was claimed is forgotten: each ends as an outcome
//! that was sent or a claim that was released, or lapses with the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::service::Handlers;
use crate::service::ports::{Claimed, TaskSource};

use super::attempt;
use super::backoff::Backoff;
use super::outbox::{self, Finished};
use super::running::Running;
use super::trace;

/// How long a drain goes on after its deadline to hand back claims and send what is finished.
const GRACE: Duration = Duration::from_secs(5);

/// How a pool works.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many attempts run at once; at least 1.
    pub concurrency: usize,
    /// How often claims are said to be alive: a third of the queue's lease.
    pub heartbeat: Duration,
    /// The largest output, in bytes of its JSON; one past it fails with `LIMIT`.
    pub max_outcome_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: 64, heartbeat: Duration::from_secs(5), max_outcome_bytes: 1024 * 1024 }
    }
}

/// Workers of one process. Dropping it is dying: what runs is dropped, and its claims lapse; `drain` is the way to end.
pub struct Pool {
    shared: Arc<Shared>,
    claimer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    loops: Vec<JoinHandle<()>>,
}

struct Shared {
    source: Arc<dyn TaskSource>,
    handlers: Handlers,
    options: Options,
    running: Running,
    draining: CancellationToken,
    outbox: mpsc::Sender<Finished>,
}

impl Pool {
    /// Starts claiming. Must be called within a tokio runtime.
    pub fn start(source: Arc<dyn TaskSource>, handlers: Handlers, options: Options) -> Self {
        let options = Options { concurrency: options.concurrency.max(1), ..options };
        // As many finished outcomes wait as there are attempts; then attempts wait, and with them the claims.
        let (outbox, finished) = mpsc::channel(options.concurrency.max(64));
        let running = Running::default();
        let draining = CancellationToken::new();
        let shared = Arc::new(Shared { source, handlers, options, running, draining, outbox });
        let loops = vec![
            tokio::spawn(send_outcomes(shared.clone(), finished)),
            tokio::spawn(heartbeats(shared.clone())),
            tokio::spawn(stops(shared.clone())),
        ];
        let claimer = tokio::spawn(claims(shared.clone()));
        Self { shared, claimer: tokio::sync::Mutex::new(Some(claimer)), loops }
    }

    /// Ends the pool: nothing more is claimed, what runs goes on for at most this long, and what is then unfinished is
    /// handed back for another worker. Finished outcomes are sent.
    pub async fn drain(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        self.shared.draining.cancel();
        if let Some(claimer) = self.claimer.lock().await.take() {
            let _ = claimer.await;
        }
        let _ = tokio::time::timeout_at(deadline, self.shared.running.none()).await;
        let last = Instant::now() + GRACE;
        self.release(self.shared.running.take_unfinished(), last).await;
        if tokio::time::timeout_at(last, self.shared.running.none()).await.is_err() {
            tracing::warn!("the queue took no more outcomes; their steps are repeated");
        }
        self.loops.iter().for_each(JoinHandle::abort);
    }

    async fn release(&self, claims: Vec<Claimed>, last: Instant) {
        if claims.is_empty() {
            return;
        }
        tracing::info!(claims = claims.len(), "handing back what did not finish in time");
        let mut backoff = Backoff::default();
        while let Err(error) = self.shared.source.release(claims.clone()).await {
            tracing::warn!(%error, "can't hand back claims");
            if tokio::time::timeout_at(last, backoff.wait()).await.is_err() {
                return;
            }
        }
    }

    /// How many attempts are under way, or have an outcome that is not sent.
    pub fn busy(&self) -> usize {
        self.shared.running.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.draining.cancel();
        self.loops.iter().for_each(JoinHandle::abort);
        self.shared.running.take_unfinished();
    }
}

/// Claims as many tasks as there is room for, again and again.
async fn claims(shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(shared.options.concurrency));
    let mut backoff = Backoff::default();
    loop {
        let claimed = tokio::select! {
            biased;
            () = shared.draining.cancelled() => return,
            claimed = claim(&shared, &slots) => claimed,
        };
        match claimed {
            Ok(attempts) => {
                backoff = Backoff::default();
                attempts.into_iter().for_each(|(claimed, slot)| begin(&shared, claimed, slot));
            }
            Err(error) => {
                tracing::warn!(%error, "can't claim tasks");
                tokio::select! {
                    () = shared.draining.cancelled() => return,
                    () = backoff.wait() => {}
                }
            }
        }
    }
}

type Slotted = (Claimed, OwnedSemaphorePermit);

async fn claim(shared: &Shared, slots: &Arc<Semaphore>) -> Result<Vec<Slotted>, crate::service::ports::QueueError> {
    // The semaphore is never closed, and nobody else takes from it.
    let Ok(mut free) = slots.clone().acquire_owned().await else { return Ok(Vec::new()) };
    let more = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
    if let Ok(rest) = slots.clone().try_acquire_many_owned(more) {
        free.merge(rest);
    }
    let claimed = shared.source.claim(free.num_permits()).await?;
    Ok(claimed.into_iter().filter_map(|claimed| Some((claimed, free.split(1)?))).collect())
}

/// Starts an attempt.
fn begin(shared: &Arc<Shared>, claimed: Claimed, slot: OwnedSemaphorePermit) {
    let task = claimed.task.clone();
    let receipt = claimed.receipt.clone();
    let (id, stop) = shared.running.begin(claimed);
    let span = trace::attempt_span(&task);
    let shared = shared.clone();
    let work = async move {
        let limit = shared.options.max_outcome_bytes;
        let outcome = attempt::run(&task, &shared.handlers, limit, stopped(stop)).await;
        if let Err(error) = &outcome.result {
            tracing::debug!(code = %error.code, "the attempt failed");
        }
        // One that was handed back meanwhile is another worker's.
        if shared.running.finish(id) {
            let _ = shared.outbox.send(Finished { id, outcome, receipt }).await;
        }
        drop(slot);
    };
    tokio::spawn(work.instrument(span));
}

/// Ends when the attempt is to be stopped, or was taken from the pool.
async fn stopped(stop: oneshot::Receiver<()>) {
    let _ = stop.await;
}

async fn send_outcomes(shared: Arc<Shared>, finished: mpsc::Receiver<Finished>) {
    outbox::run(shared.source.as_ref(), &shared.running, finished).await;
}

async fn heartbeats(shared: Arc<Shared>) {
    let mut beats = tokio::time::interval(shared.options.heartbeat.max(Duration::from_millis(1)));
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let receipts = shared.running.receipts();
        if receipts.is_empty() {
            continue;
        }
        if let Err(error) = shared.source.heartbeat(&receipts).await {
            tracing::warn!(%error, "can't tell the queue that claims are alive");
        }
    }
}

async fn stops(shared: Arc<Shared>) {
    loop {
        let key = shared.source.stopped().await;
        shared.running.stop(key);
    }
}
