//! Decides: what an event makes of an execution, as a turn for the committer.
//!
//! Invariant: nothing is written here and nobody is told. The state runs ahead of what is committed; the turn says how far.

use crate::engine::{
    ChildStart, Dispatch, Effects, Event, EventWait, ExecutionStatus, Outcome, StepError, StepRow, advance,
};
use crate::expr::{Timestamp, Value};
use crate::ids::ExecutionId;
use crate::plan::DEFAULT_KEEP_MS;
use crate::service::inbox::OpenedWait;
use crate::service::model::Parent;
use crate::service::ports::{Delivered, Task};

use super::gate::Gated;
use super::live::Live;
use super::message::{Cause, ChildRequest, Ending, Job, StartJob, Turn, What};
use super::timers::earlier;

impl Live {
    /// Applies a job. None where nothing follows from it.
    pub fn decide(&mut self, job: Job, now: Timestamp) -> Option<Turn> {
        let Job { what, permit, grant, received } = job;
        let mut delivery = None;
        let (event, cause) = match what {
            What::Outcome(delivered) => (outcome_event(&delivered, now), Cause::Outcome(delivered)),
            What::Control { event, answer } => (event, Cause::Control { answer, verdict: Ok(()) }),
            What::Event(event @ Event::Lost { .. }) => (event.clone(), Cause::Lost(event)),
            What::Event(event) => (event, Cause::Own),
            What::Offer(offer) => {
                delivery = offer.delivery;
                (offer.event, Cause::Control { answer: offer.answer, verdict: Ok(()) })
            }
            What::Ask { event, answer } => {
                let _ = answer.send(self.state.takes_event(&self.plan, &event.name, &event.data));
                return None;
            }
            What::Due(_) => return None,
        };
        let applied = self.span.in_scope(|| advance(&self.plan, &mut self.state, event, now));
        self.touched = now;
        let (effects, cause) = match (applied, cause) {
            (Ok(effects), cause) => (effects, cause),
            // The state that refuses is not committed yet: neither the answer nor the acknowledgement may overtake it.
            (Err(refusal), Cause::Control { answer, .. }) => {
                (Effects::default(), Cause::Control { answer, verdict: Err(refusal.into()) })
            }
            (Err(_), cause @ Cause::Outcome(_)) => {
                metrics::counter!("stepwell_outcomes_superseded_total").increment(1);
                (Effects::default(), cause)
            }
            (Err(refusal), _) => {
                tracing::trace!(execution = %self.id, %refusal, "an event came too late");
                return None;
            }
        };
        if matches!(cause, Cause::Own) && is_nothing(&effects) {
            return None;
        }
        // What it has taken before is written already.
        let delivery = delivery.filter(|_| !effects.controls.is_empty());
        let grant = grant.filter(|_| !is_nothing(&effects));
        let settled = match (&cause, received) {
            (Cause::Control { verdict, .. }, Some(received)) => Some(received.settled(self.id, verdict)),
            _ => None,
        };
        Some(Turn { permit, delivery, grant, settled, ..self.turn(effects, cause) })
    }

    /// Applies the start, before its row is written: the start and the first steps are one commit.
    pub fn decide_start(&mut self, job: StartJob, now: Timestamp) -> Turn {
        let StartJob { execution, answer, permit, .. } = job;
        let effects = self.span.in_scope(|| advance(&self.plan, &mut self.state, Event::Started, now));
        let turn = self.turn(effects.unwrap_or_default(), Cause::Own);
        let cause = Cause::Start { answer, view: Box::new(self.view.clone()) };
        Turn { start: Some(Box::new(execution)), cause, permit, ..turn }
    }

    /// A turn that sends again what is under way, where the queue does not hold it.
    /// With `lost` the queue has lost what it held: what is done at most once may have been done, and is not sent again.
    pub fn decide_resend(&mut self, lost: bool) -> Option<Turn> {
        let outstanding = self.state.outstanding(&self.plan);
        if outstanding.is_empty() {
            return None;
        }
        let resend = outstanding.into_iter().map(|outstanding| {
            let gated = self.gated(&outstanding.dispatch);
            Gated { once: lost && outstanding.dispatch.at_most_once, ..gated }
        });
        let resend = resend.collect();
        Some(Turn { resend, ..self.turn(Effects::default(), Cause::Own) })
    }

