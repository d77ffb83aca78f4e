//! Sources, what they compile to, and what is wrong with them.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use crate::lang::{Report, ReportFix, ReportLabel, Severity, report};
use crate::service::{Published, PublishedWorkflow, SourceStatus, Validated};

use super::value::{JsonDto, MomentDto};
use super::version::{VersionDto, input_schema};

/// A place in a source. Lines and columns count from 1; the end is the character after the last.
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "DiagnosticLabel")]
pub struct LabelDto {
    /// The source.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
    /// The line of the end.
    pub end_line: u32,
    /// The column of the end.
    pub end_column: u32,
    /// What is to be said of it.
    pub text: String,
}

/// A mistake in a source.
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "Diagnostic", example)]
pub struct DiagnosticDto {
    /// A stable code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// The places, the first being the one it is about.
    pub labels: Vec<LabelDto>,
    /// The way out.
    pub help: Option<String>,
    /// The way out as a change of the source, where there is one that is likely meant.
    pub fix: Option<FixDto>,
}

/// A change: `text` in place of what stands there, in the file of the first place.
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "DiagnosticFix")]
pub struct FixDto {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
    /// The line of the end.
    pub end_line: u32,
    /// The column of the end.
    pub end_column: u32,
    /// What stands there instead.
    pub text: String,
}

impl Example for DiagnosticDto {
    fn example() -> Self {
        let label = LabelDto {
            file: "order-processing.flow".to_owned(),
            line: 41,
            column: 22,
            end_line: 41,
            end_column: 26,
            text: "`charge` declares `{ id: string, state: string }`".to_owned(),
        };
        Self {
            code: "E0203".to_owned(),
            severity: "error".to_owned(),
            message: "unknown field `stat` on the output of `charge`".to_owned(),
            labels: vec![label],
            help: Some("did you mean `state`?".to_owned()),
            fix: Some(FixDto { line: 41, column: 22, end_line: 41, end_column: 26, text: "state".to_owned() }),
        }
    }
}

impl From<ReportLabel> for LabelDto {
    fn from(label: ReportLabel) -> Self {
        Self {
            file: label.file,
            line: label.line,
            column: label.column,
            end_line: label.end_line,
            end_column: label.end_column,
            text: label.text,
        }
    }
}

impl From<ReportFix> for FixDto {
    fn from(fix: ReportFix) -> Self {
        Self { line: fix.line, column: fix.column, end_line: fix.end_line, end_column: fix.end_column, text: fix.text }
    }
}

impl From<Report> for DiagnosticDto {
    fn from(report: Report) -> Self {
        let severity = match report.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            code: report.code,
            severity: severity.to_owned(),
            message: report.message,
            labels: report.labels.into_iter().map(LabelDto::from).collect(),
            help: report.help,
            fix: report.fix.map(FixDto::from),
        }
    }
}

/// A workflow of a published source.
#[derive(Debug, Object)]
#[oai(rename = "PublishedWorkflow", example)]
pub struct PublishedWorkflowDto {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version with this text.
    pub version: i64,
    /// What its plan is called.
    pub plan_hash: String,
    /// Whether this made the version; else the active one had this text and this plan already.
    pub changed: bool,
    /// `active` or `inactive`.
    pub status: String,
}

impl Example for PublishedWorkflowDto {
    fn example() -> Self {
        let version = VersionDto::example();
        Self {
            id: "7d0e6a52-53a4-4c6e-9f7a-2b8f0d1c9e34".to_owned(),
            name: version.workflow,
            version: version.version,
            plan_hash: version.plan_hash,
            changed: true,
            status: "active".to_owned(),
        }
    }
}

impl From<PublishedWorkflow> for PublishedWorkflowDto {
    fn from(published: PublishedWorkflow) -> Self {
        Self {
            id: published.workflow.id.to_string(),
            name: published.workflow.name.to_string(),
            version: published.version,
            plan_hash: published.plan_hash.0.to_string(),
            changed: published.changed,
            status: published.workflow.status.as_str().to_owned(),
        }
    }
}

/// A published source.
#[derive(Debug, Object)]
#[oai(rename = "PublishedSource", example)]
pub struct PublishDto {
    /// SHA-256 over the text with its line ends normalised.
    pub source_hash: String,
    /// How it is written: `flow` or `toml`.
    pub notation: String,
    /// Its workflows, in order.
    pub workflows: Vec<PublishedWorkflowDto>,
    /// Warnings.
    pub diagnostics: Vec<DiagnosticDto>,
}

impl Example for PublishDto {
    fn example() -> Self {
        Self {
            source_hash: VersionDto::example().source_hash,
            notation: "flow".to_owned(),
            workflows: vec![PublishedWorkflowDto::example()],
            diagnostics: Vec::new(),
        }
    }
}

