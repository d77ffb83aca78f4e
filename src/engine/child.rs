//! What the end of a child execution is to the step that waits for it.

use crate::expr::Value;
use crate::ids::ExecutionId;

use super::{ExecutionStatus, StepError, code};

/// The result of the step that waits for a child; none while the child has not ended. Another attempt may help a child that
/// failed, and none helps one that was cancelled.
pub fn child_result(
    child: ExecutionId,
    status: ExecutionStatus,
    output: Option<&Value>,
    error: Option<&StepError>,
) -> Option<Result<Value, StepError>> {
    let failed = |why: &str| StepError {
        retryable: status == ExecutionStatus::Failed,
        details: error.map(error_details),
        ..StepError::fatal(code::CHILD_FAILED, format!("child execution {child} {why}"))
    };
    match status {
        ExecutionStatus::Completed => Some(Ok(output.cloned().unwrap_or_default())),
        ExecutionStatus::Failed => {
            Some(Err(failed(&error.map_or_else(|| "failed".to_owned(), |error| format!("failed: {error}")))))
        }
        ExecutionStatus::Cancelled => Some(Err(failed("was cancelled"))),
        _ => None,
    }
}

fn error_details(error: &StepError) -> Value {
    Value::object([
        ("code", Value::Str(error.code.clone())),
        ("message", Value::str(error.message.as_str())),
        ("step", error.step.clone().map_or(Value::Null, Value::Str)),
    ])
}
