//! Events, signals and approvals.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::api::fields::{Fields, FromFields};
use crate::expr::Value;
use crate::service::waits::{Approval, Delivery};
use crate::service::{ApprovalDecision, EventRequest, EventView};

use super::value::{JsonDto, MomentDto, json_of};

/// An event to be sent.
#[derive(Debug, Object)]
#[oai(rename = "NewEvent", example)]
pub struct NewEventDto {
    /// What it is: what a `wait` names.
    pub name: String,
    /// What it says; null where it is absent.
    pub data: Option<JsonDto>,
    /// An id of your own: sent again under it, within the name, it changes nothing.
    pub id: Option<String>,
    /// Whether every wait that is open now gets it, and none that opens later.
    #[oai(default)]
    pub broadcast: bool,
}

impl Example for NewEventDto {
    fn example() -> Self {
        Self {
            name: "carrier.accepted".to_owned(),
            data: Some(Any(json!({ "order": "4711", "carrier": "north" }))),
            id: Some("accepted-4711".to_owned()),
            broadcast: false,
        }
    }
}

impl FromFields for NewEventDto {
    fn read(fields: &mut Fields) -> Self {
        Self {
            name: fields.required_text("name"),
            data: fields.value("data").map(Any),
            id: fields.text("id"),
            broadcast: fields.bool("broadcast").unwrap_or_default(),
        }
    }
}

impl From<NewEventDto> for EventRequest {
    fn from(dto: NewEventDto) -> Self {
        let data = dto.data.map_or(Value::Null, |data| Value::from_json(data.0));
        Self { name: dto.name, data, id: dto.id, broadcast: dto.broadcast }
    }
}

/// What came of an event.
#[derive(Debug, Object)]
#[oai(rename = "Event", example)]
pub struct EventDto {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Who took it so far: of each workflow one, unless it went to all.
    pub taken: Vec<TakenDto>,
}

/// An execution that took an event.
#[derive(Debug, Object)]
#[oai(rename = "Taken")]
pub struct TakenDto {
    /// The execution.
    pub execution_id: String,
    /// Its workflow.
    pub workflow_id: String,
    /// When.
    pub at: MomentDto,
}

impl Example for EventDto {
    fn example() -> Self {
        let taken = TakenDto {
            execution_id: "01a20eb9-f46b-7a40-affa-729910629c95".to_owned(),
            workflow_id: "5b0d1c5e-8a5c-4f6e-9a53-0a2c6f1f5a10".to_owned(),
            at: MomentDto::example(),
        };
        Self { name: "carrier.accepted".to_owned(), id: "accepted-4711".to_owned(), taken: vec![taken] }
    }
}

impl From<Delivery> for TakenDto {
    fn from(delivery: Delivery) -> Self {
        Self {
            execution_id: delivery.execution.to_string(),
            workflow_id: delivery.workflow.to_string(),
            at: delivery.at.into(),
        }
    }
}

impl From<EventView> for EventDto {
    fn from(view: EventView) -> Self {
        let taken = view.taken.into_iter().map(Into::into).collect();
        Self { name: view.name.to_string(), id: view.id.to_string(), taken }
    }
}

/// A signal that was recorded.
#[derive(Debug, Object)]
#[oai(rename = "Signal", example)]
pub struct SignalDto {
    /// Its id: sent again under it, as `Idempotency-Key`, it changes nothing.
    pub id: String,
}

impl Example for SignalDto {
    fn example() -> Self {
        Self { id: "accepted-4711".to_owned() }
    }
}

/// A person's word that it may go on.
#[derive(Debug, Object)]
#[oai(rename = "Approve", example)]
pub struct ApproveDto {
    /// What was filled in: an object that fits the approval's `form`.
    pub form: Option<JsonDto>,
    /// Who says so.
    pub by: Option<String>,
}

