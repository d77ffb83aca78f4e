//! `/api/v1/executions`.

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::expr::Value;
use crate::service::ports::{ExecutionFilter, Started, StepFilter};
use crate::service::{ExecutionQuery, Service};

use super::Tag;
use super::body::{AnyBody, Body, OptionalBody};
use super::dto::{
    AttemptListDto, CancelDto, ExecutionDto, ExecutionListDto, LogListDto, SignalDto, StartBatchDto, StartDto,
    StartedBatchDto,
};
use super::error::{ChangeFailure, ControlFailure, ListFailure, ReadFailure};
use super::page::{self, next};
use super::params::{
    AttemptPlace, ExecutionPlace, ExecutionState, Id, Level, Limit, LogCursor, MomentParam, Offset, StepState, Wait,
};

/// The endpoints of executions.
pub struct Executions(pub Arc<Service>);

#[derive(ApiResponse)]
enum Start {
    /// It is recorded, and durable.
    #[oai(status = 201)]
    New(Json<ExecutionDto>, #[oai(header = "Location")] String),
    /// The execution that this idempotency key started before.
    #[oai(status = 200)]
    Existing(Json<ExecutionDto>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Asked {
    /// It is recorded that this was asked for.
    #[oai(status = 200)]
    Done(Json<ExecutionDto>),
}

#[derive(ApiResponse)]
enum Signalled {
    /// It is recorded, and durable: a wait takes it, now or when it opens.
    #[oai(status = 202)]
    Kept(Json<SignalDto>),
}

#[OpenApi(prefix_path = "/api/v1/executions", tag = "Tag::Executions")]
impl Executions {
    /// Start an execution
    ///
    /// Of the active version of a workflow, or of the version that is named. With an `idempotency_key` it may be sent again
    /// without harm: the same input gives the same execution (200), another input is 409. An input that does not fit the
    /// declared types is 422, each field named.
    #[oai(path = "/", method = "post", operation_id = "execution_start")]
    async fn start(&self, body: Body<StartDto>) -> Result<Start, ChangeFailure> {
        let started = self.0.execution_start(body.0.into()).await?;
        let location = format!("/api/v1/executions/{}", started.execution().id);
        Ok(match started {
            Started::New(view) => Start::New(Json(view.into()), location),
            Started::Existing(execution) => {
                Start::Existing(Json(self.0.execution_find(execution.id).await?.into()), location)
            }
        })
    }

    /// Start many executions
    ///
    /// Up to 1,000, of one or of several workflows, each as if it were sent alone, its own `idempotency_key` included. The answers
    /// are in the order of the starts, each with the status that it would have had alone, and a refused one hinders no
    /// other. All that were accepted are durable. A key that comes twice starts one execution.
    #[oai(path = "/batch", method = "post", operation_id = "execution_start_batch")]
    async fn start_batch(&self, body: Body<StartBatchDto>) -> Result<Json<StartedBatchDto>, ChangeFailure> {
        let answers = self.0.execution_start_batch(body.0.into()).await?;
        Ok(Json(StartedBatchDto { executions: answers.into_iter().map(Into::into).collect() }))
    }

    /// List executions
    ///
    /// Newest first. Page with `offset`, or with `cursor`, which is not disturbed by executions that start meanwhile.
    #[oai(path = "/", method = "get", operation_id = "execution_list")]
    #[allow(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        /// Of the workflow of this name or id.
        workflow: Query<Option<String>>,
        /// Of the workflow of this id.
        workflow_id: Query<Option<String>>,
        /// Of this state alone.
        status: Query<Option<ExecutionState>>,
        /// Recorded at or after this moment.
        created_from: Query<Option<MomentParam>>,
        /// Recorded before this moment.
        created_to: Query<Option<MomentParam>>,
        /// How many at most; 50 where it is absent.
        limit: Query<Option<Limit>>,
        /// How many to pass over.
        offset: Query<Option<Offset>>,
        /// The `next` of the page before.
        cursor: Query<Option<ExecutionPlace>>,
    ) -> Result<Json<ExecutionListDto>, ListFailure> {
        let (limit, offset) = (Limit::of(limit.0), Offset::of(offset.0));
        let filter = ExecutionFilter {
            workflow: None,
            status: status.0.map(|status| status.0),
            created_from: created_from.0.map(|at| at.0),
            created_to: created_to.0.map(|at| at.0),
            before: cursor.0.map(|place| place.0),
            limit,
            offset,
        };
        let query = ExecutionQuery { workflow: workflow_id.0.or(workflow.0), filter };
        let page = self.0.execution_list(query).await?;
        let next = next(&page.items, limit, |view| page::of_execution(&view.execution));
        let executions = page.items.into_iter().map(Into::into).collect();
        let (count, count_is_exact) = (page.total.count, page.total.is_exact);
        Ok(Json(ExecutionListDto { executions, count, count_is_exact, limit, offset, next }))
    }

    /// Show an execution
    ///
    /// With `wait` it answers when the execution has ended, or when the time is up.
    #[oai(path = "/:id", method = "get", operation_id = "execution_find")]
    async fn find(
        &self,
        /// The execution's id.
        id: Path<Id>,
        /// How long to wait for its end, up to `5m`.
        wait: Query<Option<Wait>>,
    ) -> Result<Json<ExecutionDto>, ReadFailure> {
        let wait = wait.0.map_or(Duration::ZERO, |wait| wait.0);
        Ok(Json(self.0.execution_wait(id.0.0, wait).await?.into()))
    }

    /// List the attempts at the steps
    ///
    /// In the order of their last change: what ran, with what input, what came of it, and when. Page with `offset`, or with
    /// `cursor`.
    #[oai(path = "/:id/steps", method = "get", operation_id = "execution_steps")]
    async fn steps(
        &self,
        /// The execution's id.
        id: Path<Id>,
        /// Of this state alone.
        status: Query<Option<StepState>>,
        /// How many at most; 50 where it is absent.
        limit: Query<Option<Limit>>,
        /// How many to pass over.
        offset: Query<Option<Offset>>,
        /// The `next` of the page before.
        cursor: Query<Option<AttemptPlace>>,
    ) -> Result<Json<AttemptListDto>, ReadFailure> {
        let (limit, offset) = (Limit::of(limit.0), Offset::of(offset.0));
        let (status, after) = (status.0.map(|status| status.0), cursor.0.map(|place| place.0));
        let page = self.0.execution_steps(id.0.0, StepFilter { status, after, limit, offset }).await?;
        let next = next(&page.items, limit, page::of_attempt);
        let steps = page.items.into_iter().map(Into::into).collect();
        let (count, count_is_exact) = (page.total.count, page.total.is_exact);
        Ok(Json(AttemptListDto { steps, count, count_is_exact, limit, offset, next }))
    }

    /// Read the log
    ///
    /// In order. Ask again with `after` set to `next` for what came since.
    #[oai(path = "/:id/logs", method = "get", operation_id = "execution_logs")]
    async fn logs(
        &self,
        /// The execution's id.
        id: Path<Id>,
        /// Of this level or above.
        level: Query<Option<Level>>,
        /// The `next` of the answer before.
        after: Query<Option<LogCursor>>,
        /// How many at most; 50 where it is absent.
        limit: Query<Option<Limit>>,
    ) -> Result<Json<LogListDto>, ReadFailure> {
        let (level, after) = (level.0.map(|level| level.0), after.0.map(|after| after.0));
        let logs = self.0.execution_logs(id.0.0, level, after, Limit::of(limit.0)).await?;
        let next = logs.last().map(|log| log.id).or(after);
        Ok(Json(LogListDto { logs: logs.into_iter().map(Into::into).collect(), next }))
    }

    /// Retry an execution
    ///
    /// A failed one goes on from the step that failed. 409 names the states that allow it, or says that a `finally` or an undo
    /// has run, so that there is nothing to go on from.
    #[oai(path = "/:id/retry", method = "post", operation_id = "execution_retry")]
    async fn retry(
        &self,
        /// The execution's id.
        id: Path<Id>,
    ) -> Result<Asked, ControlFailure> {
        Ok(Asked::Done(Json(self.0.execution_retry(id.0.0).await?.into())))
    }

    /// Cancel an execution
    ///
    /// No new step starts, and running ones are told to stop. `finally` blocks run, then the undos of what completed, newest
    /// first. To ask again changes nothing. 409 names the states that allow it.
    #[oai(path = "/:id/cancel", method = "post", operation_id = "execution_cancel")]
    async fn cancel(
        &self,
        /// The execution's id.
        id: Path<Id>,
        body: OptionalBody<CancelDto>,
    ) -> Result<Asked, ControlFailure> {
        let (reason, undo) = body.0.map_or((None, None), |cancel| (cancel.reason, cancel.undo));
        Ok(Asked::Done(Json(self.0.execution_cancel(id.0.0, reason, undo.unwrap_or(true)).await?.into())))
    }

    /// Retry the undos that failed
    ///
    /// Of an execution that ended with `compensation: failed`. It runs while they do, and ends as it had. 409 names the states that
    /// allow it.
    #[oai(path = "/:id/compensation/retry", method = "post", operation_id = "execution_compensation_retry")]
    async fn retry_compensation(
        &self,
        /// The execution's id.
        id: Path<Id>,
    ) -> Result<Asked, ControlFailure> {
        Ok(Asked::Done(Json(self.0.execution_retry_undo(id.0.0).await?.into())))
    }

    /// Pause an execution
    ///
    /// No new step starts and no timer fires; what runs is still recorded, and signals and a cancel still work. 409 names the
    /// states that allow it.
    #[oai(path = "/:id/pause", method = "post", operation_id = "execution_pause")]
    async fn pause(
        &self,
        /// The execution's id.
        id: Path<Id>,
    ) -> Result<Asked, ControlFailure> {
        Ok(Asked::Done(Json(self.0.execution_pause(id.0.0).await?.into())))
    }

    /// Resume an execution
    ///
    /// A paused one goes on where it stood; timers that have passed meanwhile fire. 409 names the states that allow it.
    #[oai(path = "/:id/resume", method = "post", operation_id = "execution_resume")]
    async fn resume(
        &self,
        /// The execution's id.
        id: Path<Id>,
    ) -> Result<Asked, ControlFailure> {
        Ok(Asked::Done(Json(self.0.execution_resume(id.0.0).await?.into())))
    }

    /// Send a signal
    ///
    /// An event for this execution alone; the body is its data. It is kept until a `wait` of this name takes it. Sent again
    /// under its `Idempotency-Key` it changes nothing.
    #[oai(path = "/:id/signals/:name", method = "post", operation_id = "execution_signal")]
    async fn signal(
        &self,
        /// The execution's id.
        id: Path<Id>,
        /// What it is: what a `wait` names.
        name: Path<String>,
        /// A key of your own.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: AnyBody,
    ) -> Result<Signalled, ChangeFailure> {
        let id = self.0.execution_signal(id.0.0, name.0, Value::from_json(body.0), key.0).await?;
        Ok(Signalled::Kept(Json(SignalDto { id })))
    }
}
