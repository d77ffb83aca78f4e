//! Approvals: what people are asked for, and their word on it.

use std::sync::Arc;

use crate::engine::{Control, StepStatus};
use crate::expr::{Type, Value, path_under};
use crate::ids::{ExecutionId, StepPath};
use crate::plan::NodeKind;

use super::error::{FieldError, ServiceError, ServiceResult};
use super::parts::Service;
use super::ports::Page;
use super::waits::{Approval, ApprovalFilter};

/// What stands between the execution and the path in an approval's id.
const BETWEEN: char = '~';

/// Which open approvals to list, as a request names them.
#[derive(Clone, Debug, Default)]
pub struct ApprovalQuery {
    /// Of the workflow of this id or name.
    pub workflow: Option<String>,
    /// The rest; its `workflow` is set from the name.
    pub filter: ApprovalFilter,
}

/// A person's word on an approval.
#[derive(Clone, Debug, Default)]
pub struct ApprovalDecision {
    /// Whether it is given.
    pub approved: bool,
    /// What was filled in.
    pub form: Value,
    /// Who says so.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Approval {
    /// Its id: the execution's and the path in it.
    pub fn id(&self) -> String {
        format!("{}{BETWEEN}{}", self.row.execution, self.row.path)
    }
}

impl Service {
    /// A page of open approvals, oldest first.
    ///
    /// # Errors
    /// Not found, for the workflow.
    pub async fn approval_list(&self, query: ApprovalQuery) -> ServiceResult<Page<Approval>> {
        let mut filter = query.filter;
        if let Some(workflow) = &query.workflow {
            filter.workflow = Some(self.workflow_resolve(workflow).await?.id);
        }
        Ok(self.store.approval_list(&filter).await?)
    }

    /// Gives or refuses an approval.
    ///
    /// # Errors
    /// Not found; a conflict where it is decided, or waits no more; invalid fields, for the form.
    pub async fn approval_decide(&self, id: &str, decision: ApprovalDecision) -> ServiceResult<Approval> {
        let unknown = || ServiceError::not_found("approval", id);
        let (execution, path) = parts_of(id).ok_or_else(unknown)?;
        let approval = self.store.approval_find(execution, &path).await?.ok_or_else(unknown)?;
        if approval.row.status != StepStatus::Waiting {
            let message = format!("the approval is {} already", approval.row.status);
            return Err(ServiceError::conflict(message).help("see GET /api/v1/approvals for those that wait"));
        }
        if decision.approved {
            self.check_form(execution, &path, &decision.form).await?;
        }
        let ApprovalDecision { approved, form, by, reason } = decision;
        let (by, reason) = (by.map(Arc::from), reason.map(Arc::from));
        let control = Control::Decide { path: path.clone(), approved, form, by, reason };
        self.runtime.control(execution, control).await?;
        self.store.approval_find(execution, &path).await?.ok_or_else(unknown)
    }

    /// Checks a form before it is sent, so that every field that is wrong is named.
    async fn check_form(&self, execution: ExecutionId, path: &StepPath, form: &Value) -> ServiceResult<()> {
        let Some(declared) = self.form_of(execution, path).await? else { return Ok(()) };
        let form = if *form == Value::Null { Value::object::<&str>([]) } else { form.clone() };
        let Err(misfits) = declared.admit(form) else { return Ok(()) };
        let field = |misfit: crate::expr::Mismatch| FieldError::new(path_under("form", &misfit.path), misfit.message);
        Err(ServiceError::Invalid { errors: misfits.into_iter().map(field).collect() })
    }

    /// The form that an `approve` asks for, where it asks for one.
    async fn form_of(&self, execution: ExecutionId, path: &StepPath) -> ServiceResult<Option<Type>> {
        let Some(execution) = self.store.execution_find(execution).await? else { return Ok(None) };
        let Some(plan) = self.store.plan_find(&execution.plan_hash).await? else { return Ok(None) };
        let id = path.as_str().split('[').next().unwrap_or_default();
        let node = plan.nodes.iter().find(|node| &*node.id == id);
        Ok(node.and_then(|node| match &node.kind {
            NodeKind::Approve(approve) => approve.form.clone(),
            _ => None,
        }))
    }
}

fn parts_of(id: &str) -> Option<(ExecutionId, StepPath)> {
    let (execution, path) = id.split_once(BETWEEN)?;
    Some((ExecutionId(execution.parse().ok()?), StepPath::new(path)))
}