impl From<Published> for PublishDto {
    fn from(published: Published) -> Self {
        Self {
            diagnostics: report(&published.source, &published.diagnostics).into_iter().map(Into::into).collect(),
            source_hash: published.hash,
            notation: published.source.notation.to_string(),
            workflows: published.workflows.into_iter().map(Into::into).collect(),
        }
    }
}

/// A workflow of a source that compiles.
#[derive(Debug, Object)]
#[oai(rename = "ValidWorkflow")]
pub struct ValidWorkflowDto {
    /// Its name.
    pub name: String,
    /// What its plan would be called.
    pub plan_hash: String,
    /// How many steps it has.
    pub steps: u64,
    /// The JSON Schema of its input.
    pub input_schema: JsonDto,
}

/// A source that compiles.
#[derive(Debug, Object)]
#[oai(rename = "ValidSource", example)]
pub struct ValidDto {
    /// True; one that does not compile is a 422.
    pub valid: bool,
    /// SHA-256 over the text with its line ends normalised.
    pub source_hash: String,
    /// How it is written: `flow` or `toml`.
    pub notation: String,
    /// Its workflows, in order.
    pub workflows: Vec<ValidWorkflowDto>,
    /// Warnings.
    pub diagnostics: Vec<DiagnosticDto>,
}

impl Example for ValidDto {
    fn example() -> Self {
        let version = VersionDto::example();
        let workflow = ValidWorkflowDto {
            name: version.workflow,
            plan_hash: version.plan_hash,
            steps: 5,
            input_schema: version.input_schema,
        };
        Self {
            valid: true,
            source_hash: version.source_hash,
            notation: "flow".to_owned(),
            workflows: vec![workflow],
            diagnostics: Vec::new(),
        }
    }
}

impl From<Validated> for ValidDto {
    fn from(valid: Validated) -> Self {
        let workflow = |plan: &std::sync::Arc<crate::plan::Plan>| ValidWorkflowDto {
            name: plan.workflow.to_string(),
            plan_hash: plan.hash().0.to_string(),
            steps: plan.steps().count() as u64,
            input_schema: input_schema(plan),
        };
        Self {
            valid: true,
            source_hash: valid.hash,
            notation: valid.source.notation.to_string(),
            workflows: valid.plans.iter().map(workflow).collect(),
            diagnostics: report(&valid.source, &valid.diagnostics).into_iter().map(Into::into).collect(),
        }
    }
}

/// A workflow that a watched file holds.
#[derive(Debug, Object)]
#[oai(rename = "SourceWorkflow")]
pub struct SourceWorkflowDto {
    /// Its name.
    pub name: String,
    /// The version that it is at.
    pub version: i64,
}

/// A watched file.
#[derive(Debug, Object)]
#[oai(rename = "Source", example)]
pub struct SourceDto {
    /// Its path below the watched folder.
    pub path: String,
    /// `applied`, `failed` (the last good versions stay active) or `removed`.
    pub state: String,
    /// The hash of its text.
    pub hash: Option<String>,
    /// The workflows that it holds.
    pub workflows: Vec<SourceWorkflowDto>,
    /// Why it failed, where it is not about the text.
    pub error: Option<String>,
    /// What is wrong with its text, and warnings.
    pub diagnostics: Vec<DiagnosticDto>,
    /// When this was so.
    pub updated_at: MomentDto,
}

impl Example for SourceDto {
    fn example() -> Self {
        let workflow = SourceWorkflowDto { name: "order-processing".to_owned(), version: 3 };
        Self {
            path: "order-processing.flow".to_owned(),
            state: "applied".to_owned(),
            hash: Some(VersionDto::example().source_hash),
            workflows: vec![workflow],
            error: None,
            diagnostics: Vec::new(),
            updated_at: MomentDto::example(),
        }
    }
}

impl From<SourceStatus> for SourceDto {
    fn from(status: SourceStatus) -> Self {
        let workflow = |(name, version)| SourceWorkflowDto { name, version };
        Self {
            path: status.path,
            state: status.state.as_str().to_owned(),
            hash: status.hash,
            workflows: status.workflows.into_iter().map(workflow).collect(),
            error: status.error,
            diagnostics: status.diagnostics.into_iter().map(Into::into).collect(),
            updated_at: status.at.into(),
        }
    }
}

/// The watched files, by path.
#[derive(Debug, Object)]
#[oai(rename = "SourceList", example)]
pub struct SourceListDto {
    /// The files.
    pub sources: Vec<SourceDto>,
    /// How many there are.
    pub count: u64,
}

impl Example for SourceListDto {
    fn example() -> Self {
        Self { sources: vec![SourceDto::example()], count: 1 }
    }
}
