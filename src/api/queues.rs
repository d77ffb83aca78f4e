//! `/api/v1/queues`.

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use crate::service::Service;

use super::Tag;
use super::dto::QueueListDto;
use super::error::ListFailure;

/// The endpoints of task queues.
pub struct Queues(pub Arc<Service>);

#[OpenApi(prefix_path = "/api/v1/queues", tag = "Tag::Operations")]
impl Queues {
    /// List the task queues
    ///
    /// How many tasks wait in each, for how long, and how many workers have: what a scaler of workers goes by. `/metrics` has the
    /// same. A queue is there from its first task on.
    #[oai(path = "/", method = "get", operation_id = "queue_list")]
    async fn list(&self) -> Result<Json<QueueListDto>, ListFailure> {
        let depths = self.0.queue_list().await?;
        Ok(Json(QueueListDto { queues: depths.into_iter().map(Into::into).collect() }))
    }
}
