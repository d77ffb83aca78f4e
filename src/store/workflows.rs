//! Workflows and their drafts. What is published is in `versions`.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, DatabaseTransaction, DbBackend, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::expr::Timestamp;
use crate::ids::WorkflowId;
use crate::service::model::{DraftStep, Version, Workflow, WorkflowStatus};
use crate::service::ports::{
    NewVersion, Page, StoreError, StoreResult, Total, VersionFilter, WorkflowFilter, WorkflowStore,
};

use super::database::only;
use super::entity::{control, execution, fused, log, step, workflow, workflow_step};
use super::{Database, events, reads, row, versions};

/// How many rows of steps one statement inserts: 11 columns each, below SQLite's limit of parameters.
pub(super) const STEPS: usize = 500;

/// How many executions are deleted by one transaction, so that commits go on between.
const DELETE_BATCH: u64 = 500;

#[async_trait]
impl WorkflowStore for Database {
    async fn workflow_insert(&self, new: &Workflow) -> StoreResult<()> {
        workflow::Entity::insert(model(new).into_active_model()).exec_without_returning(&self.write).await?;
        Ok(())
    }

    async fn workflow_find(&self, id: WorkflowId) -> StoreResult<Option<Workflow>> {
        only(workflow::Entity::find_by_id(id.0), &self.read).await?.map(from_model).transpose()
    }

    async fn workflow_find_by_name(&self, name: &str) -> StoreResult<Option<Workflow>> {
        let found = workflow::Entity::find().filter(workflow::Column::Name.eq(row::words(name)));
        only(found, &self.read).await?.map(from_model).transpose()
    }

    async fn workflow_list(&self, filter: &WorkflowFilter) -> StoreResult<Page<Workflow>> {
        let matching = workflow::Entity::find().filter(self.matching(filter));
        let total = Total::of(matching.clone().limit(Total::MOST + 1).count(&self.read).await?);
        let mut page = matching.order_by_asc(workflow::Column::Name).offset(filter.offset).limit(filter.limit);
        if let Some(after) = &filter.after {
            page = page.filter(workflow::Column::Name.gt(row::words(after)));
        }
        let rows = page.all(&self.read).await?;
        Ok(Page { items: rows.into_iter().map(from_model).collect::<StoreResult<_>>()?, total })
    }

