//! Tasks of workers elsewhere.

use std::time::Duration;

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::{Value as Json, json};

use crate::api::fields::{Fields, FromFields};
use crate::engine::LogLevel;
use crate::service::ports::Wanted;
use crate::service::{Heartbeat, LeasedTask, TaskError, TaskLog, TaskPoll, TaskResult};

use super::value::{JsonDto, MomentDto, json_of};

/// What a worker asks for.
#[derive(Debug, Object)]
#[oai(rename = "TaskPoll", example)]
pub struct TaskPollDto {
    /// What the worker is called, in the server's log.
    pub worker: String,
    /// The task types that it can do: registered ones.
    pub task_types: Vec<String>,
    /// The queues that it takes them from; all where it is absent.
    pub queues: Option<Vec<String>>,
    /// How many tasks at most, 1 to 100; 1 where it is absent.
    pub max_tasks: Option<u32>,
    /// How long to wait for the first, 0 to 60; 30 where it is absent.
    pub wait_seconds: Option<u32>,
    /// How long a task stays the worker's without a heartbeat, 1 to 3600; 30 where it is absent.
    pub lease_seconds: Option<u32>,
}

impl Example for TaskPollDto {
    fn example() -> Self {
        Self {
            worker: "geo-1".to_owned(),
            task_types: vec!["geo.lookup".to_owned()],
            queues: None,
            max_tasks: Some(10),
            wait_seconds: Some(30),
            lease_seconds: Some(30),
        }
    }
}

impl FromFields for TaskPollDto {
    fn read(fields: &mut Fields) -> Self {
        Self {
            worker: fields.required_text("worker"),
            task_types: fields.texts("task_types").unwrap_or_default(),
            queues: fields.texts("queues"),
            max_tasks: fields.int("max_tasks"),
            wait_seconds: fields.int("wait_seconds"),
            lease_seconds: fields.int("lease_seconds"),
        }
    }
}

impl From<TaskPollDto> for TaskPoll {
    fn from(dto: TaskPollDto) -> Self {
        let seconds = |given: Option<u32>| Duration::from_secs(given.unwrap_or(30).into());
        Self {
            worker: dto.worker,
            wanted: Wanted { queues: dto.queues.unwrap_or_default(), task_types: dto.task_types, ..Wanted::default() },
            max: dto.max_tasks.map_or(1, |max| usize::try_from(max).unwrap_or(usize::MAX)),
            wait: seconds(dto.wait_seconds),
            lease: seconds(dto.lease_seconds),
        }
    }
}

/// A task that is the worker's for as long as its lease.
#[derive(Debug, Object)]
#[oai(rename = "LeasedTask", example)]
pub struct LeasedTaskDto {
    /// What names it from now on: opaque, and good at every server of the cluster.
    pub id: String,
    /// The task type.
    pub task_type: String,
    /// The resolved configuration.
    pub config: JsonDto,
    /// The execution.
    pub execution_id: String,
    /// The name of its workflow.
    pub workflow: String,
    /// The step's path.
    pub path: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The queue it came from.
    pub queue: String,
    /// The same for every attempt at this step: what the other side can tell repeats by.
    pub idempotency_key: String,
    /// How long the attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long it stays the worker's each time it gives a heartbeat.
    pub lease_seconds: u64,
    /// When it lapses without one.
    pub lease_expires_at: MomentDto,
    /// W3C trace context, where the execution is traced.
    pub traceparent: Option<String>,
}

impl Example for LeasedTaskDto {
    fn example() -> Self {
        Self {
            id: "4mYd…".to_owned(),
            task_type: "geo.lookup".to_owned(),
            config: Any(json!({ "ip": "192.0.2.7" })),
            execution_id: "01a20eb9-f46b-7a40-affa-729910629c95".to_owned(),
            workflow: "signup".to_owned(),
            path: "place".to_owned(),
            attempt: 1,
            queue: "default".to_owned(),
            idempotency_key: "b0c4…".to_owned(),
            timeout_ms: 30_000,
            lease_seconds: 30,
            lease_expires_at: MomentDto::example(),
            traceparent: None,
        }
    }
}

