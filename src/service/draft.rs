//! Drafts: steps put together through the JSON API, beside whatever version is active, until `activate` compiles them.

use uuid::Uuid;

use crate::expr::nearest;
use crate::lang::{Notation, Source};
use crate::plan::TaskTypes;

use super::error::{FieldError, ServiceError, ServiceResult};
use super::flat::flat_text;
use super::model::{DraftStep, Origin, Version, Workflow, WorkflowStatus};
use super::parts::Service;
use super::ports::{NewVersion, StoreError};
use super::source::source_hash;
use super::workflow::{check_step_name, refuse_owned};

/// The longest time-out of an attempt, in seconds: a week.
const MAX_TIMEOUT_SECONDS: i32 = 604_800;

/// The most further attempts.
const MAX_RETRIES: i32 = 1_000;

/// A step to be added to a draft.
#[derive(Clone, Debug, Default)]
pub struct NewStep {
    /// Its name.
    pub name: String,
    /// Its task type.
    pub task_type: String,
    /// Its place; none puts it last.
    pub step_order: Option<i32>,
    /// Its configuration: an object, or null for an empty one.
    pub config: serde_json::Value,
    /// The time-out of an attempt, in seconds.
    pub timeout_seconds: Option<i32>,
    /// Further attempts after the first.
    pub max_retries: Option<i32>,
}

/// What is to be changed of a step; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct StepPatch {
    /// Another name.
    pub name: Option<String>,
    /// Another task type.
    pub task_type: Option<String>,
    /// Another place.
    pub step_order: Option<i32>,
    /// Another configuration, whole.
    pub config: Option<serde_json::Value>,
    /// Another time-out; none takes it away.
    pub timeout_seconds: Option<Option<i32>>,
    /// Another number of further attempts; none takes it away.
    pub max_retries: Option<Option<i32>>,
}

/// The draft of a workflow.
struct Draft {
    /// Where it is to be opened: each step of the active version, and its copy.
    copied: Vec<(Uuid, Uuid)>,
    /// Its steps.
    steps: Vec<DraftStep>,
}

impl Draft {
    /// Whether its steps are written.
    fn is_there(&self) -> bool {
        self.copied.is_empty()
    }
}

impl Service {
    /// The steps of a version, or for none of the draft where there is one, else of the active version.
    ///
    /// # Errors
    /// Not found.
    pub async fn step_list(&self, workflow: &str, version: Option<i64>) -> ServiceResult<(Workflow, Vec<DraftStep>)> {
        let workflow = match version {
            Some(n) => self.version_find(workflow, n).await?.0,
            None => self.workflow_resolve(workflow).await?,
        };
        let shown = version.or(if workflow.has_draft { None } else { workflow.active_version });
        let steps = self.store.draft_step_list(workflow.id, shown).await?;
        Ok((workflow, steps))
    }

    /// One step of a workflow.
    ///
    /// # Errors
    /// Not found.
    pub async fn step_find(&self, workflow: &str, step: Uuid) -> ServiceResult<DraftStep> {
        let (workflow, steps) = self.step_list(workflow, None).await?;
        steps.into_iter().find(|one| one.id == step).ok_or_else(|| no_step(&workflow, step))
    }

    /// Adds a step to a workflow's draft; opens one where there is none.
    ///
    /// # Errors
    /// Invalid fields; a conflict where the name or the order is taken, or the workflow is not made through the JSON API.
    pub async fn step_create(&self, workflow: &str, new: NewStep) -> ServiceResult<DraftStep> {
        self.edit(|| async {
            let workflow = self.workflow_resolve(workflow).await?;
            let mut step = self.new_step(&workflow, new.clone());
            self.step_check(&step).await?;
            let draft = self.draft_open(&workflow).await?;
            if new.step_order.is_none() {
                step.step_order = draft.steps.iter().map(|one| one.step_order).max().unwrap_or(0).saturating_add(1);
            }
            refuse_taken(&step, &draft.steps)?;
            let mut steps = if draft.is_there() { Vec::new() } else { draft.steps };
            steps.push(step.clone());
            let inserted = self.store.draft_step_insert(&workflow, &steps, step.updated_at).await;
            inserted.map_err(|error| step_taken(error, &step))?;
            Ok(step)
        })
        .await
    }

    /// Changes a step of a workflow's draft; opens one where there is none.
    ///
    /// # Errors
    /// As `step_create`, and not found.
    pub async fn step_update(&self, workflow: &str, id: Uuid, patch: StepPatch) -> ServiceResult<DraftStep> {
        self.edit(|| async {
            let workflow = self.workflow_resolve(workflow).await?;
            let (step, mut draft) = self.draft_step_to_edit(&workflow, id).await?;
            let step = DraftStep { updated_at: self.clock.now(), ..patched(step, patch.clone()) };
            self.step_check(&step).await?;
            refuse_taken(&step, &draft.steps)?;
            let written = if draft.is_there() {
                self.store.draft_step_update(&workflow, &step).await
            } else {
                draft.steps.iter_mut().filter(|one| one.id == step.id).for_each(|one| one.clone_from(&step));
                self.store.draft_step_insert(&workflow, &draft.steps, step.updated_at).await
            };
            written.map_err(|error| step_taken(error, &step))?;
            Ok(step)
        })
        .await
    }

