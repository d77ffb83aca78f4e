//! What a handler logged, made into entries of the execution's log.

use std::time::Duration;

use crate::engine::{LogEntry, LogLevel};
use crate::expr::Timestamp;
use crate::ids::StepPath;

/// How many entries of a handler's log travel with an outcome.
const MAX_LOGS: usize = 1_000;
/// How many bytes of text they have in all.
const MAX_LOG_BYTES: usize = 256 * 1024;

/// Entries of an attempt, each with the time since its claim as `at`: only the owner knows when the claim was. What is past
/// the bounds is left out, and told.
pub fn handler_log(path: &StepPath, took: Duration, logged: Vec<(LogLevel, String, Duration)>) -> Vec<LogEntry> {
    let entry = |level, message, at: Duration| {
        let at = Timestamp(i64::try_from(at.as_micros()).unwrap_or(i64::MAX));
        LogEntry { level, message, details: None, path: Some(path.clone()), at }
    };
    let mut room = MAX_LOG_BYTES;
    let mut entries = Vec::new();
    let total = logged.len();
    for (level, message, at) in logged {
        let Some(left) = room.checked_sub(message.len()).filter(|_| entries.len() < MAX_LOGS) else { break };
        room = left;
        entries.push(entry(level, message, at));
    }
    if entries.len() < total {
        let message = format!("{} more entries of this attempt's log are left out", total - entries.len());
        entries.push(entry(LogLevel::Warn, message, took));
    }
    entries
}
