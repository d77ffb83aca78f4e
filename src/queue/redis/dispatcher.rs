//! The owner's side.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ids::{Epoch, PartitionId};
use crate::service::ports::{AttemptKey, Delivered, Dispatcher, QueueDepth, QueueError, Receipt, Task};

use super::entry::{FIELD, encode};
use super::keys::{self, Keys, Lane};
use super::link::{Link, one};
use super::notices::Notice;
use super::options::RedisOptions;
use super::outcomes::{Followed, OutcomeReader};

/// How many entries go in one round trip.
const BATCH: usize = 512;
/// How many bytes, roughly, go in one round trip.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The owner's side of the queue over Redis.
pub struct RedisQueue {
    pub(super) link: Link,
    pub(super) keys: Keys,
    pub(super) lease: Duration,
    /// What takes lapsed claims.
    pub(super) consumer: String,
    outcomes: tokio::sync::Mutex<OutcomeReader>,
    /// Tells the reader of outcomes whose they are.
    followed: watch::Sender<Followed>,
    pub(super) seen: Mutex<Seen>,
    pub(super) forget: Script,
}

/// What was seen of the server.
pub(super) struct Seen {
    nonce: Option<u64>,
    /// Before this moment no claim has lapsed: workers could not say that they are alive while Redis was away.
    quiet_until: Instant,
    pub(super) next_forget: Instant,
}

impl RedisQueue {
    /// Connects.
    ///
    /// # Errors
    /// A URL that is none, or a server that does not answer.
    pub async fn connect(options: &RedisOptions) -> Result<Arc<Self>, QueueError> {
        let (client, link) = Link::connect(options).await?;
        let keys = Keys::new(&options.prefix);
        let (followed, following) = watch::channel(Followed::all());
        let now = Instant::now();
        let seen = Seen { nonce: None, quiet_until: now + options.lease, next_forget: now };
        let queue = Self {
            link,
            outcomes: tokio::sync::Mutex::new(OutcomeReader::new(client, &keys, following)),
            followed,
            keys,
            lease: options.lease,
            consumer: format!("owner-{}", uuid::Uuid::new_v4().simple()),
            seen: Mutex::new(seen),
            forget: Script::new(super::sweep::FORGET_CONSUMERS),
        };
        queue.nonce().await?;
        Ok(Arc::new(queue))
    }

    async fn queues(&self) -> Result<BTreeSet<String>, QueueError> {
        let (queues,): (BTreeSet<String>,) = self.link.send(&one("SMEMBERS", &[&self.keys.queues()])).await?;
        Ok(queues)
    }

    /// Sends one batch, and tells workers of queues that are new.
    async fn add(&self, batch: Batch) -> Result<(), QueueError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("SADD").arg(self.keys.queues()).arg(&batch.queues);
        for (stream, json) in batch.entries {
            pipeline.cmd("XADD").arg(stream).arg("*").arg(FIELD).arg(json).ignore();
        }
        let (new,): (u64,) = self.link.send(&pipeline).await?;
        if new > 0 {
            self.tell(&Notice::Queues).await?;
        }
        Ok(())
    }

    async fn tell(&self, notice: &Notice) -> Result<(), QueueError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("PUBLISH").arg(self.keys.notices()).arg(encode(notice)?).ignore();
        self.link.send(&pipeline).await
    }

    /// Notes the nonce; a new one means that entries may be gone, and that claims could not be kept alive for a while.
    fn note(&self, nonce: u64) {
        let changed = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = seen.nonce.is_some_and(|before| before != nonce);
            seen.nonce = Some(nonce);
            if changed {
                seen.quiet_until = Instant::now() + self.lease;
            }
            changed
        };
        if changed {
            tracing::warn!("Redis was restarted or lost its data");
            // Ids of a new stream may be below those of the old one.
            self.followed.send_modify(Followed::restart);
        }
    }

    fn quiet(&self) -> bool {
        Instant::now() < self.seen.lock().unwrap_or_else(PoisonError::into_inner).quiet_until
    }
}

