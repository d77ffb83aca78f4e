//! A queue and its workers in simulation: late, dead, twice. What a task gives depends on its configuration and the number
//! of its attempt alone, so that a run with faults can be held against one without.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stepwell::engine::{StepError, code};
use stepwell::expr::Value;
use stepwell::ids::{Epoch, PartitionId};
use stepwell::service::ports::{AttemptKey, Delivered, Dispatcher, QueueDepth, QueueError, Receipt, Task, TaskOutcome};
use tokio::sync::Notify;

use super::rng::Rng;
use super::store::MemoryStore;

/// How a queue and its workers misbehave: how often in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueFaults {
    /// A worker dies with its task.
    pub losses: u64,
    /// An outcome comes twice.
    pub duplicates: u64,
    /// A task takes more than the time after which it gets its row.
    pub long: u64,
    /// The queue does not take a batch of tasks, or part of it.
    pub refusals: u64,
}

pub struct SimQueue {
    store: Arc<MemoryStore>,
    rng: Rng,
    faults: Mutex<QueueFaults>,
    inner: Mutex<Inner>,
    delivered: Notify,
    /// Whether what it holds outlives the process, as with Redis.
    pub durable: bool,
}

#[derive(Default)]
struct Inner {
    last: u64,
    held: BTreeMap<u64, Held>,
    /// What was done, in order; each process reads on from where it is.
    outcomes: Vec<u64>,
    nonce: u64,
    dispatched: Vec<AttemptKey>,
}

struct Held {
    key: AttemptKey,
    outcome: Option<TaskOutcome>,
}

fn key_of(task: &Task) -> AttemptKey {
    AttemptKey { execution: task.execution, path: task.path.clone(), attempt: task.attempt }
}

/// What a task gives: `work` adds one, `flaky` fails twice before it does, `bad` always fails.
fn work(task: &Task) -> Result<Value, StepError> {
    let value = match task.config.get("value") {
        Some(Value::Int(value)) => *value,
        _ => 0,
    };
    match &*task.task_type {
        "flaky" if task.attempt <= 2 => Err(StepError::retryable("FLAKY", "not yet")),
        "bad" => Err(StepError::fatal("BAD", "never")),
        _ => Ok(Value::object([("value", Value::Int(value + 1))])),
    }
}

impl SimQueue {
    pub fn new(seed: u64, store: Arc<MemoryStore>, durable: bool, faults: QueueFaults) -> Arc<Self> {
        Arc::new(Self {
            store,
            rng: Rng::new(seed),
            faults: Mutex::new(faults),
            inner: Mutex::default(),
            delivered: Notify::new(),
            durable,
        })
    }

    pub fn set_faults(&self, faults: QueueFaults) {
        *self.faults.lock().unwrap() = faults;
    }

    /// What was dispatched, in order.
    pub fn dispatched(&self) -> Vec<AttemptKey> {
        self.inner.lock().unwrap().dispatched.clone()
    }

    /// The process that it served has died: what was delivered and not acknowledged comes again, or all is gone.
    pub fn owner_died(&self) {
        let mut inner = self.inner.lock().unwrap();
        if !self.durable {
            inner.held.clear();
        }
    }

    /// Loses everything, as a Redis that is flushed.
    pub fn flush(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.held.clear();
        inner.nonce += 1;
    }

    fn take(self: &Arc<Self>, task: Task) {
        let faults = *self.faults.lock().unwrap();
        let micros =
            if self.rng.chance(faults.long) { 600_000 + self.rng.below(900_000) } else { self.rng.below(30_000) };
        let (lost, twice) = (self.rng.chance(faults.losses), self.rng.chance(faults.duplicates));
        let id = {
            let mut inner = self.inner.lock().unwrap();
            inner.last += 1;
            let id = inner.last;
            inner.held.insert(id, Held { key: key_of(&task), outcome: None });
            inner.dispatched.push(key_of(&task));
            id
        };
        let queue = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(micros)).await;
            if lost { queue.lose(id) } else { queue.finish(id, work(&task), micros, twice) }
        });
    }

    fn lose(&self, id: u64) {
        let mut inner = self.inner.lock().unwrap();
        if let Some(held) = inner.held.get_mut(&id).filter(|held| held.outcome.is_none()) {
            held.outcome = Some(TaskOutcome::lost(held.key.clone()));
            inner.outcomes.push(id);
        }
        drop(inner);
        self.delivered.notify_waiters();
    }

    fn finish(&self, id: u64, result: Result<Value, StepError>, took_us: u64, twice: bool) {
        let mut inner = self.inner.lock().unwrap();
        let Some(held) = inner.held.get_mut(&id).filter(|held| held.outcome.is_none()) else { return };
        let AttemptKey { execution, path, attempt } = held.key.clone();
        held.outcome = Some(TaskOutcome { execution, path, attempt, result, took_us, logs: Vec::new() });
        inner.outcomes.push(id);
        if twice {
            inner.outcomes.push(id);
        }
        drop(inner);
        self.delivered.notify_waiters();
    }
}

