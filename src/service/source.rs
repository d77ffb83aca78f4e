//! Sources: a text is validated, or published as versions of the workflows that it holds. All of them, or none.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ids::WorkflowId;
use crate::lang::{Compiled, Diagnostic, Notation, Source, compile};
use crate::plan::Plan;

use super::error::{ServiceError, ServiceResult};
use super::model::{Origin, Version, Workflow, WorkflowStatus};
use super::parts::Service;
use super::ports::{NewVersion, WorkflowFilter};

/// A text to be published.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The name shown in diagnostics.
    pub name: String,
    /// How it is written.
    pub notation: Notation,
    /// The text.
    pub text: Arc<str>,
    /// Where it came from. A file owns its workflows from then on.
    pub origin: Origin,
    /// Files that own workflows of this one no longer, by the watcher's knowledge: they are gone, or hold others now. So a
    /// rename leaves a workflow active all the while.
    pub takes_from: BTreeSet<String>,
}

impl Upload {
    fn source(&self) -> Source {
        Source { name: self.name.as_str().into(), notation: self.notation, text: self.text.clone() }
    }

    fn file(&self) -> Option<&str> {
        match &self.origin {
            Origin::File { path } => Some(path),
            _ => None,
        }
    }
}

/// A workflow that a published source holds.
#[derive(Clone, Debug)]
pub struct PublishedWorkflow {
    /// The workflow as it is now.
    pub workflow: Workflow,
    /// Its version with this text.
    pub version: i64,
    /// What its plan is called.
    pub plan_hash: crate::plan::PlanHash,
    /// Whether this made a version; else the active one had this text and this plan already.
    pub changed: bool,
}

/// What came of a publication.
#[derive(Clone, Debug)]
pub struct Published {
    /// The source.
    pub source: Source,
    /// SHA-256 over the text with its line ends normalised, in hexadecimal.
    pub hash: String,
    /// Its workflows, in order.
    pub workflows: Vec<PublishedWorkflow>,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a source that compiles holds.
#[derive(Clone, Debug)]
pub struct Validated {
    /// The source.
    pub source: Source,
    /// The hash of its text.
    pub hash: String,
    /// Its plans, in order; none where there is an error.
    pub plans: Vec<Arc<Plan>>,
    /// What is wrong with it, and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// The hash that tells whether a text is another: SHA-256 over it with its line ends normalised, in hexadecimal.
pub fn source_hash(text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(text.replace("\r\n", "\n").as_bytes());
    crate::ids::hex(&hash.finalize())
}

impl Service {
    /// Compiles a text and says what is wrong with it. Changes nothing.
    ///
    /// # Errors
    /// A text that is past the limit, or `Diagnostics` where it does not compile.
    pub async fn source_validate(&self, source: Source) -> ServiceResult<Validated> {
        let source = source.with_plain_line_ends();
        let hash = source_hash(&source.text);
        let compiled = self.compile(source.clone()).await?;
        if compiled.has_errors() {
            return Err(ServiceError::Diagnostics { source, generated: false, diagnostics: compiled.diagnostics });
        }
        Ok(Validated { source, hash, plans: compiled.plans, diagnostics: compiled.diagnostics })
    }

    /// Publishes a text: each of its workflows gets a version, active at once, unless the active one has this text already and
    /// what is known of its task types is the same.
    ///
    /// # Errors
    /// `Diagnostics` where it does not compile; a conflict where another file owns one of its workflows.
    pub async fn source_publish(&self, upload: Upload) -> ServiceResult<Published> {
        let valid = self.source_validate(upload.source()).await?;
        let workflows = self.edit(|| self.publish(&valid, &upload)).await?;
        if let Some(path) = upload.file() {
            self.edit(|| self.release_others(path, &valid.plans)).await?;
        }
        Ok(Published { source: valid.source, hash: valid.hash, workflows, diagnostics: valid.diagnostics })
    }

    /// Deactivates the workflows that a file owned, since the file is gone, and gives them free.
    ///
    /// # Errors
    /// The store's.
    pub async fn source_remove(&self, path: &str) -> ServiceResult<Vec<Workflow>> {
        self.edit(|| self.release_others(path, &[])).await
    }

    /// The files that own workflows, by path: what a watcher compares with what it finds when it starts.
    ///
    /// # Errors
    /// The store's.
    pub async fn source_owners(&self) -> ServiceResult<BTreeSet<String>> {
        Ok(self.owned_workflows().await?.into_iter().filter_map(|workflow| workflow.file).collect())
    }

    /// Compiles, away from the threads that serve: a large source takes its time.
    pub(super) async fn compile(&self, source: Source) -> ServiceResult<Compiled> {
        let task_types = self.known_task_types().await?;
        tokio::task::spawn_blocking(move || compile(&source, &task_types))
            .await
            .map_err(|error| ServiceError::Internal { message: format!("the compiler failed: {error}") })
    }

    /// The active version, where its text is this one.
    async fn with_this_text(&self, workflow: Option<&Workflow>, hash: &str) -> ServiceResult<Option<Version>> {
        let Some((workflow, n)) = workflow.and_then(|workflow| Some((workflow, workflow.active_version?))) else {
            return Ok(None);
        };
        let active = self.store.version_find(workflow.id, n).await?;
        Ok(active.filter(|version| &*version.source_hash == hash))
    }

