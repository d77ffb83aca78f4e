//! Task types: what the checker knows of a handler.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::{ObjectType, Type};

/// A task type: its name and the types of what goes in and comes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskType {
    /// The name: dotted, each part an identifier.
    pub name: Arc<str>,
    /// What it does, in a sentence.
    pub description: Arc<str>,
    /// What a step must configure it with.
    pub config: ObjectType,
    /// What it gives.
    pub output: Type,
    /// Who carries it out.
    pub runs: Runs,
    /// What a step of it has where it says nothing.
    #[serde(default)]
    pub defaults: TaskDefaults,
}

/// What a step of a task type has where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskDefaults {
    /// The queue; `default` where there is none.
    pub queue: Option<Arc<str>>,
    /// How long an attempt may take from its claim, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether repeating it does no harm.
    pub idempotent: bool,
}

/// Who carries a task out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// A worker of this program.
    Worker,
    /// A worker elsewhere, in any language: it asks for tasks over HTTP.
    Remote,
    /// The engine itself.
    Engine,
}

/// The task types that are known, by name.
#[derive(Clone, Debug, Default)]
pub struct TaskTypes {
    types: BTreeMap<Arc<str>, TaskType>,
}

impl TaskTypes {
    /// Adds a type, or replaces the one of that name.
    pub fn insert(&mut self, task_type: TaskType) {
        self.types.insert(task_type.name.clone(), task_type);
    }

    /// The type called `name`.
    pub fn get(&self, name: &str) -> Option<&TaskType> {
        self.types.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &TaskType> {
        self.types.values()
    }
}
