//! The worker's side.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use redis::Pipeline;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::service::ports::{AttemptKey, Claimed, QueueError, Receipt, TaskOutcome, TaskSource};

use super::entry::{FIELD, encode};
use super::keys::{self, GROUP, Keys};
use super::link::{Link, is_no_group};
use super::notices::{self, Notice};
use super::options::{RedisOptions, unavailable};
use super::read::Reader;

/// How many outcomes or claims go in one round trip.
const BATCH: usize = 512;
/// How many bytes, roughly, go in one round trip.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A worker's side of the queue over Redis.
pub struct RedisSource {
    reader: Arc<Reader>,
    stops: Mutex<mpsc::UnboundedReceiver<AttemptKey>>,
    listener: JoinHandle<()>,
}

impl RedisSource {
    /// Connects a worker for these queues (none, or `*`, are all).
    ///
    /// # Errors
    /// A URL or a queue's name that is none, or a server that does not answer.
    pub async fn connect(options: &RedisOptions, queues: Vec<String>, worker: &str) -> Result<Arc<Self>, QueueError> {
        let queues = checked(queues)?;
        let (client, link) = Link::connect(options).await?;
        let keys = Keys::new(&options.prefix);
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let consumer = format!("{worker}-{}", &unique[..12]);
        tracing::debug!(consumer, ?queues, "a worker joined the queue");
        let (told, stops) = mpsc::unbounded_channel();
        let reader = Arc::new(Reader::new(client.clone(), link, keys.clone(), consumer, queues));
        let hears = reader.clone();
        let heard = move |notice| match notice {
            Notice::Stop(attempts) => attempts.into_iter().for_each(|key| {
                let _ = told.send(key);
            }),
            Notice::Queues => look_again(&hears),
        };
        let listener = tokio::spawn(notices::listen(client, keys.notices(), heard));
        Ok(Arc::new(Self { reader, stops: Mutex::new(stops), listener }))
    }

    fn keys(&self) -> &Keys {
        &self.reader.keys
    }
}

/// Makes a worker ask which lanes there are.
fn look_again(reader: &Arc<Reader>) {
    reader.changed.store(true, Ordering::Relaxed);
    let reader = reader.clone();
    tokio::spawn(async move { reader.unblock().await });
}

/// The queues' names, none for all of them.
fn checked(queues: Vec<String>) -> Result<Vec<String>, QueueError> {
    if queues.iter().any(|name| name == "*") {
        return Ok(Vec::new());
    }
    match queues.iter().find(|name| !keys::is_queue_name(name)) {
        Some(wrong) => Err(QueueError(format!(
            "`{wrong}` is no name of a queue: letters, digits, `_`, `-` and `.`, at most 128 of them"
        ))),
        None => Ok(queues),
    }
}

#[async_trait]
impl TaskSource for RedisSource {
    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, QueueError> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = Waiting { reader: &self.reader, answered };
        tokio::spawn(self.reader.clone().claim(max, answer));
        (&mut waiting.answered).await.unwrap_or_else(|_| Err(QueueError("the process is ending".to_owned())))
    }

    async fn heartbeat(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        for (queue, ids) in keys::by_stream(receipts) {
            for some in ids.chunks(BATCH) {
                let mut pipeline = redis::pipe();
                pipeline.cmd("XCLAIM").arg(self.keys().tasks(queue)).arg(GROUP).arg(&self.reader.consumer).arg(0);
                // To claim what is one's own sets its idle time to nothing; JUSTID leaves the count of deliveries.
                pipeline.arg(some).arg("JUSTID").ignore();
                match self.reader.link.try_send::<()>(&pipeline).await {
                    // The data is gone, and the claims with it: their owner finds out by the nonce.
                    Err(error) if is_no_group(&error) => {}
                    done => done.map_err(unavailable)?,
                }
            }
        }
        Ok(())
    }

    async fn complete(&self, outcomes: Vec<(TaskOutcome, Receipt)>) -> Result<(), QueueError> {
        let mut swap = Swap::default();
        for (outcome, receipt) in outcomes {
            let json = encode(&outcome)?;
            if swap.is_full(json.len()) {
                self.send(std::mem::take(&mut swap)).await?;
            }
            swap.bytes += json.len();
            swap.outcomes.push((self.keys().outcomes(outcome.execution.partition()), json));
            swap.claims.push(receipt);
        }
        if swap.claims.is_empty() { Ok(()) } else { self.send(swap).await }
    }

    async fn release(&self, claims: Vec<Claimed>) -> Result<(), QueueError> {
        self.reader.release(&claims).await
    }

    async fn stopped(&self) -> AttemptKey {
        match self.stops.lock().await.recv().await {
            Some(key) => key,
            // The listener never ends before this source does.
            None => std::future::pending().await,
        }
    }
}

impl RedisSource {
    /// Swaps claims for their outcomes: first these are sent, in one transaction, so that what is refused (a full memory) leaves
    /// its claim. Claims and outcomes may be on different servers. A claim that stays behind lapses, after its outcome.
    async fn send(&self, swap: Swap) -> Result<(), QueueError> {
        let mut pipeline: Pipeline = redis::pipe();
        pipeline.atomic();
        for (stream, json) in swap.outcomes {
            pipeline.cmd("XADD").arg(stream).arg("*").arg(FIELD).arg(json).ignore();
        }
        self.reader.link.send::<()>(&pipeline).await?;
        let mut pipeline: Pipeline = redis::pipe();
        for (queue, ids) in keys::by_stream(&swap.claims) {
            let stream = self.keys().tasks(queue);
            pipeline.cmd("XACK").arg(&stream).arg(GROUP).arg(&ids).ignore();
            pipeline.cmd("XDEL").arg(&stream).arg(&ids).ignore();
        }
        self.reader.link.send::<()>(&pipeline).await?;
        self.reader.in_hand.remove(&swap.claims);
        Ok(())
    }
}

impl Drop for RedisSource {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Outcomes, and the claims that they take the place of.
#[derive(Default)]
struct Swap {
    outcomes: Vec<(String, Vec<u8>)>,
    claims: Vec<Receipt>,
    bytes: usize,
}

impl Swap {
    /// Whether there is no room for another outcome of this size.
    fn is_full(&self, more: usize) -> bool {
        !self.claims.is_empty() && (self.claims.len() >= BATCH || self.bytes + more > BATCH_BYTES)
    }
}

/// Somebody who waits for a claim. When they go, an answer that has come already is released; one that comes later is by
/// whoever reads.
struct Waiting<'a> {
    reader: &'a Arc<Reader>,
    answered: oneshot::Receiver<Result<Vec<Claimed>, QueueError>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.answered.close();
        if let Ok(Ok(unwanted)) = self.answered.try_recv()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let reader = self.reader.clone();
            runtime.spawn(async move { reader.give_back(unwanted).await });
        }
    }
}
