//! `/api/v1/task-types`: what steps may be, and what workers elsewhere register.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::service::Service;

use super::Tag;
use super::body::Body;
use super::dto::{NewTaskTypeDto, TaskTypeDto, TaskTypeListDto};
use super::error::{ChangeFailure, ControlFailure, ListFailure, ReadFailure};

/// The endpoints of task types.
pub struct TaskTypes(pub Arc<Service>);

#[derive(ApiResponse)]
enum Registered {
    /// It is new.
    #[oai(status = 201)]
    New(Json<TaskTypeDto>),
    /// Its registration is now this one.
    #[oai(status = 200)]
    Changed(Json<TaskTypeDto>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is registered no longer.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(prefix_path = "/api/v1/task-types", tag = "Tag::Tasks")]
impl TaskTypes {
    /// List the task types
    ///
    /// What steps may be, with the JSON Schemas of their configuration and output: those of this server, and those that
    /// were registered.
    #[oai(path = "/", method = "get", operation_id = "task_type_list")]
    async fn list(&self) -> Result<Json<TaskTypeListDto>, ListFailure> {
        let task_types: Vec<TaskTypeDto> = self.0.task_type_list().await?.into_iter().map(Into::into).collect();
        let count = task_types.len() as u64;
        Ok(Json(TaskTypeListDto { task_types, count }))
    }

    /// Show a task type
    ///
    /// One of the server's own, or one that was registered, with its schemas as they came.
    #[oai(path = "/:name", method = "get", operation_id = "task_type_find")]
    async fn find(
        &self,
        /// The task type's name.
        name: Path<String>,
    ) -> Result<Json<TaskTypeDto>, ReadFailure> {
        Ok(Json(self.0.task_type_find(&name.0).await?.into()))
    }

    /// Register a task type
    ///
    /// A worker elsewhere carries it out: from now on sources that use it are checked against its schemas, and it can be
    /// polled for. Registered again it is replaced whole; versions that were published keep their plan. 409 for a type of the
    /// server's own.
    #[oai(path = "/:name", method = "put", operation_id = "task_type_register")]
    async fn register(
        &self,
        /// The task type's name: identifiers joined by dots.
        name: Path<String>,
        body: Body<NewTaskTypeDto>,
    ) -> Result<Registered, ChangeFailure> {
        let (known, is_new) = self.0.task_type_register(name.0, body.0.into()).await?;
        let known = Json(known.into());
        Ok(if is_new { Registered::New(known) } else { Registered::Changed(known) })
    }

    /// Delete a task type
    ///
    /// Sources that use it are refused from now on, and it can't be polled for. Executions of what was published wait until
    /// it is registered again.
    #[oai(path = "/:name", method = "delete", operation_id = "task_type_delete")]
    async fn delete(
        &self,
        /// The task type's name.
        name: Path<String>,
    ) -> Result<Deleted, ControlFailure> {
        self.0.task_type_delete(&name.0).await?;
        Ok(Deleted::Gone)
    }
}
