//! What is called what in Redis.
//!
//! - `{prefix}:{tasks}:QUEUE/TYPE#K`: a stream for each lane, the tasks of one type in one queue, with the consumer group
//!   `workers`; those of another priority than the usual stand in a lane beside it, `{prefix}:{tasks}:QUEUE/TYPE@P#K`. K is one of a
//!   few parts that workflows are spread over, so that one with many tasks does not stand before all the others. All of them are
//!   in one slot of a Redis Cluster, since a worker takes from many in one call
//! - `{prefix}:{outcomes}:N`: a stream for each partition, read by its owner; all of them in one slot too, for the same reason
//! - `{prefix}:queues`: the set of lanes; `{prefix}:nonce`: what is gone when the data is
//! - `{prefix}:notices`: the channel of stops and new lanes; `{prefix}:nudges`: the channel between nodes

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::PartitionId;
use crate::plan::DEFAULT_PRIORITY;
use crate::service::ports::{Receipt, Task};

/// The consumer group of a lane's stream.
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

    /// The stream of a lane. One of the release before, which had no parts, keeps its name, and with it a slot of its own.
    pub(super) fn tasks(&self, lane: &str) -> String {
        match lane.contains(PART) {
            true => format!("{}:{{tasks}}:{lane}", self.prefix),
            false => format!("{}:{{q:{lane}}}:tasks", self.prefix),
        }
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

    pub(super) fn nudges(&self) -> String {
        format!("{}:nudges", self.prefix)
    }
}

/// What is between the name of a queue and a task type, before a priority and before a part: nothing that a queue's name can hold.
const TYPE: char = '/';
const PRIORITY: char = '@';
const PART: char = '#';

/// Over how many lanes the workflows are spread whose tasks are of one queue, type and priority.
const PARTS: u64 = 16;

/// The part that a workflow's tasks are in: the same in every process and every release (FNV-1a).
fn part_of(workflow: &str) -> u8 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    u8::try_from(workflow.bytes().fold(0xcbf2_9ce4_8422_2325, mix) % PARTS).unwrap_or(0)
}

/// A lane: tasks of one type and priority in one queue, of a part of the workflows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane<'a> {
    pub(super) queue: &'a str,
    pub(super) task_type: &'a str,
    pub(super) priority: u8,
    /// None in a lane of the release before, which holds those of all workflows.
    pub(super) part: Option<u8>,
}

impl<'a> Lane<'a> {
    /// The lane of a task.
    pub(super) fn of(task: &'a Task) -> Self {
        let part = Some(part_of(&task.workflow));
        Self { queue: &task.queue, task_type: &task.task_type, priority: task.priority, part }
    }

    /// From its name.
    pub(super) fn parse(name: &'a str) -> Self {
        let part = name.rsplit_once(PART).and_then(|(lane, part)| Some((lane, Some(part.parse().ok()?))));
        let (name, part) = part.unwrap_or((name, None));
        let priority = name.rsplit_once(PRIORITY).and_then(|(lane, priority)| Some((lane, priority.parse().ok()?)));
        let (lane, priority) = priority.unwrap_or((name, DEFAULT_PRIORITY));
        let (queue, task_type) = lane.split_once(TYPE).unwrap_or((lane, ""));
        Self { queue, task_type, priority, part }
    }

    /// Its name. The usual priority is not told.
    pub(super) fn name(&self) -> String {
        let Self { queue, task_type, priority, part } = self;
        let mut lane = format!("{queue}{TYPE}{task_type}");
        if *priority != DEFAULT_PRIORITY {
            lane.push_str(&format!("{PRIORITY}{priority}"));
        }
        if let Some(part) = part {
            lane.push_str(&format!("{PART}{part}"));
        }
        lane
    }
}

/// What the names of the consumers begin with who hold claims under leases.
const LEASE: &str = "lease-";

/// The consumer that holds the claims whose leases are this long, in seconds.
pub(super) fn lease_consumer(seconds: u64) -> String {
    format!("{LEASE}{seconds}")
}

/// How long a consumer's claims stand; none for a worker, whose claims stand for as long as every worker's.
pub(super) fn lease_of(consumer: &str) -> Option<Duration> {
    consumer.strip_prefix(LEASE)?.parse().ok().map(Duration::from_secs)
}

/// The receipt of a claim: the entry and its lane.
pub(super) fn claim_receipt(id: &str, lane: &str) -> Receipt {
    Receipt(format!("{id} {lane}").into())
}

/// The receipt of an outcome: the entry and its partition.
pub(super) fn outcome_receipt(id: &str, partition: PartitionId) -> Receipt {
    Receipt(format!("{id} {partition}").into())
}

/// Entries by what they are of: the lane of claims, the partition of outcomes. What is no receipt is left out.
pub(super) fn by_stream<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut streams: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, stream) in receipts.into_iter().filter_map(|receipt| receipt.0.split_once(' ')) {
        streams.entry(stream).or_default().push(id);
    }
    streams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_lane_tells_its_queue_type_and_priority() {
        let lane = Lane { queue: "slow-1", task_type: "geo.lookup", priority: 7, part: Some(12) };
        assert_eq!(lane.name(), "slow-1/geo.lookup@7#12");
        assert_eq!(Lane::parse(&lane.name()), lane);
        let usual = Lane { priority: DEFAULT_PRIORITY, ..lane };
        assert_eq!(usual.name(), "slow-1/geo.lookup#12");
        assert_eq!(Lane::parse(&usual.name()), usual);
        let before = Lane { priority: 7, part: None, ..usual };
        assert_eq!(before.name(), "slow-1/geo.lookup@7");
        assert_eq!(Lane::parse(&before.name()), before);
    }
}
