//! Takes away executions that ended, in transactions that are small, so that commits go on between.
//!
//! Invariant: what hangs on an execution goes with its row or, where it is too much for that, while its row says that it has
//! ended and was emptied, so that nobody retries it.

use async_trait::async_trait;
use sea_orm::sea_query::Value as Cell;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use uuid::Uuid;

use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::{Ended, EndedCursor, EndedFilter, Removal, Removed, RetentionStore, StoreResult};

use super::executions::LIVE;
use super::{Database, message, row};

/// Tells that the data of an execution was taken away: no start leaves its input so.
const IS_EMPTY: &str = "input = 'null'";

/// Takes the data of executions away.
const EMPTY: &str = "UPDATE workflow_executions SET input = 'null', settings = 'null', output = NULL, error = NULL";

/// What has ended: the opposite of what lives.
const ENDED: &str = "status IN ('completed', 'failed', 'cancelled')";

/// The same where ids are given. The `+` keeps SQLite from the index of states, where it would read all that ever ended to find
/// these.
const ENDED_SQLITE: &str = "+status IN ('completed', 'failed', 'cancelled')";

/// The column that tells that nothing hangs on an execution any more. It is retention's alone.
const BARE: &str = "bare";

/// What hangs on executions: what it is, its table, and the key of its rows.
const REMAINS: &[(&str, &str, &str)] = &[
    ("steps", "step_executions", "execution_id, path, attempt"),
    ("steps", "fused_steps", "execution_id, seq"),
    ("logs", "execution_logs", "id"),
    ("controls", "execution_controls", "execution_id, seq"),
];

#[async_trait]
impl RetentionStore for Database {
    async fn ended_list(&self, filter: &EndedFilter) -> StoreResult<Vec<Ended>> {
        let after =
            filter.after.unwrap_or(EndedCursor { completed_at: Timestamp(i64::MIN), id: ExecutionId(Uuid::nil()) });
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        let executions = match self.read.get_database_backend() {
            DbBackend::Sqlite => "workflow_executions INDEXED BY workflow_executions_ended",
            _ => "workflow_executions",
        };
        // Each transition has a `seq` of its own and makes a row at most; entries of logs have none.
        let hanging = match filter.bare {
            true => "CAST(0 AS BIGINT)",
            false => "ended.seq + (SELECT COUNT(*) FROM execution_logs WHERE execution_id = ended.id)",
        };
        let sql = format!(
            "SELECT ended.id, ended.completed_at,
                 CASE WHEN ended.idempotency_key IS NULL THEN 0 ELSE 1 END AS has_key,
                 {hanging} AS hanging,
                 CASE WHEN EXISTS (SELECT 1 FROM workflow_executions AS parent
                     WHERE parent.id = ended.parent_execution AND parent.{LIVE}) THEN 1 ELSE 0 END AS is_awaited
             FROM (SELECT id, completed_at, seq, idempotency_key, parent_execution FROM {executions}
                 WHERE {BARE} = {bare} AND status = '{status}' AND (completed_at, id) > ($1, $2) AND completed_at < $3
                 ORDER BY completed_at, id LIMIT $4) AS ended
             ORDER BY ended.completed_at, ended.id",
            bare = if filter.bare { "TRUE" } else { "FALSE" },
            status = filter.status.as_str()
        );
        let cells: Vec<Cell> =
            vec![after.completed_at.0.into(), after.id.0.into(), filter.before.0.into(), limit.into()];
        self.rows(&sql, cells).await?.iter().map(ended).collect()
    }

    async fn executions_remove(&self, removal: &Removal) -> StoreResult<Vec<Removed>> {
        let (what, statements): (Vec<_>, Vec<_>) = removal_statements(self.backend(), removal).into_iter().unzip();
        let changed = match self.backend() {
            DbBackend::Sqlite => message::transact(self, statements).await?,
            _ => self.remove_locked(removal, statements).await?,
        };
        let removed = what.into_iter().zip(changed).filter_map(|(what, rows)| Some(Removed { what: what?, rows }));
        Ok(removed.filter(|removed| removed.rows > 0).collect())
    }

    async fn execution_empty(&self, id: ExecutionId) -> StoreResult<()> {
        let sql = format!("{EMPTY} WHERE id = $1 AND {ENDED}");
        self.write.execute_raw(Statement::from_sql_and_values(self.backend(), sql, [id.0.into()])).await?;
        Ok(())
    }

    async fn remains_delete(&self, id: ExecutionId, most: u64) -> StoreResult<Option<Removed>> {
        for (what, table, key) in REMAINS {
            let rows = self.delete_some(table, key, id, most).await?;
            if rows > 0 {
                return Ok(Some(Removed { what, rows }));
            }
        }
        Ok(None)
    }
}

