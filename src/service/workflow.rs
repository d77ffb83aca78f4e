//! Workflows: made as drafts, listed, changed, activated, deactivated, deleted.

use crate::expr::Value;
use crate::ids::WorkflowId;

use super::error::{FieldError, ServiceError, ServiceResult};
use super::model::{Workflow, WorkflowStatus};
use super::parts::Service;
use super::ports::{Page, StoreError, WorkflowFilter};
use super::source::owned_by_file;

/// The longest name of a workflow or a step, in bytes.
const MAX_NAME: usize = 200;

/// The longest description, in bytes.
pub(super) const MAX_DESCRIPTION: usize = 10_000;

/// A workflow to be made.
#[derive(Clone, Debug, Default)]
pub struct NewWorkflow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Labels: an object, or null for none.
    pub metadata: Value,
}

/// What is to be changed of a workflow; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct WorkflowPatch {
    /// Another name; for one without a version alone.
    pub name: Option<String>,
    /// Another description; none takes it away.
    pub description: Option<Option<String>>,
    /// Other labels: an object, or null for none.
    pub metadata: Option<Value>,
}

impl Service {
    /// Makes a workflow as a draft, to be put together step by step.
    ///
    /// # Errors
    /// Invalid fields; a conflict where the name is taken.
    pub async fn workflow_create(&self, new: NewWorkflow) -> ServiceResult<Workflow> {
        let mut errors = Vec::new();
        check_workflow_name(&new.name, &mut errors);
        check_description(new.description.as_deref(), &mut errors);
        let metadata = checked_metadata(new.metadata, &mut errors);
        if !errors.is_empty() {
            return Err(ServiceError::Invalid { errors });
        }
        let now = self.clock.now();
        let workflow = Workflow {
            id: WorkflowId(self.entropy.uuid()),
            name: new.name.into(),
            description: new.description,
            metadata,
            status: WorkflowStatus::Draft,
            active_version: None,
            has_draft: true,
            file: None,
            created_at: now,
            updated_at: now,
        };
        self.store.workflow_insert(&workflow).await.map_err(|error| name_taken(error, &workflow.name))?;
        Ok(workflow)
    }

    /// A page of workflows, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn workflow_list(&self, filter: &WorkflowFilter) -> ServiceResult<Page<Workflow>> {
        Ok(self.store.workflow_list(filter).await?)
    }

    /// Changes a workflow's name, description or labels.
    ///
    /// # Errors
    /// Invalid fields; a conflict where a file owns it, the name is taken, or it has a version and would be renamed.
    pub async fn workflow_update(&self, id: &str, patch: WorkflowPatch) -> ServiceResult<Workflow> {
        self.edit(|| async {
            let before = self.workflow_resolve(id).await?;
            let after = patched(&before, patch.clone())?;
            self.workflow_replace(&before, after).await
        })
        .await
    }

    /// Makes a workflow startable: compiles its draft, where it has one, and activates it.
    ///
    /// # Errors
    /// `Diagnostics` where the draft does not compile.
    pub async fn workflow_activate(&self, id: &str) -> ServiceResult<Workflow> {
        self.edit(|| async {
            let workflow = self.workflow_resolve(id).await?;
            if workflow.has_draft || workflow.active_version.is_none() {
                return self.draft_publish(workflow).await;
            }
            self.workflow_set_status(workflow, WorkflowStatus::Active).await
        })
        .await
    }

    /// Refuses new executions of a workflow; those under way go on.
    ///
    /// # Errors
    /// Illegal for a draft.
    pub async fn workflow_deactivate(&self, id: &str) -> ServiceResult<Workflow> {
        self.edit(|| async {
            let workflow = self.workflow_resolve(id).await?;
            if workflow.status == WorkflowStatus::Draft {
                let message = format!("the workflow `{}` is a draft: it can't be deactivated", workflow.name);
                return Err(ServiceError::Illegal { message, allowed: vec!["active", "inactive"] });
            }
            self.workflow_set_status(workflow, WorkflowStatus::Inactive).await
        })
        .await
    }

    /// Deletes a workflow with its versions and ended executions.
    ///
    /// # Errors
    /// A conflict where a file owns it, or executions of it have not ended.
    pub async fn workflow_delete(&self, id: &str) -> ServiceResult<()> {
        self.edit(|| async {
            let workflow = self.workflow_resolve(id).await?;
            refuse_owned(&workflow)?;
            let live = self.store.execution_count_live(workflow.id).await?;
            if live > 0 {
                let are = if live == 1 { "1 execution that has" } else { &format!("{live} executions that have") };
                return Err(ServiceError::conflict(format!("the workflow `{}` has {are} not ended", workflow.name))
                    .help("cancel them, or deactivate the workflow and delete it when they have ended"));
            }
            self.store.workflow_delete(&workflow).await?;
            self.workflow_changed(&workflow).await;
            Ok(())
        })
        .await
    }

    async fn workflow_set_status(&self, before: Workflow, status: WorkflowStatus) -> ServiceResult<Workflow> {
        if before.status == status {
            return Ok(before);
        }
        self.workflow_replace(&before, Workflow { status, ..before.clone() }).await
    }

    /// Writes what was decided on a workflow as it was `before`.
    pub(super) async fn workflow_replace(&self, before: &Workflow, after: Workflow) -> ServiceResult<Workflow> {
        let after = Workflow { updated_at: self.clock.now(), ..after };
        let replaced = self.store.workflow_update(before, &after).await;
        replaced.map_err(|error| name_taken(error, &after.name))?;
        self.workflow_changed(&after).await;
        Ok(after)
    }
}

