//! What follows from an error, a `return` and a cancel: who takes it, and how what stands below is brought to its end.
//!
//! One mechanism: a part of the tree is *drained*. What waits there for the world is stopped, and what was still to be entered
//! is dropped. Each `try` there that has a `finally` runs it, the innermost first and in parallel branches each on its own; a
//! `finally` that runs already, and an undo, go on to their end. When nothing is left, the drained frame goes on with its
//! `Ending`.

use crate::expr::Value;
use crate::ids::Attempt;

use super::loss::is_at_most_once;
use super::machine::{Machine, Place};
use super::protect::TryPhase;
use super::state::{Frame, FrameId, FrameKind, Resume};
use super::{ExecutionStatus, LogLevel, StepError};

/// How a drained frame goes on.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// It is drained for a frame above, which goes on once this one is gone.
    Up,
    /// The child of a race, or the item of a loop that keeps going, has failed.
    Failed(StepError),
    /// It settles: the winners of a race are known.
    Settled {
        /// Those that won, by slot.
        won: Vec<usize>,
    },
    /// The execution completes with this value.
    Return(Value),
    /// The execution fails by its error.
    Fail,
    /// The execution is cancelled.
    Cancel { undo: bool },
}

impl Ending {
    fn why(&self) -> &'static str {
        match self {
            Self::Up => "an error in this `finally`",
            Self::Failed(_) => "an error beside it",
            Self::Settled { .. } => "others won",
            Self::Return(_) => "the execution returned",
            Self::Fail => "the execution failed",
            Self::Cancel { .. } => "the execution was cancelled",
        }
    }
}

/// Who takes an error.
enum Taker {
    /// A `catch` of a `try`.
    Catch { frame: FrameId, arm: usize },
    /// A loop that keeps going or a race: only this child of it ends. `child` is its frame, where it has one.
    Parent { frame: FrameId, child: Option<FrameId>, slot: usize },
    /// A `finally` that runs because it was drained.
    Finally { frame: FrameId },
    /// The undos, which go on with the next.
    Undoing { frame: FrameId },
}

