//! Versions.

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::json;

use crate::expr::{FieldType, ObjectType, Type, schema_from_type};
use crate::plan::Plan;
use crate::service::model::{Origin, Version, Workflow};

use super::value::{JsonDto, MomentDto};

/// A version of a workflow: it never changes.
#[derive(Debug, Object)]
#[oai(rename = "Version", example)]
pub struct VersionDto {
    /// The workflow's name.
    pub workflow: String,
    /// Its number, from 1.
    pub version: i64,
    /// Whether new executions run it.
    pub active: bool,
    /// How its source is written: `flow` or `toml`.
    pub notation: String,
    /// SHA-256 over the source with its line ends normalised.
    pub source_hash: String,
    /// What its plan is called.
    pub plan_hash: String,
    /// Where it came from: `api`, `upload` or `file`.
    pub origin: String,
    /// The file that it came from.
    pub file: Option<String>,
    /// The JSON Schema of its input.
    pub input_schema: JsonDto,
    /// When it was made.
    pub created_at: MomentDto,
}

impl Example for VersionDto {
    fn example() -> Self {
        Self {
            workflow: "order-processing".to_owned(),
            version: 3,
            active: true,
            notation: "flow".to_owned(),
            source_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            plan_hash: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".to_owned(),
            origin: "file".to_owned(),
            file: Some("order-processing.flow".to_owned()),
            input_schema: Any(json!({
                "type": "object",
                "properties": { "order_id": { "type": "string" } },
                "required": ["order_id"],
                "additionalProperties": false
            })),
            created_at: MomentDto::example(),
        }
    }
}

impl VersionDto {
    /// A version of this workflow.
    pub fn of(workflow: &Workflow, version: Version) -> Self {
        let (origin, file) = match version.origin {
            Origin::Api => ("api", None),
            Origin::Upload => ("upload", None),
            Origin::File { path } => ("file", Some(path)),
        };
        Self {
            workflow: workflow.name.to_string(),
            version: version.n,
            active: workflow.active_version == Some(version.n),
            notation: version.notation.to_string(),
            source_hash: version.source_hash.to_string(),
            plan_hash: version.plan_hash.0.to_string(),
            origin: origin.to_owned(),
            file,
            input_schema: input_schema(&version.plan),
            created_at: version.created_at.into(),
        }
    }
}

/// The JSON Schema of a plan's input.
pub fn input_schema(plan: &Plan) -> JsonDto {
    let field = |input: &crate::plan::InputField| FieldType {
        name: input.name.clone(),
        ty: input.ty.clone(),
        required: input.default.is_none() && !input.ty.accepts_null(),
        doc: None,
    };
    let open = plan.inputs.is_empty() && plan.output_is_data;
    let fields = plan.inputs.iter().map(field).collect();
    Any(schema_from_type(&Type::Object(ObjectType { fields, open })))
}

/// The versions of a workflow, newest first.
#[derive(Debug, Object)]
#[oai(rename = "VersionList", example)]
pub struct VersionListDto {
    /// The page.
    pub versions: Vec<VersionDto>,
    /// How many there are: counted up to 10,000.
    pub count: u64,
    /// Whether there are no more than `count`.
    pub count_is_exact: bool,
    /// The limit in force.
    pub limit: u64,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<i64>,
}

impl Example for VersionListDto {
    fn example() -> Self {
        Self { versions: vec![VersionDto::example()], count: 1, count_is_exact: true, limit: 50, next: None }
    }
}
