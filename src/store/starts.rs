//! The starts of a commit: inserted where there is none of that key or id, else answered with the one that is there.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QueryResult,
    Statement,
};
use uuid::Uuid;

use crate::ids::{ExecutionId, WorkflowId};
use crate::service::model::Execution;
use crate::service::ports::{StoreError, StoreResult};

use super::bulk::{self, Kind, Shape};
use super::entity::execution;
use super::row;

/// The columns of an execution's row.
const COLUMNS: &[(&str, Kind)] = &[
    ("id", Kind::Uuid),
    ("workflow_id", Kind::Uuid),
    ("workflow_name", Kind::Words),
    ("version", Kind::Int),
    ("plan_hash", Kind::Words),
    ("partition", Kind::Small),
    ("status", Kind::Words),
    ("seq", Kind::Int),
    ("input", Kind::Text),
    ("settings", Kind::Text),
    ("output", Kind::Text),
    ("error", Kind::Text),
    ("retry_count", Kind::Int),
    ("max_retries", Kind::Int),
    ("idempotency_key", Kind::Text),
    ("request_hash", Kind::Text),
    ("parent_execution", Kind::Uuid),
    ("parent_path", Kind::Text),
    ("parent_attempt", Kind::Int),
    ("depth", Kind::Int),
    ("wake_at", Kind::Int),
    ("scheduled_at", Kind::Int),
    ("created_at", Kind::Int),
    ("started_at", Kind::Int),
    ("completed_at", Kind::Int),
    ("cancel_requested_at", Kind::Int),
    ("compensation", Kind::Words),
    ("concurrency_key", Kind::Text),
    ("furthest", Kind::Int),
];

const UNLESS_THERE: &str = "ON CONFLICT DO NOTHING";

const UNLESS_THERE_RETURNING: &str = "ON CONFLICT DO NOTHING RETURNING id";

/// How many losers are looked up at once.
const LOOKUP: usize = 200;

/// What came of the starts of a commit.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// Those that were inserted.
    pub inserted: HashSet<ExecutionId>,
    /// Those that were not, and the one that is there.
    pub existing: Vec<(ExecutionId, Execution)>,
}

impl Started {
    /// Whether rows of this execution are left out: it was refused, and nothing of that id was inserted beside it.
    pub fn refuses(&self) -> HashSet<ExecutionId> {
        let refused = self.existing.iter().map(|(id, _)| *id);
        refused.filter(|id| !self.inserted.contains(id)).collect()
    }
}

/// Inserts starts. One whose key or id is taken, in the database or earlier in this list, is not.
pub(super) async fn insert(transaction: &DatabaseTransaction, starts: &[Execution]) -> StoreResult<Started> {
    if starts.is_empty() {
        return Ok(Started::default());
    }
    let (mut first, repeats) = fold(starts);
    // One order in every process: two commits that bring the same keys wait for each other, and don't deadlock.
    first.sort_by_key(|&at| (starts[at].workflow, starts[at].idempotency_key.as_deref(), starts[at].id));
    let inserted = insert_rows(transaction, first.iter().map(|&at| &starts[at])).await?;
    let lost: Vec<&Execution> =
        first.iter().map(|&at| &starts[at]).filter(|start| !inserted.contains(&start.id)).collect();
    let mut existing = find_existing(transaction, &lost).await?;
    let found: HashMap<ExecutionId, Execution> = existing.iter().cloned().collect();
    for (repeat, of) in repeats {
        let winner = found.get(&starts[of].id).unwrap_or(&starts[of]);
        existing.push((starts[repeat].id, winner.clone()));
    }
    Ok(Started { inserted, existing })
}

/// Which starts are the first of their key and id, and which repeat an earlier one.
fn fold(starts: &[Execution]) -> (Vec<usize>, Vec<(usize, usize)>) {
    let (mut by_id, mut by_key) = (HashMap::new(), HashMap::new());
    let (mut first, mut repeats) = (Vec::with_capacity(starts.len()), Vec::new());
    for (at, start) in starts.iter().enumerate() {
        let key = key_of(start);
        let earlier = key.and_then(|key| by_key.get(&key)).or_else(|| by_id.get(&start.id)).copied();
        if let Some(earlier) = earlier {
            repeats.push((at, earlier));
            continue;
        }
        by_id.insert(start.id, at);
        by_key.extend(key.map(|key| (key, at)));
        first.push(at);
    }
    (first, repeats)
}

