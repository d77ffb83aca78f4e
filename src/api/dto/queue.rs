//! Task queues.

use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::service::ports::QueueDepth;

/// A task queue.
#[derive(Debug, Object)]
#[oai(rename = "Queue", example)]
pub struct QueueDto {
    /// Its name.
    pub name: String,
    /// Tasks that wait for a worker.
    pub waiting: u64,
    /// How long the oldest of these has waited, in milliseconds.
    pub oldest_ms: u64,
    /// Tasks that workers have.
    pub claimed: u64,
}

impl Example for QueueDto {
    fn example() -> Self {
        Self { name: "default".to_owned(), waiting: 120, oldest_ms: 850, claimed: 64 }
    }
}

impl From<QueueDepth> for QueueDto {
    fn from(depth: QueueDepth) -> Self {
        let QueueDepth { queue, waiting, oldest_ms, claimed } = depth;
        Self { name: queue.to_string(), waiting, oldest_ms, claimed }
    }
}

/// The task queues that were used.
#[derive(Debug, Object)]
#[oai(rename = "QueueList", example)]
pub struct QueueListDto {
    /// The queues.
    pub queues: Vec<QueueDto>,
}

impl Example for QueueListDto {
    fn example() -> Self {
        Self { queues: vec![QueueDto::example()] }
    }
}
