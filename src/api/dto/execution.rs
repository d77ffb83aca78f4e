//! Executions, their attempts and their logs.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::api::fields::{Fields, FromFields};
use crate::engine::{StepError, StepRow};
use crate::expr::Value;
use crate::service::StartRequest;
use crate::service::model::ExecutionView;
use crate::service::ports::StoredLog;

use super::value::{JsonDto, MomentDto, json_of};

/// An execution to be started. The workflow is named by `workflow_id` or by `workflow`.
#[derive(Debug, Object)]
#[oai(rename = "NewExecution", example)]
pub struct StartDto {
    /// The workflow's id.
    pub workflow_id: Option<String>,
    /// The workflow's name.
    pub workflow: Option<String>,
    /// A key of your own: the same key with the same input gives the same execution, however often it is sent.
    pub idempotency_key: Option<String>,
    /// The input: an object that fits what the workflow declares.
    pub input_data: Option<JsonDto>,
    /// How often the execution may go on from a step that failed for good.
    #[oai(default)]
    pub max_retries: u32,
    /// The version; the active one where it is absent.
    pub version: Option<i64>,
    /// When it is to start; at once where it is absent.
    pub scheduled_at: Option<MomentDto>,
}

impl Example for StartDto {
    fn example() -> Self {
        Self {
            workflow_id: None,
            workflow: Some("order-processing".to_owned()),
            idempotency_key: Some("order-4711".to_owned()),
            input_data: Some(Any(json!({ "order_id": "4711", "amount": 19.5 }))),
            max_retries: 0,
            version: None,
            scheduled_at: None,
        }
    }
}

impl FromFields for StartDto {
    fn read(fields: &mut Fields) -> Self {
        let dto = Self {
            workflow_id: fields.text("workflow_id"),
            workflow: fields.text("workflow"),
            idempotency_key: fields.text("idempotency_key"),
            input_data: fields.value("input_data").map(Any),
            max_retries: fields.int("max_retries").unwrap_or_default(),
            version: fields.int("version"),
            scheduled_at: fields.moment("scheduled_at").map(MomentDto),
        };
        match (&dto.workflow_id, &dto.workflow) {
            (Some(_), Some(_)) => fields.wrong("workflow", "give `workflow_id` or `workflow`, not both"),
            (None, None) => fields.wrong("workflow", "missing: give `workflow` (a name) or `workflow_id`"),
            _ => {}
        }
        dto
    }
}

impl From<StartDto> for StartRequest {
    fn from(dto: StartDto) -> Self {
        Self {
            workflow: dto.workflow_id.or(dto.workflow).unwrap_or_default(),
            version: dto.version,
            idempotency_key: dto.idempotency_key,
            input: dto.input_data.map_or(Value::Null, |json| Value::from_json(json.0)),
            max_retries: dto.max_retries,
            scheduled_at: dto.scheduled_at.map(|at| at.0),
        }
    }
}

/// Why an execution is to stop.
#[derive(Debug, Object)]
#[oai(rename = "Cancel", example)]
pub struct CancelDto {
    /// For the record.
    pub reason: Option<String>,
    /// Whether what completed is undone by the `undo` of its step; yes, where it is absent.
    pub undo: Option<bool>,
}

impl Example for CancelDto {
    fn example() -> Self {
        Self { reason: Some("the order was withdrawn".to_owned()), undo: Some(true) }
    }
}

impl FromFields for CancelDto {
    fn read(fields: &mut Fields) -> Self {
        Self { reason: fields.text("reason"), undo: fields.bool("undo") }
    }
}

/// An execution.
#[derive(Debug, Object)]
#[oai(rename = "Execution", example)]
pub struct ExecutionDto {
    /// Its id.
    pub id: String,
    /// The workflow's id.
    pub workflow_id: String,
    /// The workflow's name.
    pub workflow: String,
    /// The version that it runs, for life.
    pub version: i64,
    /// `pending`, `running`, `retrying`, `paused`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// The order of the furthest step that was reached.
    pub current_step_order: Option<u32>,
    /// How many execution retries were used.
    pub retry_count: u32,
    /// How many there are.
    pub max_retries: u32,
    /// The key that it was started with.
    pub idempotency_key: Option<String>,
    /// What it was given, its defaults filled in.
    pub input_data: JsonDto,
    /// The settings, as they were at its start.
    pub settings: JsonDto,
    /// What it gave.
    pub output_data: Option<JsonDto>,
    /// Why it failed, in words.
    pub error_message: Option<String>,
    /// Why it failed, for a program: `code`, `retryable`, and where there is one `step`, `attempt`, `status`, `details`.
    pub error_details: Option<JsonDto>,
    /// The execution that it is a child of.
    pub parent_execution_id: Option<String>,
    /// When it was to start.
    pub scheduled_at: Option<MomentDto>,
    /// When it was recorded.
    pub created_at: MomentDto,
    /// When it started.
    pub started_at: Option<MomentDto>,
    /// When it ended.
    pub completed_at: Option<MomentDto>,
    /// When a cancel was asked for.
    pub cancel_requested_at: Option<MomentDto>,
    /// How far the undoing of completed steps is: `none`, `running`, `done` or `failed`.
    pub compensation: String,
}

