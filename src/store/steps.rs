//! Rows of steps: those that are written by themselves, and runs of pure steps, each of which is one row.
//!
//! Invariant: whoever reads steps is given them one by one, in order of `seq`, however they are written.

use sea_orm::sea_query::Value as Cell;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    QueryResult, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::engine::{FusedSteps, StepRow, StepStatus};
use crate::ids::ExecutionId;
use crate::service::ports::{AttemptKey, Page, StoreError, StoreResult};

use super::bulk::{self, Kind, Shape};
use super::entity::{fused, step};
use super::row;

const FUSED_COLUMNS: &[(&str, Kind)] = &[
    ("execution_id", Kind::Uuid),
    ("seq", Kind::Int),
    ("length", Kind::Int),
    ("skipped", Kind::Int),
    ("furthest", Kind::Int),
    ("steps", Kind::Words),
];

/// Writes runs. One that is there stays: nothing in it ever changes.
pub(super) async fn write_fused(transaction: &DatabaseTransaction, runs: Vec<FusedSteps>) -> StoreResult<()> {
    let cells = |run: FusedSteps| {
        vec![
            run.execution.0.into(),
            run.seq.into(),
            i64::from(run.length).into(),
            i64::from(run.skipped).into(),
            i64::from(run.furthest).into(),
            run.steps.into(),
        ]
    };
    let before = bulk::insert_into("fused_steps", FUSED_COLUMNS);
    let shape = Shape { columns: FUSED_COLUMNS, before: &before, after: "ON CONFLICT DO NOTHING" };
    Ok(bulk::execute(transaction, &shape, runs.into_iter().map(cells).collect()).await?)
}

/// The steps of these executions.
pub(super) async fn of(connection: &impl ConnectionTrait, executions: &[Uuid]) -> StoreResult<Vec<StepRow>> {
    let of_these = step::Column::ExecutionId.is_in(executions.iter().copied());
    let fused_of_these = fused::Column::ExecutionId.is_in(executions.iter().copied());
    read(connection, of_these.into(), fused_of_these.into()).await
}

/// The order of the furthest step of each of these executions, where one was reached.
pub(super) async fn furthest(
    connection: &impl ConnectionTrait,
    executions: &[ExecutionId],
) -> StoreResult<Vec<(ExecutionId, u32)>> {
    let places: Vec<String> = (1..=executions.len()).map(|n| format!("${n}")).collect();
    let these = format!("WHERE execution_id IN ({})", places.join(", "));
    let sql = format!(
        "SELECT execution_id, MAX(step_order) AS furthest
         FROM (SELECT execution_id, step_order FROM step_executions {these}
             UNION ALL SELECT execution_id, furthest FROM fused_steps {these}) AS reached
         GROUP BY execution_id"
    );
    let cells: Vec<Cell> = executions.iter().map(|id| id.0.into()).collect();
    let asked = Statement::from_sql_and_values(connection.get_database_backend(), sql, cells);
    let found = connection.query_all_raw(asked).await?;
    let order = |found: &QueryResult| {
        let furthest = row::count("step order", found.try_get("", "furthest")?)?;
        Ok((ExecutionId(found.try_get("", "execution_id")?), furthest))
    };
    found.iter().map(order).collect()
}

/// Which steps of an execution to list.
pub(super) struct StepQuery {
    pub execution: ExecutionId,
    pub status: Option<StepStatus>,
    pub offset: u64,
    pub limit: u64,
}