/// The queue as one process sees it.
pub struct Handle {
    queue: Arc<SimQueue>,
    reading: Mutex<Reading>,
}

/// What a process has read.
#[derive(Default)]
struct Reading {
    followed: Vec<(PartitionId, Epoch)>,
    /// How much of the outcomes it has seen.
    cursor: usize,
    /// What is delivered again, since it is followed anew.
    again: VecDeque<u64>,
}

impl Handle {
    pub fn new(queue: Arc<SimQueue>) -> Self {
        let cursor = queue.inner.lock().unwrap().outcomes.len();
        Self { queue, reading: Mutex::new(Reading { cursor, ..Reading::default() }) }
    }

    /// Outcomes of what is followed, up to `max`.
    fn take(&self, max: usize) -> Vec<Delivered> {
        let mut reading = self.reading.lock().unwrap();
        let inner = self.queue.inner.lock().unwrap();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(id) = reading.next(&inner.outcomes)
        {
            let Some(held) = inner.held.get(&id) else { continue };
            let partition = held.key.execution.partition();
            if let Some(outcome) = held.outcome.clone()
                && reading.followed.iter().any(|(followed, _)| *followed == partition)
            {
                taken.push(Delivered { outcome, receipt: Some(Receipt(id.to_string().into())) });
            }
        }
        taken
    }
}

impl Reading {
    fn next(&mut self, outcomes: &[u64]) -> Option<u64> {
        self.again.pop_front().or_else(|| {
            let next = outcomes.get(self.cursor).copied()?;
            self.cursor += 1;
            Some(next)
        })
    }
}

#[async_trait]
impl Dispatcher for Handle {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), QueueError> {
        let refusals = self.queue.faults.lock().unwrap().refusals;
        let taken = if self.queue.rng.chance(refusals) { self.queue.rng.below(tasks.len() as u64) } else { u64::MAX };
        for (at, task) in (0..).zip(tasks) {
            if at >= taken {
                return Err(QueueError("the connection broke".to_owned()));
            }
            let key = key_of(&task);
            let told = format!("dispatch {}/{}#{}", key.execution, key.path, key.attempt);
            let caused = self.queue.store.causes(&key);
            let mut rows = self.queue.store.rows();
            if !caused {
                rows.violations.push(format!("{told}: before its cause was committed"));
            }
            rows.trace.push(told);
            drop(rows);
            self.queue.take(task);
        }
        Ok(())
    }

    fn follow(&self, leases: &[(PartitionId, Epoch)]) {
        let mut reading = self.reading.lock().unwrap();
        let before = std::mem::replace(&mut reading.followed, leases.to_vec());
        let is_fresh = |held: &Held| {
            let partition = held.key.execution.partition();
            held.outcome.is_some() && leases.iter().any(|lease| lease.0 == partition && !before.contains(lease))
        };
        let inner = self.queue.inner.lock().unwrap();
        reading.again.extend(inner.held.iter().filter(|(_, held)| is_fresh(held)).map(|(id, _)| *id));
        drop(inner);
        self.queue.delivered.notify_waiters();
    }

    async fn outcomes(&self, max: usize) -> Result<Vec<Delivered>, QueueError> {
        loop {
            let delivered = self.take(max);
            if !delivered.is_empty() {
                return Ok(delivered);
            }
            self.queue.delivered.notified().await;
        }
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        let mut inner = self.queue.inner.lock().unwrap();
        for receipt in receipts {
            if let Some(Held { key, .. }) = inner.held.remove(&receipt.0.parse().unwrap()) {
                self.queue.store.check_recorded(&key);
            }
        }
        Ok(())
    }

    async fn stop(&self, attempts: Vec<AttemptKey>) -> Result<(), QueueError> {
        let stopped: Vec<u64> = {
            let inner = self.queue.inner.lock().unwrap();
            inner.held.iter().filter(|(_, held)| attempts.contains(&held.key)).map(|(id, _)| *id).collect()
        };
        for id in stopped {
            self.queue.finish(id, Err(StepError::fatal(code::CANCELLED, "stopped")), 0, false);
        }
        Ok(())
    }

    async fn lapsed(&self) -> Result<Vec<AttemptKey>, QueueError> {
        Ok(Vec::new())
    }

    async fn held(&self, partitions: &[PartitionId]) -> Result<HashSet<AttemptKey>, QueueError> {
        let inner = self.queue.inner.lock().unwrap();
        let keys = inner.held.values().map(|held| &held.key);
        Ok(keys.filter(|key| partitions.contains(&key.execution.partition())).cloned().collect())
    }

    async fn nonce(&self) -> Result<u64, QueueError> {
        Ok(self.queue.inner.lock().unwrap().nonce)
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        Ok(Vec::new())
    }
}