impl Example for ExecutionDto {
    fn example() -> Self {
        Self {
            id: "019b7a3e-4f00-7c11-8f5e-6a2d9b1c0e42".to_owned(),
            workflow_id: "7d0e6a52-53a4-4c6e-9f7a-2b8f0d1c9e34".to_owned(),
            workflow: "order-processing".to_owned(),
            version: 3,
            status: "completed".to_owned(),
            current_step_order: Some(5),
            retry_count: 0,
            max_retries: 0,
            idempotency_key: Some("order-4711".to_owned()),
            input_data: Any(json!({ "order_id": "4711", "amount": 19.5 })),
            settings: Any(json!({ "pay_url": "https://pay.internal" })),
            output_data: Some(Any(json!({ "receipt": "ch_5f2a" }))),
            error_message: None,
            error_details: None,
            parent_execution_id: None,
            scheduled_at: None,
            created_at: MomentDto::example(),
            started_at: Some(MomentDto::example()),
            completed_at: Some(MomentDto::example()),
            cancel_requested_at: None,
            compensation: "none".to_owned(),
        }
    }
}

impl From<ExecutionView> for ExecutionDto {
    fn from(view: ExecutionView) -> Self {
        let execution = view.execution;
        Self {
            id: execution.id.to_string(),
            workflow_id: execution.workflow.to_string(),
            workflow: execution.workflow_name.to_string(),
            version: execution.version,
            status: execution.status.as_str().to_owned(),
            current_step_order: view.current_step_order,
            retry_count: execution.retry_count,
            max_retries: execution.max_retries,
            idempotency_key: execution.idempotency_key,
            input_data: json_of(&execution.input),
            settings: json_of(&execution.settings),
            output_data: execution.output.as_ref().map(json_of),
            error_message: execution.error.as_ref().map(|error| error.message.clone()),
            error_details: execution.error.as_ref().map(details_of),
            parent_execution_id: execution.parent.map(|parent| parent.execution.to_string()),
            scheduled_at: execution.scheduled_at.map(Into::into),
            created_at: execution.created_at.into(),
            started_at: execution.started_at.map(Into::into),
            completed_at: execution.completed_at.map(Into::into),
            cancel_requested_at: execution.cancel_requested_at.map(Into::into),
            compensation: execution.compensation.as_str().to_owned(),
        }
    }
}

/// What an error has beside its message.
fn details_of(error: &StepError) -> JsonDto {
    let mut json = serde_json::to_value(error).unwrap_or_default();
    if let Some(fields) = json.as_object_mut() {
        fields.shift_remove("message");
    }
    Any(json)
}

