//! Takes away executions that ended. Each statement is a transaction of its own, and small, so that commits go on between.
//!
//! Invariant: what hangs on an execution goes only while its row says that it has ended and was emptied, and its row goes last.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, Value as Cell};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, Statement};
use uuid::Uuid;

use crate::engine::ExecutionStatus;
use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::{Ended, ExecutionCursor, Removed, RetentionStore, StoreResult};

use super::Database;
use super::entity::execution::{self, Column};
use super::executions::LIVE;
use super::lists::indexed;

/// What the input of an execution is once its data was taken away: no start leaves it so.
const EMPTIED: &str = "null";

/// What has ended: the opposite of what lives.
const ENDED: &str = "status IN ('completed', 'failed', 'cancelled')";

/// What hangs on executions: what it is, its table, and the key of its rows.
const REMAINS: &[(&str, &str, &str)] = &[
    ("steps", "step_executions", "execution_id, path, attempt"),
    ("steps", "fused_steps", "execution_id, seq"),
    ("logs", "execution_logs", "id"),
    ("controls", "execution_controls", "execution_id, seq"),
];

#[async_trait]
impl RetentionStore for Database {
    async fn ended_list(
        &self,
        status: ExecutionStatus,
        after: Option<ExecutionCursor>,
        before: Timestamp,
        limit: u64,
    ) -> StoreResult<Vec<Ended>> {
        let (created_at, id) = after.map_or((i64::MIN, Uuid::nil()), |after| (after.created_at.0, after.id.0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT ended.id, ended.created_at, COALESCE(ended.completed_at, ended.created_at) AS completed_at,
                 CASE WHEN ended.idempotency_key IS NULL THEN 0 ELSE 1 END AS has_key,
                 CASE WHEN ended.input = '{EMPTIED}' THEN 1 ELSE 0 END AS is_emptied,
                 CASE WHEN EXISTS (SELECT 1 FROM workflow_executions AS parent
                     WHERE parent.id = ended.parent_execution AND parent.{LIVE}) THEN 1 ELSE 0 END AS is_awaited
             FROM (SELECT id, created_at, completed_at, idempotency_key, input, parent_execution FROM {executions}
                 WHERE status = '{status}' AND (created_at, id) > ($1, $2) AND created_at < $3
                 ORDER BY created_at, id LIMIT $4) AS ended
             ORDER BY ended.created_at, ended.id",
            executions = indexed(self.read.get_database_backend(), false),
            status = status.as_str()
        );
        let cells: Vec<Cell> = vec![created_at.into(), id.into(), before.0.into(), limit.into()];
        self.rows(&sql, cells).await?.iter().map(ended).collect()
    }

    async fn executions_empty(&self, ids: &[ExecutionId]) -> StoreResult<()> {
        let nothing = Expr::value(Cell::String(None));
        let emptied = execution::Entity::update_many()
            .col_expr(Column::Input, Expr::value(EMPTIED))
            .col_expr(Column::Settings, Expr::value(EMPTIED))
            .col_expr(Column::Output, nothing.clone())
            .col_expr(Column::Error, nothing)
            .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(Expr::cust(ENDED));
        emptied.exec(&self.write).await?;
        Ok(())
    }

    async fn remains_delete(&self, ids: &[ExecutionId], most: u64) -> StoreResult<Option<Removed>> {
        for (what, table, key) in REMAINS {
            let rows = self.delete_some(table, key, ids, most).await?;
            if rows > 0 {
                return Ok(Some(Removed { what, rows }));
            }
        }
        Ok(None)
    }

    async fn executions_delete(&self, ids: &[ExecutionId]) -> StoreResult<Removed> {
        let deleted = execution::Entity::delete_many()
            .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(Column::Input.eq(EMPTIED))
            .filter(Expr::cust(ENDED));
        Ok(Removed { what: "executions", rows: deleted.exec(&self.write).await?.rows_affected })
    }
}

impl Database {
    /// Deletes up to `most` rows of a table that hang on emptied executions.
    async fn delete_some(&self, table: &str, key: &str, ids: &[ExecutionId], most: u64) -> StoreResult<u64> {
        let backend = self.write.get_database_backend();
        let places: Vec<String> = (2..).take(ids.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN (
                 SELECT {key} FROM {table} WHERE execution_id IN (
                     SELECT id FROM workflow_executions WHERE id IN ({places}) AND input = '{EMPTIED}' AND {ENDED}
                 ) LIMIT $1
             )",
            places = places.join(", ")
        );
        let most: Cell = i64::try_from(most).unwrap_or(i64::MAX).into();
        let cells = std::iter::once(most).chain(ids.iter().map(|id| id.0.into()));
        let statement = Statement::from_sql_and_values(backend, sql, cells.collect::<Vec<Cell>>());
        Ok(self.write.execute_raw(statement).await?.rows_affected())
    }
}

fn ended(found: &QueryResult) -> StoreResult<Ended> {
    let is = |column: &str| Ok::<_, sea_orm::DbErr>(found.try_get::<i32>("", column)? != 0);
    let place = ExecutionCursor {
        created_at: Timestamp(found.try_get("", "created_at")?),
        id: ExecutionId(found.try_get("", "id")?),
    };
    Ok(Ended {
        place,
        completed_at: Timestamp(found.try_get("", "completed_at")?),
        has_key: is("has_key")?,
        is_emptied: is("is_emptied")?,
        is_awaited: is("is_awaited")?,
    })
}
