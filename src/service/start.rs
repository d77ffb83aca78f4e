//! The start of an execution.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::concurrency_key;
use crate::expr::{Timestamp, Value, canonical_json};

use super::admission::Admission;
use super::error::{FieldError, ServiceError, ServiceResult};
use super::model::{Execution, PinnedVersion, Version, Workflow, WorkflowStatus};
use super::parts::Service;
use super::plans::{FRESH_MS, Startable};
use super::ports::Started;

/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 255;

/// The most execution retries that a start may ask for.
const MAX_RETRIES: u32 = 1_000;

/// An execution to be started.
#[derive(Clone, Debug, Default)]
pub struct StartRequest {
    /// The workflow's id or name.
    pub workflow: String,
    /// The version; none for the active one.
    pub version: Option<i64>,
    /// What makes starting it again give this one.
    pub idempotency_key: Option<String>,
    /// The input: an object, or null for an empty one.
    pub input: Value,
    /// How often the execution may go on from a step that failed for good.
    pub max_retries: u32,
    /// When it is to start; none for at once.
    pub scheduled_at: Option<Timestamp>,
}

/// What a request starts, or why nothing.
pub(super) type Found = ServiceResult<Arc<Startable>>;

impl Service {
    /// Starts an execution. Returns when it is durable.
    ///
    /// # Errors
    /// Not found; a conflict where the workflow can't be started or the key was used with another input; invalid fields
    /// where the input does not fit the declared types.
    pub async fn execution_start(&self, request: StartRequest) -> ServiceResult<Started> {
        let found = self.startable(&request.workflow, request.version).await;
        self.start_of(request, found).await
    }

    /// Starts an execution of what was found for it.
    pub(super) async fn start_of(&self, request: StartRequest, found: Found) -> ServiceResult<Started> {
        let began = self.clock.now();
        check_request(&request)?;
        let canonical = canonical_json(&request.input);
        self.check_input_size(canonical.len())?;
        let request_hash: Arc<str> = crate::ids::hex(&Sha256::digest(canonical.as_bytes())).into();
        let startable = match found {
            Ok(startable) => startable,
            Err(refused) => return self.started_before(&request, &request_hash, refused).await,
        };
        let execution = self.execution_of(request, &startable, request_hash.clone(), began)?;
        let started = self.runtime.start(execution, startable.plan.clone()).await?;
        metrics::histogram!("stepwell_start_seconds").record(seconds(began, self.clock.now()));
        same_request(started, &request_hash)
    }

    /// What a start of this workflow needs; of the active version it is kept.
    pub(super) async fn startable(&self, word: &str, version: Option<i64>) -> Found {
        let now = self.clock.now();
        let (kept, generation) = self.plans.get(word, self.runtime.workflow_changes());
        let kept = kept.filter(|(kept, _)| version.is_none_or(|n| n == kept.version));
        if let Some((kept, at)) = &kept
            && at.plus_ms(FRESH_MS) > now
        {
            return Ok(kept.clone());
        }
        let workflow = self.workflow_resolve(word).await?;
        if let Some((kept, _)) = kept.filter(|(kept, _)| is_active(&workflow, kept)) {
            self.plans.keep(word, &kept, generation, now);
            return Ok(kept);
        }
        let n = version.or(workflow.active_version);
        let Some(n) = n.filter(|_| workflow.status == WorkflowStatus::Active) else {
            return Err(not_active(&workflow));
        };
        let (_, found) = self.version_find(word, n).await?;
        let startable = Arc::new(startable_of(&workflow, found)?);
        if workflow.active_version == Some(n) {
            self.plans.keep(word, &startable, generation, now);
        }
        Ok(startable)
    }

    fn check_input_size(&self, bytes: usize) -> ServiceResult<()> {
        let most = self.limits.input_bytes;
        if bytes <= most {
            return Ok(());
        }
        Err(ServiceError::Limit { message: format!("the input has {bytes} bytes as JSON, and {most} is the most") })
    }

