//! The frames of an execution as a tree: a frame knows its parent, and the tree knows who stands below whom, so that a part of
//! it is found without looking at the rest.
//!
//! Invariant: an id is used again once its frame is gone, a stamp never. Whoever keeps an id over time keeps the stamp with it.

use slab::Slab;

use super::state::Frame;

/// Where a frame stands in the tree.
pub(super) type FrameId = usize;

/// The tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    knots: Slab<Knot>,
    /// The last stamp that was given.
    stamp: u64,
    /// The frame without a parent.
    root: Option<FrameId>,
}

/// A frame and its place among its parent's children, the newest of which comes first.
#[derive(Clone, Debug)]
struct Knot {
    frame: Frame,
    stamp: u64,
    first: Option<FrameId>,
    next: Option<FrameId>,
    previous: Option<FrameId>,
}

impl Frames {
    pub fn get(&self, id: FrameId) -> Option<&Frame> {
        self.knots.get(id).map(|knot| &knot.frame)
    }

    pub fn get_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        self.knots.get_mut(id).map(|knot| &mut knot.frame)
    }

    pub fn len(&self) -> usize {
        self.knots.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (FrameId, &Frame)> {
        self.knots.iter().map(|(id, knot)| (id, &knot.frame))
    }

    /// The frame without a parent.
    pub fn root(&self) -> Option<FrameId> {
        self.root
    }

    /// Adds a frame below its parent.
    pub fn insert(&mut self, frame: Frame) -> FrameId {
        self.stamp += 1;
        let parent = frame.parent;
        let next = parent.and_then(|parent| self.knots.get(parent)).and_then(|knot| knot.first);
        let id = self.knots.insert(Knot { frame, stamp: self.stamp, first: None, next, previous: None });
        if let Some(next) = next.and_then(|next| self.knots.get_mut(next)) {
            next.previous = Some(id);
        }
        match parent.map(|parent| self.knots.get_mut(parent)) {
            Some(Some(parent)) => parent.first = Some(id),
            Some(None) => {}
            None => self.root = Some(id),
        }
        id
    }

    /// Takes a frame out. Nothing may be left below it.
    pub fn remove(&mut self, id: FrameId) -> Frame {
        let Knot { frame, next, previous, .. } = self.knots.remove(id);
        if let Some(next) = next.and_then(|next| self.knots.get_mut(next)) {
            next.previous = previous;
        }
        match (previous, frame.parent) {
            (Some(previous), _) => {
                if let Some(previous) = self.knots.get_mut(previous) {
                    previous.next = next;
                }
            }
            (None, Some(parent)) => {
                if let Some(parent) = self.knots.get_mut(parent) {
                    parent.first = next;
                }
            }
            (None, None) => self.root = None,
        }
        frame
    }

    /// Whether nothing stands below a frame.
    pub fn is_bare(&self, id: FrameId) -> bool {
        self.knots.get(id).is_none_or(|knot| knot.first.is_none())
    }

    /// The stamp of a frame; 0 where there is none.
    pub fn stamp(&self, id: Option<FrameId>) -> u64 {
        id.and_then(|id| self.knots.get(id)).map_or(0, |knot| knot.stamp)
    }

    /// The last stamp that was given: what is opened from now on has a later one.
    pub fn last_stamp(&self) -> u64 {
        self.stamp
    }

    /// Gives a frame a new stamp: what was to be done below it is void.
    pub fn renew(&mut self, id: FrameId) {
        self.stamp += 1;
        if let Some(knot) = self.knots.get_mut(id) {
            knot.stamp = self.stamp;
        }
    }

    /// The frames below `top`, a parent before its children, the newest child first: read from its end, a child comes before its
    /// parent, and the oldest first. What stands below a frame that `closed` holds for is left out.
    pub fn below(&self, top: FrameId, closed: impl Fn(FrameId, &Frame) -> bool) -> Vec<FrameId> {
        let mut found = Vec::new();
        let mut open = Vec::new();
        self.push_children(top, &mut open);
        while let Some(id) = open.pop() {
            found.push(id);
            if self.get(id).is_some_and(|frame| !closed(id, frame)) {
                self.push_children(id, &mut open);
            }
        }
        found
    }

    fn push_children(&self, id: FrameId, open: &mut Vec<FrameId>) {
        let start = open.len();
        let mut next = self.knots.get(id).and_then(|knot| knot.first);
        while let Some(child) = next {
            open.push(child);
            next = self.knots.get(child).and_then(|knot| knot.next);
        }
        // What is pushed last is taken first.
        open[start..].reverse();
    }

    /// The frames around a place, the innermost first: from `id` up to the root.
    pub fn around(&self, id: Option<FrameId>) -> impl Iterator<Item = (FrameId, &Frame)> {
        let found = |id: FrameId| self.get(id).map(|frame| (id, frame));
        std::iter::successors(id.and_then(found), move |(_, frame)| frame.parent.and_then(found))
    }
}
