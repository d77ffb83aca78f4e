//! `/api/v1/workflows/{name}/versions`.

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::types::Any;

use crate::service::Service;
use crate::service::ports::VersionFilter;

use super::Tag;
use super::dto::{JsonDto, VersionDto, VersionListDto};
use super::error::ReadFailure;
use super::page::next;
use super::params::{Limit, VersionNumber};

/// The endpoints of versions.
pub struct Versions(pub Arc<Service>);

#[OpenApi(prefix_path = "/api/v1/workflows", tag = "Tag::Workflows")]
impl Versions {
    /// List the versions of a workflow
    ///
    /// Newest first. Page with `cursor`.
    #[oai(path = "/:id/versions", method = "get", operation_id = "version_list")]
    async fn list(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// How many at most; 50 where it is absent.
        limit: Query<Option<Limit>>,
        /// The `next` of the page before.
        cursor: Query<Option<VersionNumber>>,
    ) -> Result<Json<VersionListDto>, ReadFailure> {
        let limit = Limit::of(limit.0);
        let filter = VersionFilter { before: cursor.0.map(|n| n.0), limit };
        let (workflow, page) = self.0.version_list(&id.0, filter).await?;
        let next = next(&page.items, limit, |version| version.n);
        let versions = page.items.into_iter().map(|version| VersionDto::of(&workflow, version)).collect();
        Ok(Json(VersionListDto { versions, count: page.total.count, count_is_exact: page.total.is_exact, limit, next }))
    }

    /// Show a version
    ///
    /// With the JSON Schema of its input. A version never changes.
    #[oai(path = "/:id/versions/:version", method = "get", operation_id = "version_find")]
    async fn find(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// The version's number.
        version: Path<VersionNumber>,
    ) -> Result<Json<VersionDto>, ReadFailure> {
        let (workflow, version) = self.0.version_find(&id.0, version.0.0).await?;
        Ok(Json(VersionDto::of(&workflow, version)))
    }

    /// Show the source of a version
    ///
    /// The text as it came. Of a workflow made step by step, its steps in the flat notation.
    #[oai(path = "/:id/versions/:version/source", method = "get", operation_id = "version_source")]
    async fn source(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// The version's number.
        version: Path<VersionNumber>,
    ) -> Result<PlainText<String>, ReadFailure> {
        let (_, version) = self.0.version_find(&id.0, version.0.0).await?;
        Ok(PlainText(version.source.to_string()))
    }

    /// Show the plan of a version
    ///
    /// What the source compiles to, and what executions of the version are pinned to.
    #[oai(path = "/:id/versions/:version/plan", method = "get", operation_id = "version_plan")]
    async fn plan(
        &self,
        /// The workflow's id or name.
        id: Path<String>,
        /// The version's number.
        version: Path<VersionNumber>,
    ) -> Result<Json<JsonDto>, ReadFailure> {
        let (_, version) = self.0.version_find(&id.0, version.0.0).await?;
        Ok(Json(Any(serde_json::to_value(&*version.plan).unwrap_or_default())))
    }
}
