//! The commit: the rows of many executions in one transaction. The one way in which executions are written.
//!
//! In this order, in one transaction: the epochs are proved, starts are inserted, then changes of executions, steps, logs and
//! controls are written, each kind as one statement of many rows. What was fenced or refused is left out first. On SQLite nearly
//! every commit has nothing to leave out, and all of its statements are one message to the database (`script`).
//!
//! Rows guard themselves by `seq`: a row replaces another only if its `seq` is greater, so that a commit that is tried
//! again, or comes late, changes nothing. COMPLETED and CANCELLED are final, but for an undo that failed and is
//! retried; FAILED gives way to a later `seq` alone, which is a retry's.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};

use crate::engine::{ExecutionUpdate, Fusion, StepRow, fuse};
use crate::ids::{Epoch, ExecutionId, PARTITIONS, PartitionId};
use crate::service::inbox::{Grant, Settled};
use crate::service::model::Execution;
use crate::service::ports::{Commit, Committed, StoreResult};

use super::bulk::{self, Kind, Row, Shape};
use super::{Database, events, fault, inbox, limits, row, script, starts, steps};

const UPDATE_COLUMNS: &[(&str, Kind)] = &[
    ("id", Kind::Uuid),
    ("status", Kind::Words),
    ("seq", Kind::Int),
    ("retry_count", Kind::Int),
    ("output", Kind::Text),
    ("error", Kind::Text),
    ("wake_at", Kind::Int),
    ("started_at", Kind::Int),
    ("completed_at", Kind::Int),
    ("cancel_requested_at", Kind::Int),
    ("compensation", Kind::Words),
    ("furthest", Kind::Int),
];

/// On SQLite a row that can't be written ends the statement, and with it the transaction, without a record of how to take back
/// the rows before it: keeping one took a third of the time.
const UPDATE_SQLITE: &str = "
UPDATE OR FAIL workflow_executions AS old";

const UPDATE_POSTGRES: &str = "
UPDATE workflow_executions AS old";

const UPDATE_SET: &str = "
SET status = new.status, seq = new.seq, retry_count = new.retry_count, output = new.output, error = new.error,
    wake_at = new.wake_at, started_at = new.started_at, completed_at = new.completed_at,
    cancel_requested_at = new.cancel_requested_at, compensation = new.compensation,
    furthest = new.furthest
FROM new
WHERE old.id = ";

/// Past some hundred given rows SQLite would rather read the whole table and look each row up among the given ones. The `+` leaves
/// it the other way alone.
const GIVEN_SQLITE: &str = "+new.id";

const GIVEN_POSTGRES: &str = "new.id";

const UPDATE_GUARD: &str =
    " AND new.seq > old.seq AND (old.status NOT IN ('completed', 'cancelled') OR old.compensation = 'failed')";

const STEP_COLUMNS: &[(&str, Kind)] = &[
    ("execution_id", Kind::Uuid),
    ("path", Kind::Words),
    ("attempt", Kind::Int),
    ("seq", Kind::Int),
    ("partition", Kind::Small),
    ("name", Kind::Words),
    ("step_order", Kind::Int),
    ("task_type", Kind::Words),
    ("status", Kind::Words),
    ("input", Kind::Text),
    ("output", Kind::Text),
    ("error", Kind::Text),
    ("wake_at", Kind::Int),
    ("created_at", Kind::Int),
    ("started_at", Kind::Int),
    ("completed_at", Kind::Int),
    ("waits_for", Kind::Text),
];

const STEP_CONFLICT: &str = "
ON CONFLICT (execution_id, path, attempt) DO UPDATE
SET seq = excluded.seq, name = excluded.name, step_order = excluded.step_order, task_type = excluded.task_type,
    status = excluded.status, input = excluded.input, output = excluded.output, error = excluded.error,
    wake_at = excluded.wake_at, created_at = excluded.created_at, started_at = excluded.started_at,
    completed_at = excluded.completed_at, waits_for = excluded.waits_for";

