//! `parallel`: children all at once; all of them are joined, or the first few to complete win.

use std::sync::Arc;

use crate::expr::Value;
use crate::ids::Attempt;
use crate::plan::{JoinMode, NodeId, NodeKind, ParallelChild, Plan};

use super::machine::{Machine, Place};
use super::state::{FrameId, FrameKind};
use super::unwind::Ending;
use super::{StepError, StepRow, StepStatus, code};

/// The children of a `parallel` that are not settled.
#[derive(Clone, Debug)]
pub(super) struct Join {
    /// How many each child still waits for.
    pub blockers: Vec<u32>,
    /// For each child, the children that wait for it: `successors[bounds[i]..bounds[i + 1]]`.
    pub successors: Arc<[u32]>,
    pub bounds: Arc<[u32]>,
    /// How many are not settled.
    pub left: usize,
    /// Who has won, where not all need to.
    pub race: Option<Race>,
}

/// Children of which not all need to complete.
#[derive(Clone, Debug)]
pub(super) struct Race {
    /// How many must.
    needs: usize,
    /// Those that have, in order.
    won: Vec<usize>,
    /// Those that can't any more: they failed, or wait for one that did.
    out: Vec<bool>,
    attempt: Attempt,
}

impl Join {
    fn of(children: &[ParallelChild]) -> Self {
        let mut counts = vec![0u32; children.len() + 1];
        for before in children.iter().flat_map(|child| &child.after) {
            counts[*before as usize + 1] += 1;
        }
        for at in 1..counts.len() {
            counts[at] += counts[at - 1];
        }
        let mut successors = vec![0u32; counts.last().copied().unwrap_or(0) as usize];
        let mut fill = counts.clone();
        for (at, child) in children.iter().enumerate() {
            for before in &child.after {
                let cursor = &mut fill[*before as usize];
                successors[*cursor as usize] = u32::try_from(at).unwrap_or(u32::MAX);
                *cursor += 1;
            }
        }
        let blockers = children.iter().map(|child| u32::try_from(child.after.len()).unwrap_or(u32::MAX)).collect();
        let (successors, bounds) = (successors.into(), counts.into());
        Self { blockers, successors, bounds, left: children.len(), race: None }
    }

    /// The children that wait for this one.
    fn successors(&self, slot: usize) -> impl Iterator<Item = usize> {
        (self.bounds[slot]..self.bounds[slot + 1]).map(|at| self.successors[at as usize] as usize)
    }

    /// Those that are out once this child is.
    fn out_with(&self, slot: usize, race: &Race) -> Vec<bool> {
        let mut out = race.out.clone();
        let mut open = vec![slot];
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut out[at], true) {
                open.extend(self.successors(at));
            }
        }
        out
    }

    /// Whether enough others can complete when this child fails.
    pub fn may_lose(&self, slot: usize) -> bool {
        self.race.as_ref().is_some_and(|race| {
            let out = self.out_with(slot, race);
            out.iter().filter(|out| !**out).count() >= race.needs
        })
    }

    /// A child failed, and enough others can complete.
    pub fn lose(&mut self, slot: usize) {
        if let Some(race) = &self.race {
            let out = self.out_with(slot, race);
            if let Some(race) = &mut self.race {
                race.out = out;
            }
        }
    }

    /// The children that this one, which settled, was the last to hold up.
    fn released_by(&mut self, slot: usize) -> Vec<usize> {
        let next: Vec<usize> = self.successors(slot).collect();
        next.iter().for_each(|next| self.blockers[*next] -= 1);
        next.into_iter().filter(|next| self.blockers[*next] == 0).collect()
    }
}

impl Race {
    /// A child completed; whether that decides it.
    fn win(&mut self, slot: usize) -> bool {
        self.won.push(slot);
        self.won.len() == self.needs
    }
}

