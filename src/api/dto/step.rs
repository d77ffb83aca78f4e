//! Steps of drafts and versions.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::api::fields::{Fields, FromFields};
use crate::service::model::DraftStep;
use crate::service::{NewStep, StepPatch};

use super::value::{JsonDto, MomentDto};

/// A step to be added to a workflow's draft.
#[derive(Debug, Object)]
#[oai(rename = "NewStep", example)]
pub struct NewStepDto {
    /// Its name: a letter, then letters, digits, `_` or `-`. Unique in the workflow.
    pub name: String,
    /// Its task type: see `/api/v1/task-types`.
    pub task_type: String,
    /// Its place, in ascending order; the last where it is absent.
    #[oai(validator(minimum(value = "0")))]
    pub step_order: Option<i32>,
    /// Its configuration: an object.
    pub config: Option<JsonDto>,
    /// The time-out of an attempt, in seconds; 300 where it is absent.
    pub timeout_seconds: Option<i32>,
    /// Further attempts after the first.
    pub max_retries: Option<i32>,
}

impl Example for NewStepDto {
    fn example() -> Self {
        Self {
            name: "validate".to_owned(),
            task_type: "http_request".to_owned(),
            step_order: Some(1),
            config: Some(Any(json!({
                "method": "POST",
                "url": "https://api.internal/validate",
                "body": { "order_id": "${input.order_id}" }
            }))),
            timeout_seconds: Some(30),
            max_retries: Some(3),
        }
    }
}

impl FromFields for NewStepDto {
    fn read(fields: &mut Fields) -> Self {
        Self {
            name: fields.required_text("name"),
            task_type: fields.required_text("task_type"),
            step_order: fields.int("step_order"),
            config: fields.value("config").map(Any),
            timeout_seconds: fields.int("timeout_seconds"),
            max_retries: fields.int("max_retries"),
        }
    }
}

impl From<NewStepDto> for NewStep {
    fn from(dto: NewStepDto) -> Self {
        Self {
            name: dto.name,
            task_type: dto.task_type,
            step_order: dto.step_order,
            config: dto.config.map(|json| json.0).unwrap_or_default(),
            timeout_seconds: dto.timeout_seconds,
            max_retries: dto.max_retries,
        }
    }
}

/// What is to be changed of a step; what is absent stays, and null takes a time-out or retries away.
#[derive(Debug, Object)]
#[oai(rename = "StepPatch", example)]
pub struct StepPatchDto {
    /// Another name.
    pub name: Option<String>,
    /// Another task type.
    pub task_type: Option<String>,
    /// Another place.
    pub step_order: Option<i32>,
    /// Another configuration, whole.
    pub config: Option<JsonDto>,
    /// Another time-out, in seconds.
    pub timeout_seconds: Option<i32>,
    /// Another number of further attempts.
    pub max_retries: Option<i32>,
    #[oai(skip)]
    patch: StepPatch,
}

impl Example for StepPatchDto {
    fn example() -> Self {
        Self { max_retries: Some(5), ..Self::of(StepPatch::default()) }
    }
}

impl StepPatchDto {
    fn of(patch: StepPatch) -> Self {
        Self {
            name: None,
            task_type: None,
            step_order: None,
            config: None,
            timeout_seconds: None,
            max_retries: None,
            patch,
        }
    }
}

impl FromFields for StepPatchDto {
    fn read(fields: &mut Fields) -> Self {
        Self::of(StepPatch {
            name: fields.text("name"),
            task_type: fields.text("task_type"),
            step_order: fields.int("step_order"),
            config: fields.value("config"),
            timeout_seconds: fields.clearable_int("timeout_seconds"),
            max_retries: fields.clearable_int("max_retries"),
        })
    }
}

impl From<StepPatchDto> for StepPatch {
    fn from(dto: StepPatchDto) -> Self {
        dto.patch
    }
}

/// A step.
#[derive(Debug, Object)]
#[oai(rename = "Step", example)]
pub struct StepDto {
    /// Its id.
    pub id: String,
    /// The workflow's id.
    pub workflow_id: String,
    /// The version that it belongs to; null in a draft.
    pub version: Option<i64>,
    /// Its name.
    pub name: String,
    /// Its task type.
    pub task_type: String,
    /// Its place.
    pub step_order: i32,
    /// Its configuration.
    pub config: JsonDto,
    /// The time-out of an attempt, in seconds.
    pub timeout_seconds: Option<i32>,
    /// Further attempts after the first.
    pub max_retries: Option<i32>,
    /// When it was made.
    pub created_at: MomentDto,
    /// When it last changed.
    pub updated_at: MomentDto,
}

impl Example for StepDto {
    fn example() -> Self {
        let new = NewStepDto::example();
        Self {
            id: "0a4c2f7e-7a57-4f0e-8d0b-52d1b7c6e911".to_owned(),
            workflow_id: "7d0e6a52-53a4-4c6e-9f7a-2b8f0d1c9e34".to_owned(),
            version: None,
            name: new.name,
            task_type: new.task_type,
            step_order: 1,
            config: new.config.unwrap_or(Any(json!({}))),
            timeout_seconds: new.timeout_seconds,
            max_retries: new.max_retries,
            created_at: MomentDto::example(),
            updated_at: MomentDto::example(),
        }
    }
}

impl From<DraftStep> for StepDto {
    fn from(step: DraftStep) -> Self {
        Self {
            id: step.id.to_string(),
            workflow_id: step.workflow.to_string(),
            version: step.version,
            name: step.name,
            task_type: step.task_type,
            step_order: step.step_order,
            config: Any(step.config),
            timeout_seconds: step.timeout_seconds,
            max_retries: step.max_retries,
            created_at: step.created_at.into(),
            updated_at: step.updated_at.into(),
        }
    }
}

/// The steps of a draft or a version, in order.
#[derive(Debug, Object)]
#[oai(rename = "StepList", example)]
pub struct StepListDto {
    /// The steps.
    pub steps: Vec<StepDto>,
    /// How many there are.
    pub count: u64,
}

impl Example for StepListDto {
    fn example() -> Self {
        Self { steps: vec![StepDto::example()], count: 1 }
    }
}
