//! Takes away executions that ended, in transactions that are small, so that commits go on between.
//!
//! Invariant: what hangs on an execution goes with its row or, where it is too much for that, while its row says that it has
//! ended and was emptied, so that nobody retries it.

use std::collections::HashSet;

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, Expr, Value as Cell};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QueryResult, Statement,
    UpdateMany,
};
use uuid::Uuid;

use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::{Ended, EndedCursor, EndedFilter, Removal, Removed, RetentionStore, StoreResult};

use super::Database;
use super::entity::execution::{self, Column};
use super::executions::LIVE;

/// What the input of an execution is once its data was taken away: no start leaves it so.
const EMPTIED: &str = "null";

/// What has ended: the opposite of what lives.
const ENDED: &str = "status IN ('completed', 'failed', 'cancelled')";

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
        let sql = format!(
            "SELECT ended.id, ended.completed_at,
                 CASE WHEN ended.idempotency_key IS NULL THEN 0 ELSE 1 END AS has_key,
                 ended.seq + (SELECT COUNT(*) FROM execution_logs WHERE execution_id = ended.id) AS hanging,
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
        let transaction = self.begin().await?;
        let locked = lock_ended(&transaction, removal).await?;
        let mut removed = Vec::new();
        for (what, table, _) in REMAINS {
            removed.push(Removed { what, rows: delete(&transaction, table, "execution_id", &locked.both()).await? });
        }
        let rows = delete(&transaction, "workflow_executions", "id", &locked.whole).await?;
        removed.push(Removed { what: "executions", rows });
        if !locked.to_row.is_empty() {
            empty(&locked.to_row).col_expr(Alias::new(BARE), Expr::value(true)).exec(&transaction).await?;
        }
        transaction.commit().await?;
        removed.retain(|removed| removed.rows > 0);
        Ok(removed)
    }

    async fn execution_empty(&self, id: ExecutionId) -> StoreResult<()> {
        empty(&[id]).filter(Expr::cust(ENDED)).exec(&self.write).await?;
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
                     SELECT id FROM workflow_executions WHERE id = $2 AND input = '{EMPTIED}' AND {ENDED}
                 ) LIMIT $1
             )"
        );
        let cells: Vec<Cell> = vec![i64::try_from(most).unwrap_or(i64::MAX).into(), id.0.into()];
        let statement = Statement::from_sql_and_values(self.write.get_database_backend(), sql, cells);
        Ok(self.write.execute_raw(statement).await?.rows_affected())
    }
}

impl Removal {
    fn both(&self) -> Vec<ExecutionId> {
        self.whole.iter().chain(&self.to_row).copied().collect()
    }
}

/// Those that have ended, and that nobody retries until the transaction is over.
async fn lock_ended(transaction: &DatabaseTransaction, removal: &Removal) -> StoreResult<Removal> {
    let backend = transaction.get_database_backend();
    let ids = removal.both();
    let lock = if backend == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT id FROM workflow_executions WHERE id IN ({}) AND {ENDED}{lock}", places(ids.len()));
    let rows = transaction.query_all_raw(Statement::from_sql_and_values(backend, sql, cells(&ids))).await?;
    let locked: Result<HashSet<ExecutionId>, _> =
        rows.iter().map(|row| Ok::<_, sea_orm::DbErr>(ExecutionId(row.try_get("", "id")?))).collect();
    let locked = locked?;
    let of = |ids: &[ExecutionId]| ids.iter().copied().filter(|id| locked.contains(id)).collect();
    Ok(Removal { whole: of(&removal.whole), to_row: of(&removal.to_row) })
}

/// Deletes the rows of a table of these executions.
async fn delete(transaction: &DatabaseTransaction, table: &str, column: &str, ids: &[ExecutionId]) -> StoreResult<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let sql = format!("DELETE FROM {table} WHERE {column} IN ({})", places(ids.len()));
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, cells(ids));
    Ok(transaction.execute_raw(statement).await?.rows_affected())
}

/// Takes the data of executions away, and leaves their rows.
fn empty(ids: &[ExecutionId]) -> UpdateMany<execution::Entity> {
    let nothing = Expr::value(Cell::String(None));
    execution::Entity::update_many()
        .col_expr(Column::Input, Expr::value(EMPTIED))
        .col_expr(Column::Settings, Expr::value(EMPTIED))
        .col_expr(Column::Output, nothing.clone())
        .col_expr(Column::Error, nothing)
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
}

fn places(number: usize) -> String {
    let places: Vec<String> = (1..=number).map(|place| format!("${place}")).collect();
    places.join(", ")
}

fn cells(ids: &[ExecutionId]) -> Vec<Cell> {
    ids.iter().map(|id| id.0.into()).collect()
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