    fn execution_of(
        &self,
        request: StartRequest,
        startable: &Startable,
        request_hash: Arc<str>,
        now: Timestamp,
    ) -> ServiceResult<Execution> {
        let input = startable.admission.input(request.input, "input_data");
        let settings = startable.admission.settings(&startable.name, &self.settings);
        let (input, settings) = match (input, settings) {
            (Ok(input), Ok(settings)) => (input, settings),
            (input, settings) => {
                let errors = [input.err(), settings.err()].into_iter().flatten().flatten().collect();
                return Err(ServiceError::Invalid { errors });
            }
        };
        let scheduled_at = request.scheduled_at;
        let concurrency_key = concurrency_key(&startable.plan, &input, &settings)
            .map_err(|message| ServiceError::Invalid { errors: vec![FieldError::new("input_data", message)] })?;
        let pinned = PinnedVersion {
            workflow: startable.workflow,
            workflow_name: startable.name.clone(),
            version: startable.version,
            plan_hash: startable.hash.clone(),
        };
        let id = self.entropy.execution_id(now);
        Ok(Execution {
            max_retries: request.max_retries,
            request_hash: request.idempotency_key.is_some().then_some(request_hash),
            idempotency_key: request.idempotency_key,
            wake_at: scheduled_at.filter(|at| *at > now),
            scheduled_at,
            concurrency_key,
            ..Execution::pending(id, pinned, input, settings, now)
        })
    }

    /// A start that is refused now, but was made under this key before, gives what it gave then.
    async fn started_before(
        &self,
        request: &StartRequest,
        hash: &str,
        refused: ServiceError,
    ) -> ServiceResult<Started> {
        let (Some(key), ServiceError::Conflict { .. }) = (&request.idempotency_key, &refused) else {
            return Err(refused);
        };
        let workflow = self.workflow_resolve(&request.workflow).await?;
        match self.store.execution_find_by_key(workflow.id, key).await? {
            Some(execution) => same_request(Started::Existing(execution), hash),
            None => Err(refused),
        }
    }
}

fn startable_of(workflow: &Workflow, version: Version) -> ServiceResult<Startable> {
    let admission = Admission::of(&version.plan).map_err(|message| ServiceError::Internal { message })?;
    Ok(Startable {
        workflow: workflow.id,
        name: workflow.name.clone(),
        version: version.n,
        hash: version.plan_hash,
        plan: version.plan,
        admission,
    })
}

/// Whether what is kept of a workflow is still its active version.
fn is_active(workflow: &Workflow, kept: &Startable) -> bool {
    let Startable { workflow: id, version, .. } = kept;
    workflow.status == WorkflowStatus::Active && workflow.id == *id && workflow.active_version == Some(*version)
}

fn not_active(workflow: &Workflow) -> ServiceError {
    let message =
        format!("the workflow `{}` is {}, and only an active one starts", workflow.name, workflow.status.as_str());
    ServiceError::conflict(message).help(format!("activate it: POST /api/v1/workflows/{}/activate", workflow.name))
}

fn check_request(request: &StartRequest) -> ServiceResult<()> {
    let mut errors = Vec::new();
    if let Some(key) = &request.idempotency_key
        && !(1..=MAX_KEY).contains(&key.len())
    {
        errors.push(FieldError::new("idempotency_key", format!("expected 1 to {MAX_KEY} bytes, found {}", key.len())));
    }
    if request.max_retries > MAX_RETRIES {
        let message = format!("expected 0 to {MAX_RETRIES}, found {}", request.max_retries);
        errors.push(FieldError::new("max_retries", message));
    }
    if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
}

/// The same key with another input is another request: the caller's mistake, told rather than hidden.
fn same_request(started: Started, hash: &str) -> ServiceResult<Started> {
    if let Started::Existing(execution) = &started
        && execution.request_hash.as_deref().is_some_and(|there| there != hash)
    {
        let key = execution.idempotency_key.as_deref().unwrap_or_default();
        let message = format!("the idempotency key `{key}` was used with another input, by execution {}", execution.id);
        return Err(ServiceError::conflict(message).help("use another key, or send the same input"));
    }
    Ok(started)
}

#[allow(clippy::cast_precision_loss, reason = "a length of time in seconds")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e6
}
