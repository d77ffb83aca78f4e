//! Events from outside, and who took them.
//!
//! Invariant: an event is taken once for each workflow. The key of `event_deliveries` says so, and its row is written in the
//! commit of what follows from the event.

use std::sync::Arc;

use sea_orm::sea_query::Value as Cell;
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Statement};
use uuid::Uuid;

use crate::expr::Timestamp;
use crate::ids::{ExecutionId, StepPath, WorkflowId};
use crate::plan::{DEFAULT_KEEP_MS, NodeKind, Plan};
use crate::service::ports::{StoreError, StoreResult};
use crate::service::waits::{Delivery, KeptFilter, OpenWait, SentEvent, WaitCursor};

use super::bulk::{self, Kind, Shape};
use super::{Database, row};

const DELIVERY_COLUMNS: &[(&str, Kind)] = &[
    ("name", Kind::Words),
    ("event_id", Kind::Words),
    ("workflow_id", Kind::Uuid),
    ("execution_id", Kind::Uuid),
    ("at", Kind::Int),
];

const LISTENER_COLUMNS: &[(&str, Kind)] =
    &[("event", Kind::Words), ("workflow_id", Kind::Uuid), ("version", Kind::Int), ("keep_ms", Kind::Int)];

const INSERT: &str = "
INSERT INTO events (name, id, data, kept, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING";

/// `kept` stands alone, and the rest in the order of the partial index.
const KEPT: &str = "
SELECT e.name, e.id, e.data, e.created_at, e.expires_at FROM events AS e
WHERE e.kept AND e.name = $1 AND e.expires_at > $2 AND e.created_at > $3 AND (e.created_at, e.id) > ($4, $5)
    AND NOT EXISTS (SELECT 1 FROM event_deliveries AS d
        WHERE d.name = e.name AND d.event_id = e.id AND d.workflow_id = $6)
ORDER BY e.created_at, e.id LIMIT $7";

const DELIVERIES: &str = "
SELECT name, event_id, workflow_id, execution_id, at FROM event_deliveries
WHERE name = $1 AND event_id = $2 ORDER BY workflow_id";

const WAITS: &str = "
SELECT s.execution_id, s.path, s.created_at, e.workflow_id, l.keep_ms
FROM step_executions AS s
JOIN workflow_executions AS e ON e.id = s.execution_id
LEFT JOIN event_listeners AS l ON l.event = s.waits_for AND l.workflow_id = e.workflow_id AND l.version = e.version
WHERE s.waits_for IS NOT NULL AND s.status = 'waiting' AND s.waits_for = $1 AND s.task_type = 'wait'
    AND (s.created_at, s.execution_id, s.path) > ($2, $3, $4)
ORDER BY s.created_at, s.execution_id, s.path LIMIT $5";

/// In the words of the partial index.
const AWAITED: &str = "
SELECT DISTINCT waits_for FROM step_executions
WHERE waits_for IS NOT NULL AND status = 'waiting' AND task_type = 'wait' ORDER BY waits_for";

/// Writes who took events, in the commit of what followed. One that was taken already breaks the key, and with it the commit.
pub(super) async fn deliver<'a>(
    transaction: &DatabaseTransaction,
    deliveries: impl Iterator<Item = &'a Delivery>,
) -> StoreResult<()> {
    let cells = |delivery: &Delivery| {
        vec![
            row::words(&delivery.name).into(),
            row::words(&delivery.id).into(),
            delivery.workflow.0.into(),
            delivery.execution.0.into(),
            delivery.at.0.into(),
        ]
    };
    let before = bulk::insert_into("event_deliveries", DELIVERY_COLUMNS);
    let shape = Shape { columns: DELIVERY_COLUMNS, before: &before, after: "" };
    Ok(bulk::execute(transaction, &shape, deliveries.map(cells).collect()).await?)
}

/// Writes which events a version waits for, and how long they are kept for it.
pub(super) async fn listen(
    transaction: &DatabaseTransaction,
    workflow: WorkflowId,
    version: i64,
    plan: &Plan,
) -> StoreResult<()> {
    let keep = i64::try_from(plan.keep_ms.unwrap_or(DEFAULT_KEEP_MS)).unwrap_or(i64::MAX);
    let waits = plan.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Wait(wait) => Some(&*wait.event),
        _ => None,
    });
    let events: std::collections::BTreeSet<&str> = waits.collect();
    let cells = |event: &str| vec![row::words(event).into(), workflow.0.into(), version.into(), keep.into()];
    let before = bulk::insert_into("event_listeners", LISTENER_COLUMNS);
    let shape = Shape { columns: LISTENER_COLUMNS, before: &before, after: "" };
    Ok(bulk::execute(transaction, &shape, events.into_iter().map(cells).collect()).await?)
}

/// Forgets a workflow that is gone.
pub(super) async fn forget(transaction: &DatabaseTransaction, workflow: WorkflowId) -> StoreResult<()> {
    let backend = transaction.get_database_backend();
    for table in ["event_listeners", "event_deliveries"] {
        let sql = format!("DELETE FROM {table} WHERE workflow_id = $1");
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, [workflow.0.into()])).await?;
    }
    Ok(())
}

