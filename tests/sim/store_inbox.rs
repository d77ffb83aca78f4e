//! Messages between the nodes of a simulation, with the rules of the real store.

use async_trait::async_trait;
use stepwell::expr::Timestamp;
use stepwell::ids::PartitionId;
use stepwell::service::inbox::{InboxStore, MessageId, NewMessage, OpenMessage, Reply, Settled};
use stepwell::service::ports::StoreResult;

use super::store::{MemoryStore, Rows};

/// A message and what came of it.
#[derive(Clone, Debug)]
pub struct Kept {
    pub message: NewMessage,
    pub reply: Option<Reply>,
}

impl Rows {
    /// Whether all of these are still to be done.
    pub fn are_open(&self, settled: &[Settled]) -> bool {
        settled.iter().all(|settled| self.inbox.get(&settled.id).is_some_and(|kept| kept.reply.is_none()))
    }

    /// Marks a message as done.
    pub fn settle(&mut self, settled: &Settled) {
        match (&settled.reply, self.inbox.get_mut(&settled.id)) {
            (Some(reply), Some(kept)) => kept.reply = Some(reply.clone()),
            _ => drop(self.inbox.remove(&settled.id)),
        }
    }
}

#[async_trait]
impl InboxStore for MemoryStore {
    async fn inbox_send(&self, messages: &[NewMessage]) -> StoreResult<Vec<MessageId>> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        let mut ids = Vec::new();
        for message in messages {
            rows.sent += 1;
            let id = rows.sent;
            rows.inbox.insert(id, Kept { message: message.clone(), reply: None });
            ids.push(id);
        }
        Ok(ids)
    }

    async fn inbox_open(
        &self,
        partitions: &[PartitionId],
        after: MessageId,
        limit: usize,
    ) -> StoreResult<Vec<OpenMessage>> {
        self.check_away()?;
        let open = |rows: &Rows| {
            let open = rows.inbox.iter().filter(|(id, kept)| {
                **id > after && kept.reply.is_none() && partitions.contains(&kept.message.message.partition())
            });
            let message = |(id, kept): (&MessageId, &Kept)| OpenMessage {
                id: *id,
                partition: kept.message.message.partition(),
                message: Some(kept.message.message.clone()),
                awaited: kept.message.awaited,
                at: kept.message.at,
            };
            open.map(message).take(limit).collect()
        };
        let open = open(&self.rows());
        // What was read is a moment old.
        self.pause().await;
        Ok(open)
    }

    async fn inbox_reply(&self, id: MessageId) -> StoreResult<Option<Reply>> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        let reply = rows.inbox.get(&id).and_then(|kept| kept.reply.clone());
        if reply.is_some() {
            rows.inbox.remove(&id);
        }
        Ok(reply)
    }

    async fn inbox_withdraw(&self, id: MessageId) -> StoreResult<bool> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        let is_open = rows.inbox.get(&id).is_some_and(|kept| kept.reply.is_none());
        if is_open {
            rows.inbox.remove(&id);
        }
        Ok(is_open)
    }

    async fn inbox_sweep(&self, before: Timestamp, _: u64) -> StoreResult<u64> {
        self.check_away()?;
        self.rows().inbox.retain(|_, kept| kept.reply.is_none() || kept.message.at > before);
        Ok(0)
    }
}