impl Machine<'_> {
    pub(super) fn enter_parallel(
        &mut self,
        place: Place,
        children: &[ParallelChild],
        mode: &JoinMode,
        attempt: Attempt,
    ) {
        let race = match self.race(place, children.len(), mode, attempt) {
            Ok(race) => race,
            Err(error) => return self.fail_row(place, attempt, None, error),
        };
        if children.is_empty() {
            return self.settled(place);
        }
        let frame = self.open(place, FrameKind::Parallel(Join { race, ..Join::of(children) }));
        for (slot, child) in children.iter().enumerate().filter(|(_, child)| child.after.is_empty()) {
            self.enter(Place { node: child.node, parent: Some(frame), slot, scope: place.scope }, 1);
        }
    }

    fn race(
        &self,
        place: Place,
        children: usize,
        mode: &JoinMode,
        attempt: Attempt,
    ) -> Result<Option<Race>, StepError> {
        let needs = match mode {
            JoinMode::All => return Ok(None),
            JoinMode::First => 1,
            JoinMode::Any(needs) => self.count(place, needs, 1)?,
        };
        if needs > children && children > 0 {
            let message = format!("{needs} of {children} branches can never complete");
            return Err(StepError::fatal(code::LIMIT, message));
        }
        Ok(Some(Race { needs, won: Vec::new(), out: vec![false; children], attempt }))
    }

    pub(super) fn child_joined(&mut self, frame: FrameId, slot: usize) {
        let plan = self.plan;
        let Some(open) = self.state.frames.get_mut(frame) else { return };
        let scope = open.scope;
        let NodeKind::Parallel { children, .. } = &plan.node(open.node).kind else { return };
        let FrameKind::Parallel(join) = &mut open.kind else { return };
        if join.race.as_mut().is_some_and(|race| race.win(slot)) {
            return self.race_won(frame, children);
        }
        join.left -= 1;
        if join.left == 0 {
            let place = self.close(frame);
            return self.settled(place);
        }
        for slot in join.released_by(slot) {
            self.enter(Place { node: children[slot].node, parent: Some(frame), slot, scope }, 1);
        }
    }

    /// The race is decided: a row says who won, and the rest are drained.
    fn race_won(&mut self, frame: FrameId, children: &[ParallelChild]) {
        let Some(open) = self.state.frames.get(frame) else { return };
        let place = open.place();
        let FrameKind::Parallel(Join { race: Some(race), .. }) = &open.kind else { return };
        let (won, attempt) = (race.won.clone(), race.attempt);
        let names = won.iter().filter_map(|slot| children.get(*slot));
        let names = names.map(|child| Value::Str(self.plan.node(child.node).id.clone())).collect();
        let output = Some(Value::object([("winners", Value::list(names))]));
        let path = self.path_of(place);
        let row = self.row(place, path, attempt, StepStatus::Completed);
        self.effects.steps.push(StepRow { output, ..row });
        self.drain(frame, None, Ending::Settled { won });
    }

    /// Nothing is left of those that lost: their names are null from here on, whatever they did. Until then a `finally` of theirs
    /// may read them, and bind more.
    pub(super) fn race_over(&mut self, place: Place, won: &[usize]) {
        let plan = self.plan;
        let NodeKind::Parallel { children, .. } = &plan.node(place.node).kind else { return };
        let lost = children.iter().enumerate().filter(|(slot, _)| !won.contains(slot));
        for name in lost.flat_map(|(_, child)| names_within(plan, child.node)) {
            self.state.bind(place.scope, name.clone(), Value::Null);
        }
        self.settled(place);
    }
}

/// The names that a node binds where it stands: the items of a loop have their own.
fn names_within(plan: &Plan, node: NodeId) -> Vec<&Arc<str>> {
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let kind = &plan.node(node).kind;
        match kind {
            NodeKind::Let { name, .. } => found.push(name),
            NodeKind::For(looped) => found.extend(&looped.name),
            _ => {
                found.extend(kind.bound_name());
                kind.each_child(&mut |child| open.push(child));
            }
        }
    }
    found
}
