//! What nodes tell each other: published to whoever listens. A node that is cut off misses it, and nothing depends on it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::service::ports::{Nudge, Nudges, QueueError};

use super::entry::encode;
use super::keys::Keys;
use super::link::Link;
use super::notices::{self, Heard};
use super::options::RedisOptions;

/// How many nudges may wait to be sent, or to be heard. Past it they are dropped.
const MOST: usize = 4_096;

/// How many are sent in one round trip.
const BATCH: usize = 128;

/// Nudges over Redis.
pub struct RedisNudges {
    told: mpsc::Sender<Nudge>,
    heard: Mutex<mpsc::Receiver<Nudge>>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl RedisNudges {
    /// Connects.
    ///
    /// # Errors
    /// A URL that is none, or a server that does not answer.
    pub async fn connect(options: &RedisOptions) -> Result<Arc<Self>, QueueError> {
        let (client, link) = Link::connect(options).await?;
        let channel = Keys::new(&options.prefix).nudges();
        let (told, to_send) = mpsc::channel(MOST);
        let (hear, heard) = mpsc::channel(MOST);
        let listen = notices::listen(client, channel.clone(), move |notice| {
            if let Heard::Said(nudge) = notice {
                let _ = hear.try_send(nudge);
            }
        });
        let tasks = [tokio::spawn(send(link, channel, to_send)), tokio::spawn(listen)];
        Ok(Arc::new(Self { told, heard: Mutex::new(heard), _tasks: tasks.map(AbortOnDropHandle::new) }))
    }
}

async fn send(link: Link, channel: String, mut told: mpsc::Receiver<Nudge>) {
    let mut batch = Vec::with_capacity(BATCH);
    while told.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipeline = redis::pipe();
        for json in batch.drain(..).filter_map(|nudge| encode(&nudge).ok()) {
            pipeline.cmd("PUBLISH").arg(&channel).arg(json).ignore();
        }
        if let Err(error) = link.send::<()>(&pipeline).await {
            tracing::debug!(%error, "other nodes can't be told; they look for themselves");
        }
    }
}

#[async_trait]
impl Nudges for RedisNudges {
    fn send(&self, nudge: Nudge) {
        let _ = self.told.try_send(nudge);
    }

    async fn next(&self) -> Nudge {
        match self.heard.lock().await.recv().await {
            Some(nudge) => nudge,
            None => std::future::pending().await,
        }
    }
}
