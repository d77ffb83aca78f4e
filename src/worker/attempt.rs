//! One attempt: a handler under its time-out, with whatever goes wrong made into an outcome.

use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::engine::{LogEntry, StepError, code};
use crate::expr::{MAX_VALUE_DEPTH, Value, duration_text_of_ms, is_too_deep};
use crate::service::ports::{Task, TaskOutcome};
use crate::service::{Handlers, TaskContext};

/// Makes an attempt. Ends within the task's time-out, whatever the handler does short of blocking its thread. When `stop`
/// ends first, the handler's future is dropped and the attempt is `CANCELLED`.
pub(super) async fn run(task: &Task, handlers: &Handlers, limit: usize, stop: impl Future) -> TaskOutcome {
    let claimed = Instant::now();
    let context = TaskContext::new(task);
    let guarded = async {
        tokio::select! {
            biased;
            _ = stop => Err(StepError::fatal(code::CANCELLED, "the attempt was stopped")),
            result = within_time(task, handlers, &context) => result,
        }
    };
    // The guard stands outside of all that ends the handler's future: dropping one can panic as well.
    let result = AssertUnwindSafe(guarded).catch_unwind().await;
    let result = result.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
    let result = result.and_then(|output| bounded(output, limit));
    outcome(task, result, claimed, &context)
}

async fn within_time(task: &Task, handlers: &Handlers, context: &TaskContext) -> Result<Json, StepError> {
    let Some(handler) = handlers.get(&task.task_type) else {
        return Err(StepError::fatal(code::UNKNOWN_TASK, format!("no worker knows task type `{}`", task.task_type)));
    };
    let config = serde_json::to_value(&task.config)
        .map_err(|error| StepError::fatal(code::CONFIG, format!("the configuration is no JSON: {error}")))?;
    let limit = Duration::from_millis(task.timeout_ms);
    let silence = task.heartbeat_ms.map(Duration::from_millis);
    let timed_out = |message| Err(StepError { unknown: true, ..StepError::retryable(code::TIMEOUT, message) });
    tokio::select! {
        biased;
        result = tokio::time::timeout(limit, handler.execute(context, config)) => match result {
            Ok(result) => result.map_err(StepError::from),
            Err(_) => timed_out(format!("took longer than {}", duration_text_of_ms(task.timeout_ms))),
        },
        () = silent(context, silence) => {
            timed_out(format!("gave no heartbeat for {}", duration_text_of_ms(task.heartbeat_ms.unwrap_or_default())))
        }
    }
}

/// Ends when the handler has said nothing for so long; never where it need not.
async fn silent(context: &TaskContext, most: Option<Duration>) {
    let Some(most) = most else { return std::future::pending().await };
    loop {
        let due = context.last_heartbeat() + most;
        if due <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(due).await;
    }
}

/// A panic is a bug of the handler: another attempt would meet it again.
fn panicked(panic: &(dyn Any + Send)) -> StepError {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    StepError::fatal(code::PANIC, format!("the handler panicked: {}", text.unwrap_or("no message")))
}

fn bounded(output: Json, max: usize) -> Result<Value, StepError> {
    let message = if is_too_deep(&output) {
        format!("the output is nested more than {MAX_VALUE_DEPTH} deep")
    } else if !fits(&output, max) {
        format!("the output is larger than {max} bytes")
    } else {
        return Ok(Value::from_json(output));
    };
    // The handler did its work.
    Err(StepError { unknown: true, ..StepError::fatal(code::LIMIT, message) })
}

/// Whether the JSON of `output` is at most `max` bytes; stops counting past it.
fn fits(output: &Json, max: usize) -> bool {
    struct Room(usize);
    impl io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Room(max), output).is_ok()
}

fn outcome(task: &Task, result: Result<Value, StepError>, claimed: Instant, context: &TaskContext) -> TaskOutcome {
    TaskOutcome {
        execution: task.execution,
        path: task.path.clone(),
        attempt: task.attempt,
        result,
        took_us: micros(claimed.elapsed()),
        logs: logs(task, claimed, context),
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

fn logs(task: &Task, claimed: Instant, context: &TaskContext) -> Vec<LogEntry> {
    context.take_logs().into_entries(&task.path, claimed.elapsed(), |at| at.saturating_duration_since(claimed))
}
