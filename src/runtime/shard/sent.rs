//! The attempts that were dispatched: which of them are under way, and what is sent once more.

use tokio::sync::oneshot;

use crate::engine::Event;
use crate::expr::Timestamp;
use crate::ids::{Attempt, ExecutionId, StepPath};
use crate::service::ports::AttemptKey;

use super::super::message::Job;
use super::Shard;
use super::slot::Slot;

/// A dispatched attempt that has no row yet.
pub(super) struct Sent {
    pub at: Timestamp,
    pub execution: ExecutionId,
    pub path: StepPath,
    pub attempt: Attempt,
}

impl Shard {
    /// The gate let a task go: from here on it counts as under way.
    pub(super) fn note_sent(&mut self, key: AttemptKey) {
        let AttemptKey { execution, path, attempt } = key;
        self.sent.push_back(Sent { at: self.shared.now(), execution, path, attempt });
    }

    pub(super) fn resend(&mut self, lost: bool) {
        let now = self.shared.now();
        let ids: Vec<ExecutionId> = self.slots.keys().copied().collect();
        ids.into_iter().for_each(|id| self.resend_one(id, now, lost));
    }

    pub(super) fn resend_one(&mut self, id: ExecutionId, now: Timestamp, lost: bool) {
        let Some(Slot::Live(live)) = self.slots.get_mut(&id) else { return };
        if let Some(turn) = live.decide_resend(lost) {
            self.send(id, turn, now);
        }
    }

    pub(super) fn drain(&mut self, answer: oneshot::Sender<u64>) {
        self.record_running(None);
        let _ = answer.send(self.ticket);
    }

    /// Writes RUNNING rows for what was sent before this moment (none: at all) and has no outcome.
    pub(super) fn record_running(&mut self, before: Option<Timestamp>) {
        let now = self.shared.now();
        while self.sent.front().is_some_and(|sent| before.is_none_or(|before| sent.at <= before)) {
            let Some(Sent { at, execution, path, attempt }) = self.sent.pop_front() else { return };
            let Some(Slot::Live(live)) = self.slots.get_mut(&execution) else { continue };
            if !live.state.awaits(&path, attempt) {
                continue;
            }
            let touched = live.touched;
            let turn = live.decide(Job::event(Event::Running { path, attempt, claimed_at: at }), now);
            live.touched = touched;
            if let Some(turn) = turn {
                self.send(execution, turn, now);
            }
        }
    }
}
