//! Takes away executions that ended and were kept long enough, a few rows at a time, and gives way to the commits.
//!
//! One that was started under an idempotency key leaves its row behind, without its data, until the key's own time is up: the
//! same key still gives the same execution, and starts no other.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::ExecutionStatus;
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, PartitionId};
use crate::service::ports::{Clock, Ended, EndedFilter, Removal, Removed, RetentionStore, StoreResult};

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

    /// How long after a look the next one follows; never where nothing is deleted.
    fn every(&self) -> Option<Duration> {
        let shortest = self.completed.into_iter().chain(self.failed).min()?;
        Some((shortest / 10).clamp(EVERY.0, EVERY.1))
    }
}

/// How many executions are looked at together.
const PAGE: u64 = 500;
/// The most rows that are deleted together: a few milliseconds of the writer's time.
const ROWS: u64 = 1_000;
/// How many times as long as a transaction took is waited after it, while retention keeps up, and once it falls behind: a fifth
/// of the writer's time goes to it, or a third, and less as the writer is busier.
const REST: (u32, u32) = (4, 2);
/// The least and the longest time between two looks.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// After how many looks what is due should be gone.
const BEHIND: u32 = 3;

/// Takes away what this node owns and need not keep, until the node ends.
pub(super) async fn run(shared: Arc<Shared>) {
    let retention = shared.options.retention.clone();
    let Some(every) = retention.every() else { return };
    let (store, clock) = (shared.ports.store.clone(), shared.ports.clock.clone());
    let owns = |partition| shared.ownership.epoch(partition).is_some();
    let sweeper = Sweeper { store: &*store, clock: &*clock, retention: &retention, owns: &owns };
    loop {
        if let Err(error) = sweeper.sweep().await {
            tracing::warn!(%error, "executions past their retention can't be deleted; trying again");
        }
        clock.sleep(every).await;
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
            for (bare, keep) in [(true, keep.saturating_add(self.retention.keys)), (false, keep)] {
                let before = before(self.clock.now(), keep);
                self.take_all(EndedFilter { status, bare, before, after: None, limit: PAGE }).await?;
            }
        }
        Ok(())
    }

    async fn take_all(&self, mut filter: EndedFilter) -> StoreResult<()> {
        let keys_end = before(filter.before, self.retention.keys);
        loop {
            let page = self.store.ended_list(&filter).await?;
            let Some(last) = page.last() else { return Ok(()) };
            filter.after = Some(last.place);
            let due = due(&page, self.owns);
            let rest = self.rest(filter.before, &due);
            for large in due.iter().filter(|ended| ended.hanging >= ROWS) {
                self.strip(large.place.id, rest).await?;
            }
            let has_key = |ended: &Ended| !filter.bare && ended.has_key && ended.place.completed_at >= keys_end;
            for removal in removals(&due, has_key) {
                let removed = self.resting(rest, self.store.executions_remove(&removal)).await?;
                removed.into_iter().for_each(count);
            }
        }
    }

    /// Takes away what hangs on a large execution, a few rows at a time, and leaves its row.
    async fn strip(&self, id: ExecutionId, rest: u32) -> StoreResult<()> {
        self.resting(rest, self.store.execution_empty(id)).await?;
        while let Some(removed) = self.resting(rest, self.store.remains_delete(id, ROWS)).await? {
            count(removed);
        }
        Ok(())
    }

    /// How long to rest: less, once what is due should have been gone for a while.
    fn rest(&self, before: Timestamp, due: &[Ended]) -> u32 {
        let grace = self.retention.every().unwrap_or_default() * BEHIND;
        let is_late = due.first().is_some_and(|first| first.place.completed_at < self::before(before, grace));
        if is_late { REST.1 } else { REST.0 }
    }

    /// Waits for a transaction, and then lets others write.
    async fn resting<T>(&self, rest: u32, transaction: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let began = self.clock.now();
        let done = transaction.await;
        let took = u64::try_from(self.clock.now().0.saturating_sub(began.0)).unwrap_or_default();
        self.clock.sleep(Duration::from_micros(took) * rest).await;
        done
    }
}

/// Those of a page that are this node's, and that nobody asks for any more.
fn due(page: &[Ended], owns: &dyn Fn(PartitionId) -> bool) -> Vec<Ended> {
    page.iter().filter(|ended| owns(ended.place.id.partition()) && !ended.is_awaited).copied().collect()
}

/// Executions in groups of a few rows each. A large one was stripped and is a row alone.
fn removals(due: &[Ended], has_key: impl Fn(&Ended) -> bool) -> Vec<Removal> {
    let (mut removals, mut left) = (Vec::new(), 0);
    for ended in due {
        let rows = if ended.hanging >= ROWS { 1 } else { ended.hanging + 1 };
        if rows > left {
            removals.push(Removal::default());
            left = ROWS;
        }
        left -= rows;
        let Some(removal) = removals.last_mut() else { continue };
        let ids = if has_key(ended) { &mut removal.to_row } else { &mut removal.whole };
        ids.push(ended.place.id);
    }
    removals
}

/// The moment so long before another.
fn before(moment: Timestamp, time: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}

fn count(Removed { what, rows }: Removed) {
    metrics::counter!("stepwell_retention_deleted_total", "what" => what).increment(rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ports::EndedCursor;

    fn ended(n: u128, hanging: u64) -> Ended {
        let id = ExecutionId(uuid::Uuid::from_u128(n));
        let place = EndedCursor { completed_at: Timestamp(5), id };
        Ended { place, has_key: false, hanging, is_awaited: false }
    }

    fn ids(of: &[u128]) -> Vec<ExecutionId> {
        of.iter().map(|n| ExecutionId(uuid::Uuid::from_u128(*n))).collect()
    }

    #[test]
    fn what_ended_is_due_unless_it_is_awaited_or_anothers() {
        let page = [ended(1, 9), Ended { is_awaited: true, ..ended(2, 9) }, ended(3, 9)];
        assert_eq!(due(&page, &|_| true), [page[0], page[2]]);
        let first = page[0].place.id.partition();
        assert_eq!(due(&page, &|partition| partition == first), [page[0]]);
    }

    #[test]
    fn small_ones_go_together_up_to_so_many_rows_and_a_large_one_counts_as_its_row() {
        let due =
            [ended(1, 600), Ended { has_key: true, ..ended(2, 300) }, ended(3, 70_000), ended(4, 98), ended(5, 0)];
        let of = |whole, to_row| Removal { whole: ids(whole), to_row: ids(to_row) };
        assert_eq!(removals(&due, |ended| ended.has_key), [of(&[1, 3], &[2]), of(&[4, 5], &[])]);
        assert_eq!(removals(&due, |_| false), [of(&[1, 2, 3], &[]), of(&[4, 5], &[])]);
        assert_eq!(removals(&[], |_| false), []);
    }
}
