//! `try`: a body whose errors are caught, and what runs at its end however it came.

use std::sync::Arc;

use crate::expr::Value;
use crate::plan::{CatchArm, NodeId, NodeKind, TryNode};

use super::StepError;
use super::machine::{Machine, Place};
use super::state::{Bindings, FrameId, FrameKind, ScopeId};

/// A `try` that is under way.
#[derive(Clone, Debug)]
pub(super) struct Protected {
    pub phase: TryPhase,
    /// The undos of what its body did, the newest last: what `compensate` runs.
    pub undos: Vec<usize>,
}

/// Where a `try` stands.
#[derive(Clone, Debug)]
pub(super) enum TryPhase {
    /// Its body runs: the one phase in which it catches.
    Body,
    /// An error was caught; what is left of the body runs to its end, then the `catch`.
    Caught { arm: usize, error: Box<StepError> },
    /// A `catch` runs.
    Catch,
    /// It is drained from outside; what is left below it runs to its end, then the `finally`.
    Drained,
    /// The `finally` runs. Where it was drained, it has an end already, and only has to be done.
    Finally { drained: bool },
}

impl Protected {
    /// Whether its body runs: to its end, or because it is drained, as far as a `finally` inside goes.
    pub fn is_in_body(&self) -> bool {
        matches!(self.phase, TryPhase::Body | TryPhase::Caught { .. } | TryPhase::Drained)
    }

    /// Whether its `finally` runs.
    pub fn is_in_finally(&self) -> bool {
        matches!(self.phase, TryPhase::Finally { .. })
    }
}

impl Machine<'_> {
    pub(super) fn enter_try(&mut self, place: Place, node: &TryNode) {
        let protected = Protected { phase: TryPhase::Body, undos: Vec::new() };
        let frame = self.open(place, FrameKind::Try(Box::new(protected)));
        self.enter(Place { node: node.body, parent: Some(frame), slot: 0, ..place }, 1);
    }

    /// The first `catch` that takes an error. A condition that has no value is itself the error, and leaves the `try`.
    pub(super) fn catches(&self, frame: FrameId, error: &mut StepError) -> Option<usize> {
        let scope = self.state.frames.get(frame)?.scope;
        for (at, arm) in self.try_node(frame)?.catches.iter().enumerate() {
            let Some(condition) = &arm.condition else { return Some(at) };
            let mut names = self.names(scope);
            names.data = self.data_for(Place { node: arm.block, parent: Some(frame), slot: at + 1, scope }, condition);
            names.local = Some((&*arm.name, error.to_value()));
            match names.truth(condition) {
                Ok(true) => return Some(at),
                Ok(false) => {}
                Err(broken) => {
                    *error = broken;
                    return None;
                }
            }
        }
        None
    }

    /// A block of a `try` settled.
    pub(super) fn protected_settled(&mut self, frame: FrameId, child: Place) {
        self.forget(child);
        match self.protected(frame).map(|protected| &protected.phase) {
            Some(TryPhase::Finally { drained: true }) => self.gone(frame),
            Some(TryPhase::Body | TryPhase::Catch) if self.finally_of(frame).is_some() => {
                self.begin_finally(frame, false);
            }
            _ => {
                let place = self.close(frame);
                self.settled(place);
            }
        }
    }

    /// The body is drained: the `catch` that took the error begins. Its error is a name of its own; what else it binds is
    /// bound where the `try` stands.
    pub(super) fn begin_catch(&mut self, frame: FrameId) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let (node, scope) = (open.node, open.scope);
        let FrameKind::Try(protected) = &mut open.kind else { return };
        let TryPhase::Caught { arm, error } = std::mem::replace(&mut protected.phase, TryPhase::Catch) else { return };
        let NodeKind::Try(node) = &plan.node(node).kind else { return };
        let Some(CatchArm { name, block, .. }) = node.catches.get(arm) else { return };
        let scope = self.open_catch_scope(scope, name.clone(), error.to_value());
        self.enter(Place { node: *block, parent: Some(frame), slot: arm + 1, scope }, 1);
    }

    /// Enters the `finally`.
    pub(super) fn begin_finally(&mut self, frame: FrameId, drained: bool) {
        let Some(block) = self.finally_of(frame) else { return };
        let slot = self.try_node(frame).map_or(0, |node| node.catches.len() + 1);
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let scope = open.scope;
        let FrameKind::Try(protected) = &mut open.kind else { return };
        protected.phase = TryPhase::Finally { drained };
        self.enter(Place { node: block, parent: Some(frame), slot, scope }, 1);
    }

    /// The `finally` of a frame's `try`.
    pub(super) fn finally_of(&self, frame: FrameId) -> Option<NodeId> {
        self.try_node(frame)?.finally
    }

    /// The `try` of a frame.
    pub(super) fn protected(&self, frame: FrameId) -> Option<&Protected> {
        match &self.state.frames.get(frame)?.kind {
            FrameKind::Try(protected) => Some(protected),
            _ => None,
        }
    }

    fn try_node(&self, frame: FrameId) -> Option<&TryNode> {
        let plan = self.plan;
        match &plan.node(self.state.frames.get(frame)?.node).kind {
            NodeKind::Try(node) => Some(node),
            _ => None,
        }
    }

    fn open_catch_scope(&mut self, parent: ScopeId, name: Arc<str>, error: Value) -> ScopeId {
        let suffix = self.state.scopes.get(parent).map(|scope| scope.suffix.clone()).unwrap_or_default();
        let values = std::iter::once((name, error)).collect();
        self.state.scopes.insert(Bindings { parent: Some(parent), open: true, suffix, values })
    }
}
