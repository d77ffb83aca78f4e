//! Task handlers: the trait that users implement, and the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value as Json;

use crate::engine::{LogLevel, StepError};
use crate::ids::{Attempt, ExecutionId, StepPath};

/// Why a handler did not do its task.
#[derive(Clone, Debug)]
pub struct TaskError {
    /// What kind of error: a stable word such as `CARD_DECLINED`.
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// Whether another attempt may help.
    pub retryable: bool,
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
            retry_after: None,
            status: None,
            details: None,
        }
    }

    /// An error that another attempt may help.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::fatal(code, message) }
    }
}

impl From<TaskError> for StepError {
    fn from(error: TaskError) -> Self {
        let retry_after_ms = error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self {
            retryable: error.retryable,
            retry_after_ms,
            status: error.status,
            details: error.details.map(|details| crate::expr::Value::from_json(*details)),
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
    logs: Arc<Mutex<Vec<HandlerLog>>>,
}

/// The most entries that an attempt logs; the last says that what came after is left out.
pub const MAX_LOG_ENTRIES: usize = 1_000;

/// The longest message of an entry, in bytes; a longer one is cut, and says so.
pub const MAX_LOG_BYTES: usize = 16 * 1024;

/// An entry that a handler logged.
#[derive(Clone, Debug)]
pub struct HandlerLog {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// When, on the worker's monotonic clock.
    pub at: tokio::time::Instant,
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
            logs: Arc::default(),
        }
    }

    /// Writes to the execution's log; it is stored with the outcome.
    pub fn log(&self, level: LogLevel, message: impl Into<String>) {
        let at = tokio::time::Instant::now();
        let Ok(mut logs) = self.logs.lock() else { return };
        match logs.len() {
            MAX_LOG_ENTRIES.. => {}
            length if length == MAX_LOG_ENTRIES - 1 => {
                let message = format!("an attempt logs at most {MAX_LOG_ENTRIES} entries; the rest is left out");
                logs.push(HandlerLog { level: LogLevel::Warn, message, at });
            }
            _ => logs.push(HandlerLog { level, message: cut(message.into()), at }),
        }
    }

    /// Takes what was logged.
    pub fn take_logs(&self) -> Vec<HandlerLog> {
        self.logs.lock().map(|mut logs| std::mem::take(&mut *logs)).unwrap_or_default()
    }
}

/// A message, cut to what an entry holds.
fn cut(mut message: String) -> String {
    if message.len() > MAX_LOG_BYTES {
        let end = (0..=MAX_LOG_BYTES).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push_str("… (cut)");
    }
    message
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Value;
    use crate::service::ports::Task;

    fn context() -> TaskContext {
        TaskContext::new(&Task {
            execution: ExecutionId(uuid::Uuid::nil()),
            path: StepPath::new("a"),
            attempt: 1,
            workflow: "w".into(),
            task_type: "t".into(),
            queue: "default".into(),
            config: Value::Null,
            timeout_ms: 1,
            idempotency_key: "k".into(),
            traceparent: None,
        })
    }

    #[test]
    fn a_flood_of_entries_ends_in_one_that_says_so() {
        let context = context();
        (0..MAX_LOG_ENTRIES * 2).for_each(|at| context.log(LogLevel::Info, format!("{at}")));
        let logs = context.take_logs();
        assert_eq!(logs.len(), MAX_LOG_ENTRIES);
        assert_eq!(logs[MAX_LOG_ENTRIES - 2].message, "998");
        assert!(logs[MAX_LOG_ENTRIES - 1].message.contains("at most"));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let context = context();
        context.log(LogLevel::Info, "é".repeat(MAX_LOG_BYTES));
        let logs = context.take_logs();
        assert!(logs[0].message.ends_with("é… (cut)"));
        assert!(logs[0].message.len() <= MAX_LOG_BYTES + 16);
    }
}
