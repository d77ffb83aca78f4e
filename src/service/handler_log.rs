//! What a handler logged, made into entries of the execution's log.
//!
//! Invariant: what is kept of an attempt's log is bounded while it runs, not at its end alone.

use std::time::Duration;

use crate::engine::{LogEntry, LogLevel};
use crate::expr::Timestamp;
use crate::ids::StepPath;

/// How many entries of an attempt's log are kept.
const MAX_LOGS: usize = 1_000;
/// How many bytes of text they have in all.
const MAX_LOG_BYTES: usize = 256 * 1024;

/// An entry that a handler logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerLog<T> {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// When.
    pub at: T,
}

/// The log of an attempt: its first entries up to the bounds, and how many came after them.
#[derive(Clone, Debug)]
pub struct HandlerLogs<T> {
    entries: Vec<HandlerLog<T>>,
    bytes: usize,
    left_out: usize,
}

impl<T> Default for HandlerLogs<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), bytes: 0, left_out: 0 }
    }
}

impl<T> HandlerLogs<T> {
    /// Adds an entry. From the first one that has no room, all are left out and counted.
    pub fn push(&mut self, entry: HandlerLog<T>) {
        let bytes = self.bytes.saturating_add(entry.message.len());
        if self.left_out > 0 || self.entries.len() >= MAX_LOGS || bytes > MAX_LOG_BYTES {
            self.left_out += 1;
            return;
        }
        self.bytes = bytes;
        self.entries.push(entry);
    }

    /// The entries that are kept.
    pub fn entries(&self) -> &[HandlerLog<T>] {
        &self.entries
    }

    /// Entries of an execution's log, of a step that ended `took` after its claim. `since` says how long after the claim an
    /// entry was made, and that is its `at`: only the owner knows when the claim was. That some were left out is told.
    pub fn into_entries(self, path: &StepPath, took: Duration, since: impl Fn(T) -> Duration) -> Vec<LogEntry> {
        let entry = |level, message, at: Duration| {
            let at = Timestamp(i64::try_from(at.as_micros()).unwrap_or(i64::MAX));
            LogEntry { level, message, details: None, path: Some(path.clone()), at }
        };
        let told = (self.left_out > 0).then(|| {
            let message = format!("{} more entries of this attempt's log are left out", self.left_out);
            entry(LogLevel::Warn, message, took)
        });
        let kept = self.entries.into_iter().map(|log| entry(log.level, log.message, since(log.at)));
        kept.chain(told).collect()
    }
}

impl<T> FromIterator<HandlerLog<T>> for HandlerLogs<T> {
    fn from_iter<I: IntoIterator<Item = HandlerLog<T>>>(entries: I) -> Self {
        let mut logs = Self::default();
        entries.into_iter().for_each(|entry| logs.push(entry));
        logs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> HandlerLog<Duration> {
        HandlerLog { level: LogLevel::Info, message: message.to_owned(), at: Duration::from_micros(5) }
    }

    #[test]
    fn no_more_is_kept_than_the_bounds_whatever_is_logged() {
        let mut logs = HandlerLogs::default();
        (0..MAX_LOGS + 3).for_each(|_| logs.push(said("x")));
        assert_eq!((logs.entries().len(), logs.left_out), (MAX_LOGS, 3));
        let mut logs: HandlerLogs<_> = [said(&"x".repeat(MAX_LOG_BYTES)), said("y")].into_iter().collect();
        // An empty one had room, and would tell of what came before it that it is not missing.
        logs.push(said(""));
        assert_eq!((logs.entries().len(), logs.left_out), (1, 2));
    }

    #[test]
    fn what_is_left_out_is_told_at_the_end() {
        let entries = (0..MAX_LOGS + 1).map(|_| said("x")).collect::<HandlerLogs<_>>();
        let entries = entries.into_entries(&StepPath::new("a"), Duration::from_micros(9), |at| at);
        assert_eq!((entries.len(), entries[0].at), (MAX_LOGS + 1, Timestamp(5)));
        let last = entries.last().unwrap();
        assert_eq!(last.message, "1 more entries of this attempt's log are left out");
        assert_eq!((last.level, last.at), (LogLevel::Warn, Timestamp(9)));
    }
}
