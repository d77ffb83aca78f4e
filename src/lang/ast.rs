//! The syntax tree that both notations give.
//!
//! Invariant: it holds what was written, with its place, and decides nothing. Keywords the parser does not know, doubled
//! clauses, unknown keys: all of it is here for `check` to judge.

use std::sync::Arc;

use crate::expr::{Expr, Span, Type};

/// A piece of source and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// A name as written.
pub type Name = Spanned<Arc<str>>;

/// What a source file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The workflows, in order.
    pub workflows: Vec<Workflow>,
    /// `task NAME { config {…} output {…} }`: remote handlers' types.
    pub tasks: Vec<TaskDecl>,
    /// Items of the language that this compiler does not run yet (`test`): reported by `check`.
    pub reserved: Vec<Name>,
}

/// `workflow NAME { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// The name.
    pub name: Name,
    /// `description = …`, `labels = …`, and unknown keys for the checker to report.
    pub attributes: Vec<Attribute>,
    /// `input NAME: T [= default]`.
    pub inputs: Vec<Field>,
    /// `output { … }` or `output TYPE`.
    pub output: Option<Spanned<Type>>,
    /// `setting NAME: T [= default]`.
    pub settings: Vec<Field>,
    /// `retry …`, `timeout …` and other policies that are defaults of its steps or its own.
    pub policies: Vec<Policy>,
    /// The statements.
    pub body: Vec<Stmt>,
    /// Whether it came in the flat notation or from JSON: `data` is the output, `conditional` may name steps.
    pub flat: bool,
    /// The whole of it.
    pub span: Span,
}

/// `task NAME { config { … } output { … } }`.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDecl {
    /// The task type.
    pub name: Name,
    /// What it takes.
    pub config: Option<Spanned<Type>>,
    /// What it gives.
    pub output: Option<Spanned<Type>>,
    /// The whole of it.
    pub span: Span,
}

/// `key = value`: configuration of the handler or of the workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The key.
    pub key: Name,
    /// The value.
    pub value: Expr,
}

/// An input or a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Spanned<Type>,
    /// Its default.
    pub default: Option<Expr>,
    /// The whole of it.
    pub span: Span,
}

/// A statement and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// The whole of it.
    pub span: Span,
}

/// The kinds of statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// `step NAME: TYPE { … }`.
    Step(Box<Step>),
    /// `let NAME = expr`.
    Let { name: Name, value: Expr },
    /// `[let NAME =] for VAR in list [parallel N] { … yield expr }`.
    For(Box<For>),
    /// `parallel { … }`.
    Parallel { children: Vec<Stmt> },
    /// `branch NAME { [after a, b] … }`, a child of `parallel`.
    Branch { name: Name, policies: Vec<Policy>, body: Vec<Stmt> },
    /// `if … { } else if … { } else { }`.
    If { arms: Vec<(Expr, Vec<Stmt>)>, otherwise: Option<Vec<Stmt>> },
    /// `sleep D`.
    Sleep(Expr),
    /// `sleep until expr`.
    SleepUntil(Expr),
    /// `yield expr`: what an item of the enclosing `for` gives.
    Yield(Expr),
    /// `return [expr]`.
    Return(Option<Expr>),
    /// `fail message [code C] [cause E]`.
    Fail { message: Expr, code: Option<Expr>, cause: Option<Expr> },
    /// A statement of the language that this compiler does not run yet (`match`, `try`, …): reported by `check`.
    /// An empty keyword is a statement that could not be read: it is reported already, and what it declares is not known.
    /// `words` holds every name in it, as expressions write it: what it may have declared is not unknown.
    Reserved { keyword: Name, words: Vec<Arc<str>> },
}

/// `step NAME: TYPE { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The name.
    pub name: Name,
    /// The task type.
    pub task_type: Name,
    /// `key = value` entries.
    pub config: Vec<Attribute>,
    /// The engine's entries.
    pub policies: Vec<Policy>,
}

/// A loop.
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    /// The name that the yields are bound to.
    pub name: Option<Name>,
    /// The variable.
    pub var: Name,
    /// What it goes over.
    pub list: Expr,
    /// `parallel N`.
    pub parallel: Option<Expr>,
    /// The statements, `yield` among them.
    pub body: Vec<Stmt>,
}

/// A keyword entry and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it says.
    pub kind: PolicyKind,
    /// The keyword as written, and its place.
    pub keyword: Name,
    /// The whole of it.
    pub span: Span,
}

/// The kinds of policy.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyKind {
    /// `timeout D`.
    Timeout(Expr),
    /// `retry N [backoff A[..B]] [factor F] [jitter none|full] [unless expr|only expr]`.
    Retry(Box<Retry>),
    /// `when expr`.
    When(Expr),
    /// `after a, b`.
    After(Vec<Name>),
    /// `queue "name"`.
    Queue(Expr),
    /// `output TYPE`.
    Output(Spanned<Type>),
    /// A policy of the language that this compiler does not run yet, or a word that is none: reported by `check`.
    Other,
}

/// The parts of `retry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Further attempts after the first.
    pub max: Expr,
    /// The first wait.
    pub backoff: Option<Expr>,
    /// The longest wait.
    pub backoff_max: Option<Expr>,
    /// What each wait is to the one before.
    pub factor: Option<Expr>,
    /// `none` or `full`.
    pub jitter: Option<Name>,
    /// `unless expr`.
    pub unless: Option<Expr>,
    /// `only expr`.
    pub only: Option<Expr>,
}