    /// Deletes a step of a workflow's draft; opens one where there is none.
    ///
    /// # Errors
    /// Not found; a conflict where the workflow is not made through the JSON API.
    pub async fn step_delete(&self, workflow: &str, id: Uuid) -> ServiceResult<()> {
        self.edit(|| async {
            let workflow = self.workflow_resolve(workflow).await?;
            let (step, mut draft) = self.draft_step_to_edit(&workflow, id).await?;
            let now = self.clock.now();
            if !draft.is_there() {
                draft.steps.retain(|one| one.id != step.id);
                return Ok(self.store.draft_step_insert(&workflow, &draft.steps, now).await?);
            }
            match self.store.draft_step_delete(&workflow, step.id, now).await? {
                true => Ok(()),
                false => Err(no_step(&workflow, id)),
            }
        })
        .await
    }

    fn new_step(&self, workflow: &Workflow, new: NewStep) -> DraftStep {
        let now = self.clock.now();
        DraftStep {
            id: self.entropy.uuid(),
            workflow: workflow.id,
            version: None,
            name: new.name,
            task_type: new.task_type,
            step_order: new.step_order.unwrap_or(1),
            config: if new.config.is_null() { serde_json::json!({}) } else { new.config },
            timeout_seconds: new.timeout_seconds,
            max_retries: new.max_retries,
            created_at: now,
            updated_at: now,
        }
    }

    /// Compiles a workflow's draft and publishes it as the next version, active at once.
    pub(super) async fn draft_publish(&self, workflow: Workflow) -> ServiceResult<Workflow> {
        let steps = self.draft_steps(&workflow).await?;
        if steps.is_empty() {
            let help = format!("add one: POST /api/v1/workflows/{}/steps", workflow.name);
            return Err(ServiceError::field("steps", format!("the workflow has no steps; {help}")));
        }
        let text = flat_text(&workflow, &steps).map_err(|errors| ServiceError::Invalid { errors })?;
        let name = format!("{} (as TOML)", workflow.name);
        let source = Source { name: name.into(), notation: Notation::Toml, text: text.into() };
        let compiled = self.compile(source.clone()).await?;
        let plan = match compiled.plans.first() {
            Some(plan) if !compiled.has_errors() => plan.clone(),
            _ => return Err(ServiceError::Diagnostics { source, generated: true, diagnostics: compiled.diagnostics }),
        };
        let version = Version {
            workflow: workflow.id,
            n: 0,
            source_hash: source_hash(&source.text).into(),
            source: source.text,
            notation: Notation::Toml,
            plan_hash: plan.hash(),
            plan,
            origin: Origin::Api,
            created_at: self.clock.now(),
        };
        let fresh_id = workflow.id;
        let status = WorkflowStatus::Active;
        let new = NewVersion { before: Some(workflow), fresh_id, version, status, file: None, from_draft: true };
        let published = self.store.version_publish(&[new]).await?.into_iter().next();
        let Some((workflow, _)) = published else {
            return Err(ServiceError::Internal { message: "the store published nothing".to_owned() });
        };
        self.workflow_changed(&workflow).await;
        Ok(workflow)
    }

    /// The draft of a workflow: the one that is there, or one to be opened beside the active version.
    async fn draft_open(&self, workflow: &Workflow) -> ServiceResult<Draft> {
        refuse_owned(workflow)?;
        let steps = self.draft_steps(workflow).await?;
        let Some(n) = workflow.active_version.filter(|_| !workflow.has_draft && steps.is_empty()) else {
            return Ok(Draft { copied: Vec::new(), steps });
        };
        self.refuse_not_json(workflow, n).await?;
        let (mut copied, mut steps) = (Vec::new(), Vec::new());
        for step in self.store.draft_step_list(workflow.id, Some(n)).await? {
            let copy = DraftStep { id: self.entropy.uuid(), version: None, ..step.clone() };
            copied.push((step.id, copy.id));
            steps.push(copy);
        }
        Ok(Draft { copied, steps })
    }

    /// The steps of the draft of a workflow that is still as it was read: whatever changes them, changes it.
    async fn draft_steps(&self, workflow: &Workflow) -> ServiceResult<Vec<DraftStep>> {
        let steps = self.store.draft_step_list(workflow.id, None).await?;
        match self.store.workflow_find(workflow.id).await? {
            Some(now) if now == *workflow => Ok(steps),
            _ => Err(StoreError::Stale(format!("the workflow `{}`", workflow.name)).into()),
        }
    }

