//! What the API reads of executions: rows alone, by the readers' connections.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Statement,
};

use crate::engine::{ExecutionStatus, LogLevel, StepRow, StepStatus};
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, WorkflowId};
use crate::plan::PlanHash;
use crate::service::model::Execution;
use crate::service::ports::{
    AttemptKey, AttemptStanding, ExecutionFilter, ExecutionReads, LogFilter, Page, StepFilter, StoreError, StoreResult,
    StoredLog,
};

use super::database::only;
use super::entity::{execution, log};
use super::executions::live_states;
use super::{Database, row, steps};

/// How many executions are asked about by one statement.
const ORDERS: usize = 500;

/// PostgreSQL's clock, in microseconds: of this moment, not of the transaction's beginning.
pub(super) const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// An execution, and the row of an attempt in it.
const STANDING: &str = "
SELECT e.status AS execution, e.plan_hash AS plan_hash, s.status AS attempt FROM workflow_executions AS e
LEFT JOIN step_executions AS s ON s.execution_id = e.id AND s.path = $2 AND s.attempt = $3
WHERE e.id = $1";

#[async_trait]
impl ExecutionReads for Database {
    async fn ping(&self) -> StoreResult<()> {
        self.read.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        if self.kind() == "sqlite" {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            return Ok(Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)));
        }
        let asked = Statement::from_string(self.read.get_database_backend(), NOW);
        let row = self.read.query_one_raw(asked).await?;
        let row = row.ok_or_else(|| StoreError::Unavailable("the database does not tell the time".to_owned()))?;
        Ok(Timestamp(row.try_get_by_index(0)?))
    }

    async fn execution_find(&self, id: ExecutionId) -> StoreResult<Option<Execution>> {
        only(execution::Entity::find_by_id(id.0), &self.read).await?.map(row::execution).transpose()
    }

    async fn execution_status(&self, id: ExecutionId) -> StoreResult<Option<ExecutionStatus>> {
        let found = execution::Entity::find_by_id(id.0).select_only().column(execution::Column::Status);
        let status: Option<String> = found.into_tuple().one(&self.read).await?;
        status.map(|status| row::word("execution status", &status, ExecutionStatus::parse)).transpose()
    }

    async fn execution_find_by_key(&self, workflow: WorkflowId, key: &str) -> StoreResult<Option<Execution>> {
        let found = execution::Entity::find()
            .filter(execution::Column::WorkflowId.eq(workflow.0))
            .filter(execution::Column::IdempotencyKey.eq(row::words(key)));
        only(found, &self.read).await?.map(row::execution).transpose()
    }

    async fn execution_list(&self, filter: &ExecutionFilter) -> StoreResult<Page<Execution>> {
        self.list_executions(filter).await
    }

    async fn execution_current_orders(&self, ids: &[ExecutionId]) -> StoreResult<Vec<(ExecutionId, u32)>> {
        let mut orders = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ORDERS) {
            orders.extend(steps::furthest(&self.read, ids).await?);
        }
        Ok(orders)
    }

    async fn step_list(&self, id: ExecutionId, filter: &StepFilter) -> StoreResult<Page<StepRow>> {
        let snapshot = self.begin_snapshot().await?;
        let page = steps::list(&snapshot, id, filter).await?;
        snapshot.commit().await?;
        Ok(page)
    }

    async fn attempt_standing(&self, attempt: &AttemptKey) -> StoreResult<Option<AttemptStanding>> {
        let (path, number) = (row::words(attempt.path.as_str()), i64::from(attempt.attempt));
        let found = self.rows(STANDING, vec![attempt.execution.0.into(), path.into(), number.into()]).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let (execution, plan): (String, String) = (found.try_get("", "execution")?, found.try_get("", "plan_hash")?);
        let status: Option<String> = found.try_get("", "attempt")?;
        let status = status.map(|status| row::word("the state of a step", &status, StepStatus::parse));
        Ok(Some(AttemptStanding {
            execution: row::word("execution status", &execution, ExecutionStatus::parse)?,
            plan: PlanHash(plan.into()),
            attempt: status.transpose()?,
        }))
    }

    async fn log_list(&self, id: ExecutionId, filter: &LogFilter) -> StoreResult<Vec<StoredLog>> {
        let mut entries = log::Entity::find().filter(log::Column::ExecutionId.eq(id.0));
        if let Some(level) = filter.level {
            let at_least = LogLevel::ALL.into_iter().filter(|other| *other >= level).map(LogLevel::as_str);
            entries = entries.filter(log::Column::Level.is_in(at_least));
        }
        if let Some(after) = filter.after {
            entries = entries.filter(log::Column::Id.gt(after));
        }
        let rows = entries.order_by_asc(log::Column::Id).limit(filter.limit).all(&self.read).await?;
        rows.into_iter().map(row::log).collect()
    }

    async fn execution_count_live(&self, workflow: WorkflowId) -> StoreResult<u64> {
        live_of(workflow).count(&self.read).await.map_err(StoreError::from)
    }
}

/// The live executions of a workflow.
pub(super) fn live_of(workflow: WorkflowId) -> Select<execution::Entity> {
    let is_live = execution::Column::Status.is_in(live_states().map(ExecutionStatus::as_str));
    execution::Entity::find().filter(execution::Column::WorkflowId.eq(workflow.0)).filter(is_live)
}
