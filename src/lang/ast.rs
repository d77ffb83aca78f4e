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
    /// `test "…" for WORKFLOW { … }`.
    pub tests: Vec<Test>,
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
    /// `secret NAME`.
    pub secrets: Vec<Name>,
    /// `on …`.
    pub triggers: Vec<Trigger>,
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
    /// `parallel { … }`, `parallel first { … }`, `parallel any N of { … }`.
    Parallel { mode: ParallelMode, children: Vec<Stmt> },
    /// `branch NAME { [after a, b] … }`, a child of `parallel`.
    Branch { name: Name, policies: Vec<Policy>, body: Vec<Stmt> },
    /// `if … { } else if … { } else { }`.
    If { arms: Vec<(Expr, Vec<Stmt>)>, otherwise: Option<Vec<Stmt>> },
    /// `match subject { "a", "b" { … } else { … } }`.
    Match(Box<Match>),
    /// `repeat [every D] max N until expr { … }`.
    Repeat(Box<Repeat>),
    /// `try { … } catch NAME [if expr] { … } finally { … }`.
    Try(Box<Try>),
    /// `compensate`: the undos of the completed steps of the `try` around it.
    Compensate,
    /// `wait NAME: "event.type" [where expr] [timeout D]`.
    Wait(Box<Wait>),
    /// `approve NAME: "group" [form { … }] [timeout D]`.
    Approve(Box<Approve>),
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
    /// A statement that could not be read: it is reported already. `words` holds every name in it, as expressions write it:
    /// what it may have declared is not unknown.
    Unread { words: Vec<Arc<str>> },
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
    /// `keep going [max N]`.
    pub keep_going: Option<KeepGoing>,
    /// The statements, `yield` among them.
    pub body: Vec<Stmt>,
}

/// `keep going [max N]`: an item that fails is an item of the list, `{ error }`, and ends nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepGoing {
    /// How many items may fail; one more fails the loop.
    pub max: Option<Expr>,
    /// The whole clause.
    pub span: Span,
}

/// How the children of a `parallel` are joined.
#[derive(Clone, Debug, PartialEq)]
pub enum ParallelMode {
    /// All of them.
    All,
    /// `first`: the first to complete wins, the rest are cancelled. With the place of the word.
    First(Span),
    /// `any N of`: the first N to complete win, the rest are cancelled. With the place of the clause.
    Any { count: Expr, span: Span },
}

/// `match subject { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// What is compared.
    pub subject: Expr,
    /// The arms, in order; the first that fits wins.
    pub arms: Vec<MatchArm>,
    /// The `else` arm.
    pub otherwise: Option<Vec<Stmt>>,
}

/// `"a", "b" { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchArm {
    /// The values that it is for.
    pub patterns: Vec<Expr>,
    /// The statements.
    pub body: Vec<Stmt>,
    /// The whole of it.
    pub span: Span,
}

/// `repeat [every D] max N until expr { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// The wait between two passes.
    pub every: Option<Expr>,
    /// How many passes there may be.
    pub max: Expr,
    /// Evaluated after each pass, in its scope: whether it was the last.
    pub until: Expr,
    /// The statements.
    pub body: Vec<Stmt>,
}

/// `try { … } catch … { … } finally { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// The statements.
    pub body: Vec<Stmt>,
    /// The `catch`es, in order; the first whose condition holds takes the error.
    pub catches: Vec<Catch>,
    /// The statements that run at the end, however it came.
    pub finally: Option<Vec<Stmt>>,
}

/// `catch NAME [if expr] { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Catch {
    /// The name that holds the error inside.
    pub name: Name,
    /// Which errors it takes; all of them where nothing is said.
    pub condition: Option<Expr>,
    /// The statements.
    pub body: Vec<Stmt>,
    /// The whole of it.
    pub span: Span,
}

/// `wait NAME: "event.type" [where expr] [timeout D]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// The name that holds the event's data afterwards.
    pub name: Name,
    /// The event's type: dotted.
    pub event: Name,
    /// Which events it takes: over `event`, the data.
    pub condition: Option<Expr>,
    /// How long it waits; then it fails with `TIMEOUT`.
    pub timeout: Option<Expr>,
}

/// `approve NAME: "group" [form { … }] [timeout D]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Approve {
    /// The name that holds the form afterwards.
    pub name: Name,
    /// Who is asked.
    pub group: Name,
    /// The fields of the form.
    pub form: Option<Spanned<Type>>,
    /// How long it waits; then it fails with `TIMEOUT`.
    pub timeout: Option<Expr>,
}

/// `on …`: what starts the workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// What it is.
    pub kind: TriggerKind,
    /// `where expr`.
    pub condition: Option<Expr>,
    /// `with expr`: the input.
    pub with: Option<Expr>,
    /// The whole of it.
    pub span: Span,
}

