//! The tasks of one kind that wait: by priority, and of one priority the workflows in turn.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::service::ports::Task;

use super::turns::Turns;

/// A task that waits.
pub(super) struct Waiting {
    pub id: u64,
    pub task: Task,
    pub since: Instant,
}

/// The tasks of a kind that wait: the higher priority first; of one priority the workflows take turns, so that one with a hundred
/// thousand tasks keeps none of another waiting; of one workflow first come first served.
#[derive(Default)]
pub(super) struct Lanes {
    by_priority: BTreeMap<u8, Turns<Waiting>>,
    /// The number of the turn in which they were last taken from; 0 is never.
    pub served: u64,
}

impl Lanes {
    pub fn push_back(&mut self, waiting: Waiting) {
        let workflow = waiting.task.workflow.clone();
        self.by_priority.entry(waiting.task.priority).or_default().push_back(&workflow, waiting);
    }

    pub fn push_front(&mut self, waiting: Waiting) {
        let workflow = waiting.task.workflow.clone();
        self.by_priority.entry(waiting.task.priority).or_default().push_front(&workflow, waiting);
    }

    /// The highest priority of those that wait.
    pub fn top(&self) -> Option<u8> {
        self.by_priority.last_key_value().map(|(priority, _)| *priority)
    }

    /// The next ones of the highest priority, up to `max`.
    pub fn pop_top(&mut self, max: usize) -> Vec<Waiting> {
        let Some(mut lane) = self.by_priority.last_entry() else { return Vec::new() };
        let waiting = lane.get_mut();
        let first = (0..max.min(waiting.len())).filter_map(|_| waiting.pop()).collect();
        if waiting.is_empty() {
            lane.remove();
        }
        first
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&Waiting) -> bool) {
        self.by_priority.retain(|_, lane| {
            lane.retain(&mut keep);
            !lane.is_empty()
        });
    }

    pub fn is_empty(&self) -> bool {
        self.by_priority.is_empty()
    }

    pub fn len(&self) -> usize {
        self.by_priority.values().map(Turns::len).sum()
    }

    /// How long the oldest waits.
    pub fn oldest(&self) -> Option<Duration> {
        self.by_priority.values().flat_map(Turns::firsts).map(|waiting| waiting.since.elapsed()).max()
    }
}