#[async_trait]
impl Dispatcher for RedisQueue {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), QueueError> {
        let mut batch = Batch::default();
        for task in tasks {
            let json = encode(&task)?;
            if batch.is_full(json.len()) {
                self.add(std::mem::take(&mut batch)).await?;
            }
            batch.bytes += json.len();
            let lane = Lane::of(&task).name();
            batch.entries.push((self.keys.tasks(&lane), json));
            batch.queues.insert(lane);
        }
        if batch.entries.is_empty() { Ok(()) } else { self.add(batch).await }
    }

    fn follow(&self, leases: &[(PartitionId, Epoch)]) {
        self.followed.send_modify(|followed| followed.follow(leases));
    }

    async fn outcomes(&self, max: usize) -> Result<Vec<Delivered>, QueueError> {
        self.outcomes.lock().await.next(max).await
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        let mut pipeline = redis::pipe();
        for (partition, ids) in keys::by_stream(&receipts) {
            let Ok(partition) = partition.parse().map(PartitionId) else { continue };
            pipeline.cmd("XDEL").arg(self.keys.outcomes(partition)).arg(ids).ignore();
        }
        if pipeline.is_empty() { Ok(()) } else { self.link.send(&pipeline).await }
    }

    async fn stop(&self, attempts: Vec<AttemptKey>) -> Result<(), QueueError> {
        for some in attempts.chunks(BATCH) {
            self.tell(&Notice::Stop(some.to_vec())).await?;
        }
        Ok(())
    }

    async fn lapsed(&self) -> Result<Vec<AttemptKey>, QueueError> {
        self.nonce().await?;
        if self.quiet() {
            return Ok(Vec::new());
        }
        let queues = self.queues().await?;
        let mut found = Vec::new();
        for queue in &queues {
            self.lapsed_of(queue, &mut found).await?;
        }
        self.forget_workers(&queues).await;
        Ok(found)
    }

    async fn held(&self, partitions: &[PartitionId]) -> Result<HashSet<AttemptKey>, QueueError> {
        let mut held = HashSet::new();
        // Tasks first: one that is done meanwhile is then found among the outcomes.
        for queue in self.queues().await? {
            self.held_in(&self.keys.tasks(&queue), &mut held).await?;
        }
        let wanted: BTreeSet<PartitionId> = partitions.iter().copied().collect();
        held.retain(|key| wanted.contains(&key.execution.partition()));
        for partition in wanted {
            self.held_in(&self.keys.outcomes(partition), &mut held).await?;
        }
        Ok(held)
    }

    async fn nonce(&self) -> Result<u64, QueueError> {
        let fresh = uuid::Uuid::new_v4().simple().to_string();
        let key = self.keys.nonce();
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(&key).arg(fresh).arg("NX").ignore();
        pipeline.cmd("GET").arg(&key);
        pipeline.cmd("INFO").arg("server");
        let (nonce, info): (String, String) = self.link.send(&pipeline).await?;
        // A server that was restarted may have lost the last of its data, and still have the nonce.
        let run = info.lines().find(|line| line.starts_with("run_id:"));
        let mut hash = DefaultHasher::new();
        (nonce, run).hash(&mut hash);
        let nonce = hash.finish();
        self.note(nonce);
        Ok(nonce)
    }

    async fn ping(&self) -> Result<(), QueueError> {
        let (_,): (String,) = self.link.send(&one("PING", &[])).await?;
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        let ((seconds, micros),): ((u64, u64),) = self.link.send(&one("TIME", &[])).await?;
        let now_ms = seconds * 1_000 + micros / 1_000;
        let mut depths: BTreeMap<Arc<str>, QueueDepth> = BTreeMap::new();
        for lane in self.queues().await? {
            let queue: Arc<str> = Lane::parse(&lane).queue.into();
            let depth = self.depth(lane, now_ms).await?;
            let none = QueueDepth { queue: queue.clone(), waiting: 0, oldest_ms: 0, claimed: 0 };
            let whole = depths.entry(queue).or_insert(none);
            whole.waiting += depth.waiting;
            whole.claimed += depth.claimed;
            whole.oldest_ms = whole.oldest_ms.max(depth.oldest_ms);
        }
        Ok(depths.into_values().collect())
    }
}

/// Tasks that go in one round trip.
#[derive(Default)]
struct Batch {
    queues: BTreeSet<String>,
    entries: Vec<(String, Vec<u8>)>,
    bytes: usize,
}

impl Batch {
    /// Whether there is no room for another entry of this size.
    fn is_full(&self, more: usize) -> bool {
        !self.entries.is_empty() && (self.entries.len() >= BATCH || self.bytes + more > BATCH_BYTES)
    }
}
