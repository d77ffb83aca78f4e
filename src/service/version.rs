//! Versions: what a workflow was, text and plan.

use super::error::{ServiceError, ServiceResult};
use super::model::{Version, Workflow};
use super::parts::Service;
use super::ports::{Page, VersionFilter};

impl Service {
    /// A page of the versions of a workflow, newest first.
    ///
    /// # Errors
    /// Not found.
    pub async fn version_list(
        &self,
        workflow: &str,
        filter: VersionFilter,
    ) -> ServiceResult<(Workflow, Page<Version>)> {
        let workflow = self.workflow_resolve(workflow).await?;
        let versions = self.store.version_list(workflow.id, &filter).await?;
        Ok((workflow, versions))
    }

    /// One version.
    ///
    /// # Errors
    /// Not found.
    pub async fn version_find(&self, workflow: &str, n: i64) -> ServiceResult<(Workflow, Version)> {
        let workflow = self.workflow_resolve(workflow).await?;
        match self.store.version_find(workflow.id, n).await? {
            Some(version) => Ok((workflow, version)),
            None => {
                let name = format!("{} {n}", workflow.name);
                let error = ServiceError::not_found("version", name);
                Err(match workflow.active_version {
                    Some(active) => error.help(format!("the active version is {active}")),
                    None => error.help("the workflow is a draft: it has no version"),
                })
            }
        }
    }
}
