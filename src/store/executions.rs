//! What the engine's shell asks of the database: partitions, commits, recovery and timers.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::Value as Cell;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::engine::{ControlRow, ExecutionStatus, StepRow, TimerTarget};
use crate::expr::Timestamp;
use crate::ids::{Epoch, ExecutionId, PARTITIONS, PartitionId, StepPath};
use crate::plan::{Plan, PlanHash};
use crate::service::model::{Execution, History};
use crate::service::ports::{Commit, Committed, DueTimer, ExecutionCursor, ExecutionStore, StoreError, StoreResult};

use super::bulk::{self, Kind, Shape};
use super::{Database, commit, entity, lists, row, steps};

/// What the partial indexes of live executions say, word for word: SQLite knows it again by its words alone, and neither
/// database knows it with parameters in it.
pub(super) const LIVE: &str = "status NOT IN ('completed', 'failed', 'cancelled')";

/// The states of what lives, one by one: so the indexes by state find it.
pub(super) fn live_states() -> impl Iterator<Item = ExecutionStatus> {
    ExecutionStatus::ALL.into_iter().filter(|status| !status.is_terminal())
}

/// How many executions' rows are read by one statement.
const HISTORIES: usize = 500;

const PARTITION_COLUMNS: &[(&str, Kind)] =
    &[("id", Kind::Small), ("epoch", Kind::Int), ("owner", Kind::Words), ("taken_at", Kind::Int)];

const TAKE: &str = "
ON CONFLICT (id) DO UPDATE SET epoch = partitions.epoch + 1, owner = excluded.owner, taken_at = excluded.taken_at
RETURNING id, epoch";

#[async_trait]
impl ExecutionStore for Database {
    async fn partitions_take(&self, owner: &str, partitions: &[PartitionId]) -> StoreResult<Vec<(PartitionId, Epoch)>> {
        let mut ids = partitions.iter().map(|partition| small(*partition)).collect::<StoreResult<Vec<i16>>>()?;
        // One order in every process, so that two that take at once wait for each other and don't deadlock.
        ids.sort_unstable();
        ids.dedup();
        let now = chrono::Utc::now().timestamp_micros();
        let taken = |id: i16| vec![id.into(), 1_i64.into(), row::words(owner).into(), now.into()];
        let before = bulk::insert_into("partitions", PARTITION_COLUMNS);
        let shape = Shape { columns: PARTITION_COLUMNS, before: &before, after: TAKE };
        let transaction = self.begin().await?;
        let rows = bulk::query(&transaction, &shape, ids.into_iter().map(taken).collect()).await?;
        transaction.commit().await?;
        let mut epochs = rows.iter().map(lease).collect::<StoreResult<Vec<_>>>()?;
        epochs.sort_unstable();
        Ok(epochs)
    }

    async fn commit(&self, commit: &Commit) -> StoreResult<Committed> {
        commit::commit(self, commit).await
    }

    async fn executions_unfinished(
        &self,
        partitions: &[PartitionId],
        after: Option<ExecutionCursor>,
        limit: usize,
    ) -> StoreResult<Vec<ExecutionCursor>> {
        let (created_at, id) = after.map_or((i64::MIN, Uuid::nil()), |after| (after.created_at.0, after.id.0));
        let sql = unfinished(self.read.get_database_backend(), partitions)?;
        let rows = self.rows(&sql, vec![created_at.into(), id.into(), limit_of(limit).into()]).await?;
        let place = |row: &QueryResult| {
            let created_at = Timestamp(row.try_get("", "created_at")?);
            Ok(ExecutionCursor { created_at, id: ExecutionId(row.try_get("", "id")?) })
        };
        rows.iter().map(place).collect()
    }

    async fn histories(&self, ids: &[ExecutionId]) -> StoreResult<Vec<History>> {
        let mut histories = Vec::with_capacity(ids.len());
        for ids in ids.chunks(HISTORIES) {
            histories.extend(self.histories_of(ids).await?);
        }
        Ok(histories)
    }

