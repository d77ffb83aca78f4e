//! The one transition function: what an event makes of a state.

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, StepPath};
use crate::plan::{NodeKind, Plan, RetryPolicy};

use super::approve::Decision;
use super::machine::{Machine, Place};
use super::mailbox::Signal;
use super::retry::retry_wait_ms;
use super::state::{ExecutionState, FrameId, FrameKind, Phase, ROOT_SCOPE, Resume, ScopeId};
use super::unwind::Ending;
use super::{
    Compensation, Control, ControlRow, Effects, Event, ExecutionStatus, LogLevel, Refusal, StepError, StepRow,
    StepStatus, code,
};

/// What follows from an event.
///
/// # Errors
/// A refusal, which has changed nothing.
pub fn advance(plan: &Plan, state: &mut ExecutionState, event: Event, now: Timestamp) -> Result<Effects, Refusal> {
    use ExecutionStatus::{Cancelled, Failed, Paused, Pending, Retrying, Running};
    let status = state.status;
    let mut machine = Machine::new(plan, state, now);
    match (status, event) {
        (Pending, Event::Started) => machine.begin(),
        (Running | Retrying | Paused, Event::Outcome(outcome)) => {
            let (frame, place) = machine.current(&outcome.path, outcome.attempt)?;
            machine.apply_outcome(frame, place, outcome);
        }
        (Running | Retrying | Paused, Event::Running { path, attempt, claimed_at }) => {
            let (frame, place) = machine.current(&path, attempt)?;
            machine.still_running(frame, place, &path, claimed_at);
        }
        (Running | Retrying | Paused, Event::Lost { path, attempt }) => {
            let (frame, place) = machine.current(&path, attempt)?;
            machine.attempt_lost(frame, place, &path);
        }
        (Running | Retrying, Event::Woken { path, attempt }) => machine.wake(&path, attempt)?,
        (Retrying, Event::ExecutionWoken) => machine.execution_woken(),
        (Running | Retrying, Event::TimedOut) => machine.time_out(),
        (Pending | Running | Retrying | Paused, Event::Cancel { reason, undo }) => machine.cancel(&reason, undo),
        (Running | Retrying, Event::Pause) => machine.pause(),
        (Paused, Event::Resume) => machine.resume(),
        (Pending | Running | Retrying | Paused, Event::Signal { id, name, data, keep }) => {
            machine.signal(Signal { id, name, data }, keep)?;
        }
        (Running | Retrying | Paused, Event::Decide { path, approved, form, by, reason }) => {
            machine.decide(Decision { path, approved, form, by, reason })?;
        }
        (Pending, Event::Reject { error }) => machine.reject(*error),
        (Failed, Event::Retry) if machine.state.started_at.is_none() => {
            return Err(illegal("a retry of what never started", status, "failed after its start"));
        }
        (Failed, Event::Retry) if machine.state.is_undone() => return Err(Refusal::Compensated),
        (Failed, Event::Retry) => machine.retry_by_hand(),
        (Failed | Cancelled, Event::RetryUndo) if machine.state.compensation == Compensation::Failed => {
            machine.undo_again();
        }
        (_, event) => return Err(refusal(status, event)),
    }
    machine.walk();
    Ok(machine.effects)
}

fn illegal(what: &'static str, state: ExecutionStatus, allowed: &'static str) -> Refusal {
    Refusal::Illegal { what: what.into(), state, allowed: allowed.into() }
}

/// Why an event has no place in a state.
fn refusal(state: ExecutionStatus, event: Event) -> Refusal {
    let illegal = |what, allowed| illegal(what, state, allowed);
    match event {
        Event::Outcome(outcome) => Refusal::Superseded { path: outcome.path, attempt: outcome.attempt },
        Event::Running { path, attempt, .. } | Event::Lost { path, attempt } | Event::Woken { path, attempt } => {
            Refusal::Superseded { path, attempt }
        }
        Event::Started => illegal("a start", "pending"),
        Event::ExecutionWoken => illegal("waking", "retrying"),
        Event::TimedOut => illegal("a time-out", "running or retrying"),
        Event::Cancel { .. } => illegal("a cancel", "pending, running, retrying or paused"),
        Event::Retry => illegal("a retry", "failed"),
        Event::Reject { .. } => illegal("turning it away", "pending"),
        Event::Pause => illegal("a pause", "running or retrying"),
        Event::Resume => illegal("resuming", "paused"),
        Event::Signal { .. } => illegal("a signal", "pending, running, retrying or paused"),
        Event::Decide { .. } => illegal("a decision", "running, retrying or paused"),
        Event::RetryUndo => illegal("a retry of the undos", "failed or cancelled with an undo that failed"),
    }
}