    /// A turn of these effects; its shard numbers it.
    fn turn(&mut self, mut effects: Effects, cause: Cause) -> Turn {
        let (mut tasks, mut gated) = (Vec::with_capacity(effects.dispatches.len()), Vec::new());
        for dispatch in &effects.dispatches {
            let task = self.gated(dispatch);
            if task.is_gated() { gated.push(task) } else { tasks.push(task.task) }
        }
        let children = std::mem::take(&mut effects.children);
        self.note(&effects);
        let ending = effects.ended.then(|| self.ending());
        Turn {
            bytes: effects.steps.iter().map(row_bytes).sum::<usize>() + effects.logs.len() * 128,
            tasks,
            gated,
            slot: self.slot.clone().filter(|_| effects.ended),
            children: children.into_iter().map(|start| self.child_request(start, false)).collect(),
            opened: std::mem::take(&mut effects.waits).into_iter().map(|wait| self.opened(wait)).collect(),
            ending,
            effects,
            ..Turn::bare(self.id, self.epoch, self.workflow.clone(), cause)
        }
    }

    /// A wait that was opened, as the post is told of it.
    fn opened(&self, wait: EventWait) -> OpenedWait {
        let keep_ms = self.plan.keep_ms.unwrap_or(DEFAULT_KEEP_MS);
        OpenedWait { execution: self.id, workflow: self.workflow_id, event: wait.event, keep_ms }
    }

    /// A child to start or look after.
    pub fn child_request(&self, start: ChildStart, check: bool) -> ChildRequest {
        ChildRequest { parent: self.id, start, check }
    }

    /// What is told of its end.
    pub fn ending(&self) -> Ending {
        let event = self.parent.as_ref().and_then(|parent| {
            let (output, error) = (self.state.output(), self.state.error());
            let started_at = self.view.execution.started_at.unwrap_or(self.touched);
            child_outcome(parent, self.id, self.state.status(), output, error, started_at)
        });
        Ending { parent: self.parent.clone(), event, view: Box::new(self.view.clone()) }
    }

    /// The task of a dispatch, and what it waits for before it goes to the queue.
    fn gated(&self, dispatch: &Dispatch) -> Gated {
        let cache = dispatch.cache.as_ref().map(|cache| cache.key.clone());
        Gated { task: self.task(dispatch), cache, rate: dispatch.rate.clone(), once: false }
    }

    fn task(&self, dispatch: &Dispatch) -> Task {
        Task {
            execution: self.id,
            path: dispatch.path.clone(),
            attempt: dispatch.attempt,
            workflow: self.workflow.clone(),
            task_type: dispatch.task_type.clone(),
            queue: dispatch.queue.clone(),
            config: dispatch.config.clone(),
            timeout_ms: dispatch.timeout_ms,
            priority: dispatch.priority,
            heartbeat_ms: dispatch.heartbeat_ms,
            idempotency_key: self.id.idempotency_key(&dispatch.path).into(),
            traceparent: self.traceparent.clone(),
        }
    }
}

/// Whether effects change nothing, anywhere.
fn is_nothing(effects: &Effects) -> bool {
    effects.execution.is_none()
        && effects.steps.is_empty()
        && effects.logs.is_empty()
        && effects.controls.is_empty()
        && effects.dispatches.is_empty()
        && effects.children.is_empty()
        && effects.stops.is_empty()
}

fn row_bytes(row: &StepRow) -> usize {
    let of = |value: &Option<Value>| value.as_ref().map_or(0, Value::approx_bytes);
    256 + of(&row.input) + of(&row.output)
}

/// A worker's outcome as an event: its claim and the times of its log on this node's clock.
fn outcome_event(delivered: &Delivered, now: Timestamp) -> Event {
    let outcome = &delivered.outcome;
    if outcome.is_loss() {
        return Event::Lost { path: outcome.path.clone(), attempt: outcome.attempt };
    }
    let started_at = earlier(now, std::time::Duration::from_micros(outcome.took_us));
    let mut logs = outcome.logs.clone();
    for entry in &mut logs {
        entry.at = Timestamp(started_at.0.saturating_add(entry.at.0)).min(now);
        entry.path.get_or_insert_with(|| outcome.path.clone());
    }
    Event::Outcome(Outcome {
        path: outcome.path.clone(),
        attempt: outcome.attempt,
        result: outcome.result.clone(),
        started_at,
        logs,
    })
}

/// What a parent is told of a child that ended; nothing where it has not.
pub(super) fn child_outcome(
    parent: &Parent,
    child: ExecutionId,
    status: ExecutionStatus,
    output: Option<&Value>,
    error: Option<&StepError>,
    started_at: Timestamp,
) -> Option<Event> {
    let result = crate::engine::child_result(child, status, output, error)?;
    let (path, attempt) = (parent.path.clone(), parent.attempt);
    Some(Event::Outcome(Outcome { path, attempt, result, started_at, logs: Vec::new() }))
}