    async fn timers_due(
        &self,
        partitions: &[PartitionId],
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        let cells = vec![before.0.into(), limit_of(limit).into()];
        let rows = self.rows(&executions_due(partitions)?, cells.clone()).await?;
        let mut due = rows.iter().map(execution_due).collect::<StoreResult<Vec<_>>>()?;
        let rows = self.rows(&steps_due(partitions)?, cells).await?;
        due.extend(rows.iter().map(step_due).collect::<StoreResult<Vec<_>>>()?);
        due.sort_by(|a, b| (a.due, a.execution, &a.target).cmp(&(b.due, b.execution, &b.target)));
        due.truncate(limit);
        Ok(due)
    }

    async fn plan_find(&self, hash: &PlanHash) -> StoreResult<Option<Arc<Plan>>> {
        let version = entity::version::Entity::find().filter(entity::version::Column::PlanHash.eq(&*hash.0));
        let version = version.limit(1).one(&self.read).await?;
        let Some(version) = version else { return Ok(None) };
        row::plan(&version.plan).map(Some)
    }
}

impl Database {
    /// Runs a query among the readers.
    pub(super) async fn rows(&self, sql: &str, cells: Vec<Cell>) -> StoreResult<Vec<QueryResult>> {
        let backend = self.read.get_database_backend();
        Ok(self.read.query_all_raw(Statement::from_sql_and_values(backend, sql, cells)).await?)
    }

    /// The histories of a few executions: a few statements in one transaction, so that all are of one moment.
    async fn histories_of(&self, ids: &[ExecutionId]) -> StoreResult<Vec<History>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let snapshot = self.begin_snapshot().await?;
        let executions = entity::execution::Entity::find()
            .filter(entity::execution::Column::Id.is_in(ids.iter().copied()))
            .order_by_asc(entity::execution::Column::Id)
            .all(&snapshot)
            .await?;
        let steps = steps::of(&snapshot, &ids).await?;
        let controls = entity::control::Entity::find()
            .filter(entity::control::Column::ExecutionId.is_in(ids))
            .order_by_asc(entity::control::Column::Seq)
            .all(&snapshot)
            .await?;
        snapshot.commit().await?;
        let executions = executions.into_iter().map(row::execution).collect::<StoreResult<_>>()?;
        let controls = controls.into_iter().map(row::control).collect::<StoreResult<_>>()?;
        Ok(together(executions, steps, controls))
    }
}

/// Gives each execution its rows, which are in order of `seq`.
fn together(executions: Vec<Execution>, steps: Vec<StepRow>, controls: Vec<ControlRow>) -> Vec<History> {
    let mut steps_of: HashMap<ExecutionId, Vec<StepRow>> = HashMap::new();
    for step in steps {
        steps_of.entry(step.execution).or_default().push(step);
    }
    let mut controls_of: HashMap<ExecutionId, Vec<ControlRow>> = HashMap::new();
    for control in controls {
        controls_of.entry(control.execution).or_default().push(control);
    }
    let history = |execution: Execution| {
        let steps = steps_of.remove(&execution.id).unwrap_or_default();
        let controls = controls_of.remove(&execution.id).unwrap_or_default();
        History { execution, steps, controls }
    };
    executions.into_iter().map(history).collect()
}

/// Merged from the first of each state, since executions are indexed by state and time.
fn unfinished(backend: DbBackend, partitions: &[PartitionId]) -> StoreResult<String> {
    let within = within("partition", partitions)?;
    let executions = lists::indexed(backend, false);
    let started = live_states().filter(|status| *status != ExecutionStatus::Pending);
    let first = started.map(ExecutionStatus::as_str).map(|status| {
        format!(
            "SELECT * FROM (SELECT created_at, id FROM {executions}
             WHERE status = '{status}' AND (created_at, id) > ($1, $2){within}
             ORDER BY created_at, id LIMIT $3) AS {status}"
        )
    });
    let first = first.collect::<Vec<_>>().join(" UNION ALL ");
    Ok(format!("SELECT created_at, id FROM ({first}) AS unfinished ORDER BY created_at, id LIMIT $3"))
}

