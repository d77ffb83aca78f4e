//! Losses: the worker of an attempt is gone, and nobody knows what it did.
//!
//! Invariant: a loss does not count as a retry. A step that is done at most once fails by it, and nothing but a person makes
//! it again; any other is made again, until it has taken down its worker too often.

use crate::expr::Timestamp;
use crate::ids::StepPath;
use crate::plan::{NodeId, NodeKind, Plan};

use super::machine::{Machine, Place};
use super::retry::MAX_CRASHES;
use super::state::{Frame, FrameId, FrameKind, Phase, Resume};
use super::{LogLevel, StepError, StepRow, StepStatus, code};

impl Machine<'_> {
    /// The worker of an attempt is gone.
    pub(super) fn attempt_lost(&mut self, frame: FrameId, place: Place, path: &StepPath) {
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        let claimed_at = match run.phase {
            Phase::Dispatched { claimed_at, .. } => claimed_at.unwrap_or(run.since),
            _ => return,
        };
        run.crashes += 1;
        let (attempt, crashes) = (run.attempt, run.crashes);
        let lost = StepError {
            unknown: true,
            ..StepError::retryable(code::WORKER_LOST, "the worker that held this attempt is gone")
        };
        self.log(LogLevel::Warn, format!("attempt {attempt} of `{path}` was lost with its worker"), Some(path.clone()));
        let ends = !goes_on(self.plan, place.node, crashes);
        if !ends && self.is_paused() {
            return self.lost_while_paused(frame, place, path, claimed_at, lost);
        }
        let row = self.end_row(place, path, StepStatus::Failed, claimed_at);
        self.effects.steps.push(StepRow { error: Some(lost.clone()), ..row });
        if ends {
            self.close_waiting(path);
            self.ended_unless_known(place, path, true);
            return self.raise(place, attempt, Resume::Node, last_loss(path, crashes, lost));
        }
        if let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) {
            run.attempt += 1;
        }
        self.send(frame, place, path.clone());
    }

    /// The next attempt has to wait until the execution is resumed: as if it were made after a backoff of no time.
    fn lost_while_paused(
        &mut self,
        frame: FrameId,
        place: Place,
        path: &StepPath,
        started_at: Timestamp,
        lost: StepError,
    ) {
        let now = self.now;
        let row = self.end_row(place, path, StepStatus::Retrying, started_at);
        self.effects.steps.push(StepRow { error: Some(lost.clone()), wake_at: Some(now), ..row });
        let Some(FrameKind::Step(run)) = self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) else { return };
        run.phase = Phase::Backoff { due: now, error: Box::new(lost), started_at, failed_at: now };
    }
}

impl Frame {
    /// Whether another attempt follows where this one is lost.
    pub fn survives_a_loss(&self, plan: &Plan) -> bool {
        matches!(&self.kind, FrameKind::Step(run) if goes_on(plan, self.node, run.crashes + 1))
    }
}

/// Whether a step is made again after this many losses.
fn goes_on(plan: &Plan, node: NodeId, crashes: u32) -> bool {
    crashes < MAX_CRASHES && !is_at_most_once(plan, node)
}

/// The error of a step that is not made again after a loss.
fn last_loss(path: &StepPath, crashes: u32, lost: StepError) -> StepError {
    if crashes < MAX_CRASHES {
        let message = "the worker that held it is gone; it is done at most once, and whether it was is not known";
        return StepError { message: message.to_owned(), retryable: false, ..lost };
    }
    let message = format!("`{path}` took down its worker {crashes} times");
    StepError { unknown: true, ..StepError::fatal(code::POISONED, message) }
}

/// Whether nothing but a person may make a step again, where it is not known if it was done.
pub(super) fn is_at_most_once(plan: &Plan, node: NodeId) -> bool {
    matches!(&plan.node(node).kind, NodeKind::Step(step) if step.rarely.at_most_once)
}
