//! The side of workers elsewhere.
//!
//! A claim of theirs is pending under a consumer whose name tells the length of its lease, the same for every process: so
//! whichever process they come to can begin it anew, and the owner knows when it lapses.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use redis::{Client, Pipeline};
use tokio::task::JoinHandle;

use crate::service::ports::{
    AttemptKey, Claimed, Lease, QueueError, Task, TaskLeases, TaskOutcome, Wanted, lease_seconds,
};

use super::keys::{GROUP, Keys, lease_consumer};
use super::link::{Link, is_no_group, one};
use super::notices::{self, Heard, Notice};
use super::options::{RedisOptions, unavailable};
use super::read::Reader;
use super::source::{checked, look_again};
use super::swap::swaps;

/// How many kinds of polls are read for at once: each has a connection of its own.
const MAX_READERS: usize = 64;

/// The readers, by what they read.
type Readers = Mutex<HashMap<(Wanted, u64), Arc<Reader>>>;

/// The side of workers elsewhere, over Redis.
pub struct RedisLeases {
    client: Client,
    link: Link,
    keys: Keys,
    readers: Arc<Readers>,
    listener: JoinHandle<()>,
}

impl RedisLeases {
    /// Connects.
    ///
    /// # Errors
    /// A URL that is none, or a server that does not answer.
    pub async fn connect(options: &RedisOptions) -> Result<Arc<Self>, QueueError> {
        let (client, link) = Link::connect(options).await?;
        let keys = Keys::new(&options.prefix);
        let readers: Arc<Readers> = Arc::default();
        let all = readers.clone();
        let heard = move |notice| {
            // What is to be stopped its worker is told when it speaks for it.
            if matches!(notice, Heard::Said(Notice::Queues) | Heard::Connected) {
                all.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(look_again);
            }
        };
        let listener = tokio::spawn(notices::listen(client.clone(), keys.notices(), heard));
        Ok(Arc::new(Self { client, link, keys, readers, listener }))
    }

    /// The reader of those who want the same for as long.
    fn reader(&self, wanted: &Wanted, seconds: u64) -> Result<Arc<Reader>, QueueError> {
        let wanted = checked(wanted.clone())?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wanted, seconds);
        if let Some(reader) = readers.get(&key) {
            return Ok(reader.clone());
        }
        if readers.len() >= MAX_READERS {
            // Those that nobody reads with.
            readers.retain(|_, reader| Arc::strong_count(reader) > 1);
        }
        if readers.len() >= MAX_READERS {
            return Err(QueueError(format!("there are {MAX_READERS} kinds of polls open, which is the most")));
        }
        let (client, link, keys) = (self.client.clone(), self.link.clone(), self.keys.clone());
        let reader = Arc::new(Reader::new(client, link, keys, lease_consumer(seconds), key.0.clone()));
        readers.insert(key, reader.clone());
        Ok(reader)
    }

    /// Gives each task its own lease: one whose step has a shorter `heartbeat` goes to the consumer of that length.
    async fn leased(&self, claims: Vec<Claimed>, seconds: u64) -> Result<Vec<(Task, Lease)>, QueueError> {
        let leased: Vec<(Task, Lease)> = claims.into_iter().map(|claimed| lease_of(claimed, seconds)).collect();
        let shorter: Vec<Lease> =
            leased.iter().map(|(_, lease)| lease).filter(|lease| lease.seconds < seconds).cloned().collect();
        if !shorter.is_empty() {
            self.renew(&shorter).await?;
        }
        Ok(leased)
    }
}

fn lease_of(claimed: Claimed, seconds: u64) -> (Task, Lease) {
    let Claimed { task, receipt } = claimed;
    let key = AttemptKey { execution: task.execution, path: task.path.clone(), attempt: task.attempt };
    let seconds = lease_seconds(&task, seconds);
    (task, Lease { key, receipt, seconds })
}

#[async_trait]
impl TaskLeases for RedisLeases {
    async fn lease(&self, wanted: &Wanted, max: usize, seconds: u64) -> Result<Vec<(Task, Lease)>, QueueError> {
        let claims = self.reader(wanted, seconds)?.claimed(max).await?;
        self.leased(claims, seconds).await
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<bool>, QueueError> {
        let mut groups: BTreeMap<(&str, u64), Vec<&str>> = BTreeMap::new();
        for lease in leases {
            if let Some((id, lane)) = entry(lease) {
                groups.entry((lane, lease.seconds)).or_default().push(id);
            }
        }
        let mut alive: HashSet<(String, &str)> = HashSet::new();
        for ((lane, seconds), ids) in groups {
            // To claim what is pending sets its idle time to nothing, and tells whether it was pending; JUSTID leaves the
            // count of deliveries.
            let mut claim = redis::pipe();
            claim.cmd("XCLAIM").arg(self.keys.tasks(lane)).arg(GROUP).arg(lease_consumer(seconds)).arg(0).arg(ids);
            claim.arg("JUSTID");
            alive.extend(self.ask::<String>(&claim).await?.into_iter().map(|id| (id, lane)));
        }
        let stood = |lease| entry(lease).is_some_and(|(id, lane)| alive.contains(&(id.to_owned(), lane)));
        Ok(leases.iter().map(stood).collect())
    }

    async fn settle(&self, outcomes: Vec<(TaskOutcome, Lease)>) -> Result<Vec<bool>, QueueError> {
        // What stands when it is asked stands for the length of its lease from then on.
        let leases: Vec<Lease> = outcomes.iter().map(|(_, lease)| lease.clone()).collect();
        let stood = self.renew(&leases).await?;
        let standing = outcomes.into_iter().zip(&stood).filter(|(_, stood)| **stood);
        let standing = standing.map(|((outcome, lease), _)| (outcome, lease.receipt)).collect();
        for swap in swaps(&self.keys, standing)? {
            swap.send(&self.link, &self.keys).await?;
        }
        Ok(stood)
    }

    async fn stands(&self, lease: &Lease) -> Result<bool, QueueError> {
        let Some((id, lane)) = entry(lease) else { return Ok(false) };
        let pending: Vec<redis::Value> =
            self.ask(&one("XPENDING", &[&self.keys.tasks(lane), GROUP, id, id, "1"])).await?;
        Ok(!pending.is_empty())
    }
}

impl RedisLeases {
    /// What one command gives; nothing, where the data is gone.
    async fn ask<T: redis::FromRedisValue>(&self, command: &Pipeline) -> Result<Vec<T>, QueueError> {
        match self.link.try_send::<(Vec<T>,)>(command).await {
            Ok((answer,)) => Ok(answer),
            Err(error) if is_no_group(&error) => Ok(Vec::new()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// The entry of a lease and its lane; none where the receipt is not one of this queue.
fn entry(lease: &Lease) -> Option<(&str, &str)> {
    let (id, lane) = lease.receipt.0.split_once(' ')?;
    let (ms, n) = id.split_once('-')?;
    let numbers = [ms, n].iter().all(|number| number.parse::<u64>().is_ok());
    numbers.then_some((id, lane))
}

impl Drop for RedisLeases {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
