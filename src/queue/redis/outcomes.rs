//! Reads the outcomes of the partitions that this process owns.
//!
//! There is one owner, so no consumer group is needed: it reads on from the last entry that it has seen. What it has not
//! deleted is delivered again to the next owner, or to itself once it starts over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};

use crate::ids::PartitionId;
use crate::service::ports::{Delivered, QueueError};

use super::entry::{Entry, Streams, decode};
use super::keys::{Keys, outcome_receipt};
use super::options::{self, unavailable};
use super::patience::Patience;

/// How long a read waits for something to come.
const BLOCK: Duration = Duration::from_secs(5);

/// What was read, and where to read on.
pub(super) struct OutcomeReader {
    client: Client,
    connection: Option<MultiplexedConnection>,
    /// By partition: its stream, and the last entry seen.
    streams: Vec<(PartitionId, String, String)>,
    /// Read and not yet taken: a read has its limit for each stream, not in all.
    buffer: VecDeque<Delivered>,
    /// Set by others to make it start over.
    restart: Arc<AtomicBool>,
    patience: Patience,
}

impl OutcomeReader {
    pub(super) fn new(client: Client, keys: &Keys, restart: Arc<AtomicBool>) -> Self {
        let streams =
            PartitionId::all().map(|partition| (partition, keys.outcomes(partition), FIRST.to_owned())).collect();
        Self { client, connection: None, streams, buffer: VecDeque::new(), restart, patience: Patience::default() }
    }

    /// Waits for outcomes and gives up to `max`. Cancel-safe: what is seen is noted in the same step as it is kept.
    pub(super) async fn next(&mut self, max: usize) -> Result<Vec<Delivered>, QueueError> {
        loop {
            if self.restart.swap(false, Ordering::Relaxed) {
                self.streams.iter_mut().for_each(|(_, _, last)| FIRST.clone_into(last));
            }
            let count = self.buffer.len().min(max);
            if count > 0 {
                return Ok(self.buffer.drain(..count).collect());
            }
            match self.read(max).await {
                Ok(()) => self.patience.reset(),
                Err(error) => {
                    self.connection = None;
                    self.patience.wait().await;
                    return Err(unavailable(error));
                }
            }
        }
    }

    async fn read(&mut self, max: usize) -> RedisResult<()> {
        let mut connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => self.connection.insert(options::blocking(&self.client, BLOCK).await?).clone(),
        };
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(max.max(1)).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        self.streams.iter().for_each(|(_, stream, _)| {
            command.arg(stream);
        });
        self.streams.iter().for_each(|(_, _, last)| {
            command.arg(last);
        });
        let streams: Streams = command.query_async(&mut connection).await?;
        for (stream, entries) in streams.unwrap_or_default() {
            let broken = self.keep(&stream, entries);
            if !broken.is_empty() {
                // Nobody can ever read them; the log has said so.
                redis::cmd("XDEL").arg(&stream).arg(broken).query_async::<()>(&mut connection).await?;
            }
        }
        Ok(())
    }

    /// Keeps what came; gives the ids of what can't be read.
    fn keep(&mut self, stream: &str, entries: Vec<Entry>) -> Vec<String> {
        let Some((partition, _, last)) = self.streams.iter_mut().find(|(_, name, _)| name == stream) else {
            return Vec::new();
        };
        let mut broken = Vec::new();
        for entry in entries {
            entry.0.clone_into(last);
            match decode(&entry) {
                Some(outcome) => {
                    let receipt = Some(outcome_receipt(&entry.0, *partition));
                    self.buffer.push_back(Delivered { outcome, receipt });
                }
                None => broken.push(entry.0),
            }
        }
        broken
    }
}

/// Before the first entry of a stream.
const FIRST: &str = "0-0";
