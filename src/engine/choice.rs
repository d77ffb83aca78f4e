//! Choices: `if` and `match`, and what becomes of the branches that are not taken.
//!
//! Invariant: which arm was taken is in the statement's row, so that a recovery takes the same.

use crate::expr::Value;
use crate::ids::Attempt;
use crate::plan::{IfArm, MatchNode, NodeId, NodeKind};

use super::flow::display;
use super::machine::{Machine, Place};
use super::state::{FrameKind, ScopeId};
use super::{StepError, StepStatus, code};

/// How much of a subject that nothing fits is shown, in characters.
const MAX_SHOWN: usize = 200;

impl Machine<'_> {
    pub(super) fn enter_if(&mut self, place: Place, arms: &[IfArm], otherwise: Option<NodeId>, attempt: Attempt) {
        let taken = match self.recorded_output(place, attempt) {
            Some(recorded) => Ok(arm_of(&recorded)),
            None => self.choose(place, arms, otherwise),
        };
        match taken {
            Ok(taken) => {
                let blocks = arms.iter().map(|arm| arm.block).chain(otherwise);
                self.go_into(place, attempt, taken, blocks);
            }
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    fn choose(&self, place: Place, arms: &[IfArm], otherwise: Option<NodeId>) -> Result<Option<usize>, StepError> {
        for (at, arm) in arms.iter().enumerate() {
            let mut names = self.names(place.scope);
            names.data = self.data_for(place, &arm.condition);
            if names.truth(&arm.condition)? {
                return Ok(Some(at));
            }
        }
        Ok(otherwise.map(|_| arms.len()))
    }

    pub(super) fn enter_match(&mut self, place: Place, node: &MatchNode, attempt: Attempt) {
        let taken = match self.recorded_output(place, attempt) {
            Some(recorded) => Ok(arm_of(&recorded)),
            None => self.find_arm(place, node).map(Some),
        };
        match taken {
            Ok(taken) => {
                let blocks = node.arms.iter().map(|arm| arm.block).chain(node.otherwise);
                self.go_into(place, attempt, taken, blocks);
            }
            Err(error) => self.fail_row(place, attempt, None, error),
        }
    }

    /// The first arm with a pattern that equals the subject, as `==` has it; else the `else`.
    fn find_arm(&self, place: Place, node: &MatchNode) -> Result<usize, StepError> {
        let subject = self.evaluate(place, &node.subject)?;
        for (at, arm) in node.arms.iter().enumerate() {
            for pattern in &arm.patterns {
                if self.evaluate(place, pattern)? == subject {
                    return Ok(at);
                }
            }
        }
        match node.otherwise {
            Some(_) => Ok(node.arms.len()),
            None => Err(no_match(&subject)),
        }
    }

    /// Goes into the arm that is taken, and records the steps of the others as skipped. The row holds the arm's index (the
    /// number of arms for `else`, null for none).
    fn go_into(
        &mut self,
        place: Place,
        attempt: Attempt,
        taken: Option<usize>,
        blocks: impl Iterator<Item = NodeId> + Clone,
    ) {
        let output = taken.map_or(Value::Null, |arm| Value::Int(i64::try_from(arm).unwrap_or(i64::MAX)));
        self.record(place, attempt, None, output);
        for (arm, block) in blocks.enumerate() {
            if taken == Some(arm) {
                let frame = self.open(place, FrameKind::Branch);
                self.enter(Place { node: block, parent: Some(frame), slot: 0, ..place }, 1);
            } else {
                self.skip_within(block, place.scope);
            }
        }
        if taken.is_none() {
            self.settled(place);
        }
    }

    /// Records every step in a branch that was not taken as skipped: its value is null. What is waited for there is too.
    pub(super) fn skip_within(&mut self, node: NodeId, scope: ScopeId) {
        let plan = self.plan;
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let kind = &plan.node(node).kind;
            match kind {
                // Its `catch`es and its `finally` would not have run of themselves.
                NodeKind::Try(protected) => open.push(protected.body),
                _ => {
                    let at = open.len();
                    kind.each_child(&mut |child| open.push(child));
                    open[at..].reverse();
                }
            }
            let Some(name) = kind.bound_name() else { continue };
            let place = Place { node, parent: None, slot: 0, scope };
            let path = self.path_of(place);
            let row = self.row(place, path, 1, StepStatus::Skipped);
            self.effects.steps.push(row);
            self.state.bind(scope, name.clone(), Value::Null);
        }
    }
}

/// The arm that a row says was taken.
fn arm_of(recorded: &Value) -> Option<usize> {
    match recorded {
        Value::Int(arm) => usize::try_from(*arm).ok(),
        _ => None,
    }
}

fn no_match(subject: &Value) -> StepError {
    let mut shown = match subject {
        Value::Str(text) => format!("{text:?}"),
        other => display(other),
    };
    if let Some((end, _)) = shown.char_indices().nth(MAX_SHOWN) {
        shown.truncate(end);
        shown.push('…');
    }
    StepError::fatal(code::NO_MATCH, format!("no arm of the `match` fits {shown}, and there is no `else`"))
}
