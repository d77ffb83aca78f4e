//! Where workflows and their versions are kept.

use async_trait::async_trait;

use crate::expr::Timestamp;
use crate::ids::WorkflowId;
use crate::service::model::{DraftStep, Version, Workflow, WorkflowStatus};

use super::{Page, StoreResult};

/// Which workflows to list; by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowFilter {
    /// In this state.
    pub status: Option<WorkflowStatus>,
    /// Whose name holds this text.
    pub name: Option<String>,
    /// Whose name comes after this one: the cursor.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u64,
    /// How many to pass over.
    pub offset: u64,
}

/// Which versions of a workflow to list; newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VersionFilter {
    /// Below this number: the cursor.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: u64,
}

/// A version to be published, whole. The workflow's name, description and labels are its plan's.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The workflow as it was when this was decided on; none where there was none of the name.
    pub before: Option<Workflow>,
    /// The workflow's id, where it is new.
    pub fresh_id: WorkflowId,
    /// The version; its `workflow` and `n` are set by the store.
    pub version: Version,
    /// The workflow's status from then on.
    pub status: WorkflowStatus,
    /// The file that owns the workflow from now on, where one does.
    pub file: Option<String>,
    /// Whether the draft of the workflow is what this was compiled from, and so is done with.
    pub from_draft: bool,
}

/// Where workflows and their versions are kept.
///
/// A change is decided on a workflow as it was read, and is written only where it is still so (`Stale` else): several
/// processes may be about to change it.
#[async_trait]
pub trait WorkflowStore: Send + Sync + 'static {
    /// Inserts a workflow; a taken name is a `Conflict`.
    async fn workflow_insert(&self, workflow: &Workflow) -> StoreResult<()>;
    /// One workflow.
    async fn workflow_find(&self, id: WorkflowId) -> StoreResult<Option<Workflow>>;
    /// One workflow, by its name.
    async fn workflow_find_by_name(&self, name: &str) -> StoreResult<Option<Workflow>>;
    /// A page of workflows.
    async fn workflow_list(&self, filter: &WorkflowFilter) -> StoreResult<Page<Workflow>>;
    /// Replaces the row of a workflow that was `before`; a taken name is a `Conflict`.
    async fn workflow_update(&self, before: &Workflow, after: &Workflow) -> StoreResult<()>;
    /// Deletes a workflow with its versions, steps and ended executions. A live execution is a `Conflict`.
    async fn workflow_delete(&self, before: &Workflow) -> StoreResult<()>;
    /// Publishes versions, all or none in one transaction: each gets the next number of its workflow, its plan's steps as
    /// `workflow_steps`, and is active at once. A workflow is made where there is none of that name. A source may hold
    /// several workflows, each once, hence the slice; what is given comes back in the same order.
    async fn version_publish(&self, new: &[NewVersion]) -> StoreResult<Vec<(Workflow, Version)>>;
    /// One version.
    async fn version_find(&self, workflow: WorkflowId, n: i64) -> StoreResult<Option<Version>>;
    /// A page of the versions of a workflow, newest first.
    async fn version_list(&self, workflow: WorkflowId, filter: &VersionFilter) -> StoreResult<Page<Version>>;
    /// The steps of a version, or of the draft for none, in order.
    async fn draft_step_list(&self, workflow: WorkflowId, version: Option<i64>) -> StoreResult<Vec<DraftStep>>;
    /// Inserts steps of a workflow's draft, all or none, and marks the workflow as having one; a taken name or order is a
    /// `Conflict`.
    async fn draft_step_insert(&self, before: &Workflow, steps: &[DraftStep], at: Timestamp) -> StoreResult<()>;
    /// Replaces the row of a step of a workflow's draft.
    async fn draft_step_update(&self, before: &Workflow, step: &DraftStep) -> StoreResult<()>;
    /// Deletes a step of a workflow's draft; whether there was one.
    async fn draft_step_delete(&self, before: &Workflow, id: uuid::Uuid, at: Timestamp) -> StoreResult<bool>;
}
