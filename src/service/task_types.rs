//! Task types that workers elsewhere register, as the stores keep them.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::expr::{ObjectType, Timestamp, Type, type_from_schema};
use crate::plan::{Runs, TaskDefaults, TaskType};

use super::ports::StoreResult;

/// A task type that a worker elsewhere carries out.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredType {
    /// The name: dotted, each part an identifier.
    pub name: Arc<str>,
    /// What it is.
    pub definition: TypeDefinition,
    /// When it was first registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a task type is. Written whole, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypeDefinition {
    /// What it does, in a sentence.
    pub description: String,
    /// The JSON Schema of its configuration: an object's.
    pub config_schema: Json,
    /// The JSON Schema of its output.
    pub output_schema: Json,
    /// The queue of steps that name none.
    pub queue: Option<Arc<str>>,
    /// How long an attempt may take where the step says nothing, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether repeating it does no harm.
    pub idempotent: bool,
}

impl RegisteredType {
    /// The type as the checker knows it; none where the schema of the configuration is not an object's.
    pub fn task_type(&self) -> Option<TaskType> {
        let definition = &self.definition;
        let config = match type_from_schema(&definition.config_schema) {
            Type::Object(config) => config,
            Type::Any | Type::Map(_) => ObjectType { fields: Vec::new(), open: true },
            _ => return None,
        };
        let defaults = TaskDefaults {
            queue: definition.queue.clone(),
            timeout_ms: definition.timeout_ms,
            idempotent: definition.idempotent,
        };
        Some(TaskType {
            name: self.name.clone(),
            description: definition.description.as_str().into(),
            config,
            output: type_from_schema(&definition.output_schema),
            runs: Runs::Remote,
            defaults,
        })
    }
}

/// How many task types are registered, and when one last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeStamp {
    /// How many there are.
    pub count: u64,
    /// When one last changed.
    pub changed_at: Option<Timestamp>,
}

/// Where registered task types are kept.
#[async_trait]
pub trait TaskTypeStore: Send + Sync + 'static {
    /// Inserts a type, or replaces its definition, where there are fewer than `most` others; whether it is new, and none
    /// where there is no room for it.
    async fn task_type_save(&self, task_type: &RegisteredType, most: u64) -> StoreResult<Option<bool>>;
    /// One type.
    async fn task_type_find(&self, name: &str) -> StoreResult<Option<RegisteredType>>;
    /// All of them, by name.
    async fn task_type_list(&self) -> StoreResult<Vec<RegisteredType>>;
    /// What changes whenever a type is registered, changed or deleted.
    async fn task_type_stamp(&self) -> StoreResult<TypeStamp>;
    /// Deletes a type; whether there was one.
    async fn task_type_delete(&self, name: &str) -> StoreResult<bool>;
}
