//! Pages of lists: where the next one begins. A cursor says where something stands, so that it holds when that is gone.

use crate::engine::StepRow;
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, StepPath};
use crate::service::model::Execution;
use crate::service::ports::ExecutionCursor;
use crate::service::waits::{Approval, WaitCursor};

/// What stands between the parts of a cursor.
const BETWEEN: char = '_';

/// The cursor of the page behind this one; none where it is not full, and so the last.
pub(super) fn next<T, C>(items: &[T], limit: u64, cursor: impl FnOnce(&T) -> C) -> Option<C> {
    items.last().filter(|_| items.len() as u64 == limit).map(cursor)
}

/// Where an execution stands: its time and its id.
pub(super) fn of_execution(execution: &Execution) -> String {
    format!("{}{BETWEEN}{}", execution.created_at.0, execution.id)
}

/// From what `of_execution` wrote.
pub(super) fn to_execution(text: &str) -> Option<ExecutionCursor> {
    let (created_at, id) = text.split_once(BETWEEN)?;
    let id = ExecutionId(uuid::Uuid::parse_str(id).ok()?);
    Some(ExecutionCursor { created_at: Timestamp(created_at.parse().ok()?), id })
}

/// Where an attempt stands in its execution: its `seq` and its path.
pub(super) fn of_attempt(row: &StepRow) -> String {
    format!("{}{BETWEEN}{}", row.seq, row.path)
}

/// From what `of_attempt` wrote.
pub(super) fn to_attempt(text: &str) -> Option<(i64, StepPath)> {
    let (seq, path) = text.split_once(BETWEEN)?;
    Some((seq.parse().ok()?, StepPath::new(path)))
}

/// Where an approval stands: its time, its execution, and the path in it.
pub(super) fn of_approval(approval: &Approval) -> String {
    let row = &approval.row;
    format!("{}{BETWEEN}{}{BETWEEN}{}", row.created_at.0, row.execution, row.path)
}

/// From what `of_approval` wrote.
pub(super) fn to_approval(text: &str) -> Option<WaitCursor> {
    let (since, rest) = text.split_once(BETWEEN)?;
    let (execution, path) = rest.split_once(BETWEEN)?;
    let execution = ExecutionId(uuid::Uuid::parse_str(execution).ok()?);
    Some(WaitCursor { since: Timestamp(since.parse().ok()?), execution, path: StepPath::new(path) })
}
