//! Task types.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::expr::{Type, schema_from_type};
use crate::plan::{Runs, TaskType};

use super::value::JsonDto;

/// A task type.
#[derive(Debug, Object)]
#[oai(rename = "TaskType", example)]
pub struct TaskTypeDto {
    /// The name by which steps call it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Who carries it out: `worker` or `engine`.
    pub runs: String,
    /// The JSON Schema of its configuration.
    pub config_schema: JsonDto,
    /// The JSON Schema of its output.
    pub output_schema: JsonDto,
}

impl Example for TaskTypeDto {
    fn example() -> Self {
        Self {
            name: "log".to_owned(),
            description: "writes to the execution's log".to_owned(),
            runs: "engine".to_owned(),
            config_schema: Any(json!({
                "type": "object",
                "properties": { "message": { "type": "string" } },
                "required": ["message"]
            })),
            output_schema: Any(json!({ "type": "null" })),
        }
    }
}

impl From<&TaskType> for TaskTypeDto {
    fn from(task_type: &TaskType) -> Self {
        let runs = match task_type.runs {
            Runs::Worker => "worker",
            Runs::Engine => "engine",
        };
        Self {
            name: task_type.name.to_string(),
            description: task_type.description.to_string(),
            runs: runs.to_owned(),
            config_schema: Any(schema_from_type(&Type::Object(task_type.config.clone()))),
            output_schema: Any(schema_from_type(&task_type.output)),
        }
    }
}

/// The task types, by name.
#[derive(Debug, Object)]
#[oai(rename = "TaskTypeList", example)]
pub struct TaskTypeListDto {
    /// The task types.
    pub task_types: Vec<TaskTypeDto>,
    /// How many there are.
    pub count: u64,
}

impl Example for TaskTypeListDto {
    fn example() -> Self {
        Self { task_types: vec![TaskTypeDto::example()], count: 1 }
    }
}
