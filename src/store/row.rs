//! Rows to domain types and back. JSON is text; a row that does not fit is `Corrupt`, never a panic.

use std::sync::Arc;

use sea_orm::sea_query::Value as Cell;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::engine::{
    Compensation, ControlRow, ExecutionStatus, ExecutionUpdate, FusedSteps, LogEntry, LogLevel, StepRow, StepStatus,
};
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, StepPath, WorkflowId};
use crate::plan::{Plan, PlanHash};
use crate::service::model::{Execution, Parent};
use crate::service::ports::{StoreError, StoreResult, StoredLog};

use super::bulk::Row;
use super::entity;

/// JSON as it is stored.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Stored JSON.
pub(super) fn parse<T: DeserializeOwned>(what: &str, text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("{what}: {error}")))
}

/// A stored plan.
pub(super) fn plan(text: &str) -> StoreResult<Arc<Plan>> {
    Plan::from_json(text).map(Arc::new).map_err(|error| StoreError::Corrupt(format!("a plan: {error}")))
}

/// Stored JSON that may be absent. Absent and `null` are two things.
fn parse_some<T: DeserializeOwned>(what: &str, text: Option<&str>) -> StoreResult<Option<T>> {
    text.map(|text| parse(what, text)).transpose()
}

/// A stored word of a fixed set.
pub(super) fn word<T>(what: &str, text: &str, known: impl Fn(&str) -> Option<T>) -> StoreResult<T> {
    known(text).ok_or_else(|| StoreError::Corrupt(format!("{what} `{text}`")))
}

/// A stored number that is never negative and fits 32 bits.
pub(super) fn count(what: &str, number: i64) -> StoreResult<u32> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt(format!("{what} {number}")))
}

/// Text that came from outside. PostgreSQL keeps no NUL in text, and one must not fail the commit of everybody else.
pub(super) fn words(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text.to_owned() }
}

/// The partition of an execution as stored.
fn partition(id: ExecutionId) -> i16 {
    i16::try_from(id.partition().0).unwrap_or(i16::MAX)
}

/// The row of an execution, in the order of `starts::COLUMNS`.
pub(super) fn execution_cells(execution: &Execution) -> Row {
    let parent = execution.parent.as_ref();
    vec![
        execution.id.0.into(),
        execution.workflow.0.into(),
        words(&execution.workflow_name).into(),
        execution.version.into(),
        (&*execution.plan_hash.0).into(),
        partition(execution.id).into(),
        execution.status.as_str().into(),
        execution.seq.into(),
        json(&execution.input).into(),
        json(&execution.settings).into(),
        execution.output.as_ref().map(json).into(),
        execution.error.as_ref().map(json).into(),
        i64::from(execution.retry_count).into(),
        i64::from(execution.max_retries).into(),
        execution.idempotency_key.as_deref().map(words).into(),
        execution.request_hash.as_deref().into(),
        parent.map(|parent| parent.execution.0).into(),
        parent.map(|parent| words(parent.path.as_str())).into(),
        parent.map(|parent| i64::from(parent.attempt)).into(),
        parent.map_or(0, |parent| i64::from(parent.depth)).into(),
        micros(execution.wake_at),
        micros(execution.scheduled_at),
        execution.created_at.0.into(),
        micros(execution.started_at),
        micros(execution.completed_at),
        micros(execution.cancel_requested_at),
        execution.compensation.as_str().into(),
        execution.concurrency_key.as_deref().map(words).into(),
        order(execution.furthest),
    ]
}

/// The row of a change of an execution, in the order of `commit::UPDATE_COLUMNS`.
pub(super) fn update_cells(update: &ExecutionUpdate) -> Row {
    vec![
        update.id.0.into(),
        update.status.as_str().into(),
        update.seq.into(),
        i64::from(update.retry_count).into(),
        update.output.as_ref().map(json).into(),
        update.error.as_ref().map(json).into(),
        micros(update.wake_at),
        micros(update.started_at),
        micros(update.completed_at),
        micros(update.cancel_requested_at),
        update.compensation.as_str().into(),
        order(update.furthest),
    ]
}

/// The row of an attempt, in the order of `commit::STEP_COLUMNS`.
pub(super) fn step_cells(step: &StepRow) -> Row {
    vec![
        step.execution.0.into(),
        words(step.path.as_str()).into(),
        i64::from(step.attempt).into(),
        step.seq.into(),
        partition(step.execution).into(),
        words(&step.name).into(),
        i64::from(step.order).into(),
        words(&step.task_type).into(),
        step.status.as_str().into(),
        step.input.as_ref().map(json).into(),
        step.output.as_ref().map(json).into(),
        step.error.as_ref().map(json).into(),
        micros(step.wake_at),
        step.created_at.0.into(),
        micros(step.started_at),
        micros(step.completed_at),
        step.waits_for.as_ref().map(|what| words(what)).into(),
    ]
}

/// The row of an entry of a log, in the order of `commit::LOG_COLUMNS`.
pub(super) fn log_cells(execution: ExecutionId, entry: &LogEntry) -> Row {
    vec![
        execution.0.into(),
        entry.level.as_str().into(),
        words(&entry.message).into(),
        entry.details.as_ref().map(json).into(),
        entry.path.as_ref().map(|path| words(path.as_str())).into(),
        entry.at.0.into(),
    ]
}

