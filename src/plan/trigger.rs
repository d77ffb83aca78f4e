//! What starts a workflow, and how many of its executions run at once: planned here, carried out by the shell.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expr::Expr;

/// `on …`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// What starts it.
    pub on: TriggerOn,
    /// Which of them do: over `event`, or `body` and `headers`.
    pub condition: Option<Expr>,
    /// The input; an empty object where nothing is said.
    pub with: Option<Expr>,
}

/// What starts a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerOn {
    /// A time.
    Cron { schedule: Arc<str>, timezone: Arc<str>, catch_up: CatchUp, overlap: Overlap },
    /// An event.
    Event { event: Arc<str> },
    /// A request.
    Webhook { path: Arc<str>, hmac: Option<Arc<str>>, dedupe: Option<Expr> },
}

/// What is done of the times that passed while nothing ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Nothing.
    #[default]
    None,
    /// The last.
    Last,
    /// All of them.
    All,
}

/// What is done of a time at which the execution of the one before still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It starts beside it.
    #[default]
    Allow,
    /// It is left out.
    Skip,
    /// It starts when that has ended.
    Queue,
    /// That is cancelled.
    Replace,
}

/// `concurrency key expr limit N else …`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// What is counted apart: over `input` and `settings`.
    pub key: Expr,
    /// How many executions with one key run at once.
    pub limit: u32,
    /// What becomes of one more.
    pub otherwise: Overflow,
}

/// What becomes of an execution past the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// It waits, PENDING, in the order of arrival.
    #[default]
    Queue,
    /// It is cancelled.
    Cancel,
    /// The oldest that runs is cancelled, and it starts when that has ended.
    Replace,
    /// It fails, with `CONCURRENCY`.
    Fail,
}