/// A page of an execution's steps.
pub(super) async fn list(snapshot: &DatabaseTransaction, query: &StepQuery) -> StoreResult<Page<StepRow>> {
    let place = place(snapshot, query).await?;
    let total = u64::try_from(place.total).unwrap_or(0);
    let (Some(first), Some(last), Some(before)) = (place.first, place.last, place.before) else {
        return Ok(Page { items: Vec::new(), total });
    };
    let execution = query.execution.0;
    let single = Condition::all()
        .add(step::Column::ExecutionId.eq(execution))
        .add(step::Column::Seq.between(first, last))
        .add_option(query.status.map(|status| step::Column::Status.eq(status.as_str())));
    let fused =
        Condition::all().add(fused::Column::ExecutionId.eq(execution)).add(fused::Column::Seq.between(first, last));
    let mut steps = read(snapshot, single, fused).await?;
    steps.retain(|step| query.status.is_none_or(|status| step.status == status));
    let over = query.offset.saturating_sub(u64::try_from(before).unwrap_or(0));
    let [over, limit] = [over, query.limit].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Ok(Page { items: steps.into_iter().skip(over).take(limit).collect(), total })
}

/// Where a page is among the rows that hold its steps.
#[derive(FromQueryResult)]
struct PagePlace {
    /// How many steps there are in all.
    total: i64,
    /// The `seq` of the first row that holds a step of the page, and of the last.
    first: Option<i64>,
    last: Option<i64>,
    /// How many steps stand before that first row.
    before: Option<i64>,
}

async fn place(snapshot: &DatabaseTransaction, query: &StepQuery) -> StoreResult<PagePlace> {
    let (of_status, counted) = match query.status {
        None => ("", "length"),
        Some(StepStatus::Completed) => (" AND status = $4", "length - skipped"),
        Some(StepStatus::Skipped) => (" AND status = $4", "skipped"),
        Some(_) => (" AND status = $4", "0"),
    };
    let on_page = "FILTER (WHERE through > $2 AND through - steps < $3)";
    let sql = format!(
        "WITH held AS (
             SELECT seq, 1 AS steps FROM step_executions WHERE execution_id = $1{of_status}
             UNION ALL SELECT seq, {counted} AS steps FROM fused_steps WHERE execution_id = $1 AND {counted} > 0),
         placed AS (SELECT seq, steps, SUM(steps) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS through FROM held)
         SELECT CAST(COALESCE(SUM(steps), 0) AS BIGINT) AS total, MIN(seq) {on_page} AS first,
             MAX(seq) {on_page} AS last, CAST(MIN(through - steps) {on_page} AS BIGINT) AS before
         FROM placed"
    );
    let end = query.offset.saturating_add(query.limit);
    let [offset, end] = [query.offset, end].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let mut cells: Vec<Cell> = vec![query.execution.0.into(), offset.into(), end.into()];
    cells.extend(query.status.map(|status| status.as_str().into()));
    let asked = Statement::from_sql_and_values(snapshot.get_database_backend(), sql, cells);
    let found = PagePlace::find_by_statement(asked).one(snapshot).await?;
    found.ok_or_else(|| StoreError::Corrupt("a sum without a row".to_owned()))
}

/// The state of an attempt's row, where it has one. What a worker does is never fused.
pub(super) async fn status_of(
    connection: &impl ConnectionTrait,
    attempt: &AttemptKey,
) -> StoreResult<Option<StepStatus>> {
    let found = step::Entity::find()
        .filter(step::Column::ExecutionId.eq(attempt.execution.0))
        .filter(step::Column::Path.eq(row::words(attempt.path.as_str())))
        .filter(step::Column::Attempt.eq(i64::from(attempt.attempt)))
        .select_only()
        .column(step::Column::Status);
    let status: Option<String> = found.into_tuple().one(connection).await?;
    status.map(|status| row::word("the state of a step", &status, StepStatus::parse)).transpose()
}

/// The steps that rows hold, each by itself, by `seq`.
async fn read(connection: &impl ConnectionTrait, single: Condition, fused: Condition) -> StoreResult<Vec<StepRow>> {
    let rows = step::Entity::find().filter(single).all(connection).await?;
    let mut steps = rows.into_iter().map(row::step).collect::<StoreResult<Vec<_>>>()?;
    for run in fused::Entity::find().filter(fused).all(connection).await? {
        steps.extend(row::fused(run)?);
    }
    steps.sort_by(|a, b| (a.seq, &a.path).cmp(&(b.seq, &b.path)));
    Ok(steps)
}