const STEP_GUARD: &str = " WHERE excluded.seq > step_executions.seq";

const LOG_COLUMNS: &[(&str, Kind)] = &[
    ("execution_id", Kind::Uuid),
    ("level", Kind::Words),
    ("message", Kind::Words),
    ("details", Kind::Text),
    ("path", Kind::Text),
    ("at", Kind::Int),
];

const CONTROL_COLUMNS: &[(&str, Kind)] =
    &[("execution_id", Kind::Uuid), ("seq", Kind::Int), ("control", Kind::Text), ("at", Kind::Int)];

/// Writes a commit in a transaction of its own.
pub(super) async fn commit(database: &Database, commit: &Commit) -> StoreResult<Committed> {
    if script::takes(database, commit) && script::write(database, commit).await {
        return Ok(Committed::default());
    }
    by_statements(database.begin().await?, commit).await
}

/// Writes a commit in a transaction that the caller began; this ends it.
async fn by_statements(transaction: DatabaseTransaction, commit: &Commit) -> StoreResult<Committed> {
    let backend = transaction.get_database_backend();
    let owned = Owned::prove(&transaction, commit).await?;
    let starts = starts_of(commit, &owned);
    let started = starts::insert(&transaction, &starts).await?;
    let refused = started.refuses();
    let keep = |id: ExecutionId| owned.holds(id) && !refused.contains(&id) && !owned.stale.contains(&id);

    bulk::run(&transaction, rows_of(backend, commit, &started.inserted, keep)).await?;
    let caches = commit.caches.iter().filter(|(id, _)| keep(*id)).map(|(_, write)| write);
    limits::keep(&transaction, caches).await?;
    events::deliver(&transaction, commit.deliveries.iter().filter(|delivery| keep(delivery.execution))).await?;
    let is_written = |settled: &&Settled| owned.owns(settled.partition) && settled.execution.is_none_or(keep);
    inbox::settle(&transaction, commit.settled.iter().filter(is_written)).await?;

    transaction.commit().await?;
    Ok(Committed { existing: started.existing, fenced: owned.fenced, stale: owned.stale })
}

/// What writes the rows of executions that are kept: changes of those that were not inserted just now, steps, logs and controls.
pub(super) fn rows_of(
    backend: DbBackend,
    commit: &Commit,
    inserted: &HashSet<ExecutionId>,
    keep: impl Fn(ExecutionId) -> bool,
) -> Vec<Statement> {
    let changes = commit.executions.iter().filter(|update| keep(update.id) && !inserted.contains(&update.id));
    let mut statements = change_statements(backend, changes);
    statements.extend(step_statements(backend, commit.steps.iter().filter(|step| keep(step.execution))));
    let logs = commit.logs.iter().filter(|(id, _)| keep(*id));
    let logs = logs.map(|(id, entry)| row::log_cells(*id, entry)).collect();
    statements.extend(inserts(backend, "execution_logs", LOG_COLUMNS, "", logs));
    let controls = commit.controls.iter().filter(|control| keep(control.execution)).map(row::control_cells).collect();
    statements.extend(inserts(backend, "execution_controls", CONTROL_COLUMNS, "ON CONFLICT DO NOTHING", controls));
    statements
}

/// The starts of partitions that are owned, each with its change of the same commit applied, so that both are one write.
pub(super) fn starts_of(commit: &Commit, owned: &Owned) -> Vec<Execution> {
    let mut starts: Vec<Execution> = commit.starts.iter().filter(|start| owned.holds(start.id)).cloned().collect();
    if !starts.is_empty() {
        let changes: HashMap<ExecutionId, &ExecutionUpdate> =
            commit.executions.iter().map(|new| (new.id, new)).collect();
        for start in &mut starts {
            if let Some(change) = changes.get(&start.id).filter(|change| change.seq > start.seq) {
                start.apply(change);
            }
        }
    }
    starts
}

