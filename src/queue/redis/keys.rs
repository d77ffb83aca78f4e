//! What is called what in Redis.
//!
//! - `{prefix}:{q:NAME}:tasks`: a stream for each queue, with the consumer group `workers`; tasks of another priority than
//!   the usual stand in a stream beside it, `{prefix}:{q:NAME@P}:tasks`
//! - `{prefix}:{outcomes}:N`: a stream for each partition, read by its owner; all of them in one slot of a Redis Cluster, since
//!   an owner reads many at once
//! - `{prefix}:queues`: the set of queues; `{prefix}:nonce`: what is gone when the data is
//! - `{prefix}:notices`: the channel of stops and new queues

use std::collections::BTreeMap;

use crate::ids::PartitionId;
use crate::plan::DEFAULT_PRIORITY;
use crate::service::ports::Receipt;

/// The consumer group of a queue's stream.
pub(super) const GROUP: &str = "workers";

/// The names under a prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The stream of a queue.
    pub(super) fn tasks(&self, queue: &str) -> String {
        format!("{}:{{q:{queue}}}:tasks", self.prefix)
    }

    /// The stream of a partition's outcomes.
    pub(super) fn outcomes(&self, partition: PartitionId) -> String {
        format!("{}:{{outcomes}}:{partition}", self.prefix)
    }

    pub(super) fn queues(&self) -> String {
        format!("{}:queues", self.prefix)
    }

    pub(super) fn nonce(&self) -> String {
        format!("{}:nonce", self.prefix)
    }

    pub(super) fn notices(&self) -> String {
        format!("{}:notices", self.prefix)
    }
}

/// What is between the name of a queue and a priority: nothing that a name can hold.
const LANE: char = '@';

/// The lane of a queue that tasks of a priority wait in. The usual priority has the queue's own name.
pub(super) fn lane(queue: &str, priority: u8) -> String {
    if priority == DEFAULT_PRIORITY { queue.to_owned() } else { format!("{queue}{LANE}{priority}") }
}

/// The queue and the priority of a lane.
pub(super) fn of_lane(lane: &str) -> (&str, u8) {
    match lane.split_once(LANE) {
        Some((queue, priority)) => (queue, priority.parse().unwrap_or(DEFAULT_PRIORITY)),
        None => (lane, DEFAULT_PRIORITY),
    }
}

/// The receipt of a claim: the entry and its queue.
pub(super) fn claim_receipt(id: &str, queue: &str) -> Receipt {
    Receipt(format!("{id} {queue}").into())
}

/// The receipt of an outcome: the entry and its partition.
pub(super) fn outcome_receipt(id: &str, partition: PartitionId) -> Receipt {
    Receipt(format!("{id} {partition}").into())
}

/// Entries by what they are of: the queue of claims, the partition of outcomes. Receipts of other queues are left out.
pub(super) fn by_stream<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut streams: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, stream) in receipts.into_iter().filter_map(|receipt| receipt.0.split_once(' ')) {
        streams.entry(stream).or_default().push(id);
    }
    streams
}

/// Whether a queue may be called this.
pub(super) fn is_queue_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