impl Database {
    /// Deletes up to `most` rows of a table that hang on an emptied execution.
    async fn delete_some(&self, table: &str, key: &str, id: ExecutionId, most: u64) -> StoreResult<u64> {
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN (
                 SELECT {key} FROM {table} WHERE execution_id IN (
                     SELECT id FROM workflow_executions WHERE id = $2 AND {IS_EMPTY} AND {ENDED}
                 ) LIMIT $1
             )"
        );
        let cells: Vec<Cell> = vec![i64::try_from(most).unwrap_or(i64::MAX).into(), id.0.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, cells);
        Ok(self.write.execute_raw(statement).await?.rows_affected())
    }

    /// Takes executions away on PostgreSQL. Nobody retries them until that is done.
    async fn remove_locked(&self, removal: &Removal, statements: Vec<Statement>) -> StoreResult<Vec<u64>> {
        let transaction = self.begin().await?;
        let backend = self.backend();
        let lock =
            format!("SELECT id FROM workflow_executions WHERE id IN ({}) ORDER BY id FOR UPDATE", given(backend));
        let lock = Statement::from_sql_and_values(backend, lock, [cell(backend, &both(removal))]);
        transaction.query_all_raw(lock).await?;
        let mut changed = Vec::new();
        for statement in statements {
            changed.push(transaction.execute_raw(statement).await?.rows_affected());
        }
        transaction.commit().await?;
        Ok(changed)
    }

    fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }
}

fn both(removal: &Removal) -> Vec<ExecutionId> {
    removal.whole.iter().chain(&removal.to_row).copied().collect()
}

/// What takes executions away that have ended, and of what each statement deletes rows. The one that takes the data of a row
/// deletes none.
fn removal_statements(backend: DbBackend, removal: &Removal) -> Vec<(Option<&'static str>, Statement)> {
    let Removal { whole, to_row } = removal;
    let (given, both) = (given(backend), both(removal));
    let is_ended = if backend == DbBackend::Sqlite { ENDED_SQLITE } else { ENDED };
    let ended = format!("id IN ({given}) AND {is_ended}");
    let of = |sql: String, ids: &[ExecutionId]| Statement::from_sql_and_values(backend, sql, [cell(backend, ids)]);
    let hang =
        |table| format!("DELETE FROM {table} WHERE execution_id IN (SELECT id FROM workflow_executions WHERE {ended})");
    let hanging = REMAINS.iter().map(|(what, table, _)| (Some(*what), of(hang(table), &both)));
    let mut statements: Vec<_> = hanging.collect();
    if !whole.is_empty() {
        let sql = format!("DELETE FROM workflow_executions WHERE {ended}");
        statements.push((Some("executions"), of(sql, whole)));
    }
    if !to_row.is_empty() {
        let sql = format!("{EMPTY}, {BARE} = TRUE WHERE {ended}");
        statements.push((None, of(sql, to_row)));
    }
    statements
}

/// What selects the ids that `cell` holds. The text is the same for any number of them, so that it is prepared once.
fn given(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "SELECT unhex(value) FROM json_each(?)",
        _ => "SELECT unnest($1::uuid[])",
    }
}

/// Many ids in one cell.
fn cell(backend: DbBackend, ids: &[ExecutionId]) -> Cell {
    match backend {
        DbBackend::Sqlite => row::json(&ids.iter().map(|id| id.0.simple().to_string()).collect::<Vec<_>>()).into(),
        _ => ids.iter().map(|id| id.0).collect::<Vec<Uuid>>().into(),
    }
}

fn ended(found: &QueryResult) -> StoreResult<Ended> {
    let is = |column: &str| Ok::<_, sea_orm::DbErr>(found.try_get::<i32>("", column)? != 0);
    let place = EndedCursor {
        completed_at: Timestamp(found.try_get("", "completed_at")?),
        id: ExecutionId(found.try_get("", "id")?),
    };
    let hanging: i64 = found.try_get("", "hanging")?;
    Ok(Ended {
        place,
        has_key: is("has_key")?,
        hanging: u64::try_from(hanging).unwrap_or_default(),
        is_awaited: is("is_awaited")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::explained;

    #[tokio::test]
    async fn what_is_taken_away_is_found_by_its_ids_and_no_table_is_read_whole() {
        let ids: Vec<ExecutionId> = (1..=500).map(|n| ExecutionId(Uuid::from_u128(n))).collect();
        let removal = Removal { whole: ids.clone(), to_row: ids };
        for (_, Statement { sql, values, .. }) in removal_statements(DbBackend::Sqlite, &removal) {
            let plan = explained::plan(&sql, values.unwrap().0).await;
            let found: Vec<_> = plan.iter().filter(|line| line.contains(" workflow_executions ")).collect();
            assert!(!found.is_empty() && found.iter().all(|line| line.ends_with("(id=?)")), "{sql}: {plan:#?}");
            let scanned: Vec<_> = plan.iter().filter(|line| line.starts_with("SCAN")).collect();
            assert_eq!(scanned, ["SCAN json_each VIRTUAL TABLE INDEX 1:"], "{sql}: {plan:#?}");
        }
    }
}
