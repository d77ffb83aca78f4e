//! The engine's own task types: pure, and run to their end in the walk.

use crate::expr::Value;
use crate::plan::{Action, StepNode};

use super::flow::display;
use super::scope::Names;
use super::{LogLevel, StepError, code};

mod condition;
mod path;
mod transform;

/// What came of a step that the engine ran itself.
pub(super) struct Done {
    /// What it worked on.
    pub input: Option<Value>,
    /// What it gave.
    pub output: Value,
    /// What it wrote to the execution's log.
    pub log: Option<(LogLevel, String, Option<Value>)>,
}

/// Runs a step of the engine's own; `data` is there where the step reads it.
pub(super) fn run(names: Names<'_>, step: &StepNode, data: Option<Value>) -> Result<Done, StepError> {
    let names = Names { data, ..names };
    match &step.action {
        Action::Transform { source, ops, value } => {
            let input = match source {
                Some(source) => names.value(source)?,
                None => names.data.clone().unwrap_or_default(),
            };
            let output = transform::run(names, input.clone(), ops, value.as_ref())?;
            Ok(Done { input: Some(input), output, log: None })
        }
        Action::Conditional(config) => {
            let result = condition::holds(&names, &config.condition)?;
            Ok(Done { input: None, output: Value::object([("result", Value::Bool(result))]), log: None })
        }
        Action::Log { message, level, details } => {
            let level = match level {
                Some(level) => log_level(&display(&names.value(level)?))?,
                None => LogLevel::Info,
            };
            let message = display(&names.value(message)?);
            let details = details.as_ref().map(|details| names.value(details)).transpose()?;
            let input =
                Value::object([("level", Value::str(level.as_str())), ("message", Value::str(message.as_str()))]);
            Ok(Done { input: Some(input), output: Value::Null, log: Some((level, message, details)) })
        }
        Action::Task { .. } | Action::Delay(_) | Action::Child { .. } => {
            Err(StepError::fatal(code::UNKNOWN_TASK, format!("`{}` is not the engine's to run", step.task_type)))
        }
    }
}

fn log_level(text: &str) -> Result<LogLevel, StepError> {
    LogLevel::parse(text).ok_or_else(|| {
        StepError::fatal(code::CONFIG, format!("`{text}` is no level; a level is `debug`, `info`, `warn` or `error`"))
    })
}
