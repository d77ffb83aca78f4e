//! `/api/v1/workflows`.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::service::Service;
use crate::service::ports::WorkflowFilter;

use super::Tag;
use super::body::Body;
use super::dto::{NewWorkflowDto, WorkflowDto, WorkflowListDto, WorkflowPatchDto};
use super::error::{ChangeFailure, ControlFailure, ListFailure, ReadFailure};
use super::page::next;
use super::params::{Limit, Offset, WorkflowState};

/// The endpoints of workflows.
pub struct Workflows(pub Arc<Service>);

#[derive(ApiResponse)]
enum Created {
    /// A draft.
    #[oai(status = 201)]
    New(Json<WorkflowDto>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(prefix_path = "/api/v1/workflows", tag = "Tag::Workflows")]
impl Workflows {
    /// Make a workflow
    ///
    /// It is a draft: add steps to it, then activate it. A workflow that is written as a text is published at
    /// `PUT /api/v1/workflows/source` instead.
    #[oai(path = "/", method = "post", operation_id = "workflow_create")]
    async fn create(&self, body: Body<NewWorkflowDto>) -> Result<Created, ChangeFailure> {
        let workflow = self.0.workflow_create(body.0.into()).await?;
        let location = format!("/api/v1/workflows/{}", workflow.id);
        Ok(Created::New(Json(workflow.into()), location))
    }

    /// List workflows
    ///
    /// By name. Page with `offset`, or with `cursor`, which is not disturbed by workflows that come and go.
    #[oai(path = "/", method = "get", operation_id = "workflow_list")]
    async fn list(
        &self,
        /// Of this state alone.
        status: Query<Option<WorkflowState>>,
        /// Whose name holds this text.
        name: Query<Option<String>>,
        /// How many at most; 50 where it is absent.
        limit: Query<Option<Limit>>,
        /// How many to pass over.
        offset: Query<Option<Offset>>,
        /// The `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WorkflowListDto>, ListFailure> {
        let (limit, offset) = (Limit::of(limit.0), Offset::of(offset.0));
        let (status, name) = (status.0.map(|status| status.0), name.0);
        let page = self.0.workflow_list(&WorkflowFilter { status, name, after: cursor.0, limit, offset }).await?;
        let next = next(&page.items, limit, |workflow| workflow.name.to_string());
        let workflows = page.items.into_iter().map(Into::into).collect();
        let (count, count_is_exact) = (page.total.count, page.total.is_exact);
        Ok(Json(WorkflowListDto { workflows, count, count_is_exact, limit, offset, next }))
    }

    /// Show a workflow
    ///
    /// By its id or its name.
    #[oai(path = "/:id", method = "get", operation_id = "workflow_find")]
    async fn find(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
    ) -> Result<Json<WorkflowDto>, ReadFailure> {
        Ok(Json(self.0.workflow_resolve(&id.0).await?.into()))
    }

    /// Change a workflow
    ///
    /// Its description and labels; its name as long as it has no version. What a watched file owns is changed in the file:
    /// 409 names it.
    #[oai(path = "/:id", method = "patch", operation_id = "workflow_update")]
    async fn update(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        body: Body<WorkflowPatchDto>,
    ) -> Result<Json<WorkflowDto>, ChangeFailure> {
        Ok(Json(self.0.workflow_update(&id.0, body.0.into()).await?.into()))
    }

    /// Delete a workflow
    ///
    /// With its versions and its ended executions. 409 while executions of it have not ended, or a watched file owns it.
    #[oai(path = "/:id", method = "delete", operation_id = "workflow_delete")]
    async fn delete(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
    ) -> Result<Deleted, ControlFailure> {
        self.0.workflow_delete(&id.0).await?;
        Ok(Deleted::Gone)
    }

    /// Activate a workflow
    ///
    /// Compiles its draft, where it has one, into the next version; 422 with diagnostics where it does not compile. Then it
    /// can be started.
    #[oai(path = "/:id/activate", method = "post", operation_id = "workflow_activate")]
    async fn activate(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
    ) -> Result<Json<WorkflowDto>, ControlFailure> {
        Ok(Json(self.0.workflow_activate(&id.0).await?.into()))
    }

    /// Deactivate a workflow
    ///
    /// New executions of it are refused; those under way go on.
    #[oai(path = "/:id/deactivate", method = "post", operation_id = "workflow_deactivate")]
    async fn deactivate(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
    ) -> Result<Json<WorkflowDto>, ControlFailure> {
        Ok(Json(self.0.workflow_deactivate(&id.0).await?.into()))
    }
}