fn change_statements<'a>(backend: DbBackend, changes: impl Iterator<Item = &'a ExecutionUpdate>) -> Vec<Statement> {
    let changes = latest(changes.collect(), |change| (change.id, change.seq));
    let (before, after) = update_text(backend);
    let shape = Shape { columns: UPDATE_COLUMNS, before: &before, after: &after };
    bulk::statements(backend, &shape, changes.into_iter().map(row::update_cells).collect())
}

/// What stands before the rows of changes, and after them.
fn update_text(backend: DbBackend) -> (String, String) {
    let (update, given) = match backend {
        DbBackend::Sqlite => (UPDATE_SQLITE, GIVEN_SQLITE),
        _ => (UPDATE_POSTGRES, GIVEN_POSTGRES),
    };
    let before = format!("WITH new ({}) AS (", bulk::names(UPDATE_COLUMNS));
    (before, format!("){update}{UPDATE_SET}{given}{}", fault::guard(UPDATE_GUARD)))
}

fn step_statements<'a>(backend: DbBackend, steps: impl Iterator<Item = &'a StepRow>) -> Vec<Statement> {
    let Fusion { fused, single } = fuse(&steps.collect::<Vec<_>>());
    let mut statements = steps::fused_statements(backend, fused);
    let steps = latest(single, |step| ((step.execution, step.path.as_str(), step.attempt), step.seq));
    let rows = steps.into_iter().map(row::step_cells).collect();
    let conflict = format!("{STEP_CONFLICT}{}", fault::guard(STEP_GUARD));
    statements.extend(inserts(backend, "step_executions", STEP_COLUMNS, &conflict, rows));
    statements
}