fn executions_due(partitions: &[PartitionId]) -> StoreResult<String> {
    let within = within("partition", partitions)?;
    Ok(format!(
        "SELECT id, status, wake_at FROM workflow_executions
         WHERE wake_at IS NOT NULL AND wake_at <= $1 AND {LIVE} AND status <> 'paused'{within} ORDER BY wake_at LIMIT $2"
    ))
}

/// A timer of an attempt counts while the attempt waits; one that has a later attempt beside it was woken already.
fn steps_due(partitions: &[PartitionId]) -> StoreResult<String> {
    let within = within("step.partition", partitions)?;
    Ok(format!(
        "SELECT step.execution_id AS id, execution.status AS status, step.path AS path, step.attempt AS attempt,
             step.wake_at AS wake_at
         FROM step_executions AS step JOIN workflow_executions AS execution ON execution.id = step.execution_id
         WHERE step.wake_at IS NOT NULL AND step.status IN ('waiting', 'retrying') AND step.wake_at <= $1{within}
             AND execution.{LIVE} AND execution.status <> 'paused'
             AND NOT EXISTS (SELECT 1 FROM step_executions AS later WHERE later.execution_id = step.execution_id
                 AND later.path = step.path AND later.attempt > step.attempt)
         ORDER BY step.wake_at LIMIT $2"
    ))
}

fn execution_due(found: &QueryResult) -> StoreResult<DueTimer> {
    let status = status_of(found)?;
    let target = match status {
        ExecutionStatus::Pending | ExecutionStatus::Retrying => TimerTarget::Execution,
        _ => TimerTarget::Timeout,
    };
    due_timer(found, status, target)
}

fn step_due(found: &QueryResult) -> StoreResult<DueTimer> {
    let path = StepPath::new(found.try_get::<String>("", "path")?);
    let attempt = row::count("attempt", found.try_get("", "attempt")?)?;
    due_timer(found, status_of(found)?, TimerTarget::Step { path, attempt })
}

fn due_timer(found: &QueryResult, status: ExecutionStatus, target: TimerTarget) -> StoreResult<DueTimer> {
    let execution = ExecutionId(found.try_get("", "id")?);
    Ok(DueTimer { execution, status, target, due: Timestamp(found.try_get("", "wake_at")?) })
}

fn status_of(found: &QueryResult) -> StoreResult<ExecutionStatus> {
    row::word("execution status", &found.try_get::<String>("", "status")?, ExecutionStatus::parse)
}

/// ` AND column IN (…)`; nothing where it is all partitions, which is what one process alone owns.
pub(super) fn within(column: &str, partitions: &[PartitionId]) -> StoreResult<String> {
    let mut ids = partitions.iter().map(|partition| small(*partition)).collect::<StoreResult<Vec<i16>>>()?;
    ids.sort_unstable();
    ids.dedup();
    if ids.len() == usize::from(PARTITIONS) {
        return Ok(String::new());
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    // SQLite takes an empty list, PostgreSQL does not.
    Ok(format!(" AND {column} IN ({})", if ids.is_empty() { "-1".to_owned() } else { ids.join(",") }))
}

pub(super) fn small(partition: PartitionId) -> StoreResult<i16> {
    i16::try_from(partition.0).map_err(|_| StoreError::Corrupt(format!("partition {partition}")))
}

/// A partition and its epoch from their row.
pub(super) fn lease(found: &QueryResult) -> StoreResult<(PartitionId, Epoch)> {
    let id: i16 = found.try_get("", "id")?;
    let id = u16::try_from(id).map_err(|_| StoreError::Corrupt(format!("partition {id}")))?;
    Ok((PartitionId(id), Epoch(found.try_get("", "epoch")?)))
}

pub(super) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
