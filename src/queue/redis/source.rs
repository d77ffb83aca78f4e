//! The worker's side.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::plan::{QUEUE_NAME, is_queue_name};
use crate::service::ports::{AttemptKey, Claimed, QueueError, Receipt, TaskOutcome, TaskSource, Wanted};

use super::keys::{self, GROUP, Keys};
use super::link::{Link, is_no_group};
use super::notices::{self, Heard, Notice};
use super::options::{RedisOptions, unavailable};
use super::read::Reader;
use super::swap::swaps;

/// How many claims go in one round trip.
const BATCH: usize = 512;

/// A worker's side of the queue over Redis.
pub struct RedisSource {
    reader: Arc<Reader>,
    stops: Mutex<mpsc::UnboundedReceiver<AttemptKey>>,
    listener: JoinHandle<()>,
}

impl RedisSource {
    /// Connects a worker for the tasks that it wants.
    ///
    /// # Errors
    /// A URL or a queue's name that is none, or a server that does not answer.
    pub async fn connect(
        options: &RedisOptions,
        wanted: impl Into<Wanted>,
        worker: &str,
    ) -> Result<Arc<Self>, QueueError> {
        let wanted = checked(wanted.into())?;
        let (client, link) = Link::connect(options).await?;
        let keys = Keys::new(&options.prefix);
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let consumer = format!("{worker}-{}", &unique[..12]);
        tracing::debug!(consumer, ?wanted, "a worker joined the queue");
        let (told, stops) = mpsc::unbounded_channel();
        let reader = Arc::new(Reader::keeping(client.clone(), link, keys.clone(), consumer, wanted));
        let hears = reader.clone();
        let heard = move |notice| match notice {
            Heard::Said(Notice::Stop(attempts)) => attempts.into_iter().for_each(|key| {
                let _ = told.send(key);
            }),
            // One may have been missed before the connection was made.
            Heard::Said(Notice::Queues) | Heard::Connected => look_again(&hears),
        };
        let listener = tokio::spawn(notices::listen(client, keys.notices(), heard));
        Ok(Arc::new(Self { reader, stops: Mutex::new(stops), listener }))
    }

    fn keys(&self) -> &Keys {
        &self.reader.keys
    }
}

/// Makes a worker ask which lanes there are.
pub(super) fn look_again(reader: &Arc<Reader>) {
    let reader = reader.clone();
    tokio::spawn(async move { reader.look_again().await });
}

/// What is wanted, where the queues' names are some.
pub(super) fn checked(wanted: Wanted) -> Result<Wanted, QueueError> {
    match wanted.queues.iter().find(|name| *name != "*" && !is_queue_name(name)) {
        Some(wrong) => Err(QueueError(format!("`{wrong}` is no name of a queue: {QUEUE_NAME}"))),
        None => Ok(wanted),
    }
}

#[async_trait]
impl TaskSource for RedisSource {
    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, QueueError> {
        self.reader.claimed(max).await
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
        for swap in swaps(self.keys(), outcomes)? {
            swap.send(&self.reader.link, self.keys()).await?;
            self.reader.let_go(&swap.claims);
        }
        Ok(())
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

impl Drop for RedisSource {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