impl Database {
    pub(super) async fn insert_event(&self, event: &SentEvent) -> StoreResult<bool> {
        let cells: Vec<Cell> = vec![
            row::words(&event.name).into(),
            row::words(&event.id).into(),
            row::json(&event.data).into(),
            event.kept.into(),
            event.at.0.into(),
            event.expires_at.0.into(),
        ];
        Ok(self.change(INSERT, cells).await? > 0)
    }

    pub(super) async fn longest_keep(&self, name: &str) -> StoreResult<Option<u64>> {
        let sql = "SELECT MAX(keep_ms) AS keep_ms FROM event_listeners WHERE event = $1";
        let found = self.rows(sql, vec![row::words(name).into()]).await?;
        found.first().map_or(Ok(None), keep_ms)
    }

    pub(super) async fn kept_events(&self, filter: &KeptFilter) -> StoreResult<Vec<SentEvent>> {
        let (at, id) = match &filter.after {
            Some((at, id)) => (at.0, row::words(id)),
            None => (i64::MIN, String::new()),
        };
        let cells = vec![
            row::words(&filter.name).into(),
            filter.now.0.into(),
            filter.since.0.into(),
            at.into(),
            id.into(),
            filter.for_workflow.map_or(Uuid::nil(), |workflow| workflow.0).into(),
            i64::try_from(filter.limit).unwrap_or(i64::MAX).into(),
        ];
        self.rows(KEPT, cells).await?.iter().map(event).collect()
    }

    pub(super) async fn deliveries_of(&self, name: &str, id: &str) -> StoreResult<Vec<Delivery>> {
        let found = self.rows(DELIVERIES, vec![row::words(name).into(), row::words(id).into()]).await?;
        found.iter().map(delivery).collect()
    }

    pub(super) async fn open_waits(
        &self,
        name: &str,
        after: Option<&WaitCursor>,
        limit: usize,
    ) -> StoreResult<Vec<OpenWait>> {
        let (since, execution, path) = match after {
            Some(after) => (after.since.0, after.execution.0, row::words(after.path.as_str())),
            None => (i64::MIN, Uuid::nil(), String::new()),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let cells = vec![row::words(name).into(), since.into(), execution.into(), path.into(), limit.into()];
        self.rows(WAITS, cells).await?.iter().map(wait).collect()
    }

    pub(super) async fn awaited_events(&self) -> StoreResult<Vec<Arc<str>>> {
        self.rows(AWAITED, Vec::new()).await?.iter().map(|found| text(found, "waits_for")).collect()
    }

    pub(super) async fn sweep_events(&self, now: Timestamp, most: u64) -> StoreResult<u64> {
        let expired = "SELECT name, id FROM events WHERE expires_at <= $1 ORDER BY expires_at, name, id LIMIT $2";
        let cells: Vec<Cell> = vec![now.0.into(), i64::try_from(most).unwrap_or(i64::MAX).into()];
        let transaction = self.begin().await?;
        let backend = transaction.get_database_backend();
        // The word of who took them goes first: the same events are read twice, and nothing else deletes any.
        let words = format!("DELETE FROM event_deliveries WHERE (name, event_id) IN ({expired})");
        transaction.execute_raw(Statement::from_sql_and_values(backend, words, cells.clone())).await?;
        let events = format!("DELETE FROM events WHERE (name, id) IN ({expired})");
        let done = transaction.execute_raw(Statement::from_sql_and_values(backend, events, cells)).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }
}

fn event(found: &QueryResult) -> StoreResult<SentEvent> {
    Ok(SentEvent {
        name: text(found, "name")?,
        id: text(found, "id")?,
        data: row::parse("the data of an event", &found.try_get::<String>("", "data")?)?,
        kept: true,
        at: Timestamp(found.try_get("", "created_at")?),
        expires_at: Timestamp(found.try_get("", "expires_at")?),
    })
}

fn delivery(found: &QueryResult) -> StoreResult<Delivery> {
    Ok(Delivery {
        name: text(found, "name")?,
        id: text(found, "event_id")?,
        workflow: WorkflowId(found.try_get("", "workflow_id")?),
        execution: ExecutionId(found.try_get("", "execution_id")?),
        at: Timestamp(found.try_get("", "at")?),
    })
}

fn wait(found: &QueryResult) -> StoreResult<OpenWait> {
    let cursor = WaitCursor {
        since: Timestamp(found.try_get("", "created_at")?),
        execution: ExecutionId(found.try_get("", "execution_id")?),
        path: StepPath::new(text(found, "path")?),
    };
    Ok(OpenWait { cursor, workflow: WorkflowId(found.try_get("", "workflow_id")?), keep_ms: keep_ms(found)? })
}

fn keep_ms(found: &QueryResult) -> StoreResult<Option<u64>> {
    let keep: Option<i64> = found.try_get("", "keep_ms")?;
    let corrupt = |keep: i64| StoreError::Corrupt(format!("events kept for {keep} ms"));
    keep.map(|keep| u64::try_from(keep).map_err(|_| corrupt(keep))).transpose()
}

fn text(found: &QueryResult, column: &str) -> StoreResult<Arc<str>> {
    Ok(found.try_get::<String>("", column)?.into())
}
