//! The plan: what a workflow compiles to, and what an execution is pinned to for life.
//!
//! Invariant: no clock, file, network or random source here. The same source gives the same plan on every machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::expr::{Expr, Span, Type};

mod builtin;
mod cron;
mod node;
mod parts;
mod policy;
mod queue;
mod task_type;
mod trigger;

pub use builtin::{Condition, ConditionalConfig, Operator, PathPart, TransformOp, ValuePath};
pub use cron::{Cron, CronError};
pub use node::{
    Action, ApproveNode, CachePolicy, CatchArm, DEFAULT_PRIORITY, ForNode, IfArm, JoinMode, KeepGoing, MatchArm,
    MatchNode, Node, NodeId, NodeKind, ParallelChild, Rarely, RatePolicy, RepeatNode, StepNode, TryNode, WaitNode,
    Wake,
};
pub use policy::{DEFAULT_TIMEOUT_MS, Jitter, MAX_RETRY_WAIT_MS, PATIENT_TIMEOUT_MS, RetryFilter, RetryPolicy};
pub use queue::{QUEUE_NAME, is_queue_name};
pub use task_type::{Runs, TaskDefaults, TaskType, TaskTypes};
pub use trigger::{CatchUp, Concurrency, Overflow, Overlap, Trigger, TriggerOn};

/// The format that this binary writes. It reads this one and the one before.
pub const PLAN_FORMAT: u32 = 2;

/// How long events wait for a workflow that says nothing of it, in milliseconds.
pub const DEFAULT_KEEP_MS: u64 = 86_400_000;

/// A compiled workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The format of this plan.
    pub format: u32,
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// What it is for.
    pub description: Option<Arc<str>>,
    /// Labels; the seed's `metadata`.
    pub labels: BTreeMap<String, serde_json::Value>,
    /// What it takes.
    pub inputs: Vec<InputField>,
    /// What it gives, where it says so.
    pub output: Option<Type>,
    /// What differs between environments.
    pub settings: Vec<InputField>,
    /// Whether the output is the last `data` where nothing is returned (JSON and the flat notation).
    pub output_is_data: bool,
    /// How long an execution may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What may reach a request and nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Arc<str>>,
    /// What starts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// How many executions run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// `undo never`: a failure or a cancel runs no undo.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undo_never: bool,
    /// How long events wait for it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<u64>,
    /// What the task types of its steps give, as the checker knew them: the type of the output of a step that declares none.
    /// Said once, however many steps are of a type. A plan of before it was kept has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_outputs: BTreeMap<Arc<str>, Type>,
    /// The nodes; a parent comes before its children.
    pub nodes: Vec<Node>,
    /// The body: a block.
    pub root: NodeId,
}

/// An input or a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputField {
    /// Its name as written.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
    /// What it is where nothing is given; may read no names.
    pub default: Option<Expr>,
    /// Where it was declared.
    pub span: Span,
}

/// What an output must fit, and who says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WantedOutput<'a> {
    /// The step declares it.
    Declared(&'a Type),
    /// The step, an `http_request`, declares it of its `body`.
    Body(&'a Type),
    /// The task type, as the checker knew it.
    OfTaskType(&'a Type),
}

impl<'a> WantedOutput<'a> {
    /// The type.
    pub fn ty(self) -> &'a Type {
        match self {
            Self::Declared(ty) | Self::Body(ty) | Self::OfTaskType(ty) => ty,
        }
    }
}

/// The content hash of a plan: SHA-256 in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanHash(pub Arc<str>);

impl Plan {
    /// The node with this id.
    ///
    /// # Panics
    /// Where the id is of another plan, which is a bug of ours.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Every step, in the order written; what undoes a step is none.
    pub fn steps(&self) -> impl Iterator<Item = (NodeId, &StepNode)> {
        self.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
            NodeKind::Step(step) if !self.is_undo(node) => {
                Some((NodeId(u32::try_from(at).unwrap_or(u32::MAX)), &**step))
            }
            _ => None,
        })
    }

    /// Whether a node is what undoes a step: it stands below that step.
    pub fn is_undo(&self, node: &Node) -> bool {
        node.parent.is_some_and(|parent| matches!(self.node(parent).kind, NodeKind::Step(_)))
    }

    /// What the output of a step must fit when it arrives: the type that the step declares (of an `http_request` that of its
    /// `body`), or else what its task type was known to give. None where nothing is known, and for what undoes a step:
    /// nothing reads that.
    pub fn wanted_output(&self, node: NodeId) -> Option<WantedOutput<'_>> {
        let node = self.node(node);
        let NodeKind::Step(step) = &node.kind else { return None };
        match &step.output {
            Some(body) if &*step.task_type == "http_request" => Some(WantedOutput::Body(body)),
            Some(declared) => Some(WantedOutput::Declared(declared)),
            None if self.is_undo(node) => None,
            None => self.task_outputs.get(&step.task_type).map(WantedOutput::OfTaskType),
        }
    }

    /// Whether a node is entered with names of its own: the body of a loop, the block of a `catch`, and what undoes a step.
    pub fn has_own_names(&self, node: NodeId) -> bool {
        let Some(parent) = self.node(node).parent else { return false };
        match &self.node(parent).kind {
            NodeKind::For(looped) => looped.body == node,
            NodeKind::Repeat(repeat) => repeat.body == node,
            NodeKind::Try(protected) => protected.catches.iter().any(|arm| arm.block == node),
            NodeKind::Step(_) => true,
            _ => false,
        }
    }

    /// The plan as JSON text; what is stored, and what the hash is over.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The plan that [`Self::to_json`] wrote. A deep expression is deeper as JSON than the parser's own limit, so that is off: what
    /// bounds it is that only the compiler writes plans.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.disable_recursion_limit();
        let plan = Self::deserialize(&mut reader)?;
        reader.end()?;
        Ok(plan)
    }

    /// The hash that names this plan.
    pub fn hash(&self) -> PlanHash {
        let digest = Sha256::digest(self.to_json().as_bytes());
        PlanHash(crate::ids::hex(&digest).into())
    }
}