    /// What came as a text has steps that the JSON API can't edit.
    async fn refuse_not_json(&self, workflow: &Workflow, n: i64) -> ServiceResult<()> {
        let active = self.store.version_find(workflow.id, n).await?;
        if active.is_none_or(|version| version.origin == Origin::Api) {
            return Ok(());
        }
        Err(ServiceError::conflict(format!("version {n} of the workflow `{}` was made from a source", workflow.name))
            .help("change the source and publish it: PUT /api/v1/workflows/source"))
    }

    /// The draft's step of this id, or the draft's copy of the active version's; and all steps of the draft.
    async fn draft_step_to_edit(&self, workflow: &Workflow, id: Uuid) -> ServiceResult<(DraftStep, Draft)> {
        refuse_owned(workflow)?;
        if !workflow.has_draft
            && let Some(n) = workflow.active_version
            && !self.store.draft_step_list(workflow.id, Some(n)).await?.iter().any(|step| step.id == id)
        {
            return Err(no_step(workflow, id));
        }
        let draft = self.draft_open(workflow).await?;
        let id_there = draft.copied.iter().find(|(from, _)| *from == id).map_or(id, |(_, to)| *to);
        let step = draft.steps.iter().find(|step| step.id == id_there).cloned();
        step.map(|step| (step, draft)).ok_or_else(|| no_step(workflow, id))
    }

    async fn step_check(&self, step: &DraftStep) -> ServiceResult<()> {
        let mut errors = Vec::new();
        check_step_name(&step.name, &mut errors);
        let known = self.known_task_types().await?;
        if known.get(&step.task_type).is_none() {
            errors.push(unknown_task_type(&step.task_type, &known));
        }
        if step.step_order < 0 {
            errors.push(FieldError::new("step_order", "expected 0 or more"));
        }
        if !step.config.is_object() {
            errors.push(FieldError::new("config", format!("expected an object, found {}", kind(&step.config))));
        }
        check_range("timeout_seconds", step.timeout_seconds, 1..=MAX_TIMEOUT_SECONDS, &mut errors);
        check_range("max_retries", step.max_retries, 0..=MAX_RETRIES, &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
    }
}

/// A step as it is to be.
fn patched(step: DraftStep, patch: StepPatch) -> DraftStep {
    DraftStep {
        name: patch.name.unwrap_or(step.name),
        task_type: patch.task_type.unwrap_or(step.task_type),
        step_order: patch.step_order.unwrap_or(step.step_order),
        config: patch.config.unwrap_or(step.config),
        timeout_seconds: patch.timeout_seconds.unwrap_or(step.timeout_seconds),
        max_retries: patch.max_retries.unwrap_or(step.max_retries),
        ..step
    }
}

fn unknown_task_type(name: &str, known: &TaskTypes) -> FieldError {
    let known: Vec<&str> = known.iter().map(|task_type| &*task_type.name).collect();
    let way_out = match nearest(name, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("there are {}; register another: PUT /api/v1/task-types/{name}", known.join(", "))
        }
    };
    FieldError::new("task_type", format!("unknown task type `{name}`; {way_out}"))
}

fn check_range(path: &str, value: Option<i32>, range: std::ops::RangeInclusive<i32>, errors: &mut Vec<FieldError>) {
    if let Some(value) = value.filter(|value| !range.contains(value)) {
        let message = format!("expected {} to {}, found {value}", range.start(), range.end());
        errors.push(FieldError::new(path, message));
    }
}

fn kind(json: &serde_json::Value) -> &'static str {
    match json {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "text",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}

fn no_step(workflow: &Workflow, id: Uuid) -> ServiceError {
    ServiceError::not_found("step", id.to_string())
        .help(format!("list them: GET /api/v1/workflows/{}/steps", workflow.name))
}

/// Names and places are unique among a draft's steps.
fn refuse_taken(step: &DraftStep, others: &[DraftStep]) -> ServiceResult<()> {
    for other in others.iter().filter(|other| other.id != step.id) {
        if other.name.replace('-', "_") == step.name.replace('-', "_") {
            return Err(ServiceError::conflict(format!("there is a step called `{}` already", other.name))
                .help("choose another name"));
        }
        if other.step_order == step.step_order {
            let message = format!("`step_order` {} is taken by the step `{}`", step.step_order, other.name);
            return Err(ServiceError::conflict(message).help("choose another, or leave it out to put the step last"));
        }
    }
    Ok(())
}

fn step_taken(error: StoreError, step: &DraftStep) -> ServiceError {
    match error {
        StoreError::Conflict(_) => {
            let message = format!("the name `{}` or the `step_order` {} is taken", step.name, step.step_order);
            ServiceError::conflict(message).help("choose another")
        }
        other => other.into(),
    }
}