/// The row of a control, in the order of `commit::CONTROL_COLUMNS`.
pub(super) fn control_cells(row: &ControlRow) -> Row {
    vec![row.execution.0.into(), row.seq.into(), json(&row.control).into(), row.at.0.into()]
}

fn micros(at: Option<Timestamp>) -> Cell {
    at.map(|at| at.0).into()
}

fn order(order: Option<u32>) -> Cell {
    order.map(i64::from).into()
}

/// An execution from its row.
pub(super) fn execution(row: entity::execution::Model) -> StoreResult<Execution> {
    Ok(Execution {
        id: ExecutionId(row.id),
        workflow: WorkflowId(row.workflow_id),
        workflow_name: row.workflow_name.into(),
        version: row.version,
        plan_hash: PlanHash(row.plan_hash.into()),
        status: word("execution status", &row.status, ExecutionStatus::parse)?,
        seq: row.seq,
        input: parse("input of an execution", &row.input)?,
        settings: parse("settings of an execution", &row.settings)?,
        output: parse_some("output of an execution", row.output.as_deref())?,
        error: parse_some("error of an execution", row.error.as_deref())?,
        retry_count: count("retry count", row.retry_count)?,
        max_retries: count("max retries", row.max_retries)?,
        idempotency_key: row.idempotency_key,
        request_hash: row.request_hash.map(Into::into),
        parent: parent(row.parent_execution, row.parent_path, row.parent_attempt, row.depth)?,
        wake_at: row.wake_at.map(Timestamp),
        scheduled_at: row.scheduled_at.map(Timestamp),
        created_at: Timestamp(row.created_at),
        started_at: row.started_at.map(Timestamp),
        completed_at: row.completed_at.map(Timestamp),
        cancel_requested_at: row.cancel_requested_at.map(Timestamp),
        compensation: word("compensation", &row.compensation, Compensation::parse)?,
        concurrency_key: row.concurrency_key.map(Into::into),
        furthest: row.furthest.map(|order| count("step order", order)).transpose()?,
    })
}

fn parent(id: Option<Uuid>, path: Option<String>, attempt: Option<i64>, depth: i64) -> StoreResult<Option<Parent>> {
    match (id, path, attempt) {
        (None, None, None) => Ok(None),
        (Some(id), Some(path), Some(attempt)) => Ok(Some(Parent {
            execution: ExecutionId(id),
            path: StepPath::new(path),
            attempt: count("attempt of a parent", attempt)?,
            depth: count("depth", depth)?,
        })),
        _ => Err(StoreError::Corrupt("half a parent of an execution".to_owned())),
    }
}

/// An attempt from its row.
pub(super) fn step(row: entity::step::Model) -> StoreResult<StepRow> {
    Ok(StepRow {
        execution: ExecutionId(row.execution_id),
        path: StepPath::new(row.path),
        attempt: count("attempt", row.attempt)?,
        seq: row.seq,
        name: row.name.into(),
        order: count("step order", row.step_order)?,
        task_type: row.task_type.into(),
        status: word("step status", &row.status, StepStatus::parse)?,
        input: parse_some("input of a step", row.input.as_deref())?,
        output: parse_some("output of a step", row.output.as_deref())?,
        error: parse_some("error of a step", row.error.as_deref())?,
        wake_at: row.wake_at.map(Timestamp),
        waits_for: row.waits_for.map(Into::into),
        created_at: Timestamp(row.created_at),
        started_at: row.started_at.map(Timestamp),
        completed_at: row.completed_at.map(Timestamp),
    })
}

/// The steps of a run from its row.
pub(super) fn fused(row: entity::fused::Model) -> StoreResult<Vec<StepRow>> {
    let run = FusedSteps {
        execution: ExecutionId(row.execution_id),
        seq: row.seq,
        length: count("length of a run of steps", row.length)?,
        skipped: count("skipped steps of a run", row.skipped)?,
        furthest: count("step order", row.furthest)?,
        steps: row.steps,
    };
    let steps = run.unfold().map_err(|error| StoreError::Corrupt(format!("a run of steps: {error}")))?;
    if u32::try_from(steps.len()) != Ok(run.length) {
        return Err(StoreError::Corrupt(format!("a run of {} steps that holds {}", run.length, steps.len())));
    }
    Ok(steps)
}

/// An entry of a log from its row.
pub(super) fn log(row: entity::log::Model) -> StoreResult<StoredLog> {
    let entry = LogEntry {
        level: word("log level", &row.level, LogLevel::parse)?,
        message: row.message,
        details: parse_some("details of a log entry", row.details.as_deref())?,
        path: row.path.map(|path| StepPath::new(Arc::<str>::from(path))),
        at: Timestamp(row.at),
    };
    Ok(StoredLog { id: row.id, entry })
}

/// A control from its row.
pub(super) fn control(row: entity::control::Model) -> StoreResult<ControlRow> {
    Ok(ControlRow {
        execution: ExecutionId(row.execution_id),
        seq: row.seq,
        control: parse("a control", &row.control)?,
        at: Timestamp(row.at),
    })
}
