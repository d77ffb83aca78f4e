//! Steps: how one begins, and what an outcome makes of it.

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, StepPath};
use crate::plan::{Action, NodeKind, PATIENT_TIMEOUT_MS, RetryFilter, StepNode};

use super::loss::is_at_most_once;
use super::machine::{Machine, Place};
use super::retry::retry_wait_ms;
use super::state::{FrameId, FrameKind, Phase, Resume, StepRun, dispatch_of};
use super::{CacheKey, ChildStart, LogLevel, Outcome, StepError, StepRow, StepStatus, builtin, code};

/// How deep child executions may stand below one that a client started.
pub const MAX_DEPTH: u32 = 16;

impl Machine<'_> {
    pub(super) fn enter_step(&mut self, place: Place, step: &StepNode, attempt: Attempt) {
        match self.is_wanted(place, step) {
            Ok(true) => self.begin_step(place, step, attempt),
            Ok(false) => self.skip_step(place, step, attempt),
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    fn is_wanted(&self, place: Place, step: &StepNode) -> Result<bool, StepError> {
        let Some(when) = &step.when else { return Ok(true) };
        let mut names = self.names(place.scope);
        names.data = self.data_for(place, when);
        names.truth(when)
    }

    /// A skipped step's value is null, and it skips nothing after it.
    fn skip_step(&mut self, place: Place, step: &StepNode, attempt: Attempt) {
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Skipped);
        self.effects.steps.push(row);
        self.state.bind(place.scope, step.ident.clone(), Value::Null);
        self.settled(place);
    }

    fn begin_step(&mut self, place: Place, step: &StepNode, attempt: Attempt) {
        match &step.action {
            Action::Task { config } => match self.task_of(place, step, config) {
                Ok((config, cache)) => self.dispatch(place, attempt, config, cache),
                Err(error) => self.fail_row(place, attempt, None, error),
            },
            Action::Delay(wake) => self.enter_sleep(place, wake, attempt),
            Action::Child { workflow, input, version, .. } => {
                match self.child_start(place, attempt, workflow, input.as_ref(), version.as_ref()) {
                    Ok(child) => self.begin_child(place, step, child),
                    Err(error) => self.fail_row(place, attempt, None, error),
                }
            }
            Action::Transform { .. } | Action::Conditional(_) | Action::Log { .. } => {
                self.run_in_engine(place, step, attempt);
            }
        }
    }

    /// What a worker is given, and what its output is kept by.
    fn task_of(
        &self,
        place: Place,
        step: &StepNode,
        config: &crate::expr::Expr,
    ) -> Result<(Value, Option<CacheKey>), StepError> {
        let config = self.evaluate_config(place, step, config)?;
        Ok((config, self.cache_key(place, step)?))
    }

    fn evaluate_config(&self, place: Place, step: &StepNode, config: &crate::expr::Expr) -> Result<Value, StepError> {
        let mut names = self.names(place.scope);
        names.data = step.reads_data.then(|| self.data_at(place));
        names.value(config)
    }

    /// Hands an attempt to the queue. A first attempt has no row until it ends, or is still running after a moment: a
    /// recovery derives it. Further attempts have one at once, so that what takes down its worker is seen; so have those of
    /// a step that is done at most once: a recovery must know that they may have been made.
    fn dispatch(&mut self, place: Place, attempt: Attempt, config: Value, cache: Option<CacheKey>) {
        let run = StepRun {
            attempt,
            retries: 0,
            crashes: 0,
            config,
            cache,
            since: self.now,
            phase: Phase::Dispatched { recorded: false, claimed_at: None },
        };
        let path = self.path_of(place);
        let frame = self.open_waiting(place, path.clone(), FrameKind::Step(Box::new(run)));
        self.send(frame, place, path);
    }

    /// Sends the current attempt of a step's frame.
    pub(super) fn send(&mut self, frame: FrameId, place: Place, path: StepPath) {
        let plan = self.plan;
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        let recorded = run.attempt > 1 || is_at_most_once(plan, place.node);
        run.phase = Phase::Dispatched { recorded, claimed_at: None };
        run.since = self.now;
        let (attempt, config) = (run.attempt, run.config.clone());
        self.effects.dispatches.extend(dispatch_of(plan, place.node, path.clone(), run));
        if recorded {
            let row = self.row(place, path, attempt, StepStatus::Running);
            self.effects.steps.push(StepRow { input: Some(config), ..row });
        }
    }

    fn child_start(
        &self,
        place: Place,
        attempt: Attempt,
        workflow: &crate::expr::Expr,
        input: Option<&crate::expr::Expr>,
        version: Option<&crate::expr::Expr>,
    ) -> Result<ChildStart, StepError> {
        let depth = self.state.start.depth + 1;
        if depth > MAX_DEPTH {
            let message = format!("child executions stand at most {MAX_DEPTH} deep");
            return Err(StepError::fatal(code::LIMIT, message));
        }
        let mut names = self.names(place.scope);
        names.data = [Some(workflow), input, version].into_iter().flatten().find_map(|expr| self.data_for(place, expr));
        let workflow = names.text(workflow)?;
        let input = input.map_or_else(|| Ok(Value::object::<&str>([])), |input| names.value(input))?;
        let version = match version.map(|expr| names.value(expr).map(|value| (expr, value))).transpose()? {
            None | Some((_, Value::Null)) => None,
            Some((_, Value::Int(version))) => Some(version),
            Some((expr, other)) => return Err(super::scope::wrong_type(expr, "a version's number", &other)),
        };
        let path = self.path_of(place);
        // A row that tells of it has the last word: how ids are derived may change.
        let recorded = self.state.recorded.child(&path, attempt);
        let child = recorded.unwrap_or_else(|| self.state.start.id.child(&self.child_path(&path, attempt)));
        let detached = matches!(&self.plan.node(place.node).kind, NodeKind::Step(step)
            if matches!(step.action, Action::Child { detached: true, .. }));
        Ok(ChildStart { path, attempt, child, workflow, version, input, detached, depth })
    }

    /// The name that a child's id is made of: each attempt at the step starts a child of its own.
    fn child_path(&self, path: &StepPath, attempt: Attempt) -> StepPath {
        if attempt == 1 { path.clone() } else { StepPath::new(format!("{path}#{attempt}")) }
    }

    fn begin_child(&mut self, place: Place, step: &StepNode, child: ChildStart) {
        let path = child.path.clone();
        let phase = Phase::Child { start: Box::new(child.clone()), due: None };
        let config = child_config(&child);
        let run =
            StepRun { attempt: child.attempt, retries: 0, crashes: 0, config, cache: None, since: self.now, phase };
        let frame = self.open_waiting(place, path, FrameKind::Step(Box::new(run)));
        self.send_child(frame, place, step, child);
    }

    /// Starts the child of the current attempt of a step's frame. It has a row at once: it has to wait.
    fn send_child(&mut self, frame: FrameId, place: Place, step: &StepNode, child: ChildStart) {
        let due = (step.timeout_ms < PATIENT_TIMEOUT_MS).then(|| self.now.plus_ms(step.timeout_ms));
        let config = child_config(&child);
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        run.since = self.now;
        run.config = config.clone();
        run.phase = Phase::Child { start: Box::new(child.clone()), due };
        let row = self.row(place, child.path.clone(), child.attempt, StepStatus::Running);
        self.effects.steps.push(StepRow { input: Some(config), wake_at: due, ..row });
        if let Some(due) = due {
            self.arm(child.path.clone(), child.attempt, due);
        }
        self.effects.children.push(child);
    }

    /// Runs a step of the engine's own to its end: it never touches the queue.
    fn run_in_engine(&mut self, place: Place, step: &StepNode, attempt: Attempt) {
        let path = self.path_of(place);
        let done = match self.state.recorded.output(&path, attempt) {
            Some(output) => Ok(builtin::Done { input: None, output, log: None }),
            None => {
                let data = step.reads_data.then(|| self.data_at(place));
                builtin::run(self.names(place.scope), step, data)
            }
        };
        match done.and_then(|done| self.admitted(place, done)) {
            Ok(done) => {
                if let Some((level, message, details)) = done.log {
                    let at = self.now;
                    self.effects.logs.push(super::LogEntry { level, message, details, path: Some(path), at });
                }
                self.record(place, attempt, done.input, done.output.clone());
                self.step_done(place, step, done.output);
            }
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    fn admitted(&self, place: Place, done: builtin::Done) -> Result<builtin::Done, StepError> {
        let output = self.admit_output_of(place, done.output)?;
        Ok(builtin::Done { output, ..done })
    }

    /// The step's frame and place, where it is at this attempt with a worker or a child.
    pub(super) fn running(&self, path: &StepPath, attempt: Attempt) -> Option<(FrameId, Place)> {
        if !self.state.awaits(path, attempt) {
            return None;
        }
        let id = *self.state.waiting.get(path)?;
        let frame = self.state.frames.get(id)?;
        Some((id, Place { node: frame.node, parent: frame.parent, slot: frame.slot, scope: frame.scope }))
    }

    /// An attempt ended.
    pub(super) fn apply_outcome(&mut self, frame: FrameId, place: Place, outcome: Outcome) {
        let plan = self.plan;
        let NodeKind::Step(step) = &plan.node(place.node).kind else { return };
        self.effects.logs.extend(outcome.logs);
        let started_at = outcome.started_at;
        // An output that does not fit is one of a step that had its effect all the same.
        let admitted =
            |output| self.admit_output_of(place, output).map_err(|error| StepError { unknown: true, ..error });
        let result = outcome.result.map_err(without_engine_codes).and_then(admitted);
        match result {
            Ok(output) => self.complete_step(place, step, &outcome.path, started_at, output),
            Err(error) => self.attempt_failed(frame, place, step, &outcome.path, started_at, error),
        }
    }

    fn complete_step(&mut self, place: Place, step: &StepNode, path: &StepPath, started_at: Timestamp, output: Value) {
        let row = self.end_row(place, path, StepStatus::Completed, started_at);
        self.keep_output(path, &output);
        self.effects.steps.push(StepRow { output: Some(output.clone()), ..row });
        self.close_waiting(path);
        self.step_done(place, step, output);
    }

    /// A step has its output: others may read it, and undo what it did.
    pub(super) fn step_done(&mut self, place: Place, step: &StepNode, output: Value) {
        self.state.bind(place.scope, step.ident.clone(), output);
        self.keep_undo(place, step);
        self.settled(place);
    }

    /// The row that ends the current attempt of a step.
    pub(super) fn end_row(
        &mut self,
        place: Place,
        path: &StepPath,
        status: StepStatus,
        started_at: Timestamp,
    ) -> StepRow {
        let (attempt, since, config) = match self.run_at(path) {
            Some(run) => (run.attempt, run.since, Some(run.config.clone())),
            None => (1, self.now, None),
        };
        let row = self.row(place, path.clone(), attempt, status);
        StepRow { created_at: since, started_at: Some(started_at), input: config, ..row }
    }

    fn run_at(&self, path: &StepPath) -> Option<&StepRun> {
        match &self.state.frames.get(*self.state.waiting.get(path)?)?.kind {
            FrameKind::Step(run) => Some(run),
            _ => None,
        }
    }

    fn attempt_failed(
        &mut self,
        frame: FrameId,
        place: Place,
        step: &StepNode,
        path: &StepPath,
        started_at: Timestamp,
        mut error: StepError,
    ) {
        let Some((attempt, retries)) = self.run_at(path).map(|run| (run.attempt, run.retries)) else { return };
        error.step = Some(step.name.clone());
        error.attempt = Some(attempt);
        match self.may_retry(place, step, retries, &error) {
            Ok(true) => self.back_off(frame, place, step, path, started_at, error),
            Ok(false) => self.step_failed(place, path, started_at, error),
            Err(broken) => self.step_failed(place, path, started_at, broken),
        }
    }

    /// `only` replaces the handler's verdict, `unless` narrows it.
    fn may_retry(&self, place: Place, step: &StepNode, retries: u32, error: &StepError) -> Result<bool, StepError> {
        if retries >= step.retry.max || (step.rarely.at_most_once && error.unknown) {
            return Ok(false);
        }
        let judge = |expr| {
            let mut names = self.names(place.scope);
            names.data = self.data_for(place, expr);
            names.local = Some(("error", error.to_value()));
            names.truth(expr)
        };
        match &step.retry.filter {
            None => Ok(error.retryable),
            Some(RetryFilter::Only(expr)) => judge(expr),
            Some(RetryFilter::Unless(expr)) => Ok(error.retryable && !judge(expr)?),
        }
    }

    fn back_off(
        &mut self,
        frame: FrameId,
        place: Place,
        step: &StepNode,
        path: &StepPath,
        started_at: Timestamp,
        error: StepError,
    ) {
        let id = self.state.start.id;
        let row = self.end_row(place, path, StepStatus::Retrying, started_at);
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        run.retries += 1;
        let wait = retry_wait_ms(&step.retry, run.retries, error.retry_after_ms, id, path, run.attempt);
        let due = self.state.recorded.wake_at(path, row.attempt).unwrap_or_else(|| self.now.plus_ms(wait));
        let attempt = run.attempt;
        run.phase = Phase::Backoff { due, error: Box::new(error.clone()), started_at, failed_at: self.now };
        let told = format!("attempt {attempt} of `{path}` failed: {error}; attempt {} at {due}", attempt + 1);
        self.log(LogLevel::Warn, told, Some(path.clone()));
        self.effects.steps.push(StepRow { error: Some(error), wake_at: Some(due), ..row });
        self.arm(path.clone(), attempt, due);
    }

    fn step_failed(&mut self, place: Place, path: &StepPath, started_at: Timestamp, error: StepError) {
        let row = self.end_row(place, path, StepStatus::Failed, started_at);
        let attempt = row.attempt;
        self.log(LogLevel::Error, format!("attempt {attempt} of `{path}` failed: {error}"), Some(path.clone()));
        self.effects.steps.push(StepRow { error: Some(error.clone()), ..row });
        self.close_waiting(path);
        self.ended_unless_known(place, path, error.unknown);
        self.raise(place, attempt, Resume::Node, error);
    }

    /// A child execution took longer than the step's time-out: it is stopped, and the attempt failed.
    pub(super) fn child_timed_out(&mut self, frame: FrameId, place: Place, path: &StepPath) {
        let plan = self.plan;
        let NodeKind::Step(step) = &plan.node(place.node).kind else { return };
        let Some((since, child)) = self.run_at(path).and_then(|run| match &run.phase {
            Phase::Child { start, .. } => Some((run.since, start.child)),
            _ => None,
        }) else {
            return;
        };
        self.effects.stops.push(super::Stop::Child(child));
        let message = format!("child execution {child} took longer than {}", step_timeout(step));
        // The child may have completed before it is stopped.
        let error = StepError { unknown: true, ..StepError::retryable(code::TIMEOUT, message) };
        self.attempt_failed(frame, place, step, path, since, error);
    }

    /// The backoff is over: the failed attempt's row says so for good, and the next attempt is made.
    pub(super) fn next_attempt(&mut self, frame: FrameId, place: Place, path: &StepPath) {
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        let Phase::Backoff { error, started_at, failed_at, .. } = run.phase.clone() else { return };
        let (attempt, since, config) = (run.attempt, run.since, run.config.clone());
        run.attempt += 1;
        let row = self.row(place, path.clone(), attempt, StepStatus::Failed);
        self.effects.steps.push(StepRow {
            created_at: since,
            started_at: Some(started_at),
            completed_at: Some(failed_at),
            input: Some(config),
            error: Some(*error),
            ..row
        });
        self.send_again(frame, place, path.clone(), attempt + 1);
    }

    /// Makes the next attempt of a step's frame: a task again, or a child of its own.
    fn send_again(&mut self, frame: FrameId, place: Place, path: StepPath, attempt: Attempt) {
        let plan = self.plan;
        let NodeKind::Step(step) = &plan.node(place.node).kind else { return };
        let Action::Child { workflow, input, version, .. } = &step.action else {
            return self.send(frame, place, path);
        };
        match self.child_start(place, attempt, workflow, input.as_ref(), version.as_ref()) {
            Ok(child) => self.send_child(frame, place, step, child),
            Err(error) => {
                self.close_waiting(&path);
                self.fail_row(place, attempt, None, error);
            }
        }
    }

    /// An attempt is still running a moment after its claim: a row says so.
    pub(super) fn still_running(&mut self, frame: FrameId, place: Place, path: &StepPath, at: Timestamp) {
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        let Phase::Dispatched { recorded: false, .. } = run.phase else { return };
        run.phase = Phase::Dispatched { recorded: true, claimed_at: Some(at) };
        let row = self.end_row(place, path, StepStatus::Running, at);
        self.effects.steps.push(row);
    }
}

fn child_config(child: &ChildStart) -> Value {
    Value::object([
        ("workflow", Value::Str(child.workflow.clone())),
        ("input", child.input.clone()),
        ("execution_id", Value::str(child.child.to_string())),
    ])
}

fn step_timeout(step: &StepNode) -> String {
    let micros = i64::try_from(step.timeout_ms).unwrap_or(i64::MAX).saturating_mul(1_000);
    crate::expr::duration_text(micros)
}

/// A handler's error may not pass for one that recovery tells apart by its code.
fn without_engine_codes(error: StepError) -> StepError {
    if [code::WORKER_LOST, code::POISONED].contains(&&*error.code) {
        return StepError { code: format!("HANDLER_{}", error.code).into(), ..error };
    }
    error
}
