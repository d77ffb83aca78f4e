//! Child executions: started through the same path as any other, and looked after where a crash may have come between.
//!
//! Starting a child again changes nothing, since its id is a function of the parent and the step.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::engine::{ChildStart, Event, MAX_DEPTH, Outcome, StepError, code, concurrency_key};
use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, WorkflowId};
use crate::plan::{Plan, PlanHash};
use crate::service::model::{Execution, Parent, PinnedVersion, WorkflowStatus};
use crate::service::ports::{RuntimeError, Started, StoreResult};
use crate::service::{Admission, FRESH_MS, FieldError};

use super::backoff::Backoff;
use super::decide::child_outcome;
use super::message::{ChildRequest, Inbound, Job, Kin, StartJob};
use super::shared::Shared;

/// How many versions are kept; past it all are dropped, and read again as they are needed.
const MAX_KEPT: usize = 1_024;

/// Starts children until the node ends.
pub(super) async fn run(shared: Arc<Shared>, versions: Arc<Versions>, mut requests: mpsc::UnboundedReceiver<Kin>) {
    let mut starting = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            request = requests.recv() => match request {
                Some(request) => starting.push(care(&shared, &versions, request)),
                None => return,
            },
            Some(()) = starting.next() => {}
        }
    }
}

async fn care(shared: &Shared, versions: &Versions, request: Kin) {
    match request {
        Kin::Child(request) => start(shared, versions, request).await,
        Kin::Orphan { child, parent } => stop_orphan(shared, child, parent).await,
    }
}

/// Stops a child whose parent has ended: in an earlier life of this process, before it could say so.
async fn stop_orphan(shared: &Shared, child: ExecutionId, parent: ExecutionId) {
    let mut backoff = Backoff::new();
    loop {
        match shared.ports.store.execution_find(parent).await {
            Ok(Some(parent)) if !parent.status.is_terminal() => return,
            Ok(_) => return shared.stop_child(child),
            Err(error) => tracing::warn!(%child, %error, "a child's parent can't be looked up; trying again"),
        }
        backoff.wait(&*shared.ports.clock).await;
    }
}

/// Starts a child, or finds it; its end, or the reason why there is none, is the outcome of the parent's step.
async fn start(shared: &Shared, versions: &Versions, mut request: ChildRequest) {
    let mut backoff = Backoff::new();
    loop {
        match try_start(shared, versions, &request).await {
            Ok(None) => return,
            Ok(Some(event)) => return shared.apply(request.parent, Job::event(event)),
            Err(error) => {
                tracing::warn!(child = %request.start.child, %error, "a child can't be started; trying again")
            }
        }
        if shared.ownership.epoch(request.parent.partition()).is_none() {
            // Whoever owns the family now looks after it.
            return;
        }
        // The start that failed may have been recorded all the same.
        request.check = true;
        backoff.wait(&*shared.ports.clock).await;
    }
}

