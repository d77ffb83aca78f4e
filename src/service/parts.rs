//! The use cases' object: what it is made of, and how a request's words become rows.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use crate::expr::{Timestamp, nearest};
use crate::ids::WorkflowId;
use crate::plan::TaskTypes;

use super::error::{ServiceError, ServiceResult};
use super::leased::Leased;
use super::model::Workflow;
use super::plans::{Pinned, Plans};
use super::ports::{Clock, Dispatcher, Entropy, Runtime, Store, TaskLeases};
use super::sources::Sources;

/// What the use cases are made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What runs executions.
    pub runtime: Arc<dyn Runtime>,
    /// The owners' side of the task queue.
    pub queue: Arc<dyn Dispatcher>,
    /// The side of workers elsewhere of the task queue.
    pub leases: Arc<dyn TaskLeases>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub entropy: Arc<dyn Entropy>,
    /// The task types of this program.
    pub task_types: TaskTypes,
    /// The server's settings, which replace a workflow's defaults: by the setting's name, or in an object by the workflow's.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// What may grow how far.
    pub limits: Limits,
}

/// How often a change of definitions is decided at most: each time but the last, another process has made one.
const TRIES: usize = 10;

/// What may grow how far.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest input of an execution, in bytes of its JSON.
    pub input_bytes: usize,
    /// The largest output of a step, in bytes of its JSON.
    pub output_bytes: usize,
    /// How many polls for tasks may be open at once.
    pub polls: usize,
    /// How many tasks may be with workers elsewhere, as far as this process leased them; a poll more goes past it by its own.
    pub leased: usize,
    /// The longest that a request may wait for an execution to end.
    pub wait: std::time::Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_bytes: 1024 * 1024,
            output_bytes: 1024 * 1024,
            polls: 256,
            leased: 10_000,
            wait: std::time::Duration::from_secs(300),
        }
    }
}

/// The use cases. Each is a method whose name begins with its resource.
pub struct Service {
    pub(super) store: Arc<dyn Store>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) queue: Arc<dyn Dispatcher>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The task types of this program; others are registered.
    pub(super) own_types: Arc<TaskTypes>,
    pub(super) settings: serde_json::Map<String, serde_json::Value>,
    pub(super) limits: Limits,
    pub(super) plans: Plans,
    pub(super) pinned: Pinned,
    pub(super) leased: Arc<Leased>,
    /// Counts the changes of registered task types that this process made.
    pub(super) registrations: watch::Sender<u64>,
    /// One change of definitions at a time in this process.
    editing: Mutex<()>,
    sources: Arc<Sources>,
}

impl Service {
    /// The use cases over these parts.
    pub fn new(parts: Parts) -> Self {
        let leased = Arc::new(Leased::new(parts.leases, parts.clock.clone(), parts.limits.polls));
        Self {
            store: parts.store,
            runtime: parts.runtime,
            queue: parts.queue,
            clock: parts.clock,
            entropy: parts.entropy,
            own_types: Arc::new(parts.task_types),
            settings: parts.settings,
            limits: parts.limits,
            plans: Plans::default(),
            pinned: Pinned::default(),
            leased,
            registrations: watch::Sender::new(0),
            editing: Mutex::new(()),
            sources: Arc::default(),
        }
    }

    /// The states of the watched files: the watcher writes them, the API shows them.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The moment, on the database's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The workflow of an id or a name.
    ///
    /// # Errors
    /// Not found, with the nearest name where there is one.
    pub async fn workflow_resolve(&self, id_or_name: &str) -> ServiceResult<Workflow> {
        if let Ok(id) = Uuid::parse_str(id_or_name)
            && let Some(workflow) = self.store.workflow_find(WorkflowId(id)).await?
        {
            return Ok(workflow);
        }
        match self.store.workflow_find_by_name(id_or_name).await? {
            Some(workflow) => Ok(workflow),
            None => Err(self.workflow_unknown(id_or_name).await),
        }
    }

    async fn workflow_unknown(&self, name: &str) -> ServiceError {
        let error = ServiceError::not_found("workflow", name);
        let filter = super::ports::WorkflowFilter { limit: 200, ..Default::default() };
        let Ok(page) = self.store.workflow_list(&filter).await else { return error };
        match nearest(name, page.items.iter().map(|workflow| &*workflow.name)) {
            Some(close) => error.help(format!("did you mean `{close}`?")),
            None => error,
        }
    }

    /// Makes a change of definitions: one at a time in this process, and where another process changed what it was decided on
    /// before it was written, it is decided anew.
    pub(super) async fn edit<T, F>(&self, change: impl Fn() -> F) -> ServiceResult<T>
    where
        F: Future<Output = ServiceResult<T>>,
    {
        let _editing = self.editing.lock().await;
        for _ in 1..TRIES {
            match change().await {
                Err(ServiceError::Stale { .. }) => {}
                done => return done,
            }
        }
        change().await
    }

    /// Drops what is cached of a workflow, here and in the runtime.
    pub(super) async fn workflow_changed(&self, workflow: &Workflow) {
        self.plans.forget(workflow.id);
        self.runtime.workflow_changed(&workflow.name).await;
    }
}