fn key_of(start: &Execution) -> Option<(WorkflowId, &str)> {
    start.idempotency_key.as_deref().map(|key| (start.workflow, key))
}

/// Inserts these rows where none stands in the way; which were inserted.
async fn insert_rows(
    transaction: &DatabaseTransaction,
    starts: impl Iterator<Item = &Execution> + Clone,
) -> StoreResult<HashSet<ExecutionId>> {
    let backend = transaction.get_database_backend();
    let returned = match backend {
        DbBackend::Sqlite => {
            let all = starts.clone().count() as u64;
            let inserted = bulk::run(transaction, statements(backend, starts.clone(), UNLESS_THERE)).await?;
            if inserted == all {
                return Ok(starts.map(|start| start.id).collect());
            }
            last_inserted_sqlite(transaction, inserted).await?
        }
        _ => bulk::query_all(transaction, statements(backend, starts, UNLESS_THERE_RETURNING)).await?,
    };
    returned.iter().map(|row| Ok(ExecutionId(row.try_get::<Uuid>("", "id")?))).collect()
}

/// What inserts starts; one whose key or id is there breaks it, unless `after` says otherwise.
pub(super) fn statements<'a>(
    backend: DbBackend,
    starts: impl Iterator<Item = &'a Execution>,
    after: &str,
) -> Vec<Statement> {
    let before = bulk::insert_into("workflow_executions", COLUMNS);
    let shape = Shape { columns: COLUMNS, before: &before, after };
    bulk::statements(backend, &shape, starts.map(row::execution_cells).collect())
}

/// The last rows that were inserted. They are asked for only where some were not: each row that is read crosses between
/// threads.
async fn last_inserted_sqlite(transaction: &DatabaseTransaction, count: u64) -> StoreResult<Vec<QueryResult>> {
    let sql = "SELECT id FROM workflow_executions
         WHERE rowid > last_insert_rowid() - $1 AND rowid <= last_insert_rowid()";
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [count.into()]);
    Ok(transaction.query_all_raw(statement).await?)
}

/// For each start that lost, the execution that is there.
async fn find_existing(
    transaction: &DatabaseTransaction,
    lost: &[&Execution],
) -> StoreResult<Vec<(ExecutionId, Execution)>> {
    let mut existing = Vec::with_capacity(lost.len());
    for lost in lost.chunks(LOOKUP) {
        let rows = execution::Entity::find().filter(any_of(lost)).all(transaction).await?;
        let there: Vec<Execution> = rows.into_iter().map(row::execution).collect::<StoreResult<_>>()?;
        let by_id: HashMap<ExecutionId, &Execution> = there.iter().map(|there| (there.id, there)).collect();
        let by_key: HashMap<_, &Execution> = there.iter().filter_map(|there| Some((key_of(there)?, there))).collect();
        for start in lost {
            let key = stored_key(start);
            let found = key.as_ref().and_then(|(workflow, key)| by_key.get(&(*workflow, key.as_str())));
            let Some(found) = found.or_else(|| by_id.get(&start.id)) else {
                let gone = "an execution that stood in the way of a start is gone meanwhile";
                return Err(StoreError::Unavailable(gone.to_owned()));
            };
            existing.push((start.id, (*found).clone()));
        }
    }
    Ok(existing)
}

fn stored_key(start: &Execution) -> Option<(WorkflowId, String)> {
    key_of(start).map(|(workflow, key)| (workflow, row::words(key)))
}

/// The condition that finds what stood in the way of these starts.
fn any_of(lost: &[&Execution]) -> Condition {
    let mut keys: HashMap<WorkflowId, Vec<String>> = HashMap::new();
    for (workflow, key) in lost.iter().filter_map(|start| stored_key(start)) {
        keys.entry(workflow).or_default().push(key);
    }
    let by_id = execution::Column::Id.is_in(lost.iter().map(|start| start.id.0));
    keys.into_iter().fold(Condition::any().add(by_id), |any, (workflow, keys)| {
        let workflow = execution::Column::WorkflowId.eq(workflow.0);
        any.add(Condition::all().add(workflow).add(execution::Column::IdempotencyKey.is_in(keys)))
    })
}
