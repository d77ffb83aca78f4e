//! What was sent to an execution and no wait has taken yet.
//!
//! Invariant: bounded, and nothing is in it twice: what was sent under an id before changes nothing.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::expr::Value;

/// The most signals that an execution keeps.
pub const MAX_KEPT_SIGNALS: usize = 1_024;

/// The most bytes of signals that an execution keeps, roughly.
pub const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// An event that reached the execution.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signal {
    pub id: Arc<str>,
    pub name: Arc<str>,
    pub data: Value,
}

impl Signal {
    fn bytes(&self) -> usize {
        self.id.len() + self.name.len() + self.data.approx_bytes()
    }
}

/// The signals of an execution.
#[derive(Clone, Debug, Default)]
pub(super) struct Mailbox {
    /// What no wait has taken, oldest first.
    kept: VecDeque<Signal>,
    /// What is kept, in bytes.
    bytes: usize,
    /// The ids of all that came.
    seen: HashSet<Arc<str>>,
}

impl Mailbox {
    /// Whether a signal of this id has come before.
    pub fn has_seen(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    /// Remembers that a signal of this id has come.
    pub fn see(&mut self, id: Arc<str>) {
        self.seen.insert(id);
    }

    /// Whether there is room for another.
    pub fn has_room_for(&self, signal: &Signal) -> bool {
        self.kept.len() < MAX_KEPT_SIGNALS && self.bytes + signal.bytes() <= MAX_KEPT_BYTES
    }

    /// Keeps a signal until a wait takes it.
    pub fn keep(&mut self, signal: Signal) {
        self.bytes += signal.bytes();
        self.kept.push_back(signal);
    }

    /// Where the oldest signal of a name stands that `takes` holds for.
    pub fn find(&self, name: &str, takes: impl Fn(&Value) -> bool) -> Option<usize> {
        self.kept.iter().position(|signal| &*signal.name == name && takes(&signal.data))
    }

    /// Takes out the signal that stands there.
    pub fn take(&mut self, at: usize) -> Option<Signal> {
        let signal = self.kept.remove(at)?;
        self.bytes -= signal.bytes();
        Some(signal)
    }

    /// Roughly how much memory it takes, in bytes.
    pub fn footprint(&self) -> usize {
        self.bytes + self.seen.iter().map(|id| id.len() + size_of::<Arc<str>>()).sum::<usize>()
    }
}
