//! Messages between nodes, and the replies to them.
//!
//! Invariant: a message is done once. The statements that mark one as done count what they changed: one that is done
//! already, or was taken back, breaks the commit of what would have followed from it.

use async_trait::async_trait;
use sea_orm::sea_query::Value as Cell;
use sea_orm::{DatabaseTransaction, QueryResult};
use serde::{Deserialize, Serialize};

use crate::expr::Timestamp;
use crate::ids::PartitionId;
use crate::service::inbox::{InboxStore, Message, MessageId, NewMessage, OpenMessage, Reply, Settled};
use crate::service::ports::{StoreError, StoreResult};

use super::bulk::{self, Kind, Shape};
use super::executions::{limit_of, small, within};
use super::{Database, fault, row};

const COLUMNS: &[(&str, Kind)] = &[("partition", Kind::Small), ("body", Kind::Words), ("created_at", Kind::Int)];

const REPLY_COLUMNS: &[(&str, Kind)] = &[("id", Kind::Int), ("answer", Kind::Words)];

const DONE_COLUMNS: &[(&str, Kind)] = &[("id", Kind::Int)];

/// A message as its row holds it.
#[derive(Serialize, Deserialize)]
struct Body<M> {
    #[serde(default)]
    awaited: bool,
    message: M,
}

/// Marks messages as done, in the commit of what followed from them.
pub(super) async fn settle<'a>(
    transaction: &DatabaseTransaction,
    settled: impl Iterator<Item = &'a Settled>,
) -> StoreResult<()> {
    let (replied, done): (Vec<_>, Vec<_>) = settled.partition(|settled| settled.reply.is_some());
    let all = replied.len() + done.len();
    if all == 0 {
        return Ok(());
    }
    let before = format!("WITH new ({}) AS (", bulk::names(REPLY_COLUMNS));
    let after =
        ") UPDATE inbox SET answer = new.answer FROM new WHERE inbox.id = new.id AND inbox.answer IS NULL".to_owned();
    let shape = Shape { columns: REPLY_COLUMNS, before: &before, after: &after };
    let rows = replied.iter().map(|settled| vec![settled.id.into(), row::json(&settled.reply).into()]).collect();
    let mut changed = bulk::change(transaction, &shape, rows).await?;
    let before = format!("WITH new ({}) AS (", bulk::names(DONE_COLUMNS));
    let after = ") DELETE FROM inbox WHERE answer IS NULL AND id IN (SELECT id FROM new)";
    let shape = Shape { columns: DONE_COLUMNS, before: &before, after };
    let rows = done.iter().map(|settled| vec![settled.id.into()]).collect();
    changed += bulk::change(transaction, &shape, rows).await?;
    if usize::try_from(changed).ok() == Some(all) || fault::no_fence() {
        return Ok(());
    }
    Err(StoreError::Conflict("a message of another node is done already, or was taken back".to_owned()))
}

#[async_trait]
impl InboxStore for Database {
    async fn inbox_send(&self, messages: &[NewMessage]) -> StoreResult<Vec<MessageId>> {
        let cells = |new: &NewMessage| {
            let body = Body { awaited: new.awaited, message: &new.message };
            Ok(vec![small(new.message.partition())?.into(), row::json(&body).into(), new.at.0.into()])
        };
        let rows = messages.iter().map(cells).collect::<StoreResult<Vec<_>>>()?;
        let before = bulk::insert_into("inbox", COLUMNS);
        let shape = Shape { columns: COLUMNS, before: &before, after: "RETURNING id" };
        let transaction = self.begin().await?;
        let found = bulk::query(&transaction, &shape, rows).await?;
        transaction.commit().await?;
        let mut ids = found.iter().map(|row| Ok(row.try_get("", "id")?)).collect::<StoreResult<Vec<_>>>()?;
        // They rise in the order of the rows.
        ids.sort_unstable();
        Ok(ids)
    }

    async fn inbox_open(
        &self,
        partitions: &[PartitionId],
        after: MessageId,
        limit: usize,
    ) -> StoreResult<Vec<OpenMessage>> {
        let within = within("partition", partitions)?;
        let sql = format!(
            "SELECT id, partition, body, created_at FROM inbox
             WHERE answer IS NULL AND id > $1{within} ORDER BY id LIMIT $2"
        );
        let found = self.rows(&sql, vec![after.into(), limit_of(limit).into()]).await?;
        found.iter().map(open).collect()
    }

    async fn inbox_reply(&self, id: MessageId) -> StoreResult<Option<Reply>> {
        let found = self.rows("SELECT answer FROM inbox WHERE id = $1 AND answer IS NOT NULL", vec![id.into()]).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let reply = row::parse("the reply to a message", &found.try_get::<String>("", "answer")?)?;
        self.change("DELETE FROM inbox WHERE id = $1", vec![id.into()]).await?;
        Ok(Some(reply))
    }

    async fn inbox_withdraw(&self, id: MessageId) -> StoreResult<bool> {
        Ok(self.change("DELETE FROM inbox WHERE id = $1 AND answer IS NULL", vec![id.into()]).await? > 0)
    }

    async fn inbox_sweep(&self, before: Timestamp, most: u64) -> StoreResult<u64> {
        let sql = "DELETE FROM inbox WHERE id IN
             (SELECT id FROM inbox WHERE answer IS NOT NULL AND created_at <= $1 ORDER BY created_at LIMIT $2)";
        let cells: Vec<Cell> = vec![before.0.into(), i64::try_from(most).unwrap_or(i64::MAX).into()];
        self.change(sql, cells).await
    }
}

fn open(found: &QueryResult) -> StoreResult<OpenMessage> {
    let id = found.try_get("", "id")?;
    let partition: i16 = found.try_get("", "partition")?;
    let partition = u16::try_from(partition).map_err(|_| StoreError::Corrupt(format!("partition {partition}")))?;
    let body: Option<Body<Message>> = serde_json::from_str(&found.try_get::<String>("", "body")?).ok();
    let (message, awaited) = body.map_or((None, false), |body| (Some(body.message), body.awaited));
    let at = Timestamp(found.try_get("", "created_at")?);
    Ok(OpenMessage { id, partition: PartitionId(partition), message, awaited, at })
}
