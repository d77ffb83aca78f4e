//! `/api/v1/tasks`: what workers elsewhere take and carry out.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::service::{MAX_TASKS, Service, ServiceError};

use super::Tag;
use super::body::{Body, OptionalBody};
use super::dto::{CompletionBatchDto, CompletionDto, FailureDto, HeartbeatDto, LeasedTaskListDto, TaskPollDto};
use super::error::{Problem, ProblemDto, TaskFailure};

/// The endpoints of tasks.
pub struct Tasks(pub Arc<Service>);

#[derive(ApiResponse)]
enum Taken {
    /// The outcome was taken.
    #[oai(status = 204)]
    Done,
}

/// What became of several outcomes.
#[derive(Debug, Object)]
#[oai(rename = "TaskCompletionResults")]
struct Results {
    /// Of each task, in the order of the request.
    results: Vec<Outcome>,
}

/// What became of one outcome.
#[derive(Debug, Object)]
#[oai(rename = "TaskCompletionResult")]
struct Outcome {
    /// The task's id.
    id: String,
    /// Why it was not taken, or what the attempt failed by; null where all is well.
    problem: Option<ProblemDto>,
}

#[OpenApi(prefix_path = "/api/v1/tasks", tag = "Tag::Tasks")]
impl Tasks {
    /// Poll for tasks
    ///
    /// Waits until there are tasks of these types, and gives them under a lease: each stays this worker's until the lease
    /// lapses, and each heartbeat begins it anew. An empty list where there were none in time. 429 where too many polls are
    /// open, 503 where too many tasks are out; `Retry-After` says when to come again.
    #[oai(path = "/poll", method = "post", operation_id = "task_poll")]
    async fn poll(&self, body: Body<TaskPollDto>) -> Result<Json<LeasedTaskListDto>, TaskFailure> {
        let leased = self.0.task_poll(body.0.into()).await?;
        Ok(Json(LeasedTaskListDto { tasks: leased.into_iter().map(Into::into).collect() }))
    }

    /// Complete several tasks
    ///
    /// At most 100. Each is taken or not by itself: 200 says nothing of any of them, its `problem` does, as the answer to one
    /// completion would.
    #[oai(path = "/complete", method = "post", operation_id = "task_complete_many")]
    async fn complete_many(&self, body: Body<CompletionBatchDto>) -> Result<Json<Results>, TaskFailure> {
        let tasks = body.0.tasks;
        if tasks.len() > MAX_TASKS {
            return Err(ServiceError::field("tasks", format!("expected at most {MAX_TASKS}")).into());
        }
        let ids: Vec<String> = tasks.iter().map(|task| task.id.clone()).collect();
        let told = self.0.task_results(tasks.into_iter().map(Into::into).collect()).await?;
        let outcome = |(id, told): (String, Result<(), ServiceError>)| Outcome {
            id,
            problem: told.err().map(|error| Problem::from(error).into_dto()),
        };
        Ok(Json(Results { results: ids.into_iter().zip(told).map(outcome).collect() }))
    }

    /// Say that a task is being worked on
    ///
    /// Its lease begins anew. `cancelled: true` says that the step was stopped: drop the task. 409 (`lease-lost`) where the
    /// lease has lapsed: drop it as well, another worker may have it.
    #[oai(path = "/:id/heartbeat", method = "post", operation_id = "task_heartbeat")]
    async fn heartbeat(
        &self,
        /// The task's id, as the poll gave it.
        id: Path<String>,
    ) -> Result<Json<HeartbeatDto>, TaskFailure> {
        Ok(Json(self.0.task_heartbeat(&id.0).await?.into()))
    }

    /// Complete a task
    ///
    /// 409 (`lease-lost`) where its lease has lapsed or its attempt is over: nothing has changed. 422 (`output-misfit`) where
    /// the output does not fit what the task type was known to give when the workflow was published, or what the step declares,
    /// and 413 where it is too large: the attempt has failed by it, with `TYPE` or `LIMIT`.
    #[oai(path = "/:id/complete", method = "post", operation_id = "task_complete")]
    async fn complete(
        &self,
        /// The task's id, as the poll gave it.
        id: Path<String>,
        body: OptionalBody<CompletionDto>,
    ) -> Result<Taken, TaskFailure> {
        let completion = body.0.unwrap_or(CompletionDto { output: None, logs: None });
        self.0.task_result(completion.of(id.0)).await?;
        Ok(Taken::Done)
    }

    /// Fail a task
    ///
    /// The step's `retry` says whether another attempt follows. 409 (`lease-lost`) where its lease has lapsed or its attempt
    /// is over: nothing has changed.
    #[oai(path = "/:id/fail", method = "post", operation_id = "task_fail")]
    async fn fail(
        &self,
        /// The task's id, as the poll gave it.
        id: Path<String>,
        body: Body<FailureDto>,
    ) -> Result<Taken, TaskFailure> {
        self.0.task_result(body.0.of(id.0)).await?;
        Ok(Taken::Done)
    }
}
