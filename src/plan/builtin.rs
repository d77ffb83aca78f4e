//! What the engine's own task types are configured with.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::{Expr, Type};

/// A path into a value: `a.b[0]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValuePath(pub Vec<PathPart>);

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathPart {
    /// `[0]`
    Index(u64),
    /// `.name`
    Key(Arc<str>),
}

/// One of the transforms of `data_transform`, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformOp {
    /// Moves what is at `from` to `to`.
    Rename { from: ValuePath, to: ValuePath },
    /// Puts a value at `path`, making the objects on the way.
    Set { path: ValuePath, value: Expr },
    /// Takes away what is at `path`.
    Remove { path: ValuePath },
    /// Copies what is at `from` to `to`.
    Copy { from: ValuePath, to: ValuePath },
    /// Keeps these paths alone.
    Pick { paths: Vec<ValuePath> },
    /// Puts a value at `path` where it is absent or null.
    Default { path: ValuePath, value: Expr },
    /// Replaces each item of the list at `path` by `value`, in which the item is called `item`.
    Map { path: ValuePath, value: Expr },
    /// Converts what is at `path` (`int number string bool duration timestamp`).
    Cast { path: ValuePath, to: Type },
    /// Merges an object into what is at `path` (the whole, where absent), shallow.
    Merge { path: Option<ValuePath>, value: Expr },
}

/// The configuration of `conditional`. `then` and `else` are gone: they became guards of the steps that they name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionalConfig {
    /// What decides.
    pub condition: Condition,
}

/// A condition: an expression, or the structured form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// An expression of type `bool`.
    Expr(Expr),
    /// `{ field, operator, value }` over `data`.
    Test { field: ValuePath, operator: Operator, value: Option<Expr> },
    /// All of these hold.
    All(Vec<Condition>),
    /// One of these holds.
    Any(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
}

/// The operators of a structured condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
    Exists,
    NotExists,
    Matches,
}
