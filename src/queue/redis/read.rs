//! Claims tasks of one or many streams on a connection of its own.
//!
//! Invariant: what was claimed and not handed on is released at once: no task waits for the lease of a claim that nobody took.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};
use tokio::sync::{Notify, oneshot};

use crate::service::ports::{Claimed, QueueError, Receipt, Wanted};

use super::entry::{Entry, Streams, decode};
use super::fill::Fill;
use super::keys::{GROUP, Keys, Lane, by_stream, claim_receipt};
use super::link::{Link, is_no_group, one};
use super::options::{self, unavailable};
use super::patience::Patience;
use super::portions::Portions;
use super::release::Releaser;

/// How long a read waits for something to come.
const BLOCK: Duration = Duration::from_secs(5);
/// How long to wait between tries at ending a read that is blocked.
const UNBLOCK: Duration = Duration::from_millis(100);
/// How many claims are looked at in one go.
const PAGE: usize = 500;
/// How long to wait before it is asked again which lanes there are, while there is none of what is wanted.
const NO_LANE: Duration = Duration::from_secs(1);

/// Where a worker's tasks come from.
pub(super) struct Reader {
    client: Client,
    pub(super) link: Link,
    pub(super) keys: Keys,
    pub(super) consumer: String,
    wanted: Wanted,
    releaser: Releaser,
    /// Whether there may be lanes that were not there before; told as well.
    changed: AtomicBool,
    told: Notify,
    /// The claims that were handed on and are neither done nor released.
    /// None where others speak for them: a lease's claims are its worker's.
    pub(super) in_hand: Option<InHand>,
    /// The server's number of the connection that may be blocked.
    blocked: Mutex<Option<i64>>,
    state: tokio::sync::Mutex<ReadState>,
    fill: Fill,
}

#[derive(Default)]
struct ReadState {
    connection: Option<MultiplexedConnection>,
    /// The lanes read from, and what was taken from each; asked for again when there may be more.
    portions: Portions,
    /// Whether an answer may have been lost with a connection: then there may be claims that we do not know of.
    recover: bool,
    patience: Patience,
}

/// Receipts of claims.
#[derive(Default)]
pub(super) struct InHand(Mutex<HashSet<Receipt>>);

impl InHand {
    fn lock(&self) -> MutexGuard<'_, HashSet<Receipt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remove<'a>(&self, receipts: impl IntoIterator<Item = &'a Receipt>) {
        let mut in_hand = self.lock();
        receipts.into_iter().for_each(|receipt| {
            in_hand.remove(receipt);
        });
    }
}

impl Reader {
    /// For a worker of this process, which keeps what it has claimed.
    pub(super) fn keeping(client: Client, link: Link, keys: Keys, consumer: String, wanted: Wanted) -> Self {
        Self { in_hand: Some(InHand::default()), ..Self::new(client, link, keys, consumer, wanted) }
    }

    /// For workers elsewhere: what they have claimed is known by the consumer's name alone.
    pub(super) fn new(client: Client, link: Link, keys: Keys, consumer: String, wanted: Wanted) -> Self {
        Self {
            client,
            releaser: Releaser::new(link.clone(), keys.clone()),
            link,
            keys,
            consumer,
            wanted,
            changed: AtomicBool::new(true),
            told: Notify::new(),
            in_hand: None,
            blocked: Mutex::default(),
            state: tokio::sync::Mutex::default(),
            fill: Fill::new(),
        }
    }

    /// Reads for one claim, and answers. When nobody waits for the answer any more, the read ends and what it took is released.
    async fn claim(self: Arc<Self>, max: usize, mut answer: oneshot::Sender<Result<Vec<Claimed>, QueueError>>) {
        let cancelled = AtomicBool::new(false);
        let mut state = tokio::select! {
            state = self.state.lock() => state,
            // Others wait before it, and it waits no longer.
            () = answer.closed() => return,
        };
        let result = {
            let read = self.read(&mut state, max, &cancelled);
            tokio::pin!(read);
            tokio::select! {
                result = &mut read => result,
                () = answer.closed() => {
                    cancelled.store(true, Ordering::Relaxed);
                    // The read may not be blocked yet when it is told to end.
                    loop {
                        self.unblock().await;
                        if let Ok(result) = tokio::time::timeout(UNBLOCK, &mut read).await {
                            break result;
                        }
                    }
                }
            }
        };
        drop(state);
        if let Err(Ok(unwanted)) = answer.send(result) {
            self.give_back(unwanted).await;
        }
    }