impl From<LeasedTask> for LeasedTaskDto {
    fn from(leased: LeasedTask) -> Self {
        let task = leased.task;
        Self {
            id: leased.id,
            task_type: task.task_type.to_string(),
            config: json_of(&task.config),
            execution_id: task.execution.to_string(),
            workflow: task.workflow.to_string(),
            path: task.path.to_string(),
            attempt: task.attempt,
            queue: task.queue.to_string(),
            idempotency_key: task.idempotency_key.to_string(),
            timeout_ms: task.timeout_ms,
            lease_seconds: leased.lease.as_secs(),
            lease_expires_at: leased.expires_at.into(),
            traceparent: task.traceparent.as_deref().map(str::to_owned),
        }
    }
}

/// The tasks that a poll took; none, where there were none in time.
#[derive(Debug, Object)]
#[oai(rename = "LeasedTaskList", example)]
pub struct LeasedTaskListDto {
    /// The tasks.
    pub tasks: Vec<LeasedTaskDto>,
}

impl Example for LeasedTaskListDto {
    fn example() -> Self {
        Self { tasks: vec![LeasedTaskDto::example()] }
    }
}

/// What a worker learns when it says that it is at work.
#[derive(Debug, Object)]
#[oai(rename = "TaskHeartbeat", example)]
pub struct HeartbeatDto {
    /// Whether the step was stopped: then nobody wants the outcome, and the task is not the worker's any more.
    pub cancelled: bool,
    /// When the lease lapses without another heartbeat; null where the step was stopped.
    pub lease_expires_at: Option<MomentDto>,
}

impl Example for HeartbeatDto {
    fn example() -> Self {
        Self { cancelled: false, lease_expires_at: Some(MomentDto::example()) }
    }
}

impl From<Heartbeat> for HeartbeatDto {
    fn from(heartbeat: Heartbeat) -> Self {
        match heartbeat {
            Heartbeat::Goes(until) => Self { cancelled: false, lease_expires_at: Some(until.into()) },
            Heartbeat::Cancelled => Self { cancelled: true, lease_expires_at: None },
        }
    }
}

/// An entry for the execution's log.
#[derive(Debug, Object)]
#[oai(rename = "TaskLog")]
pub struct TaskLogDto {
    /// `debug`, `info`, `warn` or `error`; `info` where it is absent.
    pub level: Option<String>,
    /// What it says.
    pub message: String,
    /// When; the end of the task where it is absent.
    pub at: Option<MomentDto>,
    #[oai(skip)]
    log: Option<TaskLog>,
}

impl FromFields for TaskLogDto {
    fn read(fields: &mut Fields) -> Self {
        let word = fields.text("level");
        let level = word.as_deref().map_or(Some(LogLevel::Info), LogLevel::parse);
        if level.is_none() {
            fields.wrong("level", "expected `debug`, `info`, `warn` or `error`");
        }
        let (message, at) = (fields.required_text("message"), fields.moment("at"));
        let log = TaskLog { level: level.unwrap_or(LogLevel::Info), message: message.clone(), at };
        Self { level: word, message, at: at.map(Into::into), log: Some(log) }
    }
}

fn logs(logs: Option<Vec<TaskLogDto>>) -> Vec<TaskLog> {
    logs.unwrap_or_default().into_iter().filter_map(|dto| dto.log).collect()
}

/// What a task gave.
#[derive(Debug, Object)]
#[oai(rename = "TaskCompletion", example)]
pub struct CompletionDto {
    /// The output; null where it is absent.
    pub output: Option<JsonDto>,
    /// Entries for the execution's log.
    pub logs: Option<Vec<TaskLogDto>>,
}

impl Example for CompletionDto {
    fn example() -> Self {
        let log = TaskLogDto { level: None, message: "found".to_owned(), at: None, log: None };
        Self { output: Some(Any(json!({ "country": "PT" }))), logs: Some(vec![log]) }
    }
}

