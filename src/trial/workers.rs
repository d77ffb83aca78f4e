//! What stands in for the world outside of an execution: workers, children and people.

use crate::engine::StepError;
use crate::expr::{Span, Value};
use crate::ids::{Attempt, StepPath};
use crate::plan::{ApproveNode, StepNode};

use super::library::Known;

/// An attempt that is to be carried out.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The workflow that it is of.
    pub workflow: &'a Known,
    /// The step; of an undo, the step that is undone.
    pub step: &'a StepNode,
    /// Of an undo, what undoes.
    pub undo: Option<&'a StepNode>,
    /// Where.
    pub path: &'a StepPath,
    /// Which attempt.
    pub attempt: Attempt,
    /// The resolved configuration; of a child its `workflow` and its `input`.
    pub config: &'a Value,
    /// Whether the workflow that it starts is there to be run.
    pub may_run: bool,
}

/// What comes of an attempt, and after how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// How long it takes, in milliseconds.
    pub after_ms: u64,
    /// What comes of it.
    pub ending: Ending,
}

/// What comes of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It gives this.
    Gives(Value),
    /// It fails.
    Fails(StepError),
    /// It takes longer than it may.
    TimesOut,
    /// Its worker dies under it.
    Lost,
    /// The child workflow is run.
    Runs,
}

impl Ending {
    /// At once.
    pub fn now(self) -> Reply {
        Reply { after_ms: 0, ending: self }
    }
}

/// A person's word.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// After how long.
    pub after_ms: u64,
    /// Yes or no.
    pub approved: bool,
    /// The form.
    pub form: Value,
    /// Why not.
    pub reason: Option<String>,
}

/// Why the world can't go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Nothing answers an attempt.
    Unanswered {
        /// The step.
        step: String,
        /// Its task type.
        task_type: String,
        /// Where it is.
        path: StepPath,
        /// Which attempt.
        attempt: Attempt,
        /// Whether it is the step's undo.
        undo: bool,
        /// Whether it was answered before, and the answers are used up.
        used_up: bool,
        /// What it might give.
        example: Value,
    },
    /// What is to answer has no value.
    Broken {
        /// Why.
        message: String,
        /// Where it is written.
        span: Span,
    },
    /// It goes on and on.
    Endless,
}

/// Whoever stands in for the world outside.
pub trait Workers {
    /// What comes of an attempt.
    ///
    /// # Errors
    /// Why nobody knows.
    fn task(&mut self, task: &Task<'_>) -> Result<Reply, Box<Trouble>>;

    /// What a person says who is asked; nothing, where nobody is there.
    ///
    /// # Errors
    /// Why nobody knows.
    fn word(&mut self, _name: &str, _approve: &ApproveNode) -> Result<Option<Word>, Box<Trouble>> {
        Ok(None)
    }
}
