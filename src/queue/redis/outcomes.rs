//! Reads the outcomes of the partitions that this process owns.
//!
//! Each has one owner, so no consumer group is needed: it reads on from the last entry that it has seen. What it has not
//! deleted is delivered again to the next owner, or to itself once it starts over.

use std::collections::VecDeque;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};
use tokio::sync::watch;

use crate::ids::{Epoch, PartitionId};
use crate::service::ports::{Delivered, QueueError};

use super::entry::{Entry, Streams, decode};
use super::keys::{Keys, outcome_receipt};
use super::options::{self, unavailable};
use super::patience::Patience;

/// How long a read waits for something to come.
const BLOCK: Duration = Duration::from_secs(5);

/// Whose outcomes are read.
#[derive(Clone)]
pub(super) struct Followed {
    leases: Vec<(PartitionId, Epoch)>,
    /// Counts the times that all of them are to be read from their beginning again.
    restarts: u64,
}

impl Followed {
    /// All partitions, until it is said whose.
    pub(super) fn all() -> Self {
        Self { leases: PartitionId::all().map(|partition| (partition, Epoch(0))).collect(), restarts: 0 }
    }

    /// Others from now on.
    pub(super) fn follow(&mut self, leases: &[(PartitionId, Epoch)]) {
        self.leases = leases.to_vec();
    }

    /// Reads all of them from their beginning again.
    pub(super) fn restart(&mut self) {
        self.restarts += 1;
    }
}

/// The outcomes of a partition.
struct Stream {
    partition: PartitionId,
    epoch: Epoch,
    key: String,
    /// The last entry seen.
    last: String,
}

/// What was read, and where to read on.
pub(super) struct OutcomeReader {
    client: Client,
    keys: Keys,
    connection: Option<MultiplexedConnection>,
    followed: watch::Receiver<Followed>,
    restarts: u64,
    streams: Vec<Stream>,
    /// Read and not yet taken: a read has its limit for each stream, not in all.
    buffer: VecDeque<Delivered>,
    patience: Patience,
}

impl OutcomeReader {
    pub(super) fn new(client: Client, keys: &Keys, mut followed: watch::Receiver<Followed>) -> Self {
        followed.mark_changed();
        Self {
            client,
            keys: keys.clone(),
            connection: None,
            followed,
            restarts: 0,
            streams: Vec::new(),
            buffer: VecDeque::new(),
            patience: Patience::default(),
        }
    }

    /// Waits for outcomes and gives up to `max`. Cancel-safe: what is seen is noted in the same step as it is kept.
    pub(super) async fn next(&mut self, max: usize) -> Result<Vec<Delivered>, QueueError> {
        loop {
            if self.followed.has_changed().unwrap_or(false) {
                self.follow();
            }
            let count = self.buffer.len().min(max);
            if count > 0 {
                return Ok(self.buffer.drain(..count).collect());
            }
            let mut followed = self.followed.clone();
            let read = tokio::select! {
                biased;
                _ = followed.changed() => continue,
                read = self.read(max) => read,
            };
            match read {
                Ok(()) => self.patience.reset(),
                Err(error) => {
                    self.connection = None;
                    self.patience.wait().await;
                    return Err(unavailable(error));
                }
            }
        }
    }

    /// Takes up what is followed now. What is followed under a new epoch is read from its beginning.
    fn follow(&mut self) {
        // A read that is blocked there waits for what was followed before.
        self.connection = None;
        let Followed { leases, restarts } = self.followed.borrow_and_update().clone();
        let anew = std::mem::replace(&mut self.restarts, restarts) != restarts;
        let before = std::mem::take(&mut self.streams);
        for (partition, epoch) in leases {
            let known = before.iter().find(|stream| stream.partition == partition && stream.epoch == epoch);
            let last = known.filter(|_| !anew).map_or(FIRST, |stream| &stream.last).to_owned();
            self.streams.push(Stream { partition, epoch, key: self.keys.outcomes(partition), last });
        }
        let streams = &self.streams;
        let is_followed = |delivered: &Delivered| {
            let partition = delivered.outcome.execution.partition();
            streams.iter().any(|stream| stream.partition == partition && stream.last != FIRST)
        };
        self.buffer.retain(is_followed);
    }

    async fn read(&mut self, max: usize) -> RedisResult<()> {
        if self.streams.is_empty() {
            return std::future::pending().await;
        }
        let mut connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => self.connection.insert(options::blocking(&self.client, BLOCK).await?).clone(),
        };
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(max.max(1)).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        self.streams.iter().for_each(|stream| {
            command.arg(&stream.key);
        });
        self.streams.iter().for_each(|stream| {
            command.arg(&stream.last);
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
        let Some(Stream { partition, last, .. }) = self.streams.iter_mut().find(|known| known.key == stream) else {
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