/// The kinds of trigger.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerKind {
    /// `cron "0 6 * * 1-5" [timezone "Europe/Paris"] [catch up last] [overlap skip]`.
    Cron { schedule: Name, timezone: Option<Name>, catch_up: Option<Name>, overlap: Option<Name> },
    /// `event "order.placed"`.
    Event { event: Name },
    /// `webhook "orders" [hmac SECRET] [dedupe expr]`.
    Webhook { path: Name, hmac: Option<Name>, dedupe: Option<Expr> },
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
    /// `undo TYPE { … }`.
    Undo(Box<Undo>),
    /// `undo never`, of a workflow: a failure runs no undo.
    UndoNever,
    /// `irreversible`: no undo exists. Implies `at most once`.
    Irreversible,
    /// `idempotent`: repeating it does no harm.
    Idempotent,
    /// `at most once`: a lost attempt is not repeated.
    AtMostOnce,
    /// `priority N`: 0 to 9, the higher first; 5 where nothing is said.
    Priority(Expr),
    /// `heartbeat D`: an attempt whose handler is silent for longer is lost.
    Heartbeat(Expr),
    /// `cache key expr for D`.
    Cache { key: Expr, ttl: Expr },
    /// `rate "name" N/D`: as parsed, a division of a whole number by a duration.
    Rate { name: Name, limit: Expr },
    /// `concurrency key expr limit N [else queue|cancel|replace|fail]`, of a workflow.
    Concurrency { key: Expr, limit: Expr, otherwise: Option<Name> },
    /// `keep D`, of a workflow: how long events wait for it.
    Keep(Expr),
    /// A word that begins no policy: reported by `check`.
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

/// `undo TYPE { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// The task type.
    pub task_type: Name,
    /// `key = value` entries.
    pub config: Vec<Attribute>,
    /// Its own policies: `timeout`, `retry`, `queue`, `idempotent`.
    pub policies: Vec<Policy>,
}

/// `test "…" for WORKFLOW { … }`: the workflow on the real engine, with mocks and a clock of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What it shows.
    pub name: Name,
    /// The workflow.
    pub workflow: Name,
    /// What is given, what happens, and what is expected, in the order written.
    pub entries: Vec<TestEntry>,
    /// The whole of it.
    pub span: Span,
}

/// An entry of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestEntry {
    /// What it says.
    pub kind: TestKind,
    /// The keyword as written, and its place.
    pub keyword: Name,
    /// The whole of it.
    pub span: Span,
}

/// The kinds of entry of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestKind {
    /// `given { … }`: the input.
    Given(Expr),
    /// `settings { … }`: settings that differ from their defaults.
    Settings(Expr),
    /// `at "2026-01-31T08:00:00Z"`: when the execution starts.
    At(Expr),
    /// `mock STEP …`.
    Mock(Box<Mock>),
    /// `send "event.type" [with expr] [after D]`.
    Send { event: Name, data: Option<Expr>, after: Option<Expr> },
    /// `approve NAME [with form] [after D]`, `refuse NAME [with "reason"] [after D]`.
    Decide { name: Name, approved: bool, with: Option<Expr>, after: Option<Expr> },
    /// `cancel after D`, `pause after D`, `resume after D`.
    Ask { what: Ask, after: Option<Expr> },
    /// `expect …`.
    Expect(Expectation),
}

/// What a test may ask of its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To stop.
    Cancel,
    /// To hold.
    Pause,
    /// To go on.
    Resume,
}

/// `mock STEP[i] [undo] [after D] (= expr | fails "CODE" … | times out | lost) [times N]`.
/// Several for one step answer one after the other, and the last goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Mock {
    /// The step.
    pub step: Name,
    /// `[0][2]`: the item of a loop that it is for; every one where nothing is said.
    pub items: Vec<Expr>,
    /// Whether it is the step's undo that is mocked.
    pub undo: bool,
    /// How long the attempt takes.
    pub after: Option<Expr>,
    /// What comes of it.
    pub answer: Answer,
    /// How many attempts it answers.
    pub times: Option<Expr>,
}

/// What comes of a mocked attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `= expr`: its output. `config` is the resolved configuration.
    Gives(Expr),
    /// `fails "CODE" [message M] [status N] [fatal]`.
    Fails { code: Expr, message: Option<Expr>, status: Option<Expr>, fatal: bool },
    /// `times out`.
    TimesOut,
    /// `lost`: the worker died under it.
    Lost,
}

/// `expect …`.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// `completed [output expr]`.
    Completed { output: Option<Expr> },
    /// `failed [code expr]`.
    Failed { code: Option<Expr> },
    /// `cancelled`.
    Cancelled,
    /// `[not] ran a, b [times N]`.
    Ran { not: bool, steps: Vec<Name>, times: Option<Expr> },
    /// `[not] undone a, b`.
    Undone { not: bool, steps: Vec<Name> },
    /// `that expr`: over `input`, `output`, `error`, `status`, `elapsed` and the steps' outputs by name.
    That(Expr),
}
