//! What the owner looks for now and then: lapsed claims, what is held, workers that are gone, how full the queues are.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::PoisonError;
use std::time::Duration;

use redis::streams::StreamInfoGroupsReply;
use tokio::time::Instant;

use crate::service::ports::{AttemptKey, MIN_LEASE, QueueDepth, QueueError, TaskOutcome};

use super::dispatcher::RedisQueue;
use super::entry::{Entry, FIELD, decode, encode};
use super::keys::{self, GROUP};
use super::link::{is_no_group, one};
use super::options::unavailable;

/// How many entries are looked at in one go.
const PAGE: usize = 1_000;
/// How long a worker without claims was silent when its name is forgotten.
const FORGET: Duration = Duration::from_secs(3600);

/// A claim as Redis lists it: its entry, the consumer, for how long nobody spoke for it, and how often it was delivered.
type Pending = (String, String, u64, u64);

impl RedisQueue {
    /// Swaps the lapsed claims of a lane for losses, a page at a time.
    pub(super) async fn lapsed_of(&self, lane: &str, found: &mut Vec<AttemptKey>) -> Result<(), QueueError> {
        let stream = self.keys.tasks(lane);
        let least = millis(self.lease.min(MIN_LEASE)).to_string();
        let mut from = "-".to_owned();
        loop {
            let ask = one("XPENDING", &[&stream, GROUP, "IDLE", &least, &from, "+", &PAGE.to_string()]);
            let (page,): (Vec<Pending>,) = match self.link.try_send(&ask).await {
                Ok(page) => page,
                Err(error) if is_no_group(&error) => return Ok(()),
                Err(error) => return Err(unavailable(error)),
            };
            for (length, ids) in self.overdue(&page) {
                self.take_lapsed(&stream, length, &ids, found).await?;
            }
            match page.last() {
                Some((last, ..)) if page.len() == PAGE => from = format!("({last}"),
                _ => return Ok(()),
            }
        }
    }

    /// Tells the owners of attempts that these are lost. First this, then the removal: what comes twice is superseded.
    async fn report(&self, lost: &[AttemptKey]) -> Result<(), QueueError> {
        let mut pipeline = redis::pipe();
        for key in lost {
            let stream = self.keys.outcomes(key.execution.partition());
            let json = encode(&TaskOutcome::lost(key.clone()))?;
            pipeline.cmd("XADD").arg(stream).arg("*").arg(FIELD).arg(json).ignore();
        }
        if pipeline.is_empty() { Ok(()) } else { self.link.send(&pipeline).await }
    }

