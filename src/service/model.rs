//! What the stores keep and the use cases speak of. HTTP-agnostic.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{Compensation, ControlRow, ExecutionStatus, ExecutionUpdate, StepError, StepRow};
use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, StepPath, WorkflowId};
use crate::lang::Notation;
use crate::plan::{Plan, PlanHash};

/// The state of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowStatus {
    /// Being put together through the JSON API; no version yet.
    Draft,
    /// Its active version can be started.
    Active,
    /// Deactivated: its executions go on, new ones are refused.
    Inactive,
}

impl WorkflowStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Active, Self::Inactive];

    /// As stored and as the API shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A workflow, over all of its versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name; unique.
    pub name: Arc<str>,
    /// What it is for.
    pub description: Option<String>,
    /// Labels; the seed's `metadata`: a JSON object.
    pub metadata: Value,
    /// The state.
    pub status: WorkflowStatus,
    /// The version that new executions run.
    pub active_version: Option<i64>,
    /// Whether steps were edited through the JSON API since the active version.
    pub has_draft: bool,
    /// The watched file that owns it, where one does.
    pub file: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a version came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// Steps put together through the JSON API.
    Api,
    /// A source uploaded to the API.
    Upload,
    /// A watched file.
    File { path: String },
}

/// A version of a workflow: immutable.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Its number, from 1.
    pub n: i64,
    /// The text, as it came.
    pub source: Arc<str>,
    /// How the text is written.
    pub notation: Notation,
    /// SHA-256 over the text with its line ends normalised, in hexadecimal.
    pub source_hash: Arc<str>,
    /// What the plan is called.
    pub plan_hash: PlanHash,
    /// What it compiles to.
    pub plan: Arc<Plan>,
    /// Where it came from.
    pub origin: Origin,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A step of a draft, as the JSON API has it.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftStep {
    /// Its id.
    pub id: uuid::Uuid,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The version that it belongs to; none while it is a draft.
    pub version: Option<i64>,
    /// Its name.
    pub name: String,
    /// The task type.
    pub task_type: String,
    /// Its place, in ascending order.
    pub step_order: i32,
    /// The configuration: a JSON object.
    pub config: serde_json::Value,
    /// The time-out of an attempt, in seconds.
    pub timeout_seconds: Option<i32>,
    /// Further attempts after the first.
    pub max_retries: Option<i32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An execution as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Its id.
    pub id: ExecutionId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The workflow's name.
    pub workflow_name: Arc<str>,
    /// The version.
    pub version: i64,
    /// The plan that it is pinned to.
    pub plan_hash: PlanHash,
    /// The state.
    pub status: ExecutionStatus,
    /// The `seq` of its last change.
    pub seq: i64,
    /// What it was given, its defaults filled in.
    pub input: Value,
    /// The workflow's settings, as they were at the start.
    pub settings: Value,
    /// What it gave.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<StepError>,
    /// How many execution retries were used.
    pub retry_count: u32,
    /// How many there are.
    pub max_retries: u32,
    /// The key that makes starting it again give this one.
    pub idempotency_key: Option<String>,
    /// SHA-256 over the canonical input of the start call, to tell another request under the same key.
    pub request_hash: Option<Arc<str>>,
    /// The execution that it is a child of, and the step there.
    pub parent: Option<Parent>,
    /// The row's timer: a delayed start, an execution retry, a time-out.
    pub wake_at: Option<Timestamp>,
    /// When it was to start.
    pub scheduled_at: Option<Timestamp>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// When a cancel was asked for.
    pub cancel_requested_at: Option<Timestamp>,
    /// How far the undoing of its completed steps is.
    pub compensation: Compensation,
    /// What it counts against, of the executions of its workflow; none where they are not limited.
    pub concurrency_key: Option<Arc<str>>,
    /// The order of the furthest step that it had reached when this was written; none where there was none, or where an older
    /// release wrote it.
    pub furthest: Option<u32>,
}

/// The version of a workflow that an execution is pinned to.
#[derive(Clone, Debug)]
pub struct PinnedVersion {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The workflow's name.
    pub workflow_name: Arc<str>,
    /// The version.
    pub version: i64,
    /// What its plan is called.
    pub plan_hash: PlanHash,
}

impl Execution {
    /// One that has not started: no retries, no key, no parent, no timer. `input` and `settings` have their defaults.
    pub fn pending(
        id: ExecutionId,
        pinned: PinnedVersion,
        input: Value,
        settings: Value,
        created_at: Timestamp,
    ) -> Self {
        let PinnedVersion { workflow, workflow_name, version, plan_hash } = pinned;
        Self {
            id,
            workflow,
            workflow_name,
            version,
            plan_hash,
            status: ExecutionStatus::Pending,
            seq: 0,
            input,
            settings,
            output: None,
            error: None,
            retry_count: 0,
            max_retries: 0,
            idempotency_key: None,
            request_hash: None,
            parent: None,
            wake_at: None,
            scheduled_at: None,
            created_at,
            started_at: None,
            completed_at: None,
            cancel_requested_at: None,
            compensation: Compensation::None,
            concurrency_key: None,
            furthest: None,
        }
    }

    /// Whether it is past its retention, so that only its row is left, for the sake of its key.
    pub fn is_emptied(&self) -> bool {
        self.input == Value::Null && self.status.is_terminal()
    }

    /// Takes a change over, as its row does.
    pub fn apply(&mut self, update: &ExecutionUpdate) {
        self.status = update.status;
        self.seq = update.seq;
        self.retry_count = update.retry_count;
        self.output.clone_from(&update.output);
        self.error.clone_from(&update.error);
        self.wake_at = update.wake_at;
        self.started_at = update.started_at;
        self.completed_at = update.completed_at;
        self.cancel_requested_at = update.cancel_requested_at;
        self.compensation = update.compensation;
        self.furthest = update.furthest;
    }
}

/// An execution and the order of the furthest step that it reached.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionView {
    /// The execution.
    pub execution: Execution,
    /// The order of that step; none where no step was reached.
    pub current_step_order: Option<u32>,
}

/// Whose child an execution is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The parent.
    pub execution: ExecutionId,
    /// The step that waits.
    pub path: StepPath,
    /// The attempt of that step.
    pub attempt: u32,
    /// How deep the child stands: 1 for a child of an execution that has no parent.
    pub depth: u32,
}

/// An execution's rows: what `engine::replay` makes a state of.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The execution.
    pub execution: Execution,
    /// All attempts and statements, by `seq`.
    pub steps: Vec<StepRow>,
    /// All controls, by `seq`.
    pub controls: Vec<ControlRow>,
}
