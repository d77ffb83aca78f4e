//! The queue inside the process: one lock, no polling, no clock but for the age of what waits.
//!
//! Invariant: nothing here outlives the process, and nothing here waits while it holds the lock.

mod lanes;
mod leases;
mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use indexmap::IndexMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::engine::{StepError, code};
use crate::ids::{Epoch, PartitionId};
use crate::service::ports::{
    AttemptKey, Claimed, Delivered, Dispatcher, QueueDepth, QueueError, Receipt, Task, TaskOutcome, TaskSource, Wanted,
};

use lanes::{Lanes, Waiting};

use super::shares::Shares;

/// The queue of a process that works its own tasks: `Dispatcher` for the runtime, and sources for its workers.
#[derive(Default)]
pub struct LocalQueue {
    state: Mutex<State>,
    /// Told once for each batch of outcomes.
    delivered: Notify,
}

#[derive(Default)]
struct State {
    /// Numbers tasks and sources; a task's receipt is its number.
    last: u64,
    /// Tasks that wait, by queue and task type. They are in the order of their first use, so that a simulation repeats itself.
    waiting: IndexMap<Kind, Lanes>,
    /// Every task that was dispatched and whose outcome is not acknowledged, by its number.
    held: HashMap<u64, Held>,
    outcomes: VecDeque<Delivered>,
    /// Claims of sources that are gone, and nobody has asked for yet.
    lapsed: Vec<AttemptKey>,
    /// The tasks that are leased, by the moment when they lapse.
    leases: BTreeSet<(Instant, u64)>,
    /// Whose turn it is for workers elsewhere: each of their polls is a source of its own.
    polls: Arc<Shares>,
    /// Numbers what was taken, for the turns of kinds.
    turn: u64,
    sources: Vec<Arc<Subscription>>,
    /// The partitions whose outcomes are wanted; none while nobody has said so.
    followed: Option<BTreeSet<PartitionId>>,
}

/// The queue and the type of a task: what decides who may take it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    queue: Arc<str>,
    task_type: Arc<str>,
}

impl Kind {
    fn of(task: &Task) -> Self {
        Self { queue: task.queue.clone(), task_type: task.task_type.clone() }
    }
}

struct Held {
    key: AttemptKey,
    queue: Arc<str>,
    at: Place,
}

/// Where a task is.
#[derive(PartialEq)]
enum Place {
    Waiting,
    /// With the source of this number.
    Claimed(u64),
    /// With a worker elsewhere, until this moment.
    Leased(Instant),
    /// Done; its outcome waits to be acknowledged.
    Done,
}

/// What the queue knows of a source.
struct Subscription {
    id: u64,
    wanted: Wanted,
    shares: Arc<Shares>,
    /// Told when there may be tasks that it wants.
    work: Notify,
    stops: Mutex<VecDeque<AttemptKey>>,
    stopped: Notify,
}

impl Subscription {
    fn wants(&self, kind: &Kind) -> bool {
        self.wanted.takes(&kind.queue, &kind.task_type)
    }
}

/// A lock whose holder panicked guards state that no step leaves half changed: it is taken as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key_of(task: &Task) -> AttemptKey {
    AttemptKey { execution: task.execution, path: task.path.clone(), attempt: task.attempt }
}

fn id_of(receipt: &Receipt) -> Option<u64> {
    receipt.0.parse().ok()
}

impl LocalQueue {
    /// An empty queue.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A worker's side of this queue, for the tasks that it wants. When the last reference to it is dropped, what it has
    /// claimed has lapsed.
    pub fn source(self: &Arc<Self>, wanted: impl Into<Wanted>, worker: &str) -> Arc<dyn TaskSource> {
        let wanted = wanted.into();
        tracing::debug!(worker, ?wanted, "a worker joined the queue");
        let subscription = lock(&self.state).subscribe(wanted, Arc::default());
        Arc::new(LocalSource { queue: self.clone(), subscription })
    }
}

