//! `/api/v1/workflows/source`, `/api/v1/workflows/validate` and `/api/v1/sources`.

use std::collections::BTreeSet;
use std::sync::Arc;

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::lang::{Notation, Source};
use crate::service::model::Origin;
use crate::service::{Service, Upload};

use super::Tag;
use super::body::SourceText;
use super::dto::{PublishDto, SourceListDto, ValidDto};
use super::error::{ListFailure, PublishFailure};
use super::params::NotationParam;

/// The name of a source that comes in a request, in its diagnostics.
const REQUEST: &str = "request";

/// The endpoints of sources.
pub struct SourcesApi(pub Arc<Service>);

#[derive(ApiResponse)]
enum PublishedSource {
    /// At least one of its workflows has a new version.
    #[oai(status = 201)]
    Changed(Json<PublishDto>),
    /// The active versions have this text already.
    #[oai(status = 200)]
    Unchanged(Json<PublishDto>),
}

fn notation_of(named: Option<NotationParam>, text: &SourceText) -> Notation {
    named.map(|named| named.0).or(text.notation).unwrap_or(Notation::Flow)
}

#[OpenApi]
impl SourcesApi {
    /// Publish a source
    ///
    /// The body is the text of a `.flow` or `.toml` file. Each workflow in it gets a new version, active at once, unless the
    /// active one has this text already and what is known of its task types is the same; all of them, or none. This is what a pipeline calls:
    /// `curl -T order-processing.flow http://localhost:8080/api/v1/workflows/source`
    #[oai(path = "/api/v1/workflows/source", method = "put", operation_id = "source_publish", tag = "Tag::Sources")]
    async fn publish(
        &self,
        /// How the text is written; else the content type tells, and without either it is `flow`.
        notation: Query<Option<NotationParam>>,
        text: SourceText,
    ) -> Result<PublishedSource, PublishFailure> {
        let notation = notation_of(notation.0, &text);
        let upload = Upload {
            name: REQUEST.to_owned(),
            notation,
            text: text.text.into(),
            origin: Origin::Upload,
            takes_from: BTreeSet::new(),
        };
        let published = self.0.source_publish(upload).await?;
        let changed = published.workflows.iter().any(|workflow| workflow.changed);
        let answer = Json(published.into());
        Ok(if changed { PublishedSource::Changed(answer) } else { PublishedSource::Unchanged(answer) })
    }

    /// Validate a source
    ///
    /// Compiles the text and changes nothing: 200 with what it holds, or 422 with every mistake in it.
    #[oai(path = "/api/v1/workflows/validate", method = "post", operation_id = "source_validate", tag = "Tag::Sources")]
    async fn validate(
        &self,
        /// How the text is written; else the content type tells, and without either it is `flow`.
        notation: Query<Option<NotationParam>>,
        text: SourceText,
    ) -> Result<Json<ValidDto>, PublishFailure> {
        let notation = notation_of(notation.0, &text);
        let source = Source { name: REQUEST.into(), notation, text: text.text.into() };
        Ok(Json(self.0.source_validate(source).await?.into()))
    }

    /// List the watched files
    ///
    /// Each file of the watched folder, and what became of it: a file that does not compile leaves the last good version
    /// active, and shows here with its diagnostics.
    #[oai(path = "/api/v1/sources", method = "get", operation_id = "source_list", tag = "Tag::Sources")]
    async fn list(&self) -> Result<Json<SourceListDto>, ListFailure> {
        let sources: Vec<_> = self.0.sources().list().into_iter().map(Into::into).collect();
        let count = sources.len() as u64;
        Ok(Json(SourceListDto { sources, count }))
    }
}
