//! The nodes of a plan: a tree in one vector, children by index.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::{Expr, Span, Type};

use super::{ConditionalConfig, RetryPolicy, TransformOp};

/// Where a node stands in `Plan::nodes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

/// A node of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The stable id: the step's name, or for the rest the name of what encloses it and a count by kind
    /// (`if-1`, `picks`, `parallel-2`, `sleep-1`). Unique in a plan; never holds `[` or `]`.
    pub id: Arc<str>,
    /// What encloses it; the root has none. A parent comes before its children.
    pub parent: Option<NodeId>,
    /// Where it was written.
    pub span: Span,
    /// What it does.
    pub kind: NodeKind,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Children one after the other.
    Block { children: Vec<NodeId> },
    /// One unit of durable work.
    Step(Box<StepNode>),
    /// `let name = value`: evaluated once, recorded.
    Let { name: Arc<str>, value: Expr },
    /// The first arm whose condition holds, or `otherwise`. Blocks all.
    If { arms: Vec<IfArm>, otherwise: Option<NodeId> },
    /// All children at once, joined; `after` draws the edges.
    Parallel { children: Vec<ParallelChild> },
    /// The body once for each item of `list`.
    For(Box<ForNode>),
    /// A durable wait.
    Sleep(Wake),
    /// The end of the execution, with a value.
    Return { value: Option<Expr> },
    /// The end of the execution, with an error.
    Fail { message: Expr, code: Option<Expr>, cause: Option<Expr> },
}

/// An arm of an `if`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IfArm {
    /// When it is taken.
    pub condition: Expr,
    /// The block.
    pub block: NodeId,
}

/// A child of a `parallel`: a step, or a block for a `branch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParallelChild {
    /// The child.
    pub node: NodeId,
    /// The children (by their index among the children) that must be settled before it starts.
    pub after: Vec<u32>,
}

/// `[let name =] for var in list [parallel N] { body; [yield yields] }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForNode {
    /// The name that its list of yields is bound to.
    pub name: Option<Arc<str>>,
    /// The variable that holds the item.
    pub var: Arc<str>,
    /// What it goes over: a list.
    pub list: Expr,
    /// How many items at once; absent, one after the other.
    pub parallel: Option<Expr>,
    /// The body: a block.
    pub body: NodeId,
    /// What an item gives; evaluated in the item's scope when its body has ended.
    pub yields: Option<Expr>,
}

/// When a wait ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// After a duration (or a number of seconds).
    After(Expr),
    /// At a timestamp (or its RFC 3339 text).
    At(Expr),
}

/// A step: the handler's configuration and the engine's policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepNode {
    /// The name as written (`validate-order`). Unique in a workflow.
    pub name: Arc<str>,
    /// The name in expressions, `-` written `_` (`validate_order`).
    pub ident: Arc<str>,
    /// The task type as written.
    pub task_type: Arc<str>,
    /// Its place among all steps of the workflow, from 1, in the order written.
    pub order: u32,
    /// Who carries it out.
    pub action: Action,
    /// When it runs at all; a step whose `when` is false is skipped. Guards of a `conditional` that names it are
    /// already ANDed in.
    pub when: Option<Expr>,
    /// How long an attempt may take from its claim, in milliseconds.
    pub timeout_ms: u64,
    /// What happens when an attempt fails.
    pub retry: RetryPolicy,
    /// The queue its task goes to.
    pub queue: Arc<str>,
    /// The declared type of the output (for `http_request` of its `body`).
    pub output: Option<Type>,
    /// Whether its configuration reads `data`, so that the engine knows when to work it out.
    pub reads_data: bool,
}

/// Who carries a step out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A worker, through the queue. The configuration is an object.
    Task { config: Expr },
    /// The engine: reshapes data (`data_transform`).
    Transform { source: Option<Expr>, ops: Vec<TransformOp>, value: Option<Expr> },
    /// The engine: decides (`conditional`).
    Conditional(ConditionalConfig),
    /// The engine: writes to the execution's log (`log`). `message` has `{path}` compiled to `data.path` already.
    Log { message: Expr, level: Option<Expr>, details: Option<Expr> },
    /// A durable wait as a step (`delay`); its output is `{ waited: duration }`, as planned.
    Delay(Wake),
    /// A child execution (`workflow`).
    Child { workflow: Expr, input: Option<Expr>, version: Option<Expr> },
}
