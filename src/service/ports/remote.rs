//! Which tasks a worker takes, and the side of workers elsewhere, who hold their claims under leases.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::plan::{QUEUE_NAME, is_queue_name};

use super::queue::{AttemptKey, QueueError, Receipt, Task, TaskOutcome};

/// The shortest lease.
pub const MIN_LEASE: Duration = Duration::from_secs(1);

/// The longest lease.
pub const MAX_LEASE: Duration = Duration::from_secs(3_600);

/// Which tasks a worker takes: those of these task types, in these queues.
///
/// Who can do a task is known by who asks for it, and stands in no plan: so a task of a type is never handed to a worker that
/// has no handler for it, and what carries a type out may move from one process, or language, to another without a new version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The names of the queues; none, or `*`, are all.
    pub queues: Vec<String>,
    /// The task types; none are all.
    pub task_types: Vec<String>,
    /// How many tasks are taken of a queue while others have some too, beside theirs; 1 of one that is not named.
    pub weights: BTreeMap<String, u32>,
}

impl Wanted {
    /// All tasks of these queues, each given as `NAME` or `NAME=WEIGHT`.
    ///
    /// # Errors
    /// What a name, or a weight, has to be.
    pub fn of_queues(given: &[String]) -> Result<Self, String> {
        let mut wanted = Self::default();
        for text in given {
            let (name, weight) = queue_share(text)?;
            wanted.queues.push(name.to_owned());
            if let Some(weight) = weight
                && let Some(before) = wanted.weights.insert(name.to_owned(), weight)
                && before != weight
            {
                return Err(format!("`{text}`: the queue `{name}` has the weight {before} already"));
            }
        }
        Ok(wanted)
    }

    /// The weight of a queue.
    pub fn weight(&self, queue: &str) -> u32 {
        self.weights.get(queue).copied().unwrap_or(1)
    }

    /// Whether tasks in this queue are wanted.
    pub fn in_queue(&self, queue: &str) -> bool {
        self.queues.is_empty() || self.queues.iter().any(|name| name == "*" || name == queue)
    }

    /// Whether a task of this type in this queue is wanted.
    pub fn takes(&self, queue: &str, task_type: &str) -> bool {
        self.in_queue(queue) && (self.task_types.is_empty() || self.task_types.iter().any(|name| name == task_type))
    }
}

impl From<Vec<String>> for Wanted {
    /// All tasks of these queues.
    fn from(queues: Vec<String>) -> Self {
        Self { queues, ..Self::default() }
    }
}

/// The largest weight of a queue.
const MAX_WEIGHT: u32 = 100;

fn queue_share(text: &str) -> Result<(&str, Option<u32>), String> {
    let Some((name, weight)) = text.split_once('=') else {
        return match text == "*" || is_queue_name(text) {
            true => Ok((text, None)),
            false => Err(format!("`{text}` is no name of a queue: {QUEUE_NAME}")),
        };
    };
    if name.is_empty() {
        return Err(format!("`{text}`: the weight is of no queue; write it as in `fast={weight}`"));
    }
    if name == "*" {
        return Err(format!("`{text}`: `*` is every queue, and has no weight; name the queues that are to have one"));
    }
    if !is_queue_name(name) {
        return Err(format!("`{text}`: `{name}` is no name of a queue: {QUEUE_NAME}"));
    }
    match weight.parse().ok().filter(|weight| (1..=MAX_WEIGHT).contains(weight)) {
        Some(weight) => Ok((name, Some(weight))),
        None => {
            Err(format!("`{text}`: the weight of a queue is a whole number from 1 to {MAX_WEIGHT}, as in `{name}=3`"))
        }
    }
}

/// A claim of a worker elsewhere: what it shows to speak for it, to whichever process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The attempt.
    pub key: AttemptKey,
    /// The claim.
    pub receipt: Receipt,
    /// How long it stands each time it begins anew, in seconds.
    pub seconds: u64,
}

impl Lease {
    /// How long it stands each time it begins anew.
    pub fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// The side of workers elsewhere. A claim stands for as long as its lease and is then lost like that of a process that is
/// gone. What is known of it is with the queue, so that any process can speak for it.
#[async_trait]
pub trait TaskLeases: Send + Sync + 'static {
    /// Waits for tasks that are wanted, and claims up to `max` of them for `seconds`; for less, where a step's `heartbeat`
    /// is shorter. Cancel-safe: what nobody took goes back to its queue.
    async fn lease(&self, wanted: &Wanted, max: usize, seconds: u64) -> Result<Vec<(Task, Lease)>, QueueError>;
    /// Begins leases anew; of each, whether it still stood.
    async fn renew(&self, leases: &[Lease]) -> Result<Vec<bool>, QueueError>;
    /// Sends the outcomes of leases that stand to the owners of their executions; of each, whether it stood.
    async fn settle(&self, outcomes: Vec<(TaskOutcome, Lease)>) -> Result<Vec<bool>, QueueError>;
    /// Whether a lease stands. Changes nothing.
    async fn stands(&self, lease: &Lease) -> Result<bool, QueueError>;
}

/// The length of a task's lease where a worker asks for `seconds`: a step's `heartbeat` says how long it may be silent.
pub fn lease_seconds(task: &Task, seconds: u64) -> u64 {
    task.heartbeat_ms.map_or(seconds, |heartbeat| seconds.min(heartbeat.div_ceil(1_000).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_wanted_by_its_queue_and_its_type() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let wanted = Wanted { queues: names(&["slow"]), task_types: names(&["a.b", "c"]), ..Wanted::default() };
        assert!(wanted.takes("slow", "c"));
        assert!(!wanted.takes("fast", "c"));
        assert!(!wanted.takes("slow", "b"));
        assert!(Wanted::default().takes("any", "any"));
        assert!(Wanted::from(names(&["*"])).takes("any", "any"));
    }

    #[test]
    fn a_weight_is_a_whole_number_in_bounds() {
        let wanted = Wanted::of_queues(&["fast=100".to_owned(), "slow".to_owned()]).unwrap();
        assert_eq!(wanted.queues, ["fast", "slow"]);
        assert_eq!((wanted.weight("fast"), wanted.weight("slow")), (100, 1));
        for wrong in ["fast=0", "fast=101", "fast=", "fast=x", "fast=1.5", "fast=-1", "*=2", "=3"] {
            let told = Wanted::of_queues(&[wrong.to_owned()]).unwrap_err();
            assert!(told.contains(wrong) && told.contains("weight"), "{told}");
        }
        assert_eq!(Wanted::of_queues(&["*".to_owned()]).unwrap().queues, ["*"]);
        for wrong in ["two words", "two words=3", "", &"q".repeat(65)] {
            let told = Wanted::of_queues(&[wrong.to_owned()]).unwrap_err();
            assert!(told.contains(wrong) && told.contains("is no name of a queue: letters"), "{told}");
        }
        let told = Wanted::of_queues(&["fast=3".to_owned(), "fast=1".to_owned()]).unwrap_err();
        assert_eq!(told, "`fast=1`: the queue `fast` has the weight 3 already");
    }
}
