//! A live execution: its state, and what the shell knows of it beside.

use std::sync::Arc;

use opentelemetry::trace::TraceContextExt;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::engine::{Effects, ExecutionState, Start};
use crate::expr::Timestamp;
use crate::ids::{Epoch, ExecutionId, WorkflowId};
use crate::plan::Plan;
use crate::service::model::{Execution, ExecutionView, Parent};

use super::message::Loaded;
use super::slots::SlotOf;

/// An execution in memory. Its shard owns it.
pub(super) struct Live {
    pub id: ExecutionId,
    /// The epoch of the partition under which it is here.
    pub epoch: Epoch,
    pub workflow: Arc<str>,
    pub workflow_id: WorkflowId,
    pub plan: Arc<Plan>,
    pub state: ExecutionState,
    pub parent: Option<Parent>,
    /// Where it counts, where its workflow has a limit.
    pub slot: Option<Arc<SlotOf>>,
    /// As its rows have it once its last turn is committed.
    pub view: ExecutionView,
    /// The number of its last turn: what it has in memory is committed once the shard's progress has come so far.
    pub ticket: u64,
    /// When something last happened to it.
    pub touched: Timestamp,
    /// When its shard last looked whether it may leave memory.
    pub seen: Timestamp,
    pub span: tracing::Span,
    /// The W3C trace context of the span, where one is exported.
    pub traceparent: Option<Arc<str>>,
}

impl Live {
    /// An execution that starts.
    pub fn starting(
        execution: &Execution,
        plan: Arc<Plan>,
        epoch: Epoch,
        parent: &tracing::Span,
        now: Timestamp,
    ) -> Self {
        let state = ExecutionState::new(&plan, start_of(execution));
        let span = tracing::info_span!(
            parent: parent, "execution", id = %execution.id, workflow = %execution.workflow_name
        );
        let view = ExecutionView { execution: execution.clone(), current_step_order: None };
        Self::new(view, plan, state, epoch, span, now)
    }

    /// An execution that was read from its rows.
    pub fn loaded(loaded: Loaded, epoch: Epoch, now: Timestamp) -> Self {
        let Loaded { view, plan, state, .. } = loaded;
        let (id, workflow) = (view.execution.id, &view.execution.workflow_name);
        let span = tracing::info_span!("execution", %id, %workflow);
        Self::new(view, plan, state, epoch, span, now)
    }

    fn new(
        view: ExecutionView,
        plan: Arc<Plan>,
        state: ExecutionState,
        epoch: Epoch,
        span: tracing::Span,
        now: Timestamp,
    ) -> Self {
        let execution = &view.execution;
        Self {
            id: execution.id,
            epoch,
            workflow: execution.workflow_name.clone(),
            workflow_id: execution.workflow,
            slot: SlotOf::of(execution, &plan),
            plan,
            state,
            parent: execution.parent.clone(),
            view,
            ticket: 0,
            touched: now,
            seen: now,
            traceparent: traceparent(&span),
            span,
        }
    }

    /// Takes over what a turn writes.
    pub fn note(&mut self, effects: &Effects) {
        if let Some(update) = &effects.execution {
            self.view.execution.apply(update);
        }
        let furthest = effects.steps.iter().map(|row| row.order).max();
        self.view.current_step_order = self.view.current_step_order.max(furthest);
    }
}

/// What the engine starts an execution from.
pub(super) fn start_of(execution: &Execution) -> Start {
    Start {
        id: execution.id,
        version: execution.version,
        input: execution.input.clone(),
        settings: execution.settings.clone(),
        secrets: None,
        max_retries: execution.max_retries,
        depth: execution.parent.as_ref().map_or(0, |parent| parent.depth),
    }
}

/// The W3C `traceparent` of a span; none where nobody exports it.
fn traceparent(span: &tracing::Span) -> Option<Arc<str>> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span();
    let context = context.span_context();
    let text = || format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags());
    context.is_valid().then(|| text().into())
}
