//! Which steps and branches the tests of a workflow reached.

use std::sync::Arc;

use crate::expr::Span;
use crate::plan::{Node, NodeId, NodeKind, Plan};

/// What the tests of a workflow reached.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// The workflow.
    pub plan: Arc<Plan>,
    entered: Vec<bool>,
}

/// What a test may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What it is.
    pub kind: PointKind,
    /// What it is called: a step's name, or the id of a block.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// Whether it was reached.
    pub reached: bool,
}

/// The kinds of what a test may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointKind {
    /// A step.
    Step,
    /// What undoes a step.
    Undo,
    /// An arm of an `if` or a `match`.
    Arm,
    /// The `else` of an `if` or a `match`.
    Else,
    /// A `catch`.
    Catch,
    /// A `finally`.
    Finally,
    /// The body of a loop.
    Loop,
    /// A branch of a `parallel`.
    Branch,
}

impl PointKind {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Undo => "undo",
            Self::Arm => "arm",
            Self::Else => "else",
            Self::Catch => "catch",
            Self::Finally => "finally",
            Self::Loop => "loop",
            Self::Branch => "branch",
        }
    }
}

impl Coverage {
    /// Nothing was reached yet.
    pub fn of(plan: Arc<Plan>) -> Self {
        Self { entered: vec![false; plan.nodes.len()], plan }
    }

    /// Adds what an execution entered.
    pub fn add(&mut self, entered: &[bool]) {
        for (at, entered) in self.entered.iter_mut().zip(entered) {
            *at |= *entered;
        }
    }

    /// All that may be reached, in the order written.
    pub fn points(&self) -> Vec<Point> {
        let point = |(at, node): (usize, &Node)| {
            let kind = self.kind_of(NodeId(u32::try_from(at).ok()?), node)?;
            Some(Point { kind, name: node.id.clone(), span: node.span, reached: self.entered[at] })
        };
        self.plan.nodes.iter().enumerate().filter_map(point).collect()
    }

    fn kind_of(&self, id: NodeId, node: &Node) -> Option<PointKind> {
        if let NodeKind::Step(_) = &node.kind {
            return Some(if self.plan.is_undo(node) { PointKind::Undo } else { PointKind::Step });
        }
        match &self.plan.node(node.parent?).kind {
            NodeKind::If { otherwise, .. } => Some(arm(id, *otherwise)),
            NodeKind::Match(node) => Some(arm(id, node.otherwise)),
            NodeKind::Try(node) if node.finally == Some(id) => Some(PointKind::Finally),
            NodeKind::Try(node) => (node.body != id).then_some(PointKind::Catch),
            NodeKind::For(_) | NodeKind::Repeat(_) => Some(PointKind::Loop),
            NodeKind::Parallel { .. } => Some(PointKind::Branch),
            _ => None,
        }
    }
}

fn arm(id: NodeId, otherwise: Option<NodeId>) -> PointKind {
    if otherwise == Some(id) { PointKind::Else } else { PointKind::Arm }
}