impl State {
    fn subscribe(&mut self, wanted: Wanted, shares: Arc<Shares>) -> Arc<Subscription> {
        let id = self.next();
        let (stops, stopped, work) = (Mutex::default(), Notify::new(), Notify::new());
        let subscription = Arc::new(Subscription { id, wanted, shares, work, stops, stopped });
        self.sources.push(subscription.clone());
        subscription
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn push(&mut self, task: Task) {
        let id = self.next();
        self.held.insert(id, Held { key: key_of(&task), queue: task.queue.clone(), at: Place::Waiting });
        self.waiting.entry(Kind::of(&task)).or_default().push_back(Waiting { id, since: Instant::now(), task });
    }

    /// Wakes the workers that want tasks of one of these kinds.
    fn wake(&self, kinds: &[Kind]) {
        for source in &self.sources {
            if kinds.iter().any(|kind| source.wants(kind)) {
                source.work.notify_one();
            }
        }
    }

    /// Takes up to `max` tasks for a source to where they are from then on: the higher priority first; of one priority the queues
    /// by their weights, and of a queue the kinds in turn, so that none starves.
    fn take(&mut self, source: &Subscription, max: usize, to: impl Fn(&Task) -> Place) -> Vec<Claimed> {
        let mut claims = Vec::new();
        while claims.len() < max
            && let Some((lanes, alone)) = self.next_lanes(source)
        {
            for Waiting { id, task, .. } in lanes.pop_top(if alone { max - claims.len() } else { 1 }) {
                if let Some(held) = self.held.get_mut(&id) {
                    held.at = to(&task);
                }
                claims.push(Claimed { task, receipt: Receipt(id.to_string().into()) });
            }
        }
        claims
    }

    /// The tasks to take next for a source, and whether no other kind has tasks of that priority.
    fn next_lanes(&mut self, source: &Subscription) -> Option<(&mut Lanes, bool)> {
        let (mut top, mut kinds) = (None, 0);
        // Of each queue the kind that was served the longest ago; by name, so that the turns of queues hang on nothing but
        // their weights.
        let mut level: BTreeMap<&Arc<str>, (u64, usize)> = BTreeMap::new();
        for (at, (kind, lanes)) in self.waiting.iter().enumerate() {
            let Some(priority) = lanes.top().filter(|_| source.wants(kind)) else { continue };
            if top < Some(priority) {
                (top, kinds) = (Some(priority), 0);
                level.clear();
            }
            if top == Some(priority) {
                kinds += 1;
                let first = level.entry(&kind.queue).or_insert((lanes.served, at));
                *first = (lanes.served, at).min(*first);
            }
        }
        let queues: Vec<Arc<str>> = level.keys().map(|queue| Arc::clone(queue)).collect();
        let chosen = source.shares.next(&queues, |queue| source.wanted.weight(queue))?;
        let (_, at) = level.into_values().nth(chosen)?;
        self.turn += 1;
        let (_, lanes) = self.waiting.get_index_mut(at)?;
        lanes.served = self.turn;
        Some((lanes, kinds == 1))
    }

    fn has_work(&self, source: &Subscription) -> bool {
        self.waiting.iter().any(|(kind, lanes)| !lanes.is_empty() && source.wants(kind))
    }

    /// Takes the waiting tasks of these attempts out and gives their outcomes; tells the sources of the claimed ones.
    fn stop(&mut self, attempts: &HashSet<AttemptKey>) -> bool {
        let mut cancelled = Vec::new();
        for (id, held) in self.held.iter().filter(|(_, held)| attempts.contains(&held.key)) {
            match held.at {
                Place::Waiting => cancelled.push(*id),
                Place::Claimed(by) => {
                    if let Some(source) = self.sources.iter().find(|source| source.id == by) {
                        lock(&source.stops).push_back(held.key.clone());
                        source.stopped.notify_one();
                    }
                }
                // A worker elsewhere asks for itself.
                Place::Leased(_) | Place::Done => {}
            }
        }
        cancelled.sort_unstable();
        if !cancelled.is_empty() {
            let gone: HashSet<u64> = cancelled.iter().copied().collect();
            self.waiting.values_mut().for_each(|queue| queue.retain(|task| !gone.contains(&task.id)));
        }
        let any = !cancelled.is_empty();
        cancelled.into_iter().for_each(|id| self.cancel(id));
        any
    }

    fn follows(&self, partition: PartitionId) -> bool {
        self.followed.as_ref().is_none_or(|followed| followed.contains(&partition))
    }

    /// Forgets what is of partitions that nobody here follows: their owner finds it lost, and does it again.
    fn forget_others(&mut self) {
        let others: HashMap<u64, AttemptKey> = self
            .held
            .iter()
            .filter(|(_, held)| !self.follows(held.key.execution.partition()))
            .map(|(id, held)| (*id, held.key.clone()))
            .collect();
        if others.is_empty() {
            return;
        }
        // What is claimed is told to stop; its outcome finds nobody.
        self.stop(&others.values().cloned().collect());
        self.outcomes
            .retain(|delivered| delivered.receipt.as_ref().and_then(id_of).is_none_or(|id| !others.contains_key(&id)));
        self.held.retain(|id, _| !others.contains_key(id));
    }

    fn cancel(&mut self, id: u64) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.at = Place::Done;
        let AttemptKey { execution, path, attempt } = held.key.clone();
        let result = Err(StepError::fatal(code::CANCELLED, "stopped before a worker took it"));
        let outcome = TaskOutcome { execution, path, attempt, result, took_us: 0, logs: Vec::new() };
        self.deliver(id, outcome);
    }

