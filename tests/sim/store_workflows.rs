//! The workflows of a store in memory: published once, and only looked up.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::WorkflowId;
use stepwell::lang::Notation;
use stepwell::plan::Plan;
use stepwell::service::model::{DraftStep, Origin, Version, Workflow, WorkflowStatus};
use stepwell::service::ports::{
    NewVersion, Page, StoreError, StoreResult, VersionFilter, WorkflowFilter, WorkflowStore,
};
use uuid::Uuid;

use super::store::MemoryStore;

impl MemoryStore {
    /// Publishes a plan as version 1 of its workflow.
    pub fn publish(&self, plan: &Arc<Plan>) {
        let mut rows = self.rows();
        let id = WorkflowId(Uuid::from_u128(1 + rows.workflows.len() as u128));
        let at = Timestamp(0);
        let workflow = Workflow {
            id,
            name: plan.workflow.clone(),
            description: None,
            metadata: Value::Null,
            status: WorkflowStatus::Active,
            active_version: Some(1),
            has_draft: false,
            file: None,
            created_at: at,
            updated_at: at,
        };
        let version = Version {
            workflow: id,
            n: 1,
            source: "".into(),
            notation: Notation::Flow,
            source_hash: "".into(),
            plan_hash: plan.hash(),
            plan: plan.clone(),
            origin: Origin::Upload,
            created_at: at,
        };
        rows.plans.insert(plan.hash(), plan.clone());
        rows.workflows.push((workflow, version));
    }

    /// The workflow of this name and its version.
    pub fn workflow(&self, name: &str) -> (Workflow, Version) {
        self.rows().workflows.iter().find(|(workflow, _)| &*workflow.name == name).cloned().unwrap()
    }
}

fn not_simulated<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable("not simulated".to_owned()))
}

#[async_trait]
impl WorkflowStore for MemoryStore {
    async fn workflow_insert(&self, _: &Workflow) -> StoreResult<()> {
        not_simulated()
    }

    async fn workflow_find(&self, id: WorkflowId) -> StoreResult<Option<Workflow>> {
        Ok(self.rows().workflows.iter().find(|(workflow, _)| workflow.id == id).map(|(workflow, _)| workflow.clone()))
    }

    async fn workflow_find_by_name(&self, name: &str) -> StoreResult<Option<Workflow>> {
        let rows = self.rows();
        Ok(rows.workflows.iter().find(|(workflow, _)| &*workflow.name == name).map(|(workflow, _)| workflow.clone()))
    }

    async fn workflow_list(&self, _: &WorkflowFilter) -> StoreResult<Page<Workflow>> {
        not_simulated()
    }

    async fn workflow_update(&self, _: &Workflow, _: &Workflow) -> StoreResult<()> {
        not_simulated()
    }

    async fn workflow_delete(&self, _: &Workflow) -> StoreResult<()> {
        not_simulated()
    }

    async fn version_publish(&self, _: &[NewVersion]) -> StoreResult<Vec<(Workflow, Version)>> {
        not_simulated()
    }

    async fn version_find(&self, workflow: WorkflowId, n: i64) -> StoreResult<Option<Version>> {
        let rows = self.rows();
        let mut versions = rows.workflows.iter().map(|(_, version)| version);
        Ok(versions.find(|version| version.workflow == workflow && version.n == n).cloned())
    }

    async fn version_list(&self, _: WorkflowId, _: &VersionFilter) -> StoreResult<Page<Version>> {
        not_simulated()
    }

    async fn draft_step_list(&self, _: WorkflowId, _: Option<i64>) -> StoreResult<Vec<DraftStep>> {
        not_simulated()
    }

    async fn draft_step_insert(&self, _: &Workflow, _: &[DraftStep], _: Timestamp) -> StoreResult<()> {
        not_simulated()
    }

    async fn draft_step_update(&self, _: &Workflow, _: &DraftStep) -> StoreResult<()> {
        not_simulated()
    }

    async fn draft_step_delete(&self, _: &Workflow, _: Uuid, _: Timestamp) -> StoreResult<bool> {
        not_simulated()
    }
}