    async fn workflow_update(&self, before: &Workflow, after: &Workflow) -> StoreResult<()> {
        let transaction = self.begin().await?;
        lock(&transaction, before).await?;
        model(after).into_active_model().reset_all().update(&transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn workflow_delete(&self, before: &Workflow) -> StoreResult<()> {
        while !self.workflow_delete_some(before).await? {}
        Ok(())
    }

    async fn version_publish(&self, new: &[NewVersion]) -> StoreResult<Vec<(Workflow, Version)>> {
        versions::publish(self.begin().await?, new).await
    }

    async fn version_find(&self, workflow: WorkflowId, n: i64) -> StoreResult<Option<Version>> {
        versions::find(&self.read, workflow, n).await
    }

    async fn version_list(&self, workflow: WorkflowId, filter: &VersionFilter) -> StoreResult<Page<Version>> {
        versions::list(&self.read, workflow, filter).await
    }

    async fn draft_step_list(&self, workflow: WorkflowId, version: Option<i64>) -> StoreResult<Vec<DraftStep>> {
        use workflow_step::Column;
        let of = match version {
            Some(n) => Column::Version.eq(n),
            None => Column::Version.is_null(),
        };
        let steps = workflow_step::Entity::find().filter(Column::WorkflowId.eq(workflow.0)).filter(of);
        let rows = steps.order_by_asc(Column::StepOrder).order_by_asc(Column::Name).all(&self.read).await?;
        rows.into_iter().map(step_from_model).collect()
    }

    async fn draft_step_insert(&self, before: &Workflow, steps: &[DraftStep], at: Timestamp) -> StoreResult<()> {
        let transaction = self.begin().await?;
        lock(&transaction, before).await?;
        for steps in steps.chunks(STEPS) {
            let rows = steps.iter().map(|step| step_model(step).into_active_model());
            workflow_step::Entity::insert_many(rows).exec_without_returning(&transaction).await?;
        }
        drafted(&transaction, before, at).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn draft_step_update(&self, before: &Workflow, step: &DraftStep) -> StoreResult<()> {
        let transaction = self.begin().await?;
        lock(&transaction, before).await?;
        step_model(step).into_active_model().reset_all().update(&transaction).await?;
        drafted(&transaction, before, step.updated_at).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn draft_step_delete(&self, before: &Workflow, id: Uuid, at: Timestamp) -> StoreResult<bool> {
        let transaction = self.begin().await?;
        lock(&transaction, before).await?;
        let draft = workflow_step::Column::Version.is_null();
        let deleted = workflow_step::Entity::delete_by_id(id).filter(draft).exec(&transaction).await?;
        drafted(&transaction, before, at).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected > 0)
    }
}

impl Database {
    /// All of a filter but its cursor. A name matches whatever its case.
    fn matching(&self, filter: &WorkflowFilter) -> Condition {
        let holds = match self.read.get_database_backend() {
            DbBackend::Sqlite => "instr(lower(name), lower(?)) > 0",
            _ => "strpos(lower(name), lower($1)) > 0",
        };
        Condition::all()
            .add_option(filter.status.map(|status| workflow::Column::Status.eq(status.as_str())))
            .add_option(filter.name.as_deref().map(|name| Expr::cust_with_values(holds, [row::words(name)])))
    }

    /// Deletes a batch of a workflow's executions, or the workflow where there are none left; whether it is done. Each batch
    /// looks again for live executions: one that started meanwhile stops the rest.
    async fn workflow_delete_some(&self, before: &Workflow) -> StoreResult<bool> {
        let id = before.id;
        let transaction = self.begin().await?;
        lock(&transaction, before).await?;
        let live = reads::live_of(id).count(&transaction).await?;
        if live > 0 {
            return Err(StoreError::Conflict(format!("the workflow has {live} live executions")));
        }
        let ended = execution::Entity::find().filter(execution::Column::WorkflowId.eq(id.0)).select_only();
        let ended = ended.column(execution::Column::Id).limit(DELETE_BATCH).into_tuple().all(&transaction).await?;
        let done = ended.is_empty();
        if done {
            events::forget(&transaction, id).await?;
            workflow::Entity::delete_by_id(id.0).exec(&transaction).await?;
        } else {
            delete_executions(&transaction, ended).await?;
        }
        transaction.commit().await?;
        Ok(done)
    }
}

/// Deletes executions with all of their rows, children first.
async fn delete_executions(transaction: &DatabaseTransaction, ids: Vec<Uuid>) -> StoreResult<()> {
    log::Entity::delete_many().filter(log::Column::ExecutionId.is_in(ids.clone())).exec(transaction).await?;
    control::Entity::delete_many().filter(control::Column::ExecutionId.is_in(ids.clone())).exec(transaction).await?;
    step::Entity::delete_many().filter(step::Column::ExecutionId.is_in(ids.clone())).exec(transaction).await?;
    fused::Entity::delete_many().filter(fused::Column::ExecutionId.is_in(ids.clone())).exec(transaction).await?;
    execution::Entity::delete_many().filter(execution::Column::Id.is_in(ids)).exec(transaction).await?;
    Ok(())
}

/// Locks the row of a workflow until the transaction ends, where it is as it was when what follows was decided on.
pub(super) async fn lock(transaction: &DatabaseTransaction, before: &Workflow) -> StoreResult<()> {
    let found = workflow::Entity::find_by_id(before.id.0).lock(LockType::Update).one(transaction).await?;
    match found.map(from_model).transpose()? {
        Some(now) if now == *before => Ok(()),
        _ => Err(stale(&before.name)),
    }
}

/// Marks a workflow, which is locked, as having a draft that changed.
async fn drafted(transaction: &DatabaseTransaction, before: &Workflow, at: Timestamp) -> StoreResult<()> {
    let marked = workflow::ActiveModel {
        id: ActiveValue::Unchanged(before.id.0),
        has_draft: ActiveValue::Set(true),
        updated_at: ActiveValue::Set(at.0),
        ..Default::default()
    };
    marked.update(transaction).await?;
    Ok(())
}

/// A workflow of this name is not as it was.
pub(super) fn stale(name: &str) -> StoreError {
    StoreError::Stale(format!("the workflow `{name}`"))
}

/// A workflow as its row.
pub(super) fn model(workflow: &Workflow) -> workflow::Model {
    workflow::Model {
        id: workflow.id.0,
        name: row::words(&workflow.name),
        description: workflow.description.as_deref().map(row::words),
        metadata: row::json(&workflow.metadata),
        status: workflow.status.as_str().to_owned(),
        active_version: workflow.active_version,
        has_draft: workflow.has_draft,
        file: workflow.file.as_deref().map(row::words),
        created_at: workflow.created_at.0,
        updated_at: workflow.updated_at.0,
    }
}

/// A workflow from its row.
pub(super) fn from_model(row: workflow::Model) -> StoreResult<Workflow> {
    Ok(Workflow {
        id: WorkflowId(row.id),
        name: row.name.into(),
        description: row.description,
        metadata: row::parse("metadata of a workflow", &row.metadata)?,
        status: row::word("workflow status", &row.status, WorkflowStatus::parse)?,
        active_version: row.active_version,
        has_draft: row.has_draft,
        file: row.file,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
    })
}

/// A step of a version or a draft as its row.
pub(super) fn step_model(step: &DraftStep) -> workflow_step::Model {
    workflow_step::Model {
        id: step.id,
        workflow_id: step.workflow.0,
        version: step.version,
        name: row::words(&step.name),
        task_type: row::words(&step.task_type),
        step_order: step.step_order.into(),
        config: row::json(&step.config),
        timeout_seconds: step.timeout_seconds.map(Into::into),
        max_retries: step.max_retries.map(Into::into),
        created_at: step.created_at.0,
        updated_at: step.updated_at.0,
    }
}

fn step_from_model(row: workflow_step::Model) -> StoreResult<DraftStep> {
    Ok(DraftStep {
        id: row.id,
        workflow: WorkflowId(row.workflow_id),
        version: row.version,
        name: row.name,
        task_type: row.task_type,
        step_order: small("step order", row.step_order)?,
        config: row::parse("config of a step", &row.config)?,
        timeout_seconds: row.timeout_seconds.map(|number| small("timeout of a step", number)).transpose()?,
        max_retries: row.max_retries.map(|number| small("retries of a step", number)).transpose()?,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
    })
}

fn small(what: &str, number: i64) -> StoreResult<i32> {
    i32::try_from(number).map_err(|_| StoreError::Corrupt(format!("{what} {number}")))
}
