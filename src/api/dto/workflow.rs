//! Workflows.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::api::fields::{Fields, FromFields};
use crate::expr::Value;
use crate::service::model::Workflow;
use crate::service::{NewWorkflow, WorkflowPatch};

use super::value::{JsonDto, MomentDto, json_of};

/// A workflow to be made.
#[derive(Debug, Object)]
#[oai(rename = "NewWorkflow", example)]
pub struct NewWorkflowDto {
    /// Its name: identifiers joined by dots. Unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Labels: an object.
    pub metadata: Option<JsonDto>,
}

impl Example for NewWorkflowDto {
    fn example() -> Self {
        Self {
            name: "order-processing".to_owned(),
            description: Some("Validate, charge and ship an order".to_owned()),
            metadata: Some(Any(json!({ "owner": "order-team" }))),
        }
    }
}

impl FromFields for NewWorkflowDto {
    fn read(fields: &mut Fields) -> Self {
        Self {
            name: fields.required_text("name"),
            description: fields.text("description"),
            metadata: fields.value("metadata").map(Any),
        }
    }
}

impl From<NewWorkflowDto> for NewWorkflow {
    fn from(dto: NewWorkflowDto) -> Self {
        let metadata = dto.metadata.map_or(Value::Null, |json| Value::from_json(json.0));
        Self { name: dto.name, description: dto.description, metadata }
    }
}

/// What is to be changed of a workflow; what is absent stays.
#[derive(Debug, Object)]
#[oai(rename = "WorkflowPatch", example)]
pub struct WorkflowPatchDto {
    /// Another name; for a workflow without a version alone.
    pub name: Option<String>,
    /// Another description; null takes it away.
    pub description: Option<String>,
    /// Other labels, whole.
    pub metadata: Option<JsonDto>,
    #[oai(skip)]
    patch: WorkflowPatch,
}

impl Example for WorkflowPatchDto {
    fn example() -> Self {
        let description = Some("Validate, charge, pack and ship an order".to_owned());
        Self { name: None, description, metadata: None, patch: WorkflowPatch::default() }
    }
}

impl FromFields for WorkflowPatchDto {
    fn read(fields: &mut Fields) -> Self {
        let patch = WorkflowPatch {
            name: fields.text("name"),
            description: fields.clearable_text("description"),
            metadata: fields.raw("metadata").map(Value::from_json),
        };
        Self { name: None, description: None, metadata: None, patch }
    }
}

impl From<WorkflowPatchDto> for WorkflowPatch {
    fn from(dto: WorkflowPatchDto) -> Self {
        dto.patch
    }
}

/// A workflow.
#[derive(Debug, Object)]
#[oai(rename = "Workflow", example)]
pub struct WorkflowDto {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Labels.
    pub metadata: JsonDto,
    /// `draft`, `active` or `inactive`.
    pub status: String,
    /// The version that new executions run.
    pub active_version: Option<i64>,
    /// Whether steps were edited through the JSON API since that version.
    pub has_draft: bool,
    /// The watched file that owns it.
    pub file: Option<String>,
    /// When it was made.
    pub created_at: MomentDto,
    /// When it last changed.
    pub updated_at: MomentDto,
}

impl Example for WorkflowDto {
    fn example() -> Self {
        Self {
            id: "7d0e6a52-53a4-4c6e-9f7a-2b8f0d1c9e34".to_owned(),
            name: "order-processing".to_owned(),
            description: Some("Validate, charge and ship an order".to_owned()),
            metadata: Any(json!({ "owner": "order-team" })),
            status: "active".to_owned(),
            active_version: Some(3),
            has_draft: false,
            file: Some("order-processing.flow".to_owned()),
            created_at: MomentDto::example(),
            updated_at: MomentDto::example(),
        }
    }
}

impl From<Workflow> for WorkflowDto {
    fn from(workflow: Workflow) -> Self {
        Self {
            id: workflow.id.to_string(),
            name: workflow.name.to_string(),
            description: workflow.description,
            metadata: json_of(&workflow.metadata),
            status: workflow.status.as_str().to_owned(),
            active_version: workflow.active_version,
            has_draft: workflow.has_draft,
            file: workflow.file,
            created_at: workflow.created_at.into(),
            updated_at: workflow.updated_at.into(),
        }
    }
}

/// A page of workflows, by name.
#[derive(Debug, Object)]
#[oai(rename = "WorkflowList", example)]
pub struct WorkflowListDto {
    /// The page.
    pub workflows: Vec<WorkflowDto>,
    /// How many match in all: counted up to 10,000.
    pub count: u64,
    /// Whether no more than `count` match.
    pub count_is_exact: bool,
    /// The limit in force.
    pub limit: u64,
    /// The offset in force.
    pub offset: u64,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

impl Example for WorkflowListDto {
    fn example() -> Self {
        let workflows = vec![WorkflowDto::example()];
        Self { workflows, count: 1, count_is_exact: true, limit: 50, offset: 0, next: None }
    }
}
