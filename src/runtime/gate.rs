//! What stands between a step and the queue, where the step says so: outputs that are kept, and limits on how often.
//!
//! Invariant: what waits here is derived from the rows again by whoever recovers, and what was stopped while it waited is
//! never dispatched. Never more than a limit's count go out within its time, over restarts and from all processes together:
//! the times are the database's, and written before the tasks are handed on.

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

/// What waits under a limit.
#[derive(Default)]
struct Window {
    waiting: VecDeque<(Gated, Rate)>,
    /// Not before this moment: no more may go, or the database was away.
    not_before: Option<Timestamp>,
}

impl Window {
    /// When the next of those that wait may go, as far as is known here.
    fn next(&self) -> Option<Timestamp> {
        self.waiting.front()?;
        Some(self.not_before.unwrap_or(Timestamp(i64::MIN)))
    }

    /// The rule of the first that waits, and how many in a row wait under it.
    fn first(&self) -> Option<(Rate, usize)> {
        let (_, rate) = self.waiting.front()?;
        Some((rate.clone(), self.waiting.iter().take_while(|(_, other)| other == rate).count()))
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
        let now = self.shared.now();
        let due = |window: &Window| window.next().is_some_and(|next| next <= now);
        let names: Vec<Arc<str>> =
            self.windows.iter().filter(|(_, window)| due(window)).map(|(name, _)| name.clone()).collect();
        for name in names {
            let released = self.take(&name).await;
            self.dispatch(released).await;
        }
        self.windows.retain(|_, window| !window.waiting.is_empty());
    }

    /// Takes from a limit what it gives now. That they go is written before they do: what can't be written waits.
    async fn take(&mut self, name: &Arc<str>) -> Vec<Gated> {
        let Some(window) = self.windows.get_mut(name) else { return Vec::new() };
        // What was stopped while it waited takes no turn.
        window.waiting.retain(|(gated, _)| self.shared.gate.holds(&gated.key()));
        let Some((rate, wanted)) = window.first() else { return Vec::new() };
        let now = self.shared.now();
        match self.shared.ports.store.rate_take(&rate, wanted, now).await {
            Ok(taken) => {
                window.not_before = taken.next;
                window.waiting.drain(..taken.granted.min(wanted)).map(|(gated, _)| gated).collect()
            }
            Err(error) => {
                tracing::warn!(%error, limit = %name, "a rate limit can't be read; its tasks wait");
                window.not_before = Some(later(now, RETRY));
                Vec::new()
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
