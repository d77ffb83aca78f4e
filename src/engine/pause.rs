//! Pause and resume.
//!
//! Invariant: while an execution is paused its rows still tell what becomes of what runs, but the walk stands: what it would
//! do next is held, and goes on from there when the execution is resumed. Timers ring in vain, and are armed again then.

use super::machine::Machine;
use super::{Control, ExecutionStatus, LogLevel};

impl Machine<'_> {
    pub(super) fn pause(&mut self) {
        self.state.paused_in = Some(self.state.status);
        self.state.status = ExecutionStatus::Paused;
        self.control(Control::Pause);
        self.log(LogLevel::Info, "the execution was paused".to_owned(), None);
        self.update_execution();
    }

    pub(super) fn resume(&mut self) {
        self.lift_pause();
        self.control(Control::Resume);
        self.log(LogLevel::Info, "the execution goes on".to_owned(), None);
        self.update_execution();
        self.effects.timers.extend(self.state.timers());
    }

    /// Puts a paused execution back into the state that it was paused in, with what was held to be done.
    pub(super) fn lift_pause(&mut self) {
        if let Some(status) = self.state.paused_in.take() {
            self.state.status = status;
            self.take_up();
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state.status == ExecutionStatus::Paused
    }
}
