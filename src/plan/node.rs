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
    /// The first arm with a value that equals the subject, or `otherwise`. Where nothing fits it fails with `NO_MATCH`.
    Match(Box<MatchNode>),
    /// All children at once, joined as `mode` says; `after` draws the edges.
    Parallel {
        children: Vec<ParallelChild>,
        #[serde(default, skip_serializing_if = "JoinMode::is_all")]
        mode: JoinMode,
    },
    /// The body once for each item of `list`.
    For(Box<ForNode>),
    /// The body, again and again, until a condition holds.
    Repeat(Box<RepeatNode>),
    /// A body whose errors are caught, and what runs at its end however it came.
    Try(Box<TryNode>),
    /// Runs the undos of the completed steps of the `try` around it, newest first.
    Compensate,
    /// A durable wait for an event.
    Wait(Box<WaitNode>),
    /// A durable wait for a person's word.
    Approve(Box<ApproveNode>),
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
    /// Whether an item that fails ends only itself. An item of the list is then `{ ok, error }`, of which one is
    /// null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_going: Option<KeepGoing>,
}

/// How many items of a loop may fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeepGoing {
    /// This many; one more fails the loop with `TOO_MANY_FAILURES`. All of them, where nothing is said.
    pub max: Option<Expr>,
}

/// How the children of a `parallel` are joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinMode {
    /// All of them must settle.
    #[default]
    All,
    /// The first to complete wins; the rest are cancelled.
    First,
    /// The first N to complete win; the rest are cancelled.
    Any(Expr),
}

impl JoinMode {
    /// Whether all children must settle.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// `match subject { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchNode {
    /// What is compared; evaluated once.
    pub subject: Expr,
    /// The arms, in order.
    pub arms: Vec<MatchArm>,
    /// The block where no arm fits.
    pub otherwise: Option<NodeId>,
}

/// An arm of a `match`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchArm {
    /// The values that it is for.
    pub patterns: Vec<Expr>,
    /// The block.
    pub block: NodeId,
}

/// `repeat [every D] max N until expr { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepeatNode {
    /// The wait between two passes.
    pub every: Option<Expr>,
    /// How many passes there may be; then it fails with `REPEAT_EXHAUSTED`.
    pub max: Expr,
    /// Evaluated after each pass, in its scope.
    pub until: Expr,
    /// The body: a block.
    pub body: NodeId,
}

/// `try { … } catch … { … } finally { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TryNode {
    /// The body: a block.
    pub body: NodeId,
    /// The `catch`es, in order.
    pub catches: Vec<CatchArm>,
    /// The block that runs at the end, however it came: also of a cancel, a `return`, an error that is not caught.
    pub finally: Option<NodeId>,
}

/// `catch NAME [if expr] { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatchArm {
    /// The name of the error, as expressions write it.
    pub name: Arc<str>,
    /// Which errors it takes.
    pub condition: Option<Expr>,
    /// The block.
    pub block: NodeId,
}

/// `wait NAME: "event.type" [where expr] [timeout D]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitNode {
    /// The name that the event's data is bound to, as expressions write it.
    pub name: Arc<str>,
    /// The event's type.
    pub event: Arc<str>,
    /// Which events it takes: over `event`, the data.
    pub condition: Option<Expr>,
    /// How long it waits; then it fails with `TIMEOUT`.
    pub timeout: Option<Expr>,
}

/// `approve NAME: "group" [form { … }] [timeout D]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApproveNode {
    /// The name that the form is bound to, as expressions write it.
    pub name: Arc<str>,
    /// Who is asked.
    pub group: Arc<str>,
    /// What the form holds: an object.
    pub form: Option<Type>,
    /// How long it waits; then it fails with `TIMEOUT`.
    pub timeout: Option<Expr>,
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
    /// What undoes it: a step node whose parent is this one, named `NAME.undo`. It is no step of the workflow's own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<NodeId>,
    /// The policies that few steps have.
    #[serde(default, skip_serializing_if = "Rarely::is_default")]
    pub rarely: Rarely,
}

/// Policies that few steps have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rarely {
    /// No undo exists.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// Repeating it does no harm.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,
    /// Its row is written before it is dispatched, and a loss fails it with `WORKER_LOST`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_most_once: bool,
    /// 0 to 9, the higher first; [`DEFAULT_PRIORITY`] where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// How long its handler may be silent, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// Whether its output is kept for others with the same key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CachePolicy>,
    /// How often it may be dispatched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RatePolicy>,
}

impl Rarely {
    /// Whether the step has none of them.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The priority of a task that says none.
pub const DEFAULT_PRIORITY: u8 = 5;

/// `cache key expr for D`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CachePolicy {
    /// What names the output, within the step of the workflow.
    pub key: Expr,
    /// How long it is kept, in milliseconds.
    pub ttl_ms: u64,
}

/// `rate "name" N/D`: shared by all steps that name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePolicy {
    /// The limit's name.
    pub name: Arc<str>,
    /// This many …
    pub count: u32,
    /// … in this long, in milliseconds.
    pub per_ms: u64,
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
    /// A child execution (`workflow`). One that is `detached` is started and not waited for: it has no parent.
    Child {
        workflow: Expr,
        input: Option<Expr>,
        version: Option<Expr>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        detached: bool,
    },
}