impl Machine<'_> {
    fn begin(&mut self) {
        self.state.status = ExecutionStatus::Running;
        self.state.started_at = Some(self.now);
        self.set_deadline();
        self.update_execution();
        self.arm_execution();
        self.log(LogLevel::Info, "the execution started".to_owned(), None);
        self.enter(self.root_place(), 1);
    }

    /// Fails an execution that never started.
    fn reject(&mut self, error: StepError) {
        self.control(Control::Reject { error: Box::new(error.clone()) });
        self.log(LogLevel::Error, format!("the execution did not start: {error}"), None);
        self.state.error = Some(error);
        self.end(ExecutionStatus::Failed);
    }

    fn set_deadline(&mut self) {
        self.state.deadline = self.plan.timeout_ms.map(|timeout| self.now.plus_ms(timeout));
    }

    fn arm_execution(&mut self) {
        self.effects.timers.extend(self.state.own_timer());
    }

    fn current(&self, path: &StepPath, attempt: Attempt) -> Result<(usize, Place), Refusal> {
        self.running(path, attempt).ok_or_else(|| Refusal::Superseded { path: path.clone(), attempt })
    }

    /// The wait of a step is over. A timer that rings too early is armed again.
    fn wake(&mut self, path: &StepPath, attempt: Attempt) -> Result<(), Refusal> {
        let superseded = || Refusal::Superseded { path: path.clone(), attempt };
        let id = *self.state.waiting.get(path).ok_or_else(superseded)?;
        let frame = self.state.frames.get(id).ok_or_else(superseded)?;
        let place = frame.place();
        let (waits, due) = frame.wakes().ok_or_else(superseded)?;
        if waits != attempt {
            return Err(superseded());
        }
        if self.now < due {
            self.arm(path.clone(), attempt, due);
            return Ok(());
        }
        match &frame.kind {
            FrameKind::Wait { since, .. } => {
                let since = *since;
                match self.plan.node(place.node).kind {
                    NodeKind::Repeat(_) => self.pass_waited(place, path, since, due),
                    _ => self.wait_over(place, path, attempt, since, due),
                }
            }
            FrameKind::Await(_) => self.wait_timed_out(path),
            FrameKind::Step(run) if matches!(run.phase, Phase::Child { .. }) => self.child_timed_out(id, place, path),
            _ => self.next_attempt(id, place, path),
        }
        Ok(())
    }

    fn wait_over(&mut self, place: Place, path: &StepPath, attempt: Attempt, since: Timestamp, due: Timestamp) {
        let plan = self.plan;
        self.close_waiting(path);
        let row = self.row(place, path.clone(), attempt, StepStatus::Completed);
        let input = Some(Value::object([("until", Value::Timestamp(due.0))]));
        let row = StepRow { input, created_at: since, started_at: Some(since), ..row };
        let NodeKind::Step(step) = &plan.node(place.node).kind else {
            self.effects.steps.push(row);
            return self.settled(place);
        };
        let waited = Value::Duration(due.0.saturating_sub(since.0).max(0));
        let output = Value::object([("waited", waited)]);
        self.effects.steps.push(StepRow { output: Some(output.clone()), ..row });
        self.step_done(place, step, output);
    }

    fn time_out(&mut self) {
        if !self.past_deadline() {
            return self.arm_execution();
        }
        self.control(Control::TimedOut);
        let message = "the execution took longer than its `timeout`";
        self.fail_for_good(StepError::fatal(code::TIMEOUT, message), None);
    }

    /// A step failed for good, and the execution has a retry left: it goes on from there after a wait.
    pub(super) fn begin_retry(&mut self) {
        self.state.status = ExecutionStatus::Retrying;
        self.state.retry_count += 1;
        let (id, count) = (self.state.start.id, self.state.retry_count);
        let wait = retry_wait_ms(&RetryPolicy::default(), count, None, id, &StepPath::new("execution"), count);
        let due = self.now.plus_ms(wait);
        self.state.retry_at = Some(due);
        self.log(LogLevel::Warn, format!("the execution goes on from the failed step at {due} (retry {count})"), None);
        self.update_execution();
        self.arm_execution();
    }

    fn execution_woken(&mut self) {
        if self.past_deadline() {
            return self.time_out();
        }
        if self.state.retry_at.is_some_and(|due| self.now < due) {
            return self.arm_execution();
        }
        self.control(Control::Woken);
        self.go_on();
    }

    fn retry_by_hand(&mut self) {
        self.control(Control::Retry);
        self.set_deadline();
        self.log(LogLevel::Info, "a retry was asked for".to_owned(), None);
        self.go_on();
    }

    /// Enters what stalled again, each with its next attempt.
    pub(super) fn go_on(&mut self) {
        self.state.status = ExecutionStatus::Running;
        self.state.retry_at = None;
        self.state.error = None;
        self.state.completed_at = None;
        self.update_execution();
        self.arm_execution();
        self.enter_stalled(|_| true);
    }

    /// Enters what stalled again, where `which` holds for the frame.
    pub(super) fn enter_stalled(&mut self, which: impl Fn(FrameId) -> bool) {
        let stalled = self.state.frames.iter().filter_map(|(id, frame)| Some((id, frame.stalled()?)));
        let mut stalled: Vec<_> = stalled.filter(|(id, _)| which(*id)).collect();
        stalled.sort_unstable_by_key(|(id, _)| *id);
        for (id, (attempt, resume)) in stalled {
            let place = self.close(id);
            match resume {
                Resume::Yield => self.settled(place),
                Resume::Node => self.enter(place, attempt + 1),
            }
        }
    }

    /// A cancel of what is on its way to its end already changes nothing.
    fn cancel(&mut self, reason: &str, undo: bool) {
        if self.is_decided() {
            return;
        }
        self.lift_pause();
        self.state.cancel_requested_at = Some(self.now);
        self.control(Control::Cancel { reason: reason.into(), undo });
        self.log(LogLevel::Info, format!("the execution was cancelled: {reason}"), None);
        self.end_by(Ending::Cancel { undo }, None);
    }

    fn undo_again(&mut self) {
        self.control(Control::RetryUndo);
        self.log(LogLevel::Info, "the undos that failed are run again".to_owned(), None);
        self.retry_undo();
    }

    /// The body settled: the execution has completed.
    pub(super) fn complete_body(&mut self, scope: ScopeId) {
        let output = if self.plan.output_is_data { self.state.data_at_end(self.plan, scope) } else { Value::Null };
        match self.admit_output(output) {
            Ok(output) => self.complete(output),
            Err(error) => self.raise(self.root_place(), 1, Resume::Yield, error),
        }
    }

    pub(super) fn root_place(&self) -> Place {
        Place { node: self.plan.root, parent: None, slot: 0, scope: ROOT_SCOPE }
    }

    /// The output, where it fits the declared type.
    pub(super) fn admit_output(&self, output: Value) -> Result<Value, StepError> {
        match &self.plan.output {
            Some(declared) => declared.admit(output).map_err(|misfits| super::output::misfit("output", misfits)),
            None => Ok(output),
        }
    }

    /// Ends the execution well, with an output.
    pub(super) fn complete(&mut self, output: Value) {
        self.state.output = Some(output);
        self.log(LogLevel::Info, "the execution completed".to_owned(), None);
        self.end(ExecutionStatus::Completed);
    }

    /// Ends the execution by its error. What is under way is stopped, and stalls where it is: a retry goes on from there.
    pub(super) fn fail(&mut self) {
        self.stop_for_retry("the execution failed");
        self.end_failed();
    }

    pub(super) fn end_failed(&mut self) {
        if let Some(error) = &self.state.error {
            let told = format!("the execution failed: {error}");
            self.log(LogLevel::Error, told, None);
        }
        self.end(ExecutionStatus::Failed);
    }

    pub(super) fn end(&mut self, status: ExecutionStatus) {
        self.state.status = status;
        self.state.completed_at = Some(self.now);
        self.state.retry_at = None;
        self.update_execution();
        self.effects.ended = true;
        self.stop_walking();
    }

    pub(super) fn control(&mut self, control: Control) {
        let (execution, seq, at) = (self.state.start.id, self.next_seq(), self.now);
        self.effects.controls.push(ControlRow { execution, seq, control, at });
    }
}

impl super::state::Frame {
    fn stalled(&self) -> Option<(Attempt, Resume)> {
        match self.kind {
            FrameKind::Stalled { attempt, resume } => Some((attempt, resume)),
            _ => None,
        }
    }
}