    /// Its worker is gone.
    fn lose(&mut self, id: u64) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.at = Place::Done;
        let key = held.key.clone();
        self.lapsed.push(key.clone());
        self.deliver(id, TaskOutcome::lost(key));
    }

    fn deliver(&mut self, id: u64, outcome: TaskOutcome) {
        self.outcomes.push_back(Delivered { outcome, receipt: Some(Receipt(id.to_string().into())) });
    }
}

#[async_trait]
impl Dispatcher for LocalQueue {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), QueueError> {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut state = lock(&self.state);
        for task in tasks {
            let kind = Kind::of(&task);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
            state.push(task);
        }
        state.wake(&kinds);
        Ok(())
    }

    fn follow(&self, leases: &[(PartitionId, Epoch)]) {
        let mut state = lock(&self.state);
        state.followed = Some(leases.iter().map(|(partition, _)| *partition).collect());
        state.forget_others();
    }

    async fn outcomes(&self, max: usize) -> Result<Vec<Delivered>, QueueError> {
        loop {
            {
                let mut state = lock(&self.state);
                let count = state.outcomes.len().min(max);
                if count > 0 {
                    let batch = state.outcomes.drain(..count).collect();
                    if !state.outcomes.is_empty() {
                        self.delivered.notify_one();
                    }
                    return Ok(batch);
                }
            }
            self.delivered.notified().await;
        }
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        let mut state = lock(&self.state);
        for id in receipts.iter().filter_map(id_of) {
            state.held.remove(&id);
        }
        Ok(())
    }

    async fn stop(&self, attempts: Vec<AttemptKey>) -> Result<(), QueueError> {
        if lock(&self.state).stop(&attempts.into_iter().collect()) {
            self.delivered.notify_one();
        }
        Ok(())
    }

    async fn lapsed(&self) -> Result<Vec<AttemptKey>, QueueError> {
        let mut state = lock(&self.state);
        if state.end_leases(Instant::now()) {
            self.delivered.notify_one();
        }
        Ok(std::mem::take(&mut state.lapsed))
    }

    async fn held(&self, partitions: &[PartitionId]) -> Result<HashSet<AttemptKey>, QueueError> {
        let partitions: BTreeSet<PartitionId> = partitions.iter().copied().collect();
        let state = lock(&self.state);
        let keys = state.held.values().map(|held| &held.key);
        Ok(keys.filter(|key| partitions.contains(&key.execution.partition())).cloned().collect())
    }

    async fn nonce(&self) -> Result<u64, QueueError> {
        Ok(0)
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        let mut depths: IndexMap<Arc<str>, QueueDepth> = IndexMap::new();
        let state = lock(&self.state);
        for (kind, lanes) in &state.waiting {
            let queue = kind.queue.clone();
            let none = QueueDepth { queue: queue.clone(), waiting: 0, oldest_ms: 0, claimed: 0 };
            let depth = depths.entry(queue).or_insert(none);
            depth.waiting += lanes.len() as u64;
            let oldest_ms = lanes.oldest().map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            depth.oldest_ms = depth.oldest_ms.max(oldest_ms);
        }
        for held in state.held.values().filter(|held| matches!(held.at, Place::Claimed(_) | Place::Leased(_))) {
            if let Some(depth) = depths.get_mut(&held.queue) {
                depth.claimed += 1;
            }
        }
        Ok(depths.into_values().collect())
    }
}

