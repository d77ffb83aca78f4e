//! What nodes tell each other at once.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ids::PartitionId;
use crate::service::inbox::MessageId;

/// A hint that something is written: whoever misses it finds it all the same, within a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nudge {
    /// There are messages for the owners of these partitions.
    Messages(Vec<PartitionId>),
    /// There is a reply to this message.
    Reply(MessageId),
    /// The workflow of this name was published, switched on or off, renamed or deleted.
    Workflow(Arc<str>),
}

/// How nodes nudge each other.
#[async_trait]
pub trait Nudges: Send + Sync + 'static {
    /// Tells all nodes, as far as they can be reached. Never waits.
    fn send(&self, nudge: Nudge);
    /// Waits for the next nudge. Cancel-safe.
    async fn next(&self) -> Nudge;
}

/// There is no other node.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNudges;

#[async_trait]
impl Nudges for NoNudges {
    fn send(&self, _: Nudge) {}

    async fn next(&self) -> Nudge {
        std::future::pending().await
    }
}