    /// A version of a workflow that is new.
    fn new_version(&self, plan: &Arc<Plan>, valid: &Validated, upload: &Upload) -> NewVersion {
        let fresh_id = WorkflowId(self.entropy.uuid());
        let version = Version {
            workflow: fresh_id,
            n: 0,
            source: valid.source.text.clone(),
            notation: valid.source.notation,
            source_hash: valid.hash.as_str().into(),
            plan_hash: plan.hash(),
            plan: plan.clone(),
            origin: upload.origin.clone(),
            created_at: self.clock.now(),
        };
        NewVersion {
            before: None,
            fresh_id,
            version,
            status: WorkflowStatus::Active,
            file: upload.file().map(str::to_owned),
            from_draft: false,
        }
    }

    /// Decides which of a text's workflows are new, writes those, adopts the others, and gives all in the order of the text.
    async fn publish(&self, valid: &Validated, upload: &Upload) -> ServiceResult<Vec<PublishedWorkflow>> {
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        for plan in &valid.plans {
            let before = self.store.workflow_find_by_name(&plan.workflow).await?;
            if let Some(workflow) = &before {
                owner_allows(workflow, upload)?;
            }
            let with_this_text = self.with_this_text(before.as_ref(), &valid.hash).await?;
            // The text is the same, and what is known of its task types is not: nobody asked for it to be activated.
            let status = with_this_text.as_ref().and(before.as_ref()).map(|workflow| status_kept(workflow, upload));
            match (with_this_text, before) {
                (Some(version), Some(workflow)) if version.plan_hash == plan.hash() => kept.push((workflow, version)),
                (_, before) => {
                    let status = status.unwrap_or(WorkflowStatus::Active);
                    new.push(NewVersion { before, status, ..self.new_version(plan, valid, upload) });
                }
            }
        }
        let mut published = Vec::new();
        // These first: what is decided anew finds them done, and the versions are written all or none.
        for (workflow, version) in kept {
            published.push(of_version(self.adopt(workflow, upload.file()).await?, &version, false));
        }
        if !new.is_empty() {
            for (workflow, version) in self.store.version_publish(&new).await? {
                self.workflow_changed(&workflow).await;
                published.push(of_version(workflow, &version, true));
            }
        }
        let place = |one: &PublishedWorkflow| valid.plans.iter().position(|plan| plan.workflow == one.workflow.name);
        published.sort_by_key(place);
        Ok(published)
    }

    /// A workflow that has this text already becomes its file's. One that was given free when its file went is active again;
    /// one that somebody deactivated stays so, also when its file was renamed.
    async fn adopt(&self, before: Workflow, file: Option<&str>) -> ServiceResult<Workflow> {
        // Another process may have published it, and what is kept here be of before.
        self.plans.forget(before.id);
        let Some(file) = file.filter(|file| before.file.as_deref() != Some(file)) else { return Ok(before) };
        let status = if before.file.is_none() { WorkflowStatus::Active } else { before.status };
        self.workflow_replace(&before, Workflow { file: Some(file.to_owned()), status, ..before.clone() }).await
    }

    /// Deactivates what the file owned and no longer holds.
    async fn release_others(&self, path: &str, plans: &[Arc<Plan>]) -> ServiceResult<Vec<Workflow>> {
        let mut released = Vec::new();
        for before in self.owned_workflows().await? {
            let held = plans.iter().any(|plan| plan.workflow == before.name);
            if held || before.file.as_deref() != Some(path) {
                continue;
            }
            let after = Workflow { file: None, status: WorkflowStatus::Inactive, ..before.clone() };
            released.push(self.workflow_replace(&before, after).await?);
        }
        Ok(released)
    }

    /// Every workflow that a file owns.
    async fn owned_workflows(&self) -> ServiceResult<Vec<Workflow>> {
        const PAGE: u64 = 1_000;
        let mut owned = Vec::new();
        let mut after = None;
        loop {
            let filter = WorkflowFilter { after: after.clone(), limit: PAGE, ..Default::default() };
            let page = self.store.workflow_list(&filter).await?.items;
            let last = page.last().map(|workflow| workflow.name.to_string());
            let full = page.len() as u64 == PAGE;
            owned.extend(page.into_iter().filter(|workflow| workflow.file.is_some()));
            if !full || last == after {
                return Ok(owned);
            }
            after = last;
        }
    }
}

/// The status of a workflow that gets another version of the text that it has. One that was given free when its file went is
/// active again.
fn status_kept(workflow: &Workflow, upload: &Upload) -> WorkflowStatus {
    let given_free = workflow.file.is_none() && upload.file().is_some();
    if given_free { WorkflowStatus::Active } else { workflow.status }
}

fn of_version(workflow: Workflow, version: &Version, changed: bool) -> PublishedWorkflow {
    PublishedWorkflow { workflow, version: version.n, plan_hash: version.plan_hash.clone(), changed }
}

/// Whether this origin may publish over the workflow: what a file owns is the file's alone.
fn owner_allows(workflow: &Workflow, upload: &Upload) -> ServiceResult<()> {
    match &workflow.file {
        Some(owner) if upload.file() != Some(owner) && !upload.takes_from.contains(owner) => {
            Err(owned_by_file(workflow, owner))
        }
        _ => Ok(()),
    }
}

/// The conflict of an edit with the file that owns a workflow.
pub(super) fn owned_by_file(workflow: &Workflow, file: &str) -> ServiceError {
    ServiceError::conflict(format!("the workflow `{}` is owned by the file `{file}`", workflow.name))
        .help(format!("change `{file}`, or remove the workflow from it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_make_another_source() {
        let hash = source_hash("a\nb\n");
        assert_eq!(source_hash("a\r\nb\r\n"), hash);
        assert_ne!(source_hash("a\rb\r"), hash, "a lone `\\r` ends no line");
        assert_ne!(source_hash("a\nb"), hash);
    }
}