/// Of several rows of one key, the latest alone: PostgreSQL takes one of each in a statement.
fn latest<'a, T, K: Ord + Hash>(mut rows: Vec<&'a T>, key_and_seq: impl Fn(&'a T) -> (K, i64)) -> Vec<&'a T> {
    let mut seen = HashSet::with_capacity(rows.len());
    if rows.iter().all(|row| seen.insert(key_and_seq(row).0)) {
        return rows;
    }
    rows.sort_by_cached_key(|row| key_and_seq(row));
    rows.reverse();
    rows.dedup_by(|earlier, later| key_and_seq(earlier).0 == key_and_seq(later).0);
    rows
}

fn inserts(backend: DbBackend, table: &str, columns: &bulk::Columns, conflict: &str, rows: Vec<Row>) -> Vec<Statement> {
    let before = bulk::insert_into(table, columns);
    bulk::statements(backend, &Shape { columns, before: &before, after: conflict }, rows)
}

/// Which partitions this process proved to own.
pub(super) struct Owned {
    held: [bool; PARTITIONS as usize],
    fenced: Vec<PartitionId>,
    /// The executions whose grant no longer holds.
    stale: Vec<ExecutionId>,
}

impl Owned {
    /// What a commit says that it owns.
    pub(super) fn claimed(commit: &Commit) -> Self {
        let mut owned = Self { held: [false; PARTITIONS as usize], fenced: Vec::new(), stale: Vec::new() };
        for (partition, _) in &commit.leases {
            if let Some(held) = owned.held.get_mut(usize::from(partition.0)) {
                *held = true;
            }
        }
        owned
    }

    /// Compares the epochs with the database's. On PostgreSQL the rows stay locked until the end of the transaction, so
    /// that nobody takes a partition between the proof and the commit, and a commit that was given up with its connection is
    /// over before the next of its partition begins; SQLite has one writer anyway. The partitions of grants are locked with the
    /// others, by one statement in one order, so that two nodes wait for each other and don't deadlock.
    async fn prove(transaction: &DatabaseTransaction, commit: &Commit) -> StoreResult<Self> {
        let mut owned = Self { held: [false; PARTITIONS as usize], fenced: Vec::new(), stale: Vec::new() };
        let granting = commit.grants.iter().map(|(_, grant)| (grant.partition, grant.epoch));
        let proved: Vec<_> = commit.leases.iter().copied().chain(granting).collect();
        let lost = if fault::no_fence() { HashSet::new() } else { lost(transaction, &proved).await? };
        let is_stale = |grant: &Grant| lost.contains(&(grant.partition, grant.epoch));
        owned.stale = commit.grants.iter().filter(|(_, grant)| is_stale(grant)).map(|(id, _)| *id).collect();
        for (partition, epoch) in &commit.leases {
            match owned.held.get_mut(usize::from(partition.0)) {
                Some(held) if !lost.contains(&(*partition, *epoch)) => *held = true,
                _ => owned.fenced.push(*partition),
            }
        }
        Ok(owned)
    }

    pub(super) fn holds(&self, id: ExecutionId) -> bool {
        self.owns(id.partition())
    }

    fn owns(&self, partition: PartitionId) -> bool {
        self.held.get(usize::from(partition.0)).is_some_and(|held| *held)
    }
}

/// A partition and an epoch that is to be its.
pub(super) type Proof = (PartitionId, Epoch);

/// Those of these whose partition has another epoch in the database.
async fn lost(transaction: &DatabaseTransaction, proofs: &[Proof]) -> StoreResult<HashSet<Proof>> {
    match transaction.get_database_backend() {
        DbBackend::Sqlite => lost_sqlite(transaction, proofs).await,
        _ => lost_postgres(transaction, proofs).await,
    }
}

/// The comparison is SQLite's: nearly always no row comes back, and rows cost more than all the rest of a small commit.
async fn lost_sqlite(transaction: &DatabaseTransaction, proofs: &[Proof]) -> StoreResult<HashSet<Proof>> {
    let each = "json_extract(mine.value, '$[0]') AS id, json_extract(mine.value, '$[1]') AS epoch";
    let rows = transaction.query_all_raw(lost_statement(each, proofs)).await?;
    rows.iter().map(super::executions::lease).collect()
}

/// What selects something of each partition that has another epoch in SQLite; `mine.value` is what was said of it.
pub(super) fn lost_statement(select: &str, proofs: &[Proof]) -> Statement {
    let sql = format!(
        "SELECT {select}
         FROM json_each(?) AS mine LEFT JOIN partitions ON partitions.id = json_extract(mine.value, '$[0]')
         WHERE partitions.epoch IS NOT json_extract(mine.value, '$[1]')"
    );
    let pairs: Vec<(u16, i64)> = proofs.iter().map(|(partition, epoch)| (partition.0, epoch.0)).collect();
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, [row::json(&pairs).into()])
}

async fn lost_postgres(transaction: &DatabaseTransaction, proofs: &[Proof]) -> StoreResult<HashSet<Proof>> {
    let ids: Vec<i16> = proofs.iter().filter_map(|(partition, _)| i16::try_from(partition.0).ok()).collect();
    let sql = "SELECT id, epoch FROM partitions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [ids.into()]);
    let rows = transaction.query_all_raw(statement).await?;
    let epochs: HashMap<_, _> = rows.iter().map(super::executions::lease).collect::<StoreResult<_>>()?;
    Ok(proofs.iter().filter(|(partition, epoch)| epochs.get(partition) != Some(epoch)).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::explained;

    #[tokio::test]
    async fn a_change_finds_its_row_by_its_id_however_many_there_are() {
        let (before, after) = update_text(DbBackend::Sqlite);
        let shape = Shape { columns: UPDATE_COLUMNS, before: &before, after: &after };
        for rows in [1, 16, 64, 256] {
            let plan = explained::plan(&bulk::sqlite_text(&shape, rows).replace('?', "NULL"), Vec::new()).await;
            let by_id = "SEARCH old USING INDEX sqlite_autoindex_workflow_executions_1 (id=?)";
            assert!(plan.iter().any(|line| line == by_id), "{rows} rows: {plan:#?}");
        }
    }
}
