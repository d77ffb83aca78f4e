//! Executions: listed, awaited, cancelled, retried.

use std::time::Duration;

use crate::engine::{Control, LogLevel, StepRow};
use crate::ids::ExecutionId;

use super::error::{ServiceError, ServiceResult};
use super::model::{Execution, ExecutionView};
use super::parts::Service;
use super::ports::{ExecutionFilter, LogFilter, Page, StepFilter, StoredLog, Waited};

/// Which executions to list, as a request names them.
#[derive(Clone, Debug, Default)]
pub struct ExecutionQuery {
    /// Of the workflow of this id or name.
    pub workflow: Option<String>,
    /// The rest; its `workflow` is set from the name.
    pub filter: ExecutionFilter,
}

impl Service {
    /// One execution.
    ///
    /// # Errors
    /// Not found.
    pub async fn execution_find(&self, id: ExecutionId) -> ServiceResult<ExecutionView> {
        let found = self.store.execution_find(id).await?;
        let execution = found.ok_or_else(|| ServiceError::not_found("execution", id.to_string()))?;
        let mut views = self.execution_views(vec![execution]).await?;
        views.pop().ok_or_else(|| ServiceError::not_found("execution", id.to_string()))
    }

    /// One execution, when it has ended or the time is up.
    ///
    /// # Errors
    /// Not found.
    pub async fn execution_wait(&self, id: ExecutionId, at_most: Duration) -> ServiceResult<ExecutionView> {
        if !at_most.is_zero()
            && let Waited::Ended(Some(view)) = self.runtime.wait_ended(id, at_most.min(self.limits.wait)).await?
        {
            return Ok(*view);
        }
        self.execution_find(id).await
    }

    /// A page of executions, newest first.
    ///
    /// # Errors
    /// Not found, for the workflow.
    pub async fn execution_list(&self, query: ExecutionQuery) -> ServiceResult<Page<ExecutionView>> {
        let mut filter = query.filter;
        if let Some(workflow) = &query.workflow {
            filter.workflow = Some(self.workflow_resolve(workflow).await?.id);
        }
        let page = self.store.execution_list(&filter).await?;
        Ok(Page { items: self.execution_views(page.items).await?, total: page.total })
    }

    /// The attempts at an execution's steps, in the order of their last change.
    ///
    /// # Errors
    /// Not found.
    pub async fn execution_steps(&self, id: ExecutionId, filter: StepFilter) -> ServiceResult<Page<StepRow>> {
        self.execution_exists(id).await?;
        Ok(self.store.step_list(id, &filter).await?)
    }

    /// Entries of an execution's log, in order.
    ///
    /// # Errors
    /// Not found.
    pub async fn execution_logs(
        &self,
        id: ExecutionId,
        level: Option<LogLevel>,
        after: Option<i64>,
        limit: u64,
    ) -> ServiceResult<Vec<StoredLog>> {
        self.execution_exists(id).await?;
        Ok(self.store.log_list(id, &LogFilter { level, after, limit }).await?)
    }

    /// Asks an execution to stop, and with `undo`, to undo what it completed.
    ///
    /// # Errors
    /// Not found; illegal where it has ended.
    pub async fn execution_cancel(
        &self,
        id: ExecutionId,
        reason: Option<String>,
        undo: bool,
    ) -> ServiceResult<ExecutionView> {
        let reason = reason.unwrap_or_else(|| "asked for through the API".to_owned());
        self.runtime.control(id, Control::Cancel { reason: reason.into(), undo }).await?;
        self.execution_find(id).await
    }

    /// Asks an execution to go on from the step that failed.
    ///
    /// # Errors
    /// Not found; illegal where it has not failed.
    pub async fn execution_retry(&self, id: ExecutionId) -> ServiceResult<ExecutionView> {
        self.execution_kept(id).await?;
        self.runtime.control(id, Control::Retry).await?;
        self.execution_find(id).await
    }

    /// Asks an execution to run the undos that failed again.
    ///
    /// # Errors
    /// Not found; illegal where it has not ended with an undo that failed.
    pub async fn execution_retry_undo(&self, id: ExecutionId) -> ServiceResult<ExecutionView> {
        self.execution_kept(id).await?;
        self.runtime.control(id, Control::RetryUndo).await?;
        self.execution_find(id).await
    }

    /// Asks an execution to start no further step.
    ///
    /// # Errors
    /// Not found; illegal where it is not under way.
    pub async fn execution_pause(&self, id: ExecutionId) -> ServiceResult<ExecutionView> {
        self.runtime.control(id, Control::Pause).await?;
        self.execution_find(id).await
    }

    /// Asks a paused execution to go on.
    ///
    /// # Errors
    /// Not found; illegal where it is not paused.
    pub async fn execution_resume(&self, id: ExecutionId) -> ServiceResult<ExecutionView> {
        self.runtime.control(id, Control::Resume).await?;
        self.execution_find(id).await
    }

    /// What is past its retention can't go on: of its data nothing is left.
    async fn execution_kept(&self, id: ExecutionId) -> ServiceResult<()> {
        match self.store.execution_find(id).await? {
            Some(execution) if execution.is_emptied() => {
                let message =
                    format!("the execution {id} is past its retention: what it was doing is not known any more");
                Err(ServiceError::conflict(message).help("start it again under another `idempotency_key`"))
            }
            _ => Ok(()),
        }
    }

    async fn execution_exists(&self, id: ExecutionId) -> ServiceResult<()> {
        match self.store.execution_find(id).await? {
            Some(_) => Ok(()),
            None => Err(ServiceError::not_found("execution", id.to_string())),
        }
    }

    async fn execution_views(&self, executions: Vec<Execution>) -> ServiceResult<Vec<ExecutionView>> {
        // What has ended comes no further: its row tells, unless an older release wrote it.
        let told = |execution: &Execution| execution.furthest.filter(|_| execution.status.is_terminal());
        let untold = executions.iter().filter(|execution| told(execution).is_none());
        let ids: Vec<_> = untold.map(|execution| execution.id).collect();
        let orders: std::collections::HashMap<_, _> =
            self.store.execution_current_orders(&ids).await?.into_iter().collect();
        let view = |execution: Execution| {
            let current_step_order = told(&execution).or_else(|| orders.get(&execution.id).copied());
            ExecutionView { current_step_order, execution }
        };
        Ok(executions.into_iter().map(view).collect())
    }
}
