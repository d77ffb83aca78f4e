//! Counts what was written. The handles are kept: looking one up by its labels would cost more than counting.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{Counter, Histogram, counter, histogram};

use crate::engine::{ExecutionStatus, StepStatus};
use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::QueueDepth;

use super::committer::Written;

/// Shows how full a queue is: what workers are scaled by.
#[allow(clippy::cast_precision_loss, reason = "gauges are doubles")]
pub fn measure_queue(depth: &QueueDepth) {
    let queue = || depth.queue.to_string();
    metrics::gauge!("stepwell_queue_depth", "queue" => queue()).set(depth.waiting as f64);
    metrics::gauge!("stepwell_queue_claimed", "queue" => queue()).set(depth.claimed as f64);
    metrics::gauge!("stepwell_queue_oldest_seconds", "queue" => queue()).set(depth.oldest_ms as f64 / 1_000.0);
}

/// Handles, by their labels.
#[derive(Default)]
pub(super) struct Meters {
    started: HashMap<Arc<str>, Counter>,
    ended: HashMap<(Arc<str>, ExecutionStatus), Counter>,
    execution_seconds: HashMap<Arc<str>, Histogram>,
    steps: HashMap<(Arc<str>, StepStatus), Counter>,
    step_seconds: HashMap<Arc<str>, Histogram>,
}

impl Meters {
    /// Counts a commit.
    #[allow(clippy::cast_precision_loss, reason = "counts of rows are far below what a double holds")]
    pub fn count(&mut self, written: &Written) {
        if written.rows.is_empty() {
            return;
        }
        histogram!("stepwell_commit_rows").record(written.rows.len() as f64);
        histogram!("stepwell_commit_events").record(written.turns.len() as f64);
        let commit = &written.rows.commit;
        let was_written = |id: &ExecutionId| !written.refused.contains_key(id);
        for start in commit.starts.iter().filter(|start| was_written(&start.id)) {
            let name = start.workflow_name.clone();
            let started =
                |name: &Arc<str>| counter!("stepwell_executions_started_total", "workflow" => name.to_string());
            self.started.entry(name).or_insert_with_key(started).increment(1);
        }
        for row in commit.steps.iter().filter(|row| was_written(&row.execution)) {
            let ended = matches!(row.status, StepStatus::Completed | StepStatus::Failed | StepStatus::Retrying);
            if ended || matches!(row.status, StepStatus::Skipped | StepStatus::Cancelled) {
                self.step(&row.task_type, row.status);
            }
            if ended {
                self.step_time(&row.task_type, row.started_at, row.completed_at);
            }
        }
        for turn in &written.turns {
            let Some(ending) = &turn.ending else { continue };
            let ended = &ending.view.execution;
            self.execution(&turn.workflow, ended.status, ended.started_at, ended.completed_at);
        }
    }

    fn step(&mut self, task_type: &Arc<str>, status: StepStatus) {
        let make = |(task_type, status): &(Arc<str>, StepStatus)| counter!("stepwell_steps_total", "task_type" => task_type.to_string(), "status" => status.as_str());
        self.steps.entry((task_type.clone(), status)).or_insert_with_key(make).increment(1);
    }

    fn step_time(&mut self, task_type: &Arc<str>, from: Option<Timestamp>, to: Option<Timestamp>) {
        let (Some(from), Some(to)) = (from, to) else { return };
        let make = |task_type: &Arc<str>| histogram!("stepwell_step_seconds", "task_type" => task_type.to_string());
        self.step_seconds.entry(task_type.clone()).or_insert_with_key(make).record(seconds(from, to));
    }

    fn execution(
        &mut self,
        workflow: &Arc<str>,
        status: ExecutionStatus,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) {
        let make = |(workflow, status): &(Arc<str>, ExecutionStatus)| counter!("stepwell_executions_ended_total", "workflow" => workflow.to_string(), "status" => status.as_str());
        self.ended.entry((workflow.clone(), status)).or_insert_with_key(make).increment(1);
        let (Some(from), Some(to)) = (from, to) else { return };
        let make = |workflow: &Arc<str>| histogram!("stepwell_execution_seconds", "workflow" => workflow.to_string());
        self.execution_seconds.entry(workflow.clone()).or_insert_with_key(make).record(seconds(from, to));
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    super::timers::until(from, to).as_secs_f64()
}