/// A workflow as it is to be.
fn patched(before: &Workflow, patch: WorkflowPatch) -> ServiceResult<Workflow> {
    refuse_owned(before)?;
    let mut errors = Vec::new();
    let mut workflow = before.clone();
    if let Some(name) = patch.name.filter(|name| **name != *before.name) {
        check_workflow_name(&name, &mut errors);
        refuse_rename(before)?;
        workflow.name = name.into();
    }
    if let Some(description) = patch.description {
        check_description(description.as_deref(), &mut errors);
        workflow.description = description;
    }
    if let Some(metadata) = patch.metadata {
        workflow.metadata = checked_metadata(metadata, &mut errors);
    }
    if errors.is_empty() { Ok(workflow) } else { Err(ServiceError::Invalid { errors }) }
}

/// Refuses edits of what a file owns.
pub(super) fn refuse_owned(workflow: &Workflow) -> ServiceResult<()> {
    workflow.file.as_deref().map_or(Ok(()), |file| Err(owned_by_file(workflow, file)))
}

/// Versions, and what calls the workflow as a child, know it by its name.
fn refuse_rename(workflow: &Workflow) -> ServiceResult<()> {
    match workflow.active_version {
        None => Ok(()),
        Some(_) => Err(ServiceError::conflict(format!("the workflow `{}` has versions of that name", workflow.name))
            .help("make a workflow of the new name")),
    }
}

fn taken(name: &str) -> ServiceError {
    ServiceError::conflict(format!("there is a workflow called `{name}` already"))
        .help("choose another name, or change that one")
}

fn name_taken(error: StoreError, name: &str) -> ServiceError {
    match error {
        StoreError::Conflict(_) => taken(name),
        other => other.into(),
    }
}

/// A workflow's name is dotted (`billing.invoice`), each part an identifier.
fn check_workflow_name(name: &str, errors: &mut Vec<FieldError>) {
    if name == "source" || name == "validate" {
        errors.push(FieldError::new("name", format!("`{name}` is taken by the API itself")));
    } else {
        check_dotted_name(name, errors);
    }
}

/// The name of a workflow or a task type: identifiers joined by dots.
pub(super) fn check_dotted_name(name: &str, errors: &mut Vec<FieldError>) {
    if let Some(message) = length_wrong(name) {
        errors.push(FieldError::new("name", message));
    } else if !name.split('.').all(is_identifier) {
        let message = "expected identifiers joined by dots, each a letter, then letters, digits, `_` or `-`: \
                       `billing.invoice`";
        errors.push(FieldError::new("name", message));
    }
}

/// A step's name is an identifier.
pub(super) fn check_step_name(name: &str, errors: &mut Vec<FieldError>) {
    if let Some(message) = length_wrong(name) {
        errors.push(FieldError::new("name", message));
    } else if !is_identifier(name) {
        let message = "expected a letter, then letters, digits, `_` or `-`: `validate-order`";
        errors.push(FieldError::new("name", message));
    }
}

fn length_wrong(name: &str) -> Option<String> {
    match name.len() {
        0 => Some("must not be empty".to_owned()),
        long if long > MAX_NAME => Some(format!("has {long} bytes, and {MAX_NAME} is the most")),
        _ => None,
    }
}

fn is_identifier(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.all(|char| char.is_alphanumeric() || "_-".contains(char))
}

fn check_description(description: Option<&str>, errors: &mut Vec<FieldError>) {
    if let Some(long) = description.map(str::len).filter(|length| *length > MAX_DESCRIPTION) {
        errors.push(FieldError::new("description", format!("has {long} bytes, and {MAX_DESCRIPTION} is the most")));
    }
}

/// Labels as they are kept: an object.
fn checked_metadata(metadata: Value, errors: &mut Vec<FieldError>) -> Value {
    match metadata {
        Value::Map(_) => return metadata,
        Value::Null => {}
        other => {
            let message = format!("expected an object, found {}", crate::expr::describe(&other));
            errors.push(FieldError::new("metadata", message));
        }
    }
    Value::object::<&str>([])
}