/// A page of executions, newest first.
#[derive(Debug, Object)]
#[oai(rename = "ExecutionList", example)]
pub struct ExecutionListDto {
    /// The page.
    pub executions: Vec<ExecutionDto>,
    /// How many match in all: counted up to 10,000.
    pub count: u64,
    /// Whether no more than `count` match.
    pub count_is_exact: bool,
    /// The limit in force.
    pub limit: u64,
    /// The offset in force.
    pub offset: u64,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

impl Example for ExecutionListDto {
    fn example() -> Self {
        let executions = vec![ExecutionDto::example()];
        Self { executions, count: 1, count_is_exact: true, limit: 50, offset: 0, next: None }
    }
}

/// An attempt at a step.
#[derive(Debug, Object)]
#[oai(rename = "StepExecution", example)]
pub struct AttemptDto {
    /// The step's name.
    pub step_name: String,
    /// Where: the name, with `[i]` for each enclosing loop item.
    pub path: String,
    /// The task type, or the keyword of a statement.
    pub task_type: String,
    /// `running`, `waiting`, `retrying`, `completed`, `failed`, `skipped` or `cancelled`.
    pub status: String,
    /// The step's place among the workflow's steps; 0 for a statement that is none.
    pub step_order: u32,
    /// Which attempt, from 1.
    pub attempt_number: u32,
    /// The resolved configuration.
    pub input_data: Option<JsonDto>,
    /// What it gave.
    pub output_data: Option<JsonDto>,
    /// Why it failed, in words.
    pub error_message: Option<String>,
    /// Why it failed, for a program.
    pub error_details: Option<JsonDto>,
    /// When it was reached.
    pub created_at: MomentDto,
    /// When a worker claimed it.
    pub started_at: Option<MomentDto>,
    /// When it ended.
    pub completed_at: Option<MomentDto>,
    /// When it goes on: the end of a wait, or the next attempt.
    pub wake_at: Option<MomentDto>,
    /// The event that a `wait` is for, or the group that an `approve` asks.
    pub waits_for: Option<String>,
}

impl Example for AttemptDto {
    fn example() -> Self {
        Self {
            step_name: "validate".to_owned(),
            path: "validate".to_owned(),
            task_type: "http_request".to_owned(),
            status: "completed".to_owned(),
            step_order: 1,
            attempt_number: 1,
            input_data: Some(Any(json!({ "method": "POST", "url": "https://api.internal/validate" }))),
            output_data: Some(Any(json!({ "status": 200, "headers": {}, "body": { "ok": true } }))),
            error_message: None,
            error_details: None,
            created_at: MomentDto::example(),
            started_at: Some(MomentDto::example()),
            completed_at: Some(MomentDto::example()),
            wake_at: None,
            waits_for: None,
        }
    }
}

impl From<StepRow> for AttemptDto {
    fn from(row: StepRow) -> Self {
        Self {
            step_name: row.name.to_string(),
            path: row.path.to_string(),
            task_type: row.task_type.to_string(),
            status: row.status.as_str().to_owned(),
            step_order: row.order,
            attempt_number: row.attempt,
            input_data: row.input.as_ref().map(json_of),
            output_data: row.output.as_ref().map(json_of),
            error_message: row.error.as_ref().map(|error| error.message.clone()),
            error_details: row.error.as_ref().map(details_of),
            created_at: row.created_at.into(),
            started_at: row.started_at.map(Into::into),
            completed_at: row.completed_at.map(Into::into),
            wake_at: row.wake_at.map(Into::into),
            waits_for: row.waits_for.as_deref().map(str::to_owned),
        }
    }
}

/// The attempts at an execution's steps, in the order of their last change.
#[derive(Debug, Object)]
#[oai(rename = "StepExecutionList", example)]
pub struct AttemptListDto {
    /// The page.
    pub steps: Vec<AttemptDto>,
    /// How many match in all: counted up to 10,000.
    pub count: u64,
    /// Whether no more than `count` match.
    pub count_is_exact: bool,
    /// The limit in force.
    pub limit: u64,
    /// The offset in force.
    pub offset: u64,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

impl Example for AttemptListDto {
    fn example() -> Self {
        let steps = vec![AttemptDto::example()];
        Self { steps, count: 1, count_is_exact: true, limit: 50, offset: 0, next: None }
    }
}

/// An entry of an execution's log.
#[derive(Debug, Object)]
#[oai(rename = "LogEntry", example)]
pub struct LogDto {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What it says.
    pub message: String,
    /// More, for a program.
    pub details: Option<JsonDto>,
    /// The step it tells of.
    pub path: Option<String>,
    /// When.
    pub timestamp: MomentDto,
}

impl Example for LogDto {
    fn example() -> Self {
        Self {
            level: "info".to_owned(),
            message: "order 4711: 3 pieces".to_owned(),
            details: None,
            path: Some("audit".to_owned()),
            timestamp: MomentDto::example(),
        }
    }
}

impl From<StoredLog> for LogDto {
    fn from(stored: StoredLog) -> Self {
        let entry = stored.entry;
        Self {
            level: entry.level.as_str().to_owned(),
            message: entry.message,
            details: entry.details.as_ref().map(json_of),
            path: entry.path.map(|path| path.to_string()),
            timestamp: entry.at.into(),
        }
    }
}

/// Entries of an execution's log, in order.
#[derive(Debug, Object)]
#[oai(rename = "LogList", example)]
pub struct LogListDto {
    /// The entries.
    pub logs: Vec<LogDto>,
    /// The `after` that gives what comes behind these; null where there is nothing yet.
    pub next: Option<i64>,
}

impl Example for LogListDto {
    fn example() -> Self {
        Self { logs: vec![LogDto::example()], next: Some(128) }
    }
}
