//! What stands between a step and the queue, where the step says so: outputs that are kept, and limits on how often.
//!
//! Invariant: what waits here is derived from the rows again by whoever recovers, and what was stopped while it waited is
//! never dispatched. Never more than a limit's count go out within its time, over restarts too: the times are written
//! before the tasks are handed on.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::{Event, LogEntry, LogLevel, Outcome, Rate};
use crate::expr::{Timestamp, Value};
use crate::ids::PartitionId;
use crate::service::ports::{AttemptKey, Task};

use super::message::{Inbound, Job};
use super::shared::Shared;
use super::timers::{later, until};

/// How many tasks are taken at once.
const BATCH: usize = 256;

/// How long to wait after the database did not answer.
const RETRY: Duration = Duration::from_millis(500);

/// A task that passes the gate.
#[derive(Clone, Debug)]
pub(super) struct Gated {
    pub task: Task,
    /// What its output may be kept by.
    pub cache: Option<Arc<str>>,
    pub rate: Option<Rate>,
    /// Whether it is lost where the queue does not hold it: it may have been done, and is done at most once.
    pub once: bool,
}

impl Gated {
    /// Whether there is something to wait for.
    pub fn is_gated(&self) -> bool {
        self.cache.is_some() || self.rate.is_some()
    }

    pub fn key(&self) -> AttemptKey {
        AttemptKey { execution: self.task.execution, path: self.task.path.clone(), attempt: self.task.attempt }
    }
}

/// The way in.
pub(super) struct Entrance {
    inbox: mpsc::UnboundedSender<Gated>,
    /// What is inside.
    inside: Mutex<HashSet<AttemptKey>>,
}

impl Entrance {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Gated>) {
        let (inbox, asked) = mpsc::unbounded_channel();
        (Self { inbox, inside: Mutex::default() }, asked)
    }

    fn inside(&self) -> MutexGuard<'_, HashSet<AttemptKey>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a task in; one that is inside already is not let in twice.
    pub fn enter(&self, gated: Gated) {
        if self.inside().insert(gated.key()) {
            let _ = self.inbox.send(gated);
        }
    }

    /// Whether a task waits here.
    pub fn holds(&self, key: &AttemptKey) -> bool {
        self.inside().contains(key)
    }

    /// Forgets attempts that were stopped.
    pub fn stop<'a>(&self, keys: impl Iterator<Item = &'a AttemptKey>) {
        let mut inside = self.inside();
        keys.for_each(|key| {
            inside.remove(key);
        });
    }

    /// Forgets the attempts of partitions that are another's.
    pub fn forget(&self, is_gone: impl Fn(PartitionId) -> bool) {
        self.inside().retain(|key| !is_gone(key.execution.partition()));
    }

    /// Lets a task out; false where it was stopped meanwhile.
    fn leave(&self, gated: &Gated) -> bool {
        self.inside().remove(&gated.key())
    }
}

/// The dispatches under a limit.
#[derive(Default)]
struct Window {
    /// The times of the last, oldest first.
    times: VecDeque<Timestamp>,
    /// Whether the times of before this process are among them.
    known: bool,
    waiting: VecDeque<(Gated, Rate)>,
    /// Not before this moment: the database was away.
    not_before: Option<Timestamp>,
}

impl Window {
    /// When one more may go.
    fn free_at(&self, rate: &Rate) -> Option<Timestamp> {
        let count = usize::try_from(rate.count).unwrap_or(usize::MAX).max(1);
        let oldest = self.times.len().checked_sub(count)?;
        self.times.get(oldest).map(|at| at.plus_ms(rate.per_ms))
    }

    /// When the next of those that wait may go.
    fn next(&self) -> Option<Timestamp> {
        let (_, rate) = self.waiting.front()?;
        let free = self.free_at(rate).unwrap_or(Timestamp(i64::MIN));
        Some(free.max(self.not_before.unwrap_or(free)))
    }

    fn note(&mut self, rate: &Rate, now: Timestamp) {
        self.times.push_back(now);
        // As many as the largest count among those that wait needs; a smaller one looks at the last of them.
        let most = self.waiting.iter().map(|(_, rate)| rate.count).max().unwrap_or(0).max(rate.count);
        while self.times.len() > usize::try_from(most).unwrap_or(usize::MAX) {
            self.times.pop_front();
        }
    }
}

/// The gate.
pub(super) struct Gate {
    shared: Arc<Shared>,
    asked: mpsc::UnboundedReceiver<Gated>,
    windows: BTreeMap<Arc<str>, Window>,
}

