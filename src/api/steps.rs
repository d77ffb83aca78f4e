//! `/api/v1/workflows/{id}/steps`.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::service::Service;

use super::Tag;
use super::body::Body;
use super::dto::{NewStepDto, StepDto, StepListDto, StepPatchDto};
use super::error::{ChangeFailure, ControlFailure, ReadFailure};
use super::params::{StepId, VersionNumber};

/// The endpoints of a draft's steps.
pub struct Steps(pub Arc<Service>);

#[derive(ApiResponse)]
enum Created {
    /// The step.
    #[oai(status = 201)]
    New(Json<StepDto>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(prefix_path = "/api/v1/workflows", tag = "Tag::Workflows")]
impl Steps {
    /// Add a step
    ///
    /// To the workflow's draft. For an active workflow made through this API it opens a draft beside the active version,
    /// which goes on as it is until the draft is activated.
    #[oai(path = "/:id/steps", method = "post", operation_id = "step_create")]
    async fn create(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        body: Body<NewStepDto>,
    ) -> Result<Created, ChangeFailure> {
        let step = self.0.step_create(&id.0, body.0.into()).await?;
        let location = format!("/api/v1/workflows/{}/steps/{}", step.workflow, step.id);
        Ok(Created::New(Json(step.into()), location))
    }

    /// List the steps
    ///
    /// Of the draft where there is one, else of the active version; or of the version that is named.
    #[oai(path = "/:id/steps", method = "get", operation_id = "step_list")]
    async fn list(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// Of this version.
        version: Query<Option<VersionNumber>>,
    ) -> Result<Json<StepListDto>, ReadFailure> {
        let (_, steps) = self.0.step_list(&id.0, version.0.map(|version| version.0)).await?;
        let count = steps.len() as u64;
        Ok(Json(StepListDto { steps: steps.into_iter().map(Into::into).collect(), count }))
    }

    /// Show a step
    ///
    /// Of the draft where there is one, else of the active version.
    #[oai(path = "/:id/steps/:step_id", method = "get", operation_id = "step_find")]
    async fn find(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// The step's id.
        step_id: Path<StepId>,
    ) -> Result<Json<StepDto>, ReadFailure> {
        Ok(Json(self.0.step_find(&id.0, step_id.0.0).await?.into()))
    }

    /// Change a step
    ///
    /// In the draft; opens one beside the active version where there is none.
    #[oai(path = "/:id/steps/:step_id", method = "patch", operation_id = "step_update")]
    async fn update(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// The step's id.
        step_id: Path<StepId>,
        body: Body<StepPatchDto>,
    ) -> Result<Json<StepDto>, ChangeFailure> {
        Ok(Json(self.0.step_update(&id.0, step_id.0.0, body.0.into()).await?.into()))
    }

    /// Delete a step
    ///
    /// From the draft; opens one beside the active version where there is none.
    #[oai(path = "/:id/steps/:step_id", method = "delete", operation_id = "step_delete")]
    async fn delete(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// The step's id.
        step_id: Path<StepId>,
    ) -> Result<Deleted, ControlFailure> {
        self.0.step_delete(&id.0, step_id.0.0).await?;
        Ok(Deleted::Gone)
    }
}
