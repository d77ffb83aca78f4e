//! Task queues, as their depth tells of them.

use super::Service;
use super::error::{ServiceError, ServiceResult};
use super::ports::QueueDepth;

impl Service {
    /// How many tasks wait in each queue, for how long, and how many workers have.
    ///
    /// # Errors
    /// The queue does not answer.
    pub async fn queue_list(&self) -> ServiceResult<Vec<QueueDepth>> {
        self.queue.depths().await.map_err(|error| ServiceError::unavailable(error.to_string()))
    }
}
