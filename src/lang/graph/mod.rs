//! A plan as a picture: what follows on what, for people.
//!
//! [`Drawing`] walks the plan and makes a [`Graph`] of boxes, frames and arrows; `mermaid` and `dot` write that down. A kind of
//! node of the plan is drawn in one place, `draw.rs`, and a kind of box is written in one place for each of the two.
//!
//! Invariants: each arrow joins two boxes that are there. No text of a source can end a label.

mod dot;
mod draw;
mod label;
mod mermaid;

use std::sync::Arc;

use crate::plan::Plan;

use draw::Drawing;

/// A picture of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The workflow's name.
    title: Arc<str>,
    /// What is drawn, outermost first.
    items: Vec<Item>,
    arrows: Vec<Arrow>,
}

/// What can be drawn.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Figure(Figure),
    Frame { id: usize, title: String, items: Vec<Item> },
}

/// A box with lines of text in it.
#[derive(Clone, Debug, PartialEq)]
struct Figure {
    id: usize,
    shape: Shape,
    lines: Vec<String>,
}

/// What a box stands for, and so what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The beginning, or an end without a value.
    Terminal,
    /// A step.
    Step,
    /// A step that runs another workflow.
    Child,
    /// What undoes a step.
    Undo,
    /// A value that is worked out.
    Value,
    /// A choice.
    Decision,
    /// Something that is waited for.
    Wait,
    /// The end, with a value.
    Return,
    /// The end, with an error; or where an error leaves a block.
    Failure,
    /// Where ways part or meet.
    Point,
}

/// An arrow between two boxes.
#[derive(Clone, Debug, PartialEq)]
struct Arrow {
    from: usize,
    to: usize,
    label: String,
    /// Whether it is taken only when something goes wrong, or again.
    dashed: bool,
}

impl Graph {
    /// The picture of a plan.
    pub fn of(plan: &Plan) -> Self {
        Drawing::new(plan).finish()
    }

    /// The picture in the notation of Mermaid.
    pub fn mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// The picture in the notation of Graphviz.
    pub fn dot(&self) -> String {
        dot::write(self)
    }
}