impl Gate {
    pub fn new(shared: Arc<Shared>, asked: mpsc::UnboundedReceiver<Gated>) -> Self {
        Self { shared, asked, windows: BTreeMap::new() }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let clock = self.shared.ports.clock.clone();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let next = self.windows.values().filter_map(Window::next).min();
            tokio::select! {
                biased;
                count = self.asked.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = async { match next {
                    Some(next) => clock.sleep(until(clock.now(), next)).await,
                    None => std::future::pending().await,
                } } => {}
            }
            let missed = self.answer_from_cache(std::mem::take(&mut batch)).await;
            self.sort(missed).await;
            self.release().await;
        }
    }

    /// Answers tasks whose output is kept; gives the rest.
    async fn answer_from_cache(&self, batch: Vec<Gated>) -> Vec<Gated> {
        let keys: Vec<Arc<str>> = batch.iter().filter_map(|gated| gated.cache.clone()).collect();
        if keys.is_empty() {
            return batch;
        }
        let kept = self.shared.ports.store.cache_find(&keys, self.shared.now()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "kept outputs can't be read; the steps run");
            Vec::new()
        });
        let kept: BTreeMap<Arc<str>, Value> = kept.into_iter().collect();
        let mut missed = Vec::new();
        for gated in batch {
            match gated.cache.as_ref().and_then(|key| kept.get(key)) {
                Some(output) => self.answer(gated, output.clone()),
                None => missed.push(gated),
            }
        }
        missed
    }

    fn answer(&self, gated: Gated, output: Value) {
        if !self.shared.gate.leave(&gated) {
            return;
        }
        metrics::counter!("stepwell_cache_hits_total").increment(1);
        let (now, Task { execution, path, attempt, .. }) = (self.shared.now(), gated.task);
        let message = "the output is one that was kept: no worker was asked".to_owned();
        let log = LogEntry { level: LogLevel::Info, message, details: None, path: Some(path.clone()), at: now };
        let outcome = Outcome { path, attempt, result: Ok(output), started_at: now, logs: vec![log] };
        self.shared.apply(execution, Job::event(Event::Outcome(outcome)));
    }

    /// Dispatches what has no limit, and puts the rest into the queues of their limits.
    async fn sort(&mut self, batch: Vec<Gated>) {
        let mut free = Vec::new();
        for gated in batch {
            match gated.rate.clone() {
                Some(rate) => self.windows.entry(rate.name.clone()).or_default().waiting.push_back((gated, rate)),
                None => free.push(gated),
            }
        }
        self.dispatch(free).await;
    }

    /// Lets go what may go now.
    async fn release(&mut self) {
        let names: Vec<Arc<str>> = self.windows.keys().cloned().collect();
        for name in names {
            self.learn(&name).await;
            let now = self.shared.now();
            let Some(window) = self.windows.get_mut(&name) else { continue };
            let mut released = Vec::new();
            while window.next().is_some_and(|next| next <= now)
                && let Some((gated, rate)) = window.waiting.pop_front()
            {
                if self.shared.gate.inside().contains(&gated.key()) {
                    window.note(&rate, now);
                    released.push((gated, rate));
                }
            }
            if !released.is_empty() {
                self.hand_on(&name, released, now).await;
            }
        }
    }

    /// Reads the times of before this process.
    async fn learn(&mut self, name: &Arc<str>) {
        let Some(window) = self.windows.get_mut(name).filter(|window| !window.known) else { return };
        match self.shared.ports.store.rate_find(name).await {
            Ok(times) => {
                window.times = times.into();
                (window.known, window.not_before) = (true, None);
            }
            Err(error) => {
                tracing::warn!(%error, limit = %name, "a rate limit can't be read; its tasks wait");
                window.not_before = Some(later(self.shared.now(), RETRY));
            }
        }
    }

    /// Writes down that these go now, and then lets them go; what can't be written waits.
    async fn hand_on(&mut self, name: &Arc<str>, released: Vec<(Gated, Rate)>, now: Timestamp) {
        let Some(window) = self.windows.get_mut(name) else { return };
        let times: Vec<Timestamp> = window.times.iter().copied().collect();
        match self.shared.ports.store.rate_save(name, &times).await {
            Ok(()) => self.dispatch(released.into_iter().map(|(gated, _)| gated).collect()).await,
            Err(error) => {
                tracing::warn!(%error, limit = %name, "a rate limit can't be written; its tasks wait");
                // Their times stay: it is not known whether they were written.
                released.into_iter().rev().for_each(|gated| window.waiting.push_front(gated));
                window.not_before = Some(later(now, RETRY));
            }
        }
    }

    async fn dispatch(&self, batch: Vec<Gated>) {
        let tasks: Vec<Task> =
            batch.into_iter().filter(|gated| self.shared.gate.leave(gated)).map(|gated| gated.task).collect();
        if tasks.is_empty() {
            return;
        }
        for task in &tasks {
            let shard = self.shared.shard_of(task.execution.partition());
            let key = AttemptKey { execution: task.execution, path: task.path.clone(), attempt: task.attempt };
            self.shared.send(shard, Inbound::Sent(key));
        }
        if let Err(error) = self.shared.ports.queue.dispatch(tasks).await {
            tracing::warn!(%error, "tasks can't be handed to the queue; trying again");
            self.shared.mark_undelivered();
        }
    }
}
