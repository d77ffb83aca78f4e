//! What limits are kept by: slots of concurrency, cached outputs, and the times of dispatches.
//!
//! Invariant: a slot is no row of its own. Who runs and who waits is read from the executions themselves, so that nothing
//! can be held by what is gone.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::Value as Cell;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};

use crate::engine::{CacheWrite, Rate};
use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, WorkflowId};
use crate::plan::PlanHash;
use crate::service::ports::{LimitStore, SlotGroup, Slots, StoreError, StoreResult};
use crate::service::rate::{RateTaken, RateWindow};

use super::bulk::{self, Kind, Shape};
use super::executions::LIVE;
use super::reads::NOW;
use super::{Database, row};

const CACHE_COLUMNS: &[(&str, Kind)] =
    &[("key", Kind::Words), ("output", Kind::Text), ("created_at", Kind::Int), ("expires_at", Kind::Int)];

/// An output stays until it expires: a step that is served from the cache must not keep its own answer alive.
const CACHE_CONFLICT: &str = "
ON CONFLICT (key) DO UPDATE
SET output = excluded.output, created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE step_cache.expires_at <= excluded.created_at";

/// Keeps outputs, in the commit of the steps that gave them. Of one key the first counts.
pub(super) async fn keep<'a>(
    transaction: &DatabaseTransaction,
    caches: impl Iterator<Item = &'a CacheWrite>,
) -> StoreResult<()> {
    let mut first: HashMap<&str, &CacheWrite> = HashMap::new();
    for write in caches {
        first.entry(&write.key).or_insert(write);
    }
    if first.is_empty() {
        return Ok(());
    }
    let mut writes: Vec<&CacheWrite> = first.into_values().collect();
    writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let cells = |write: &CacheWrite| {
        vec![
            row::words(&write.key).into(),
            row::json(&write.output).into(),
            write.created_at.0.into(),
            write.expires_at.0.into(),
        ]
    };
    let before = bulk::insert_into("step_cache", CACHE_COLUMNS);
    let shape = Shape { columns: CACHE_COLUMNS, before: &before, after: CACHE_CONFLICT };
    Ok(bulk::execute(transaction, &shape, writes.into_iter().map(cells).collect()).await?)
}

/// The executions that count against each other, by their own index. SQLite has to be told: it would look all that are pending
/// through, whatever they count against.
fn limited(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "workflow_executions INDEXED BY workflow_executions_slots",
        _ => "workflow_executions",
    }
}

/// Those of a key that hold a slot, oldest first.
fn running(backend: DbBackend) -> String {
    let limited = limited(backend);
    format!(
        "SELECT id, cancel_requested_at FROM {limited}
         WHERE workflow_id = $1 AND concurrency_key = $2 AND {LIVE} AND status <> 'pending' ORDER BY created_at, id"
    )
}

/// Those of a key that wait for a slot and whose time has come, oldest first.
fn waiting(backend: DbBackend) -> String {
    let limited = limited(backend);
    format!(
        "SELECT id FROM {limited}
         WHERE workflow_id = $1 AND concurrency_key = $2 AND {LIVE} AND status = 'pending'
             AND (scheduled_at IS NULL OR scheduled_at <= $3)
         ORDER BY created_at, id LIMIT $4"
    )
}