impl FromFields for CompletionDto {
    fn read(fields: &mut Fields) -> Self {
        Self { output: fields.value("output").map(Any), logs: fields.objects("logs") }
    }
}

impl CompletionDto {
    /// The result of the task of this id.
    pub fn of(self, id: String) -> TaskResult {
        TaskResult { id, result: Ok(self.output.map_or(Json::Null, |output| output.0)), logs: logs(self.logs) }
    }
}

/// What several tasks gave.
#[derive(Debug, Object)]
#[oai(rename = "TaskCompletionBatch")]
pub struct CompletionBatchDto {
    /// The tasks, at most 100.
    pub tasks: Vec<CompletionItemDto>,
}

impl FromFields for CompletionBatchDto {
    fn read(fields: &mut Fields) -> Self {
        let tasks = fields.objects("tasks");
        if tasks.is_none() {
            fields.wrong("tasks", "missing: expected a list of objects");
        }
        Self { tasks: tasks.unwrap_or_default() }
    }
}

/// What one of several tasks gave.
#[derive(Debug, Object)]
#[oai(rename = "TaskCompletionItem")]
pub struct CompletionItemDto {
    /// The task's id.
    pub id: String,
    /// The output; null where it is absent.
    pub output: Option<JsonDto>,
    /// Entries for the execution's log.
    pub logs: Option<Vec<TaskLogDto>>,
}

impl FromFields for CompletionItemDto {
    fn read(fields: &mut Fields) -> Self {
        let CompletionDto { output, logs } = CompletionDto::read(fields);
        Self { id: fields.required_text("id"), output, logs }
    }
}

impl From<CompletionItemDto> for TaskResult {
    fn from(dto: CompletionItemDto) -> Self {
        CompletionDto { output: dto.output, logs: dto.logs }.of(dto.id)
    }
}

/// Why a task was not done.
#[derive(Debug, Object)]
#[oai(rename = "TaskFailure", example)]
pub struct FailureDto {
    /// What kind of error: a stable word such as `CARD_DECLINED`.
    pub code: String,
    /// What happened, for a person.
    pub message: Option<String>,
    /// Whether another attempt may help; true where it is absent. Whether one is made is the step's `retry` to say.
    pub retryable: Option<bool>,
    /// Whether nobody knows if the task had its effect: an undo then runs as for a task that was done.
    pub unknown: Option<bool>,
    /// How long to wait before another attempt, where the other side asked for it.
    pub retry_after_seconds: Option<u32>,
    /// More, for a program.
    pub details: Option<JsonDto>,
    /// Entries for the execution's log.
    pub logs: Option<Vec<TaskLogDto>>,
}

impl Example for FailureDto {
    fn example() -> Self {
        Self {
            code: "UPSTREAM_DOWN".to_owned(),
            message: Some("the register does not answer".to_owned()),
            retryable: Some(true),
            unknown: None,
            retry_after_seconds: Some(5),
            details: None,
            logs: None,
        }
    }
}

impl FromFields for FailureDto {
    fn read(fields: &mut Fields) -> Self {
        Self {
            code: fields.required_text("code"),
            message: fields.text("message"),
            retryable: fields.bool("retryable"),
            unknown: fields.bool("unknown"),
            retry_after_seconds: fields.int("retry_after_seconds"),
            details: fields.value("details").map(Any),
            logs: fields.objects("logs"),
        }
    }
}

impl FailureDto {
    /// The result of the task of this id.
    pub fn of(self, id: String) -> TaskResult {
        let error = TaskError {
            retryable: self.retryable.unwrap_or(true),
            unknown: self.unknown.unwrap_or_default(),
            retry_after: self.retry_after_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            details: self.details.map(|details| Box::new(details.0)),
            ..TaskError::fatal(self.code, self.message.unwrap_or_default())
        };
        TaskResult { id, result: Err(error), logs: logs(self.logs) }
    }
}
