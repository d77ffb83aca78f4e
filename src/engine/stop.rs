//! What is stopped: a row says so, and whoever works on it is told.

use crate::ids::{Attempt, StepPath};
use crate::plan::NodeKind;

use super::machine::{Machine, Place};
use super::state::{Awaiting, Frame, FrameId, FrameKind, Phase, Resume};
use super::{StepError, StepRow, StepStatus, Stop, code};

impl Machine<'_> {
    /// Stops all that is under way, and leaves it where a retry goes on.
    pub(super) fn stop_for_retry(&mut self, why: &str) {
        let mut waiting: Vec<_> = self.state.waiting.drain().collect();
        waiting.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (path, id) in waiting {
            let attempt = self.stop_at(&path, id, why);
            if let (Some(attempt), Some(frame)) = (attempt, self.state.frames.get_mut(id)) {
                frame.kind = FrameKind::Stalled { attempt, resume: Resume::Node };
            }
        }
    }

    /// Stops a frame that waits for the world; nothing happens to others.
    pub(super) fn stop(&mut self, id: FrameId, why: &str) {
        let Some(frame) = self.state.frames.get(id) else { return };
        let path = self.path_of(frame.place());
        if self.state.waiting.get(&path) == Some(&id) {
            self.state.waiting.remove(&path);
            self.stop_at(&path, id, why);
        }
    }

    /// The attempt that was stopped.
    fn stop_at(&mut self, path: &StepPath, id: FrameId, why: &str) -> Option<Attempt> {
        let frame = self.state.frames.get(id)?;
        let place = frame.place();
        let unknown = self.is_unknown(id, frame, path);
        let sent = self.was_sent(id);
        let (attempt, since, input, stop) = match frame.kind.clone() {
            FrameKind::Wait { attempt, since, .. } | FrameKind::Await(Awaiting { attempt, since, .. }) => {
                (attempt, since, None, None)
            }
            FrameKind::Step(run) => {
                let stop = match &run.phase {
                    Phase::Dispatched { .. } => Some(Stop::Task { path: path.clone(), attempt: run.attempt }),
                    Phase::Child { start, .. } => Some(Stop::Child(start.child)),
                    Phase::Backoff { .. } => None,
                };
                (run.attempt, run.since, Some(run.config), stop)
            }
            _ => return None,
        };
        if sent {
            self.effects.stops.extend(stop);
        } else {
            self.unsent.insert((path.clone(), attempt));
        }
        let error = Some(StepError { unknown, ..StepError::fatal(code::CANCELLED, why) });
        let row = self.row(place, path.clone(), attempt, StepStatus::Cancelled);
        self.effects.steps.push(StepRow { input, error, created_at: since, started_at: Some(since), ..row });
        self.ended_unless_known(place, path, unknown);
        Some(attempt)
    }

    /// Whether nobody knows if a step that is stopped had its effect: its attempt is with a worker, or the last one ended so. A
    /// row that was written says it for good: a recovery does not see every wait between two attempts.
    pub(super) fn is_unknown(&self, id: FrameId, frame: &Frame, path: &StepPath) -> bool {
        let FrameKind::Step(run) = &frame.kind else { return false };
        match self.state.recorded.unknown(path, run.attempt) {
            Some(unknown) => unknown,
            None => match &run.phase {
                Phase::Dispatched { .. } | Phase::Child { .. } => self.was_sent(id),
                Phase::Backoff { error, .. } => error.unknown,
            },
        }
    }

    /// Whether the attempt of a frame was sent before this event. What this one sends leaves when it is over.
    fn was_sent(&self, id: FrameId) -> bool {
        self.state.frames.stamp(Some(id)) <= self.before
    }

    /// Takes back what was to be sent and was stopped before it left.
    pub(super) fn keep_back(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        let unsent = std::mem::take(&mut self.unsent);
        self.effects.dispatches.retain(|task| !unsent.contains(&(task.path.clone(), task.attempt)));
        self.effects.children.retain(|child| !unsent.contains(&(child.path.clone(), child.attempt)));
    }

    /// A step ended without having completed: its undo is kept where nobody knows whether it had its effect.
    pub(super) fn ended_unless_known(&mut self, place: Place, path: &StepPath, unknown: bool) {
        let plan = self.plan;
        let NodeKind::Step(step) = &plan.node(place.node).kind else { return };
        if step.undo.is_none() {
            return;
        }
        if unknown { self.keep_undo(place, step) } else { self.state.undos.drop_at(path) }
    }
}
