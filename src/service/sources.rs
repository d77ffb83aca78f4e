//! The states of the watched files: the watcher writes them, the API shows them.
//!
//! Invariant: memory only. What is published is in the store; this says what became of each file.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::expr::Timestamp;
use crate::lang::Report;

/// What became of a watched file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Its workflows are active as it has them.
    Applied,
    /// It does not compile, can't be read, or collides with another; the last good versions stay active.
    Failed,
    /// It is gone; its workflows are inactive.
    Removed,
}

impl SourceState {
    /// As the API shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Removed => "removed",
        }
    }
}

/// A watched file as it was last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceStatus {
    /// Its path below the watched folder.
    pub path: String,
    /// What became of it.
    pub state: SourceState,
    /// The hash of its text, where it could be read.
    pub hash: Option<String>,
    /// The workflows that it holds, with the version that each is at.
    pub workflows: Vec<(String, i64)>,
    /// Why it failed, where it is not about the text.
    pub error: Option<String>,
    /// What is wrong with its text, and warnings.
    pub diagnostics: Vec<Report>,
    /// When this was so.
    pub at: Timestamp,
}

/// The watched files, by path.
#[derive(Debug)]
pub struct Sources {
    files: Mutex<BTreeMap<String, SourceStatus>>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { files: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Sources {
    /// Records what became of a file.
    pub fn set(&self, status: SourceStatus) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(status.path.clone(), status);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Tells of every change from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What became of a file.
    pub fn get(&self, path: &str) -> Option<SourceStatus> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// All of them, by path.
    pub fn list(&self) -> Vec<SourceStatus> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
