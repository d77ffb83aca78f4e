//! Task handlers: the trait that users implement, and the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value as Json;

use crate::engine::{LogLevel, StepError};
use crate::expr::{Value, is_too_deep};
use crate::ids::{Attempt, ExecutionId, StepPath};

use super::handler_log::{HandlerLog, HandlerLogs};

/// Why a handler did not do its task.
#[derive(Clone, Debug)]
pub struct TaskError {
    /// What kind of error: a stable word such as `CARD_DECLINED`.
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// Whether another attempt may help.
    pub retryable: bool,
    /// Whether it is not known if the task had its effect: the connection broke after the request was sent, say. An undo then
    /// runs as for a task that was done.
    pub unknown: bool,
    /// How long to wait before another attempt, where the other side asked for it.
    pub retry_after: Option<std::time::Duration>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// More, for a program.
    pub details: Option<Box<Json>>,
}

impl TaskError {
    /// An error that no further attempt can help.
    pub fn fatal(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
            unknown: false,
            retry_after: None,
            status: None,
            details: None,
        }
    }

    /// An error that another attempt may help.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::fatal(code, message) }
    }

    /// An error after which nobody knows whether the task had its effect. Another attempt may help.
    pub fn unknown(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { unknown: true, ..Self::retryable(code, message) }
    }
}

impl From<TaskError> for StepError {
    fn from(error: TaskError) -> Self {
        let retry_after_ms = error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self {
            retryable: error.retryable,
            unknown: error.unknown,
            retry_after_ms,
            status: error.status,
            // What is too deep to be read again is left out.
            details: error.details.filter(|details| !is_too_deep(details)).map(|details| Value::from_json(*details)),
            ..Self::fatal(&error.code, error.message)
        }
    }
}

/// What a handler knows of the attempt it makes.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// The execution.
    pub execution: ExecutionId,
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// The step's path.
    pub path: StepPath,
    /// The attempt, from 1.
    pub attempt: Attempt,
    /// The same for every attempt at this step: what the other side can tell repeats by.
    pub idempotency_key: Arc<str>,
    /// W3C trace context, where the execution is traced.
    pub traceparent: Option<Arc<str>>,
    /// When the handler last said that it is at work.
    beat: Arc<Mutex<tokio::time::Instant>>,
    /// With times on the worker's monotonic clock.
    logs: Arc<Mutex<HandlerLogs<tokio::time::Instant>>>,
}

impl TaskContext {
    /// The context of an attempt.
    pub fn new(task: &super::ports::Task) -> Self {
        Self {
            execution: task.execution,
            workflow: task.workflow.clone(),
            path: task.path.clone(),
            attempt: task.attempt,
            idempotency_key: task.idempotency_key.clone(),
            traceparent: task.traceparent.clone(),
            beat: Arc::new(Mutex::new(tokio::time::Instant::now())),
            logs: Arc::default(),
        }
    }

    /// Writes to the execution's log; it is stored with the outcome. An attempt may log 1,000 entries of 256 KiB of text
    /// in all; how many more there were is told.
    pub fn log(&self, level: LogLevel, message: impl Into<String>) {
        if let Ok(mut logs) = self.logs.lock() {
            logs.push(HandlerLog { level, message: message.into(), at: tokio::time::Instant::now() });
        }
    }

    /// Says that the handler is at work. A step with a `heartbeat` fails when nothing says so for longer.
    pub fn heartbeat(&self) {
        if let Ok(mut beat) = self.beat.lock() {
            *beat = tokio::time::Instant::now();
        }
    }

    /// When the handler last said that it is at work; its start, where it never did.
    pub fn last_heartbeat(&self) -> tokio::time::Instant {
        self.beat.lock().map_or_else(|_| tokio::time::Instant::now(), |beat| *beat)
    }

    /// Takes what was logged.
    pub fn take_logs(&self) -> HandlerLogs<tokio::time::Instant> {
        self.logs.lock().map(|mut logs| std::mem::take(&mut *logs)).unwrap_or_default()
    }
}

/// A task type of one's own, carried out in the process of a worker.
///
/// It may be called more than once for one step (a crash between its end and the commit repeats it): send
/// `ctx.idempotency_key` along, or check first. Dropping the future is how an attempt is stopped.
#[async_trait]
pub trait TaskHandler: Send + Sync + 'static {
    /// The name by which steps call it: dotted, each part an identifier (`warehouse.reserve`).
    fn task_type(&self) -> &str;
    /// What it does, in a sentence.
    fn description(&self) -> &str {
        ""
    }
    /// The JSON Schema of its configuration: an object's.
    fn config_schema(&self) -> Json;
    /// The JSON Schema of its output.
    fn output_schema(&self) -> Json {
        Json::Bool(true)
    }
    /// Makes an attempt.
    ///
    /// # Errors
    /// A `TaskError`, which says whether another attempt may help.
    async fn execute(&self, ctx: &TaskContext, config: Json) -> Result<Json, TaskError>;
}

/// The handlers of a process, by task type.
#[derive(Clone, Default)]
pub struct Handlers {
    handlers: BTreeMap<String, Arc<dyn TaskHandler>>,
}

impl Handlers {
    /// Adds a handler, or replaces the one of its type.
    pub fn register(&mut self, handler: impl TaskHandler) {
        self.handlers.insert(handler.task_type().to_owned(), Arc::new(handler));
    }

    /// Adds a handler that is shared, or replaces the one of its type.
    pub fn register_shared(&mut self, handler: Arc<dyn TaskHandler>) {
        self.handlers.insert(handler.task_type().to_owned(), handler);
    }

    /// The handler of a type.
    pub fn get(&self, task_type: &str) -> Option<&Arc<dyn TaskHandler>> {
        self.handlers.get(task_type)
    }

    /// All of them, by type.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn TaskHandler>> {
        self.handlers.values()
    }
}
