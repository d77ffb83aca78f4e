//! The tree of an expression, as the parser makes it and the plan keeps it.
//!
//! Invariant: a tree is data. Names are checked by `lang`, before a plan exists.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Span, Value};

/// An expression and where it was written. Stored plans keep it flat (`flat.rs`).
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands in the source.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `12`, `"text"`, `true`, `null`, `1h30m`.
    Literal(Value),
    /// A name in scope: `input`, a step (with `_` for `-`), a `let`, a loop variable.
    Name(Arc<str>),
    /// `base.name`, or `base?.name`, which is null where the base is null or has no such field.
    Field { base: Box<Expr>, name: Arc<str>, optional: bool },
    /// `base[index]`, or `base?.[index]`.
    Index { base: Box<Expr>, index: Box<Expr>, optional: bool },
    /// `[a, ...b]`.
    List(Vec<ListItem>),
    /// `{ key: a, ...b }`.
    Object(Vec<ObjectEntry>),
    /// `!a`, `-a`.
    Unary { op: UnaryOp, operand: Box<Expr> },
    /// `a + b` and its like.
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `test ? then : otherwise`.
    Conditional { test: Box<Expr>, then: Box<Expr>, otherwise: Box<Expr> },
    /// `function(args)` or `receiver.function(args)`; `name_span` is the place of the function's name.
    Call { function: Arc<str>, name_span: Span, receiver: Option<Box<Expr>>, args: Vec<Expr> },
    /// `list.all(x, body)` and its like.
    Macro { kind: MacroKind, list: Box<Expr>, var: Arc<str>, filter: Option<Box<Expr>>, body: Box<Expr> },
    /// `has(a.b)`.
    Has(Box<Expr>),
    /// `"text ${expr}"`.
    Template(Vec<TemplatePart>),
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum ListItem {
    /// One item.
    Item(Expr),
    /// `...list`.
    Spread(Expr),
}

/// An entry of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectEntry {
    /// `key: value`; `key_span` is the key's own place.
    Field { key: Arc<str>, key_span: Span, value: Expr },
    /// `...object`.
    Spread(Expr),
}

/// A piece of an interpolated string.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplatePart {
    /// Literal text, its escapes resolved.
    Text(Arc<str>),
    /// `${expr}`.
    Expr(Expr),
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `??`
    Coalesce,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

impl BinaryOp {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::Coalesce => "??",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        }
    }
}

/// The macros of CEL: forms that bind a variable over a list (or the keys of a map).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacroKind {
    /// `all(x, p)`
    All,
    /// `exists(x, p)`
    Exists,
    /// `exists_one(x, p)`
    ExistsOne,
    /// `map(x, e)` or `map(x, p, e)`
    Map,
    /// `filter(x, p)`
    Filter,
    /// `sort_by(x, e)`
    SortBy,
}

impl Expr {
    /// An expression of `kind` at `span`.
    pub fn new(kind: ExprKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// A literal.
    pub fn literal(value: Value, span: Span) -> Self {
        Self::new(ExprKind::Literal(value), span)
    }
}