/// A worker's side of a `LocalQueue`.
struct LocalSource {
    queue: Arc<LocalQueue>,
    subscription: Arc<Subscription>,
}

#[async_trait]
impl TaskSource for LocalSource {
    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, QueueError> {
        loop {
            {
                let mut state = lock(&self.queue.state);
                let claims = state.take(&self.subscription, max, |_| Place::Claimed(self.subscription.id));
                if !claims.is_empty() {
                    // One notice may stand for many tasks: whoever leaves some passes it on.
                    if state.has_work(&self.subscription) {
                        self.subscription.work.notify_one();
                    }
                    return Ok(claims);
                }
            }
            self.subscription.work.notified().await;
        }
    }

    async fn heartbeat(&self, _receipts: &[Receipt]) -> Result<(), QueueError> {
        Ok(())
    }

    async fn complete(&self, outcomes: Vec<(TaskOutcome, Receipt)>) -> Result<(), QueueError> {
        let mut state = lock(&self.queue.state);
        for (outcome, receipt) in outcomes {
            if !state.follows(outcome.execution.partition()) {
                id_of(&receipt).and_then(|id| state.held.remove(&id));
                continue;
            }
            if let Some(held) = id_of(&receipt).and_then(|id| state.held.get_mut(&id)) {
                held.at = Place::Done;
            }
            state.outcomes.push_back(Delivered { outcome, receipt: Some(receipt) });
        }
        self.queue.delivered.notify_one();
        Ok(())
    }

    async fn release(&self, claims: Vec<Claimed>) -> Result<(), QueueError> {
        let mut state = lock(&self.queue.state);
        let mut kinds = Vec::new();
        for Claimed { task, receipt } in claims.into_iter().rev() {
            let Some(id) = id_of(&receipt) else { continue };
            let Some(held) = state.held.get_mut(&id) else { continue };
            if held.at != Place::Claimed(self.subscription.id) {
                continue;
            }
            held.at = Place::Waiting;
            kinds.push(Kind::of(&task));
            state.waiting.entry(Kind::of(&task)).or_default().push_front(Waiting { id, since: Instant::now(), task });
        }
        state.wake(&kinds);
        Ok(())
    }

    async fn stopped(&self) -> AttemptKey {
        loop {
            {
                let mut stops = lock(&self.subscription.stops);
                if let Some(key) = stops.pop_front() {
                    if !stops.is_empty() {
                        self.subscription.stopped.notify_one();
                    }
                    return key;
                }
            }
            self.subscription.stopped.notified().await;
        }
    }
}

impl Drop for LocalSource {
    fn drop(&mut self) {
        let mine = Place::Claimed(self.subscription.id);
        let mut state = lock(&self.queue.state);
        state.sources.retain(|source| source.id != self.subscription.id);
        let mut claims: Vec<u64> = state.held.iter().filter(|(_, held)| held.at == mine).map(|(id, _)| *id).collect();
        claims.sort_unstable();
        claims.into_iter().for_each(|id| state.lose(id));
        self.queue.delivered.notify_one();
    }
}