impl Machine<'_> {
    /// An error at a place. Someone around it takes it; else the execution uses one of its retries, or fails.
    pub fn raise(&mut self, place: Place, attempt: Attempt, resume: Resume, mut error: StepError) {
        self.sign(place, attempt, &mut error);
        if self.is_paused() {
            return self.raise_later(place, attempt, resume, error);
        }
        if self.failing {
            return self.park(place, attempt, resume);
        }
        // Asked first: those around may make another error of it.
        let by_hand_alone = error.unknown && is_at_most_once(self.plan, place.node);
        match self.taker(place, &mut error) {
            Some(taker) => self.take(taker, place, attempt, error),
            None if !by_hand_alone && self.has_retry() => self.stall(place, attempt, resume, error),
            None => self.uncaught(place, attempt, resume, error),
        }
    }

    fn taker(&self, place: Place, error: &mut StepError) -> Option<Taker> {
        let (mut child, mut slot) = (None, place.slot);
        for (frame, open) in self.state.frames.around(place.parent) {
            match &open.kind {
                FrameKind::Try(protected) => match protected.phase {
                    TryPhase::Body => {
                        if let Some(arm) = self.catches(frame, error) {
                            return Some(Taker::Catch { frame, arm });
                        }
                    }
                    TryPhase::Finally { drained: true } => return Some(Taker::Finally { frame }),
                    _ => {}
                },
                FrameKind::Loop(looped) if looped.may_lose() => return Some(Taker::Parent { frame, child, slot }),
                FrameKind::Loop(looped) => looped.overflow(error),
                FrameKind::Parallel(join) if join.may_lose(slot) => {
                    return Some(Taker::Parent { frame, child, slot });
                }
                FrameKind::Undoing(_) => return Some(Taker::Undoing { frame }),
                _ => {}
            }
            (child, slot) = (Some(frame), open.slot);
        }
        None
    }

    fn take(&mut self, taker: Taker, place: Place, attempt: Attempt, error: StepError) {
        self.forget(place);
        match taker {
            Taker::Catch { frame, arm } => self.catch(frame, place.parent, arm, error),
            Taker::Parent { frame, child, slot } => {
                self.count_out(frame, slot);
                match child {
                    Some(child) => self.drain(child, place.parent, Ending::Failed(error)),
                    None => self.child_failed(frame, slot, &error),
                }
            }
            Taker::Finally { frame } => self.finally_failed(frame, place.parent, error),
            Taker::Undoing { frame } => self.undo_failed(frame, attempt, error),
        }
        self.resume_if_nothing_stalls();
    }

    /// Whether a retry of the execution goes on from an error that nobody takes: one that it waits for already, or one that is
    /// left.
    fn has_retry(&self) -> bool {
        let is_left = self.state.retry_count < self.state.start.max_retries;
        let waits = self.state.status == ExecutionStatus::Retrying;
        waits || (is_left && !self.past_deadline() && !self.state.undos.ran())
    }

    /// Nobody takes an error: a retry of the execution goes on from here.
    fn stall(&mut self, place: Place, attempt: Attempt, resume: Resume, error: StepError) {
        self.park(place, attempt, resume);
        if self.state.status != ExecutionStatus::Retrying {
            self.state.error = Some(error);
            self.begin_retry();
        }
    }

    /// Nobody takes an error, and no retry is left for it: the execution fails.
    fn uncaught(&mut self, place: Place, attempt: Attempt, resume: Resume, error: StepError) {
        if self.must_unwind(place.parent) {
            self.forget(place);
        } else {
            self.park(place, attempt, resume);
        }
        self.fail_for_good(error, place.parent);
    }

    /// Fails the execution, whatever retries it has left: at once where something is to be unwound, else once the walk is over,
    /// with everything left where a retry by hand goes on.
    pub fn fail_for_good(&mut self, error: StepError, from: Option<FrameId>) {
        self.state.error = Some(error);
        if self.must_unwind(from) {
            self.state.unwound = true;
            self.end_by(Ending::Fail, from);
        } else {
            self.failing = true;
        }
    }

    /// Whether a failure has a `finally` to run or something to undo.
    fn must_unwind(&self, from: Option<FrameId>) -> bool {
        let undoes = !self.plan.undo_never;
        if undoes && self.state.undos.any_pending() {
            return true;
        }
        let broken = self.broken(from, None);
        self.state.frames.iter().any(|(id, frame)| match &frame.kind {
            FrameKind::Undoing(_) => true,
            FrameKind::Try(protected) if protected.is_in_finally() => !broken.contains(&id),
            FrameKind::Try(_) => self.finally_of(id).is_some(),
            FrameKind::Step(_) => undoes && self.leaves_undo(id, frame),
            _ => false,
        })
    }

    /// Ends the execution: drains all of it first. The error comes from below `from`.
    pub fn end_by(&mut self, ending: Ending, from: Option<FrameId>) {
        if !matches!(ending, Ending::Return(_)) {
            self.state.deadline = None;
        }
        self.state.status = ExecutionStatus::Running;
        match self.state.frames.root() {
            Some(root) => self.drain(root, from, ending),
            None => self.finish(ending),
        }
        self.state.retry_at = None;
        if !self.effects.ended {
            self.update_execution();
        }
    }

    /// Whether how the execution ends is decided. A `return` decides nothing: until its `finally`s are done, a cancel, a time-out
    /// and an error in one of them take its place.
    pub fn is_decided(&self) -> bool {
        let root = self.state.frames.root().and_then(|root| self.state.frames.get(root));
        root.is_some_and(|root| match &root.kind {
            FrameKind::Unwinding(ending) => !matches!(**ending, Ending::Return(_)),
            FrameKind::Undoing(_) => true,
            _ => false,
        })
    }

    /// Whether a place is in a `finally` that runs because it was drained.
    pub fn is_drained(&self, place: Place) -> bool {
        let mut around = self.state.frames.around(place.parent);
        around.any(|(_, frame)| match &frame.kind {
            FrameKind::Try(protected) => matches!(protected.phase, TryPhase::Finally { drained: true }),
            _ => false,
        })
    }

    /// Whether a place is in a `finally` that runs because it was drained, or in an undo.
    pub fn is_ending(&self, place: Place) -> bool {
        let undoes = |frame: &Frame| matches!(frame.kind, FrameKind::Undoing(_));
        self.is_drained(place) || self.state.frames.around(place.parent).any(|(_, frame)| undoes(frame))
    }

    /// Drains what stands below a frame, which then goes on with its ending.
    pub fn drain(&mut self, top: FrameId, from: Option<FrameId>, ending: Ending) {
        self.clear(top, from, ending.why());
        if let Some(frame) = self.state.frames.get_mut(top) {
            frame.kind = FrameKind::Unwinding(Box::new(ending));
        }
        self.go_on_if_bare(top);
    }

    /// Drains the body of a `try`, whose `catch` then begins.
    fn catch(&mut self, top: FrameId, from: Option<FrameId>, arm: usize, error: StepError) {
        let at = self.state.frames.get(top).map(|frame| self.path_of(frame.place()));
        self.log(LogLevel::Warn, format!("caught {error}"), at);
        self.clear(top, from, "an error beside it was caught");
        if let Some(FrameKind::Try(protected)) = self.state.frames.get_mut(top).map(|frame| &mut frame.kind) {
            protected.phase = TryPhase::Caught { arm, error: Box::new(error) };
        }
        self.go_on_if_bare(top);
    }

    /// Brings what stands below `top` to its end. A `finally` that the error comes out of is not spared.
    fn clear(&mut self, top: FrameId, from: Option<FrameId>, why: &str) {
        let broken = self.broken(from, Some(top));
        let spared = |id: FrameId, frame: &Frame| frame.is_spared() && !broken.contains(&id);
        let below = self.state.frames.below(top, spared);
        for id in below.into_iter().rev() {
            self.unwind(id, broken.contains(&id), why);
        }
        self.state.frames.renew(top);
        if self.state.retry_at.is_some() {
            self.wake_spared(top);
        }
    }

    /// What stalled in a `finally` that is spared makes its next attempt now: nothing would wake it any more.
    fn wake_spared(&mut self, top: FrameId) {
        let frames = &self.state.frames;
        let below = |id: &FrameId| frames.around(Some(*id)).any(|(around, _)| around == top);
        let stalled = frames.iter().filter(|(_, frame)| matches!(frame.kind, FrameKind::Stalled { .. }));
        let spared: Vec<FrameId> = stalled.map(|(id, _)| id).filter(below).collect();
        self.enter_stalled(|id| spared.contains(&id));
    }

    /// The `try`s around `from`, up to `top`, whose `finally` runs: what comes from below breaks it off.
    fn broken(&self, from: Option<FrameId>, top: Option<FrameId>) -> Vec<FrameId> {
        let around = self.state.frames.around(from).take_while(|(id, _)| Some(*id) != top);
        around.filter(|(_, frame)| frame.is_spared()).map(|(id, _)| id).collect()
    }

    /// Brings one frame to its end; what stood below it is gone, but for what still runs.
    fn unwind(&mut self, id: FrameId, broken: bool, why: &str) {
        let (bare, finally) = (self.state.frames.is_bare(id), self.finally_of(id).is_some());
        let Some(frame) = self.state.frames.get_mut(id) else { return };
        match &mut frame.kind {
            FrameKind::Undoing(undoing) => return undoing.stop_after_this_one(),
            FrameKind::Try(protected) if protected.is_in_finally() && !broken => {
                protected.phase = TryPhase::Finally { drained: true };
                return;
            }
            FrameKind::Try(protected) if finally && !protected.is_in_finally() => {
                protected.phase = TryPhase::Drained;
                self.state.frames.renew(id);
                return self.go_on_if_bare(id);
            }
            kind if !bare => {
                *kind = FrameKind::Unwinding(Box::new(Ending::Up));
                return self.state.frames.renew(id);
            }
            kind if kind.holds_children() => {}
            _ => self.stop(id, why),
        }
        let place = self.close(id);
        self.forget(place);
    }

    /// Goes on with a drained frame below which nothing is left.
    fn go_on_if_bare(&mut self, id: FrameId) {
        if !self.state.frames.is_bare(id) {
            return;
        }
        let Some(frame) = self.state.frames.get(id) else { return };
        match &frame.kind {
            FrameKind::Unwinding(ending) => match (**ending).clone() {
                Ending::Up => self.gone(id),
                ending => self.reached(id, ending),
            },
            FrameKind::Try(protected) => match protected.phase {
                TryPhase::Caught { .. } => self.begin_catch(id),
                TryPhase::Drained => self.begin_finally(id, true),
                _ => {}
            },
            _ => {}
        }
    }

    fn reached(&mut self, id: FrameId, ending: Ending) {
        let place = self.close(id);
        match (ending, place.parent) {
            (Ending::Failed(error), Some(parent)) => {
                self.forget(place);
                self.child_failed(parent, place.slot, &error);
            }
            (Ending::Settled { won }, _) => self.race_over(place, &won),
            (ending, _) => self.finish(ending),
        }
    }

    /// A drained frame is done; the drained one above it may have waited for that alone.
    pub fn gone(&mut self, id: FrameId) {
        let place = self.close(id);
        self.forget(place);
        if let Some(parent) = place.parent {
            self.go_on_if_bare(parent);
        }
    }

    /// An error in a `finally` that was drained: the end is decided, and only a `return` gives way to the error.
    fn finally_failed(&mut self, frame: FrameId, from: Option<FrameId>, error: StepError) {
        let at = self.state.frames.get(frame).map(|frame| self.path_of(frame.place()));
        self.log(LogLevel::Error, format!("a `finally` failed: {error}"), at);
        let root = self.state.frames.root().and_then(|root| self.state.frames.get_mut(root));
        if let Some(FrameKind::Unwinding(ending)) = root.map(|root| &mut root.kind)
            && matches!(**ending, Ending::Return(_))
        {
            **ending = Ending::Fail;
            self.state.error = Some(error);
            self.state.unwound = true;
            self.state.deadline = None;
            self.update_execution();
        }
        self.drain(frame, from, Ending::Up);
    }

    /// The error that an execution retry waits for may have been taken away by another: then there is nothing to wait for.
    fn resume_if_nothing_stalls(&mut self) {
        let stalls = |frame: &Frame| matches!(frame.kind, FrameKind::Stalled { .. });
        if self.state.status == ExecutionStatus::Retrying && !self.state.frames.iter().any(|(_, frame)| stalls(frame)) {
            self.go_on();
        }
    }

    /// A child of a race or of a loop that keeps going fails: at once it counts as failed, though a `finally` of it may still run.
    fn count_out(&mut self, frame: FrameId, slot: usize) {
        match self.state.frames.get_mut(frame).map(|frame| &mut frame.kind) {
            Some(FrameKind::Loop(looped)) => looped.lose(),
            Some(FrameKind::Parallel(join)) => join.lose(slot),
            _ => {}
        }
    }

    /// Nothing is left of a child that failed. A race only waits for those that may win.
    fn child_failed(&mut self, frame: FrameId, slot: usize, error: &StepError) {
        if let Some(FrameKind::Loop(_)) = self.state.frames.get(frame).map(|frame| &frame.kind) {
            self.item_failed(frame, slot, error);
        }
    }
}

impl FrameKind {
    /// Whether it is a frame of others, which waits for nothing itself.
    fn holds_children(&self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Branch
                | Self::Parallel(_)
                | Self::Loop(_)
                | Self::Repeat(_)
                | Self::Try(_)
                | Self::Unwinding(_)
        )
    }
}

impl Frame {
    /// Whether a draining leaves it to run to its end: a `finally`, or an undo.
    fn is_spared(&self) -> bool {
        match &self.kind {
            FrameKind::Undoing(_) => true,
            FrameKind::Try(protected) => protected.is_in_finally(),
            _ => false,
        }
    }
}