async fn try_start(
    shared: &Shared,
    versions: &Versions,
    request: &ChildRequest,
) -> Result<Option<Event>, RuntimeError> {
    let away = |error: crate::service::ports::StoreError| RuntimeError::Unavailable(error.to_string());
    let child = &request.start;
    let parent =
        Parent { execution: request.parent, path: child.path.clone(), attempt: child.attempt, depth: child.depth };
    if request.check
        && let Some(there) = shared.ports.store.execution_find(child.child).await.map_err(away)?
    {
        return Ok(if child.detached { Some(let_go(shared, child)) } else { ended(&parent, &there) });
    }
    if child.depth > MAX_DEPTH {
        return Ok(Some(failed(shared, child, format!("executions nest more than {MAX_DEPTH} deep"))));
    }
    let version = match versions.find(shared, child).await.map_err(away)? {
        Ok(version) => version,
        Err(why) => return Ok(Some(failed(shared, child, why))),
    };
    let of = (!child.detached).then(|| parent.clone());
    let execution = match execution_of(shared, child, &version, of) {
        Ok(execution) => execution,
        Err(why) => return Ok(Some(failed(shared, child, why))),
    };
    let (answer, answered) = oneshot::channel();
    let span = tracing::Span::none();
    let job = StartJob { execution, plan: version.plan.clone(), answer, span, permit: None };
    shared.send(shared.shard_of(child.child.partition()), Inbound::Start(Box::new(job)));
    match answered.await {
        Ok(Ok(_)) if child.detached => Ok(Some(let_go(shared, child))),
        Ok(Ok(Started::New(_))) => Ok(None),
        Ok(Ok(Started::Existing(there))) => Ok(ended(&parent, &there)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(RuntimeError::Unavailable("the start was dropped".to_owned())),
    }
}

/// What the parent is told of a child that has ended already.
fn ended(parent: &Parent, child: &Execution) -> Option<Event> {
    let started_at = child.started_at.unwrap_or(child.created_at);
    child_outcome(parent, child.id, child.status, child.output.as_ref(), child.error.as_ref(), started_at)
}

/// What the parent is told of a child that is not waited for: it is recorded.
fn let_go(shared: &Shared, child: &ChildStart) -> Event {
    Event::Outcome(Outcome {
        path: child.path.clone(),
        attempt: child.attempt,
        result: Ok(Value::object([("execution_id", Value::str(child.child.to_string()))])),
        started_at: shared.now(),
        logs: Vec::new(),
    })
}

fn failed(shared: &Shared, child: &ChildStart, why: String) -> Event {
    Event::Outcome(Outcome {
        path: child.path.clone(),
        attempt: child.attempt,
        result: Err(StepError::fatal(code::CHILD_FAILED, why)),
        started_at: shared.now(),
        logs: Vec::new(),
    })
}

fn execution_of(
    shared: &Shared,
    child: &ChildStart,
    version: &Version,
    parent: Option<Parent>,
) -> Result<Execution, String> {
    let now = shared.now();
    let input = version.admission.input(child.input.clone(), "input").map_err(|misfits| told(&misfits))?;
    let settings = version.admission.settings(&child.workflow, &shared.options.settings);
    let settings = settings.map_err(|misfits| told(&misfits))?;
    let concurrency_key = concurrency_key(&version.plan, &input, &settings)?;
    let pinned = PinnedVersion {
        workflow: version.workflow,
        workflow_name: child.workflow.clone(),
        version: version.n,
        plan_hash: version.hash.clone(),
    };
    let pending = Execution::pending(child.child, pinned, input, settings, now);
    Ok(Execution { parent, concurrency_key, ..pending })
}

/// Every misfit in a sentence.
fn told(misfits: &[FieldError]) -> String {
    let told: Vec<String> = misfits.iter().map(|misfit| format!("`{}`: {}", misfit.path, misfit.message)).collect();
    format!("what the child is given does not fit: {}", told.join("; "))
}

/// What starts a child.
pub(super) struct Version {
    workflow: WorkflowId,
    n: i64,
    hash: PlanHash,
    plan: Arc<Plan>,
    admission: Admission,
}

/// Versions by the name and number that children ask for.
#[derive(Default)]
pub(super) struct Versions {
    kept: Mutex<Kept>,
}

type Key = (Arc<str>, Option<i64>);

#[derive(Default)]
struct Kept {
    /// And when each was last known to be the right one.
    versions: HashMap<Key, (Arc<Version>, Timestamp)>,
    /// Counts changes: what was read before one is not kept after it.
    changes: u64,
}

impl Versions {
    /// Forgets what is kept of a workflow.
    pub fn forget(&self, name: &str) {
        let mut kept = self.lock();
        kept.changes += 1;
        kept.versions.retain(|(of, _), _| &**of != name);
    }

    /// The version that a child runs, or why there is none.
    async fn find(&self, shared: &Shared, child: &ChildStart) -> StoreResult<Result<Arc<Version>, String>> {
        let key = (child.workflow.clone(), child.version);
        let now = shared.now();
        let (kept, changes) = {
            let kept = self.lock();
            (kept.versions.get(&key).cloned(), kept.changes)
        };
        if let Some((version, at)) = kept {
            // Another node may have published since.
            if at.plus_ms(FRESH_MS) > now {
                return Ok(Ok(version));
            }
            if is_right(shared, child, &version).await? {
                self.keep(key, &version, changes, now);
                return Ok(Ok(version));
            }
        }
        let found = read(shared, child).await?;
        if let Ok(version) = &found {
            self.keep(key, version, changes, now);
        }
        Ok(found)
    }

    fn keep(&self, key: Key, version: &Arc<Version>, changes: u64, now: Timestamp) {
        let mut kept = self.lock();
        if kept.versions.len() >= MAX_KEPT {
            kept.versions.clear();
        }
        if kept.changes == changes {
            kept.versions.insert(key, (version.clone(), now));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a version that was read is still the one that a child runs.
async fn is_right(shared: &Shared, child: &ChildStart, version: &Version) -> StoreResult<bool> {
    let found = shared.ports.store.workflow_find_by_name(&child.workflow).await?;
    Ok(found.is_some_and(|workflow| {
        let n = child.version.or(workflow.active_version);
        workflow.id == version.workflow && workflow.status != WorkflowStatus::Inactive && n == Some(version.n)
    }))
}

async fn read(shared: &Shared, child: &ChildStart) -> StoreResult<Result<Arc<Version>, String>> {
    let (store, name) = (&shared.ports.store, &child.workflow);
    let Some(workflow) = store.workflow_find_by_name(name).await? else {
        return Ok(Err(format!("there is no workflow `{name}`")));
    };
    if workflow.status == WorkflowStatus::Inactive {
        return Ok(Err(format!("the workflow `{name}` is inactive")));
    }
    let Some(n) = child.version.or(workflow.active_version) else {
        return Ok(Err(format!("the workflow `{name}` has no active version")));
    };
    let Some(version) = store.version_find(workflow.id, n).await? else {
        return Ok(Err(format!("the workflow `{name}` has no version {n}")));
    };
    let found = Admission::of(&version.plan).map(|admission| {
        let (workflow, hash, plan) = (workflow.id, version.plan_hash, version.plan);
        Arc::new(Version { workflow, n, hash, plan, admission })
    });
    Ok(found)
}
