//! Takes away executions that ended and were kept long enough, a few rows at a time, and gives way to the commits.
//!
//! One that was started under an idempotency key leaves its row behind, without its data, until the key's own time is up: the
//! same key still gives the same execution, and starts no other.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::ExecutionStatus;
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, PartitionId};
use crate::service::ports::{Clock, Ended, Removed, RetentionStore, StoreResult};

use super::shared::Shared;

/// How long executions are kept after their end.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// Those that completed; none for ever.
    pub completed: Option<Duration>,
    /// Those that failed or were cancelled; none for ever.
    pub failed: Option<Duration>,
    /// How much longer the idempotency keys are kept.
    pub keys: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { completed: None, failed: None, keys: Duration::from_secs(24 * 3600) }
    }
}

impl Retention {
    fn of(&self, status: ExecutionStatus) -> Option<Duration> {
        if status == ExecutionStatus::Completed { self.completed } else { self.failed }
    }
}

/// How many executions are looked at together.
const PAGE: u64 = 100;
/// The most rows that one statement deletes.
const ROWS: u64 = 500;
/// How many times as long as a statement took is waited after it: no more than a fifth of the writer's time goes to it, and
/// less as the writer is busier.
const REST: u32 = 4;
/// The least and the longest time between two looks.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Takes away what this node owns and need not keep, until the node ends.
pub(super) async fn run(shared: Arc<Shared>) {
    let retention = shared.options.retention.clone();
    let shortest = retention.completed.into_iter().chain(retention.failed).min();
    let Some(shortest) = shortest else { return };
    let (store, clock) = (shared.ports.store.clone(), shared.ports.clock.clone());
    let owns = |partition| shared.ownership.epoch(partition).is_some();
    let sweeper = Sweeper { store: &*store, clock: &*clock, retention: &retention, owns: &owns };
    loop {
        if let Err(error) = sweeper.sweep().await {
            tracing::warn!(%error, "executions past their retention can't be deleted; trying again");
        }
        clock.sleep((shortest / 10).clamp(EVERY.0, EVERY.1)).await;
    }
}

/// Takes away executions.
pub struct Sweeper<'a> {
    /// Where they are kept.
    pub store: &'a dyn RetentionStore,
    /// The time.
    pub clock: &'a dyn Clock,
    /// How long they are kept.
    pub retention: &'a Retention,
    /// Whether the executions of a partition are this node's to delete.
    pub owns: &'a (dyn Fn(PartitionId) -> bool + Sync),
}

impl Sweeper<'_> {
    /// Takes away all whose time is up.
    ///
    /// # Errors
    /// The database does not answer; the next sweep goes on where this one stood.
    pub async fn sweep(&self) -> StoreResult<()> {
        for status in ExecutionStatus::ALL.into_iter().filter(|status| status.is_terminal()) {
            let Some(keep) = self.retention.of(status) else { continue };
            let mut after = None;
            let now = self.clock.now();
            loop {
                let page = self.store.ended_list(status, after, before(now, keep), PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.place);
                self.take_away(&due(&page, now, keep, self.retention.keys, self.owns)).await?;
            }
        }
        Ok(())
    }

    async fn take_away(&self, due: &Due) -> StoreResult<()> {
        if !due.empty.is_empty() {
            self.resting(self.store.executions_empty(&due.empty)).await?;
        }
        while !due.bare.is_empty() {
            match self.resting(self.store.remains_delete(&due.bare, ROWS)).await? {
                Some(removed) => count(removed),
                None => break,
            }
        }
        if !due.delete.is_empty() {
            count(self.resting(self.store.executions_delete(&due.delete)).await?);
        }
        Ok(())
    }

    /// Waits for a statement, and then lets others write.
    async fn resting<T>(&self, statement: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let began = self.clock.now();
        let done = statement.await;
        let took = u64::try_from(self.clock.now().0.saturating_sub(began.0)).unwrap_or_default();
        self.clock.sleep(Duration::from_micros(took) * REST).await;
        done
    }
}

/// What is to be done to a page of executions.
#[derive(Debug, Default, PartialEq)]
struct Due {
    /// Whose data goes.
    empty: Vec<ExecutionId>,
    /// Whose steps, logs and controls go: those above, and those that were emptied before and may not be bare yet.
    bare: Vec<ExecutionId>,
    /// Whose rows go.
    delete: Vec<ExecutionId>,
}

fn due(page: &[Ended], now: Timestamp, keep: Duration, keys: Duration, owns: &dyn Fn(PartitionId) -> bool) -> Due {
    let mut due = Due::default();
    let is_over = |ended: &Ended| ended.completed_at < before(now, keep) && !ended.is_awaited;
    for ended in page.iter().filter(|ended| owns(ended.place.id.partition()) && is_over(ended)) {
        let id = ended.place.id;
        let is_free = !ended.has_key || ended.completed_at < before(now, keep.saturating_add(keys));
        if !ended.is_emptied {
            due.empty.push(id);
        }
        due.bare.push(id);
        if is_free {
            due.delete.push(id);
        }
    }
    due
}

/// The moment so long before now.
fn before(now: Timestamp, time: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}

fn count(Removed { what, rows }: Removed) {
    metrics::counter!("stepwell_retention_deleted_total", "what" => what).increment(rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ports::ExecutionCursor;

    const DAY: Duration = Duration::from_secs(86_400);

    fn ended(n: u128, completed_at: i64) -> Ended {
        let id = ExecutionId(uuid::Uuid::from_u128(n));
        let place = ExecutionCursor { created_at: Timestamp(0), id };
        Ended { place, completed_at: Timestamp(completed_at), has_key: false, is_emptied: false, is_awaited: false }
    }

    #[test]
    fn what_ended_long_enough_ago_is_due_unless_it_is_awaited_keyed_or_anothers() {
        let now = Timestamp(3 * DAY.as_micros() as i64);
        let page = [
            ended(1, now.0 - DAY.as_micros() as i64),
            ended(2, 5),
            Ended { is_awaited: true, ..ended(3, 5) },
            Ended { has_key: true, ..ended(4, now.0 / 2) },
            Ended { has_key: true, is_emptied: true, ..ended(5, 5) },
        ];
        let all = due(&page, now, DAY, DAY, &|_| true);
        let ids = |of: &[u128]| of.iter().map(|n| ExecutionId(uuid::Uuid::from_u128(*n))).collect::<Vec<_>>();
        assert_eq!(all, Due { empty: ids(&[2, 4]), bare: ids(&[2, 4, 5]), delete: ids(&[2, 5]) });
        assert_eq!(due(&page, now, DAY, DAY, &|_| false), Due::default());
    }
}