#[async_trait]
impl LimitStore for Database {
    /// Both lists are of one moment: one that begins to run between two moments would be in neither, and its slot free.
    async fn slots(&self, group: &SlotGroup, now: Timestamp, most: usize) -> StoreResult<Slots> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let key: [Cell; 2] = [group.workflow.0.into(), (&*group.key).into()];
        let cells = [key.to_vec(), vec![now.0.into(), most.into()]].concat();
        let backend = self.read.get_database_backend();
        let snapshot = self.begin_snapshot().await?;
        let read = async |sql: &str, cells| {
            let statement = Statement::from_sql_and_values(backend, sql, cells);
            snapshot.query_all_raw(statement).await
        };
        let found = read(&running(backend), key.to_vec()).await?;
        let running = found.iter().map(|row| {
            let stops: Option<i64> = row.try_get("", "cancel_requested_at")?;
            Ok((ExecutionId(row.try_get("", "id")?), stops.is_some()))
        });
        let running = running.collect::<StoreResult<_>>()?;
        let found = read(&waiting(backend), cells).await?;
        snapshot.commit().await?;
        let waiting = found.iter().map(|row| Ok(ExecutionId(row.try_get("", "id")?))).collect::<StoreResult<_>>()?;
        Ok(Slots { running, waiting })
    }

    async fn slot_groups_waiting(&self) -> StoreResult<Vec<(SlotGroup, PlanHash)>> {
        let sql = format!(
            "SELECT workflow_id, concurrency_key, MAX(plan_hash) AS plan_hash FROM {limited}
             WHERE concurrency_key IS NOT NULL AND {LIVE} AND status = 'pending'
             GROUP BY workflow_id, concurrency_key ORDER BY workflow_id, concurrency_key",
            limited = limited(self.read.get_database_backend())
        );
        let found = self.rows(&sql, Vec::new()).await?;
        let group = |row: &sea_orm::QueryResult| {
            let key: String = row.try_get("", "concurrency_key")?;
            let hash: String = row.try_get("", "plan_hash")?;
            let workflow = WorkflowId(row.try_get("", "workflow_id")?);
            Ok((SlotGroup { workflow, key: key.into() }, PlanHash(hash.into())))
        };
        found.iter().map(group).collect()
    }

    async fn cache_find(&self, keys: &[Arc<str>], now: Timestamp) -> StoreResult<Vec<(Arc<str>, Value)>> {
        let mut found = Vec::new();
        for some in keys.chunks(200) {
            let places: Vec<String> = (2..=some.len() + 1).map(|at| format!("${at}")).collect();
            let sql =
                format!("SELECT key, output FROM step_cache WHERE expires_at > $1 AND key IN ({})", places.join(","));
            let mut cells: Vec<Cell> = vec![now.0.into()];
            cells.extend(some.iter().map(|key| Cell::from(&**key)));
            for kept in self.rows(&sql, cells).await? {
                let (key, output): (String, String) = (kept.try_get("", "key")?, kept.try_get("", "output")?);
                found.push((key.into(), row::parse("a cached output", &output)?));
            }
        }
        Ok(found)
    }

    async fn cache_sweep(&self, now: Timestamp, most: u64) -> StoreResult<u64> {
        let sql = "DELETE FROM step_cache WHERE key IN
             (SELECT key FROM step_cache WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        self.change(sql, vec![now.0.into(), i64::try_from(most).unwrap_or(i64::MAX).into()]).await
    }

    async fn rate_take(&self, rate: &Rate, wanted: usize, now: Timestamp) -> StoreResult<RateTaken> {
        let transaction = self.begin().await?;
        let backend = transaction.get_database_backend();
        let name = row::words(&rate.name);
        let found = lock_window(&transaction, &name).await?;
        let mut window: RateWindow = row::parse("the times of a rate limit", &found)?;
        let taken = window.take(rate, wanted, moment(&transaction, now).await?);
        let sql = "UPDATE rate_limits SET times = $2 WHERE name = $1";
        let cells: [Cell; 2] = [name.into(), row::json(&window).into()];
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, cells)).await?;
        transaction.commit().await?;
        Ok(taken)
    }
}

/// The times of a limit, which nobody else reads or changes until the end of the transaction.
async fn lock_window(transaction: &DatabaseTransaction, name: &str) -> StoreResult<String> {
    let backend = transaction.get_database_backend();
    let insert = "INSERT INTO rate_limits (name, times) VALUES ($1, '[]') ON CONFLICT DO NOTHING";
    transaction.execute_raw(Statement::from_sql_and_values(backend, insert, [name.into()])).await?;
    let lock = if backend == DbBackend::Sqlite { "" } else { " FOR UPDATE" };
    let select = format!("SELECT times FROM rate_limits WHERE name = $1{lock}");
    let found = transaction.query_one_raw(Statement::from_sql_and_values(backend, select, [name.into()])).await?;
    let missing = || StoreError::Corrupt("a rate limit that is not there after it was written".to_owned());
    Ok(found.ok_or_else(missing)?.try_get("", "times")?)
}

/// The moment after the lock was given: on PostgreSQL by the server's clock, which all processes share.
async fn moment(transaction: &DatabaseTransaction, now: Timestamp) -> StoreResult<Timestamp> {
    match transaction.get_database_backend() {
        DbBackend::Sqlite => Ok(now),
        backend => {
            let found = transaction.query_one_raw(Statement::from_string(backend, NOW)).await?;
            found.map_or(Ok(now), |row| Ok(Timestamp(row.try_get_by_index(0)?)))
        }
    }
}

impl Database {
    /// Runs one statement that writes, in a transaction of its own; how many rows it changed.
    pub(super) async fn change(&self, sql: &str, cells: Vec<Cell>) -> StoreResult<u64> {
        let transaction = self.begin().await?;
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, cells);
        let done = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::explained;

    #[tokio::test]
    async fn who_waits_is_found_among_those_of_its_key() {
        let key = vec![Cell::from(uuid::Uuid::nil()), "a".into()];
        let asked = [key.clone(), vec![0_i64.into(), 1_i64.into()]].concat();
        for (sql, cells) in [(running(DbBackend::Sqlite), key), (waiting(DbBackend::Sqlite), asked)] {
            let by_key = "SEARCH workflow_executions USING INDEX workflow_executions_slots (workflow_id=? AND concurrency_key=?)";
            assert_eq!(explained::plan(&sql, cells).await, [by_key], "in its order, so that nothing is sorted");
        }
    }
}