impl Example for ApproveDto {
    fn example() -> Self {
        Self { form: Some(Any(json!({ "note": "known customer" }))), by: Some("ada".to_owned()) }
    }
}

impl FromFields for ApproveDto {
    fn read(fields: &mut Fields) -> Self {
        Self { form: fields.value("form").map(Any), by: fields.text("by") }
    }
}

impl From<ApproveDto> for ApprovalDecision {
    fn from(dto: ApproveDto) -> Self {
        let form = dto.form.map_or(Value::Null, |form| Value::from_json(form.0));
        Self { approved: true, form, by: dto.by, reason: None }
    }
}

/// A person's word that it may not go on.
#[derive(Debug, Object)]
#[oai(rename = "Refuse", example)]
pub struct RefuseDto {
    /// Why.
    pub reason: Option<String>,
    /// Who says so.
    pub by: Option<String>,
}

impl Example for RefuseDto {
    fn example() -> Self {
        Self { reason: Some("the address is not known".to_owned()), by: Some("ada".to_owned()) }
    }
}

impl FromFields for RefuseDto {
    fn read(fields: &mut Fields) -> Self {
        Self { reason: fields.text("reason"), by: fields.text("by") }
    }
}

impl From<RefuseDto> for ApprovalDecision {
    fn from(dto: RefuseDto) -> Self {
        Self { approved: false, form: Value::Null, by: dto.by, reason: dto.reason }
    }
}

/// What somebody is asked for.
#[derive(Debug, Object)]
#[oai(rename = "Approval", example)]
pub struct ApprovalDto {
    /// Its id: the execution's and the path in it.
    pub id: String,
    /// The execution.
    pub execution_id: String,
    /// The name of its workflow.
    pub workflow: String,
    /// The name of the `approve`.
    pub name: String,
    /// Who is asked.
    pub group: String,
    /// What is to be filled in, as a JSON Schema; null where nothing is.
    pub form: Option<JsonDto>,
    /// `waiting`, or what became of it: `completed` where it was given, `failed` where it was refused or its time passed.
    pub status: String,
    /// Since when it waits.
    pub since: MomentDto,
    /// When its time passes.
    pub timeout_at: Option<MomentDto>,
}

impl Example for ApprovalDto {
    fn example() -> Self {
        let form = json!({ "type": "object", "properties": { "note": { "type": ["string", "null"] } } });
        Self {
            id: "01a20eb9-f46b-7a40-affa-729910629c95~risk".to_owned(),
            execution_id: "01a20eb9-f46b-7a40-affa-729910629c95".to_owned(),
            workflow: "order-processing".to_owned(),
            name: "risk".to_owned(),
            group: "risk-team".to_owned(),
            form: Some(Any(form)),
            status: "waiting".to_owned(),
            since: MomentDto::example(),
            timeout_at: Some(MomentDto::example()),
        }
    }
}

impl From<Approval> for ApprovalDto {
    fn from(approval: Approval) -> Self {
        let (id, row) = (approval.id(), approval.row);
        Self {
            id,
            execution_id: row.execution.to_string(),
            workflow: approval.workflow.to_string(),
            name: row.name.to_string(),
            group: row.waits_for.as_deref().unwrap_or_default().to_owned(),
            form: row.input.as_ref().and_then(|input| input.get("form")).map(json_of),
            status: row.status.as_str().to_owned(),
            since: row.created_at.into(),
            timeout_at: row.wake_at.map(Into::into),
        }
    }
}

/// A page of open approvals.
#[derive(Debug, Object)]
#[oai(rename = "ApprovalList")]
pub struct ApprovalListDto {
    /// The approvals, oldest first.
    pub approvals: Vec<ApprovalDto>,
    /// How many match in all: counted up to 10,000.
    pub count: u64,
    /// Whether no more than `count` match.
    pub count_is_exact: bool,
    /// How many were asked for at most.
    pub limit: u64,
    /// How many were passed over.
    pub offset: u64,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}