    /// Of these claims those whose time is over, by how long they stand: a worker's for as long as every worker's, a lease's
    /// for as long as its own.
    fn overdue<'a>(&self, page: &'a [Pending]) -> BTreeMap<Duration, Vec<&'a str>> {
        let mut overdue: BTreeMap<Duration, Vec<&str>> = BTreeMap::new();
        for (id, consumer, idle, _) in page {
            let length = keys::lease_of(consumer).unwrap_or(self.lease);
            if Duration::from_millis(*idle) >= length {
                overdue.entry(length).or_default().push(id);
            }
        }
        overdue
    }

    /// Takes claims, unless somebody has spoken for them meanwhile.
    async fn take_lapsed(
        &self,
        stream: &str,
        length: Duration,
        ids: &[&str],
        found: &mut Vec<AttemptKey>,
    ) -> Result<(), QueueError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("XCLAIM").arg(stream).arg(GROUP).arg(&self.consumer).arg(millis(length)).arg(ids);
        let (entries,): (Vec<Entry>,) = self.link.send(&pipeline).await?;
        let lost: Vec<AttemptKey> = entries.iter().filter_map(decode).collect();
        self.report(&lost).await?;
        found.extend(lost);
        self.remove(stream, entries.iter().map(|(id, _)| id.as_str())).await;
        Ok(())
    }

    /// Removes entries that have lapsed. One that can't be removed now lapses again, and is then superseded.
    async fn remove<'a>(&self, stream: &str, ids: impl Iterator<Item = &'a str>) {
        let ids: Vec<&str> = ids.collect();
        if ids.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("XACK").arg(stream).arg(GROUP).arg(&ids).ignore();
        pipeline.cmd("XDEL").arg(stream).arg(&ids).ignore();
        if let Err(error) = self.link.send::<()>(&pipeline).await {
            tracing::warn!(%error, "can't remove lapsed claims");
        }
    }

    /// Forgets the names of workers that are gone, now and then.
    pub(super) async fn forget_workers(&self, queues: &BTreeSet<String>) {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if now < seen.next_forget {
                return;
            }
            seen.next_forget = now + FORGET / 4;
        }
        let idle = millis(FORGET).to_string();
        for queue in queues {
            let args: [&[u8]; 2] = [GROUP.as_bytes(), idle.as_bytes()];
            let done = self.link.run::<()>(&self.forget, &[&self.keys.tasks(queue)], &args).await;
            if let Err(error) = done.or_else(|error| if is_no_group(&error) { Ok(()) } else { Err(error) }) {
                tracing::debug!(%error, queue, "can't forget workers that are gone");
            }
        }
    }

    /// Adds the attempts whose entries stand in a stream.
    pub(super) async fn held_in(&self, stream: &str, held: &mut HashSet<AttemptKey>) -> Result<(), QueueError> {
        let mut from = "-".to_owned();
        loop {
            let mut pipeline = redis::pipe();
            pipeline.cmd("XRANGE").arg(stream).arg(&from).arg("+").arg("COUNT").arg(PAGE);
            let (entries,): (Vec<Entry>,) = self.link.send(&pipeline).await?;
            held.extend(entries.iter().filter_map(decode::<AttemptKey>));
            match entries.last() {
                Some((last, _)) if entries.len() == PAGE => from = format!("({last}"),
                _ => return Ok(()),
            }
        }
    }

    /// How full a queue is.
    pub(super) async fn depth(&self, queue: String, now_ms: u64) -> Result<QueueDepth, QueueError> {
        let stream = self.keys.tasks(&queue);
        let mut length = redis::pipe();
        length.cmd("XLEN").arg(&stream);
        let (length,): (u64,) = self.link.send(&length).await?;
        let (claimed, last) = self.group(&stream).await?;
        let mut first = redis::pipe();
        first.cmd("XRANGE").arg(&stream).arg(format!("({last}")).arg("+").arg("COUNT").arg(1);
        let (first,): (Vec<(String, redis::Value)>,) = self.link.send(&first).await?;
        let since = first.first().and_then(|(id, _)| id.split('-').next()?.parse::<u64>().ok());
        let oldest_ms = since.map_or(0, |since| now_ms.saturating_sub(since));
        Ok(QueueDepth { queue: queue.into(), waiting: length.saturating_sub(claimed), oldest_ms, claimed })
    }

    /// How many entries of a stream are claimed, and the last one that was ever delivered.
    async fn group(&self, stream: &str) -> Result<(u64, String), QueueError> {
        let none = (0, "0-0".to_owned());
        let reply: redis::RedisResult<(StreamInfoGroupsReply,)> =
            self.link.try_send(&one("XINFO", &["GROUPS", stream])).await;
        match reply {
            Ok((reply,)) => {
                let ours = reply.groups.into_iter().find(|group| group.name == GROUP);
                Ok(ours.map_or(none, |group| (group.pending as u64, group.last_delivered_id)))
            }
            // The stream is gone, or not there yet.
            Err(error) if error.to_string().contains("no such key") => Ok(none),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Deletes consumers that hold nothing and were silent: one step, so that none is deleted that just claimed something.
pub(super) const FORGET_CONSUMERS: &str = r"
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local info = {}
  for i = 1, #consumer, 2 do info[consumer[i]] = consumer[i + 1] end
  if info['pending'] == 0 and info['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], info['name'])
  end
end
";
