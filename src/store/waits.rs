//! Approvals that people are asked for; and the port of everything that executions wait for.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::expr::Timestamp;
use crate::ids::{ExecutionId, StepPath};
use crate::service::ports::{Page, StoreResult, Total};
use crate::service::waits::{
    Approval, ApprovalFilter, Delivery, KeptFilter, OpenWait, SentEvent, WaitCursor, WaitStore,
};

use super::entity::{execution, step};
use super::{Database, row};

/// What is open, in the words of the index that holds it.
const OPEN: &str = "waits_for IS NOT NULL AND status = 'waiting' AND task_type = 'approve'";

/// The execution of the attempt that is asked about.
const SAME: &str = "workflow_executions.id = step_executions.execution_id";

#[async_trait]
impl WaitStore for Database {
    async fn event_insert(&self, event: &SentEvent) -> StoreResult<bool> {
        self.insert_event(event).await
    }

    async fn event_keep(&self, name: &str) -> StoreResult<Option<u64>> {
        self.longest_keep(name).await
    }

    async fn events_kept(&self, filter: &KeptFilter) -> StoreResult<Vec<SentEvent>> {
        self.kept_events(filter).await
    }

    async fn event_deliveries(&self, name: &str, id: &str) -> StoreResult<Vec<Delivery>> {
        self.deliveries_of(name, id).await
    }

    async fn waits_open(&self, name: &str, after: Option<&WaitCursor>, limit: usize) -> StoreResult<Vec<OpenWait>> {
        self.open_waits(name, after, limit).await
    }

    async fn events_awaited(&self) -> StoreResult<Vec<Arc<str>>> {
        self.awaited_events().await
    }

    async fn events_sweep(&self, now: Timestamp, most: u64) -> StoreResult<u64> {
        self.sweep_events(now, most).await
    }

    async fn approval_list(&self, filter: &ApprovalFilter) -> StoreResult<Page<Approval>> {
        let mut open = step::Entity::find().filter(Expr::cust(OPEN));
        if let Some(group) = &filter.group {
            open = open.filter(step::Column::WaitsFor.eq(row::words(group)));
        }
        if let Some(workflow) = filter.workflow {
            // Asked of each that is open: the executions of a workflow are many, what is open is few.
            let of =
                execution::Entity::find().filter(execution::Column::WorkflowId.eq(workflow.0)).filter(Expr::cust(SAME));
            open = open
                .filter(Expr::exists(sea_orm::QueryTrait::into_query(of.select_only().column(execution::Column::Id))));
        }
        let counted = open.clone().select_only().column(step::Column::Seq).limit(Total::MOST + 1);
        let total = Total::of(counted.count(&self.read).await?);
        if let Some(WaitCursor { since, execution, path }) = &filter.after {
            let place = [step::Column::CreatedAt, step::Column::ExecutionId, step::Column::Path].map(Expr::col);
            let after = [since.0.into(), execution.0.into(), row::words(path.as_str()).into()];
            open = open.filter(Expr::tuple(place).gt(Expr::tuple(after)));
        }
        let page = open
            .order_by_asc(step::Column::CreatedAt)
            .order_by_asc(step::Column::ExecutionId)
            .order_by_asc(step::Column::Path)
            .offset(filter.offset)
            .limit(filter.limit);
        let rows = page.all(&self.read).await?;
        Ok(Page { items: self.with_workflows(rows).await?, total })
    }

    async fn approval_find(&self, execution: ExecutionId, path: &StepPath) -> StoreResult<Option<Approval>> {
        let last = step::Entity::find()
            .filter(step::Column::ExecutionId.eq(execution.0))
            .filter(step::Column::Path.eq(row::words(path.as_str())))
            .filter(step::Column::TaskType.eq("approve"))
            .order_by_desc(step::Column::Attempt);
        let rows = last.one(&self.read).await?.into_iter().collect();
        Ok(self.with_workflows(rows).await?.pop())
    }
}

impl Database {
    /// The rows of approvals with the names of their workflows.
    async fn with_workflows(&self, rows: Vec<step::Model>) -> StoreResult<Vec<Approval>> {
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.execution_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let names = execution::Entity::find()
            .filter(execution::Column::Id.is_in(ids))
            .select_only()
            .columns([execution::Column::Id, execution::Column::WorkflowName]);
        let names: HashMap<Uuid, String> =
            names.into_tuple::<(Uuid, String)>().all(&self.read).await?.into_iter().collect();
        let approval = |found: step::Model| {
            let workflow: Arc<str> = names.get(&found.execution_id).map_or("", String::as_str).into();
            Ok(Approval { workflow, row: row::step(found)? })
        };
        rows.into_iter().map(approval).collect()
    }
}
