//! `/api/v1/events` and `/api/v1/approvals`: what executions wait for.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::service::waits::ApprovalFilter;
use crate::service::{ApprovalDecision, ApprovalQuery, Service};

use super::Tag;
use super::body::{Body, OptionalBody};
use super::dto::{ApprovalDto, ApprovalListDto, ApproveDto, EventDto, NewEventDto, RefuseDto};
use super::error::{ChangeFailure, ListFailure};
use super::page::{self, next};
use super::params::{ApprovalPlace, Limit, Offset};

/// The endpoints of events and approvals.
pub struct Waits(pub Arc<Service>);

#[derive(ApiResponse)]
enum Sent {
    /// It is recorded, and durable.
    #[oai(status = 202)]
    New(Json<EventDto>),
    /// It was sent before under this id: nothing has changed.
    #[oai(status = 200)]
    Repeated(Json<EventDto>),
}

#[derive(ApiResponse)]
enum Decided {
    /// The word is recorded.
    #[oai(status = 200)]
    Done(Json<ApprovalDto>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Waits")]
impl Waits {
    /// Send an event
    ///
    /// Each workflow takes it once: by the oldest `wait` for it whose `where` holds. It is kept for as long as the workflow
    /// says (24 h where it says nothing), for a wait that opens later. With `broadcast` every wait that is open now gets it,
    /// and it is not kept. Sent again under its `id` it changes nothing (200).
    #[oai(path = "/events", method = "post", operation_id = "event_send")]
    async fn send(&self, body: Body<NewEventDto>) -> Result<Sent, ChangeFailure> {
        let view = self.0.event_send(body.0.into()).await?;
        let repeated = view.is_repeat;
        let event = Json(view.into());
        Ok(if repeated { Sent::Repeated(event) } else { Sent::New(event) })
    }

    /// List open approvals
    ///
    /// Oldest first: what people are asked for, what they fill in, and until when.
    #[oai(path = "/approvals", method = "get", operation_id = "approval_list")]
    async fn list(
        &self,
        /// That ask this group.
        group: Query<Option<String>>,
        /// Of the workflow of this name or id.
        workflow: Query<Option<String>>,
        /// How many at most; 50 where it is absent.
        limit: Query<Option<Limit>>,
        /// How many to pass over.
        offset: Query<Option<Offset>>,
        /// The `next` of the page before.
        cursor: Query<Option<ApprovalPlace>>,
    ) -> Result<Json<ApprovalListDto>, ListFailure> {
        let (limit, offset) = (Limit::of(limit.0), Offset::of(offset.0));
        let filter =
            ApprovalFilter { group: group.0, workflow: None, after: cursor.0.map(|place| place.0), limit, offset };
        let page = self.0.approval_list(ApprovalQuery { workflow: workflow.0, filter }).await?;
        let next = next(&page.items, limit, page::of_approval);
        let approvals = page.items.into_iter().map(Into::into).collect();
        let (count, count_is_exact) = (page.total.count, page.total.is_exact);
        Ok(Json(ApprovalListDto { approvals, count, count_is_exact, limit, offset, next }))
    }

    /// Give an approval
    ///
    /// The execution goes on, with the form under the name of its `approve`. A form that does not fit is 422, each field
    /// named; 409 where it was decided already.
    #[oai(path = "/approvals/:id/approve", method = "post", operation_id = "approval_approve")]
    async fn approve(
        &self,
        /// The approval's id.
        id: Path<String>,
        body: OptionalBody<ApproveDto>,
    ) -> Result<Decided, ChangeFailure> {
        let empty = || ApprovalDecision { approved: true, ..ApprovalDecision::default() };
        self.decide(&id.0, body.0.map_or_else(empty, Into::into)).await
    }

    /// Refuse an approval
    ///
    /// The `approve` fails with `APPROVAL_REFUSED`, which a `catch` may take. 409 where it was decided already.
    #[oai(path = "/approvals/:id/refuse", method = "post", operation_id = "approval_refuse")]
    async fn refuse(
        &self,
        /// The approval's id.
        id: Path<String>,
        body: OptionalBody<RefuseDto>,
    ) -> Result<Decided, ChangeFailure> {
        self.decide(&id.0, body.0.map_or_else(ApprovalDecision::default, Into::into)).await
    }
}

impl Waits {
    async fn decide(&self, id: &str, decision: ApprovalDecision) -> Result<Decided, ChangeFailure> {
        Ok(Decided::Done(Json(self.0.approval_decide(id, decision).await?.into())))
    }
}
