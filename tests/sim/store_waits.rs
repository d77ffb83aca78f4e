//! Events and approvals of the store in memory.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell::engine::StepStatus;
use stepwell::expr::Timestamp;
use stepwell::ids::{ExecutionId, StepPath};
use stepwell::plan::{DEFAULT_KEEP_MS, NodeKind};
use stepwell::service::ports::{Page, StoreError, StoreResult};
use stepwell::service::waits::{
    Approval, ApprovalFilter, Delivery, KeptFilter, OpenWait, SentEvent, WaitCursor, WaitStore,
};

use super::store::{MemoryStore, Rows};

#[async_trait]
impl WaitStore for MemoryStore {
    async fn event_insert(&self, event: &SentEvent) -> StoreResult<bool> {
        self.pause().await;
        self.check_away()?;
        let mut rows = self.rows();
        let is_new = !rows.events.iter().any(|there| (&there.name, &there.id) == (&event.name, &event.id));
        if is_new {
            rows.events.push(event.clone());
        }
        Ok(is_new)
    }

    async fn event_keep(&self, name: &str) -> StoreResult<Option<u64>> {
        self.check_away()?;
        let rows = self.rows();
        let plans = rows.workflows.iter().map(|(_, version)| &version.plan);
        let waits = |kind: &NodeKind| matches!(kind, NodeKind::Wait(wait) if &*wait.event == name);
        let waiting = plans.filter(|plan| plan.nodes.iter().any(|node| waits(&node.kind)));
        Ok(waiting.map(|plan| plan.keep_ms.unwrap_or(DEFAULT_KEEP_MS)).max())
    }

    async fn events_kept(&self, filter: &KeptFilter) -> StoreResult<Vec<SentEvent>> {
        self.pause().await;
        self.check_away()?;
        let rows = self.rows();
        let wanted = |event: &&SentEvent| {
            let after = filter.after.as_ref().is_none_or(|(at, id)| (event.at, &event.id) > (*at, id));
            let taken = filter.for_workflow.is_some_and(|workflow| {
                rows.deliveries.contains_key(&(event.name.clone(), event.id.clone(), workflow))
            });
            event.kept
                && event.name == filter.name
                && event.expires_at > filter.now
                && event.at > filter.since
                && after
                && !taken
        };
        let mut found: Vec<SentEvent> = rows.events.iter().filter(wanted).cloned().collect();
        found.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        found.truncate(filter.limit);
        Ok(found)
    }

    async fn event_deliveries(&self, name: &str, id: &str) -> StoreResult<Vec<Delivery>> {
        self.pause().await;
        self.check_away()?;
        let rows = self.rows();
        let of = |delivery: &&Delivery| (&*delivery.name, &*delivery.id) == (name, id);
        Ok(rows.deliveries.values().filter(of).cloned().collect())
    }

    async fn waits_open(&self, name: &str, after: Option<&WaitCursor>, limit: usize) -> StoreResult<Vec<OpenWait>> {
        self.pause().await;
        self.check_away()?;
        let rows = self.rows();
        let mut open: Vec<OpenWait> = rows
            .steps
            .values()
            .filter(|row| row.status == StepStatus::Waiting && &*row.task_type == "wait")
            .filter(|row| row.waits_for.as_deref() == Some(name))
            .filter_map(|row| {
                let execution = rows.executions.get(&row.execution)?;
                let cursor = WaitCursor { since: row.created_at, execution: row.execution, path: row.path.clone() };
                let keep_ms = rows.plans.get(&execution.plan_hash)?.keep_ms;
                Some(OpenWait { cursor, workflow: execution.workflow, keep_ms })
            })
            .collect();
        open.sort_by(|a, b| a.cursor.cmp(&b.cursor));
        Ok(open.into_iter().filter(|wait| after.is_none_or(|after| wait.cursor > *after)).take(limit).collect())
    }

    async fn events_awaited(&self) -> StoreResult<Vec<Arc<str>>> {
        self.check_away()?;
        let rows = self.rows();
        let open = rows.steps.values().filter(|row| row.status == StepStatus::Waiting && &*row.task_type == "wait");
        let names: std::collections::BTreeSet<Arc<str>> = open.filter_map(|row| row.waits_for.clone()).collect();
        Ok(names.into_iter().collect())
    }

    async fn events_sweep(&self, now: Timestamp, _: u64) -> StoreResult<u64> {
        self.check_away()?;
        let mut rows = self.rows();
        rows.events.retain(|event| event.expires_at > now);
        Ok(0)
    }

    async fn approval_list(&self, _: &ApprovalFilter) -> StoreResult<Page<Approval>> {
        Err(StoreError::Unavailable("not simulated".to_owned()))
    }

    async fn approval_find(&self, _: ExecutionId, _: &StepPath) -> StoreResult<Option<Approval>> {
        Err(StoreError::Unavailable("not simulated".to_owned()))
    }
}

impl Rows {
    /// Whether a commit takes an event that its workflow has taken.
    pub fn is_taken(&self, deliveries: &[Delivery]) -> bool {
        deliveries.iter().any(|delivery| self.deliveries.contains_key(&key_of(delivery)))
    }

    pub fn deliver(&mut self, delivery: &Delivery) {
        self.deliveries.insert(key_of(delivery), delivery.clone());
    }

    /// How often each event from outside was recorded in executions of a workflow, by its id there.
    pub fn taken(&self) -> std::collections::BTreeMap<(Arc<str>, Arc<str>), usize> {
        let mut taken = std::collections::BTreeMap::new();
        for row in self.controls.values() {
            if let stepwell::engine::Control::Signal { id, .. } = &row.control
                && id.starts_with("event:")
            {
                let workflow = self.executions[&row.execution].workflow_name.clone();
                *taken.entry((workflow, id.clone())).or_default() += 1;
            }
        }
        taken
    }
}

fn key_of(delivery: &Delivery) -> (Arc<str>, Arc<str>, stepwell::ids::WorkflowId) {
    (delivery.name.clone(), delivery.id.clone(), delivery.workflow)
}
