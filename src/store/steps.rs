//! Rows of steps: those that are written by themselves, and runs of pure steps, each of which is one row.
//!
//! Invariant: whoever reads steps is given them one by one, in order of `seq`, however they are written.

use sea_orm::sea_query::{Expr, ExprTrait, Value as Cell};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, Select, Statement,
};
use uuid::Uuid;

use crate::engine::{FusedSteps, StepRow, StepStatus};
use crate::ids::{ExecutionId, StepPath};
use crate::service::ports::{Page, StepFilter, StoreError, StoreResult, Total};

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

/// What writes runs. One that is there stays: nothing in it ever changes.
pub(super) fn fused_statements(backend: DbBackend, runs: Vec<FusedSteps>) -> Vec<Statement> {
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
    bulk::statements(backend, &shape, runs.into_iter().map(cells).collect())
}

/// The steps of these executions.
pub(super) async fn of(connection: &impl ConnectionTrait, executions: &[Uuid]) -> StoreResult<Vec<StepRow>> {
    let single = step::Entity::find().filter(step::Column::ExecutionId.is_in(executions.iter().copied()));
    let fused = fused::Entity::find().filter(fused::Column::ExecutionId.is_in(executions.iter().copied()));
    read(connection, single, fused).await
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

/// A page of an execution's steps.
pub(super) async fn list(
    snapshot: &DatabaseTransaction,
    execution: ExecutionId,
    filter: &StepFilter,
) -> StoreResult<Page<StepRow>> {
    let place = place(snapshot, execution, filter).await?;
    let total = Total::of(u64::try_from(place.total).unwrap_or(0));
    let (mut steps, before) = match (&filter.after, place.first, place.last, place.before) {
        (Some((seq, path)), ..) => (behind(snapshot, execution, filter, *seq, path).await?, 0),
        (None, Some(first), Some(last), Some(before)) => (between(snapshot, execution, first, last).await?, before),
        _ => return Ok(Page { items: Vec::new(), total }),
    };
    steps.retain(|step| filter.status.is_none_or(|status| step.status == status));
    let over = filter.offset.saturating_sub(u64::try_from(before).unwrap_or(0));
    let [over, limit] = [over, filter.limit].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Ok(Page { items: steps.into_iter().skip(over).take(limit).collect(), total })
}

/// The steps of the rows from one `seq` to another.
async fn between(
    snapshot: &DatabaseTransaction,
    execution: ExecutionId,
    first: i64,
    last: i64,
) -> StoreResult<Vec<StepRow>> {
    let single = singles(execution).filter(step::Column::Seq.between(first, last));
    read(snapshot, single, runs(execution).filter(fused::Column::Seq.between(first, last))).await
}

/// The steps behind one of them: at least as many as the page has.
async fn behind(
    snapshot: &DatabaseTransaction,
    execution: ExecutionId,
    filter: &StepFilter,
    seq: i64,
    path: &StepPath,
) -> StoreResult<Vec<StepRow>> {
    let most = filter.offset.saturating_add(filter.limit);
    let place = Expr::tuple([step::Column::Seq, step::Column::Path].map(Expr::col));
    let single = singles(execution)
        .filter(place.gt(Expr::tuple([seq.into(), row::words(path.as_str()).into()])))
        .filter(Condition::all().add_option(filter.status.map(|status| step::Column::Status.eq(status.as_str()))))
        .order_by_asc(step::Column::Seq)
        .order_by_asc(step::Column::Path);
    let of_status = match filter.status {
        None => None,
        Some(StepStatus::Completed) => Some(Expr::cust("length > skipped")),
        Some(StepStatus::Skipped) => Some(Expr::cust("skipped > 0")),
        Some(_) => Some(Expr::cust("1 = 0")),
    };
    let run = runs(execution)
        .filter(Expr::col(fused::Column::Seq).add(Expr::col(fused::Column::Length)).gt(seq))
        .filter(Condition::all().add_option(of_status))
        .order_by_asc(fused::Column::Seq);
    // A run may begin at the cursor or before it, and then gives what is behind: of the first, that may be nothing.
    let mut steps = read(snapshot, single.limit(most), run.limit(most.saturating_add(1))).await?;
    steps.retain(|step| (step.seq, &step.path) > (seq, path));
    Ok(steps)
}

fn singles(execution: ExecutionId) -> Select<step::Entity> {
    step::Entity::find().filter(step::Column::ExecutionId.eq(execution.0))
}

fn runs(execution: ExecutionId) -> Select<fused::Entity> {
    fused::Entity::find().filter(fused::Column::ExecutionId.eq(execution.0))
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

async fn place(snapshot: &DatabaseTransaction, execution: ExecutionId, filter: &StepFilter) -> StoreResult<PagePlace> {
    let (of_status, counted) = match filter.status {
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
    let end = filter.offset.saturating_add(filter.limit);
    let [offset, end] = [filter.offset, end].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let mut cells: Vec<Cell> = vec![execution.0.into(), offset.into(), end.into()];
    cells.extend(filter.status.map(|status| status.as_str().into()));
    let asked = Statement::from_sql_and_values(snapshot.get_database_backend(), sql, cells);
    let found = PagePlace::find_by_statement(asked).one(snapshot).await?;
    found.ok_or_else(|| StoreError::Corrupt("a sum without a row".to_owned()))
}

/// The steps that rows hold, each by itself, by `seq`.
async fn read(
    connection: &impl ConnectionTrait,
    single: Select<step::Entity>,
    fused: Select<fused::Entity>,
) -> StoreResult<Vec<StepRow>> {
    let rows = single.all(connection).await?;
    let mut steps = rows.into_iter().map(row::step).collect::<StoreResult<Vec<_>>>()?;
    for run in fused.all(connection).await? {
        steps.extend(row::fused(run)?);
    }
    steps.sort_by(|a, b| (a.seq, &a.path).cmp(&(b.seq, &b.path)));
    Ok(steps)
}
