//! Task types.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::api::fields::{Fields, FromFields};
use crate::expr::{Type, schema_from_type};
use crate::plan::{Runs, TaskType};
use crate::service::KnownType;
use crate::service::task_types::{RegisteredType, TypeDefinition};

use super::value::{JsonDto, MomentDto};

/// A task type to be registered.
#[derive(Debug, Object)]
#[oai(rename = "NewTaskType", example)]
pub struct NewTaskTypeDto {
    /// What it does, in a sentence.
    pub description: Option<String>,
    /// The JSON Schema of its configuration: an object's. Anything goes where it is absent.
    pub config_schema: Option<JsonDto>,
    /// The JSON Schema of its output. Anything goes where it is absent.
    pub output_schema: Option<JsonDto>,
    /// The queue of steps that name none; `default` where it is absent.
    pub queue: Option<String>,
    /// How long an attempt may take where the step says nothing; 300 where it is absent.
    pub timeout_seconds: Option<u32>,
    /// Whether repeating it does no harm.
    pub idempotent: Option<bool>,
}

fn example_config() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": { "ip": { "type": "string", "description": "the address" } },
        "required": ["ip"],
        "additionalProperties": false
    })
}

fn example_output() -> serde_json::Value {
    json!({ "type": "object", "properties": { "country": { "type": "string" } }, "required": ["country"] })
}

impl Example for NewTaskTypeDto {
    fn example() -> Self {
        Self {
            description: Some("Says where an address is".to_owned()),
            config_schema: Some(Any(example_config())),
            output_schema: Some(Any(example_output())),
            queue: None,
            timeout_seconds: Some(30),
            idempotent: Some(true),
        }
    }
}

impl FromFields for NewTaskTypeDto {
    fn read(fields: &mut Fields) -> Self {
        Self {
            description: fields.text("description"),
            config_schema: fields.value("config_schema").map(Any),
            output_schema: fields.value("output_schema").map(Any),
            queue: fields.text("queue"),
            timeout_seconds: fields.int("timeout_seconds"),
            idempotent: fields.bool("idempotent"),
        }
    }
}

impl From<NewTaskTypeDto> for TypeDefinition {
    fn from(dto: NewTaskTypeDto) -> Self {
        let schema = |given: Option<JsonDto>| given.map_or_else(|| json!(true), |schema| schema.0);
        Self {
            description: dto.description.unwrap_or_default(),
            config_schema: schema(dto.config_schema),
            output_schema: schema(dto.output_schema),
            queue: dto.queue.map(Into::into),
            timeout_ms: dto.timeout_seconds.map(|seconds| u64::from(seconds) * 1_000),
            idempotent: dto.idempotent.unwrap_or_default(),
        }
    }
}

/// A task type.
#[derive(Debug, Object)]
#[oai(rename = "TaskType", example)]
pub struct TaskTypeDto {
    /// The name by which steps call it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Who carries it out: the `engine`, a `worker` of this program, or a `remote` one that asks for tasks over HTTP.
    pub runs: String,
    /// The JSON Schema of its configuration.
    pub config_schema: JsonDto,
    /// The JSON Schema of its output.
    pub output_schema: JsonDto,
    /// The queue of steps that name none; null for `default`.
    pub queue: Option<String>,
    /// How long an attempt may take where the step says nothing; null for the usual 300.
    pub timeout_seconds: Option<u64>,
    /// Whether repeating it does no harm.
    pub idempotent: bool,
    /// When it was registered; null for a type of the server's own.
    pub created_at: Option<MomentDto>,
    /// When its registration last changed.
    pub updated_at: Option<MomentDto>,
}

impl Example for TaskTypeDto {
    fn example() -> Self {
        Self {
            name: "geo.lookup".to_owned(),
            description: "Says where an address is".to_owned(),
            runs: "remote".to_owned(),
            config_schema: Any(example_config()),
            output_schema: Any(example_output()),
            queue: None,
            timeout_seconds: Some(30),
            idempotent: true,
            created_at: Some(MomentDto::example()),
            updated_at: Some(MomentDto::example()),
        }
    }
}

impl From<KnownType> for TaskTypeDto {
    fn from(known: KnownType) -> Self {
        let own = Self::of_type(&known.task_type);
        match known.registered {
            None => own,
            // As it was registered: a schema can say more than a type does.
            Some(RegisteredType { definition, created_at, updated_at, .. }) => Self {
                config_schema: Any(definition.config_schema),
                output_schema: Any(definition.output_schema),
                created_at: Some(created_at.into()),
                updated_at: Some(updated_at.into()),
                ..own
            },
        }
    }
}

impl TaskTypeDto {
    fn of_type(task_type: &TaskType) -> Self {
        let runs = match task_type.runs {
            Runs::Worker => "worker",
            Runs::Remote => "remote",
            Runs::Engine => "engine",
        };
        Self {
            name: task_type.name.to_string(),
            description: task_type.description.to_string(),
            runs: runs.to_owned(),
            config_schema: Any(schema_from_type(&Type::Object(task_type.config.clone()))),
            output_schema: Any(schema_from_type(&task_type.output)),
            queue: task_type.defaults.queue.as_deref().map(str::to_owned),
            timeout_seconds: task_type.defaults.timeout_ms.map(|timeout| timeout / 1_000),
            idempotent: task_type.defaults.idempotent,
            created_at: None,
            updated_at: None,
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