    /// Releases claims that nobody took. Those that can't be lapse, or are claimed again once the server is back.
    async fn give_back(&self, unwanted: Vec<Claimed>) {
        if unwanted.is_empty() {
            return;
        }
        if let Err(error) = self.release(&unwanted).await {
            tracing::debug!(%error, claims = unwanted.len(), "claims that nobody took are left to lapse");
        }
    }

    /// Hands claims back.
    pub(super) async fn release(&self, claims: &[Claimed]) -> Result<(), QueueError> {
        self.let_go(claims.iter().map(|claimed| &claimed.receipt));
        self.releaser.release(claims).await
    }

    /// Claims that are in hand no longer.
    pub(super) fn let_go<'a>(&self, receipts: impl IntoIterator<Item = &'a Receipt>) {
        if let Some(in_hand) = &self.in_hand {
            in_hand.remove(receipts);
        }
    }

    async fn read(
        &self,
        state: &mut ReadState,
        max: usize,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Claimed>, QueueError> {
        while !cancelled.load(Ordering::Relaxed) {
            match self.read_once(state, max).await {
                Ok(mut claims) => {
                    state.patience.reset();
                    // A wait over many lanes may end with a task of each.
                    self.give_back(claims.split_off(max.min(claims.len()))).await;
                    if !claims.is_empty() {
                        return Ok(claims);
                    }
                }
                Err(error) => {
                    state.connection = None;
                    state.recover = self.in_hand.is_some();
                    state.patience.wait().await;
                    return Err(unavailable(error));
                }
            }
        }
        Ok(Vec::new())
    }

    /// One try: what is there, or what comes while it blocks.
    async fn read_once(&self, state: &mut ReadState, max: usize) -> RedisResult<Vec<Claimed>> {
        self.find_lanes(state).await?;
        let queues: Vec<String> = state.portions.lanes().cloned().collect();
        if queues.is_empty() {
            let _ = tokio::time::timeout(NO_LANE, self.told.notified()).await;
            return Ok(Vec::new());
        }
        if state.recover {
            let lost = self.lost_claims(&queues, max).await?;
            state.recover = lost.len() >= max;
            if !lost.is_empty() {
                return Ok(lost);
            }
        }
        let mut connection = self.connection(state).await?;
        let read = match queues.as_slice() {
            [_] => self.block(&mut connection, &queues, max).await,
            _ => match self.fill.take(&mut connection, &self.keys, &self.consumer, max, &state.portions).await {
                // One entry of each is enough to wake up; the rest is taken by the next try.
                Ok(streams) if streams.is_empty() => self.block(&mut connection, &queues, 1).await,
                read => read,
            },
        };
        match read {
            Ok(streams) => {
                let claims = self.claims(&queues, streams);
                let by_lane = by_stream(claims.iter().map(|claimed| &claimed.receipt));
                state.portions.took(&by_lane.into_iter().map(|(lane, ids)| (lane, ids.len() as u64)).collect());
                Ok(claims)
            }
            Err(error) if is_no_group(&error) => {
                self.make_groups(&queues).await?;
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// Asks which lanes there are, where that may have changed.
    async fn find_lanes(&self, state: &mut ReadState) -> RedisResult<()> {
        if self.changed.swap(false, Ordering::Relaxed) || state.portions.is_empty() {
            let (all,): (Vec<String>,) = self.link.try_send(&one("SMEMBERS", &[&self.keys.queues()])).await?;
            let lanes = all.into_iter().filter(|lane| self.wants(&Lane::parse(lane))).collect();
            state.portions = Portions::of(lanes, |queue| self.wanted.weight(queue), &state.portions);
        }
        Ok(())
    }

    fn wants(&self, lane: &Lane<'_>) -> bool {
        // A lane of the release before tells no type: it is for this program's workers, all of them.
        let takes_any = lane.task_type.is_empty() && self.in_hand.is_some();
        self.wanted.takes(lane.queue, lane.task_type) || (takes_any && self.wanted.in_queue(lane.queue))
    }

    /// Asks which lanes there are before the next read.
    pub(super) async fn look_again(&self) {
        self.changed.store(true, Ordering::Relaxed);
        self.told.notify_one();
        self.unblock().await;
    }

    /// The connection that claims are made on: this one alone, so that none is sent twice when an answer is lost.
    async fn connection(&self, state: &mut ReadState) -> RedisResult<MultiplexedConnection> {
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        let mut connection = options::blocking(&self.client, BLOCK).await?;
        let id = redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
        *self.blocked.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(state.connection.insert(connection).clone())
    }

    async fn block(
        &self,
        connection: &mut MultiplexedConnection,
        queues: &[String],
        count: usize,
    ) -> RedisResult<Vec<(String, Vec<Entry>)>> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(count.max(1));
        command.arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        queues.iter().for_each(|queue| {
            command.arg(self.keys.tasks(queue));
        });
        queues.iter().for_each(|_| {
            command.arg(">");
        });
        let streams: Streams = command.query_async(connection).await?;
        Ok(streams.unwrap_or_default())
    }

    /// Claims that are this consumer's, and whose answer never came here.
    async fn lost_claims(&self, queues: &[String], max: usize) -> RedisResult<Vec<Claimed>> {
        let mut lost = Vec::new();
        for queue in queues {
            let mut from = "0".to_owned();
            while lost.len() < max {
                let mut pipeline = redis::pipe();
                pipeline.cmd("XREADGROUP").arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(PAGE);
                pipeline.arg("STREAMS").arg(self.keys.tasks(queue)).arg(&from);
                let page: RedisResult<(Streams,)> = self.link.try_send(&pipeline).await;
                let streams = match page {
                    Ok((streams,)) => streams.unwrap_or_default(),
                    // A flush: there is nothing to recover.
                    Err(error) if is_no_group(&error) => break,
                    Err(error) => return Err(error),
                };
                let Some((last, _)) = streams.first().and_then(|(_, entries)| entries.last()) else { break };
                last.clone_into(&mut from);
                lost.extend(self.unknown(queue, streams, max - lost.len()));
            }
        }
        Ok(lost)
    }

    /// Of these entries, up to `max` claims that are not in hand; they are from now on.
    fn unknown(&self, queue: &str, streams: Vec<(String, Vec<Entry>)>, max: usize) -> Vec<Claimed> {
        let Some(mut in_hand) = self.in_hand.as_ref().map(InHand::lock) else { return Vec::new() };
        let entries = streams.into_iter().flat_map(|(_, entries)| entries);
        let claimed = entries.filter_map(|entry| {
            let receipt = claim_receipt(&entry.0, queue);
            if in_hand.contains(&receipt) { None } else { Some(Claimed { task: decode(&entry)?, receipt }) }
        });
        let claims: Vec<Claimed> = claimed.take(max).collect();
        in_hand.extend(claims.iter().map(|claimed| claimed.receipt.clone()));
        claims
    }

    /// Ends a read that is blocked.
    pub(super) async fn unblock(&self) {
        let blocked = *self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = blocked {
            let _: RedisResult<(i64,)> = self.link.try_send(&one("CLIENT", &["UNBLOCK", &id.to_string()])).await;
        }
    }

    /// Makes the groups that are missing, at the first entry: what came before its first reader is still to be done.
    async fn make_groups(&self, queues: &[String]) -> RedisResult<()> {
        for queue in queues {
            let stream = self.keys.tasks(queue);
            let made: RedisResult<(String,)> =
                self.link.try_send(&one("XGROUP", &["CREATE", &stream, GROUP, "0", "MKSTREAM"])).await;
            if let Err(error) = made
                && !error.to_string().contains("BUSYGROUP")
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// What can't be read as a task is left to lapse: the owner then records that it was lost.
    fn claims(&self, queues: &[String], streams: Vec<(String, Vec<Entry>)>) -> Vec<Claimed> {
        let mut claims = Vec::new();
        for (stream, entries) in streams {
            let Some(queue) = queues.iter().find(|queue| self.keys.tasks(queue) == stream) else { continue };
            let claimed =
                |entry: Entry| Some(Claimed { task: decode(&entry)?, receipt: claim_receipt(&entry.0, queue) });
            claims.extend(entries.into_iter().filter_map(claimed));
        }
        if let Some(in_hand) = &self.in_hand {
            in_hand.lock().extend(claims.iter().map(|claimed| claimed.receipt.clone()));
        }
        claims
    }

    /// Waits for tasks and claims up to `max`. Cancel-safe.
    pub(super) async fn claimed(self: &Arc<Self>, max: usize) -> Result<Vec<Claimed>, QueueError> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = Waiting { reader: self, answered };
        tokio::spawn(self.clone().claim(max, answer));
        (&mut waiting.answered).await.unwrap_or_else(|_| Err(QueueError("the process is ending".to_owned())))
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
