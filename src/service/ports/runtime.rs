//! The runtime as the use cases see it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::engine::{Control, ExecutionUpdate, LogEntry, Refusal, StepRow};
use crate::ids::ExecutionId;
use crate::plan::Plan;
use crate::service::model::{Execution, ExecutionView};
use crate::service::waits::{Delivery, SentEvent};

/// Why an execution could not be started or controlled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no such execution.
    #[error("there is no execution {0}")]
    NotFound(ExecutionId),
    /// Its state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The committer is full, the process is draining, or the database does not answer: try again.
    #[error("{0}")]
    Unavailable(String),
}

/// What came of a start.
#[derive(Clone, Debug, PartialEq)]
pub enum Started {
    /// It is recorded, and durable: so, with the first steps where it is due.
    New(ExecutionView),
    /// One with this key is there already.
    Existing(Execution),
}

impl Started {
    /// The execution that is recorded.
    pub fn execution(&self) -> &Execution {
        match self {
            Self::New(view) => &view.execution,
            Self::Existing(execution) => execution,
        }
    }
}

/// What came of waiting for an execution's end.
#[derive(Clone, Debug, PartialEq)]
pub enum Waited {
    /// It has not ended, and the time is up.
    TimeUp,
    /// It has ended: so, where that is known without a look at its rows.
    Ended(Option<Box<ExecutionView>>),
}

impl Waited {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Ended(_))
    }
}

/// The runtime as the use cases see it.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Records an execution and starts it (or, with `scheduled_at`, leaves it PENDING until then). Returns after the commit.
    async fn start(&self, execution: Execution, plan: Arc<Plan>) -> Result<Started, RuntimeError>;
    /// Asks something of an execution. Returns after the commit.
    async fn control(&self, id: ExecutionId, control: Control) -> Result<(), RuntimeError>;
    /// Offers an event that is recorded to the waits that are open; who took it, as far as that is known after `at_most`.
    async fn event(&self, event: SentEvent, at_most: Duration) -> Result<Vec<Delivery>, RuntimeError>;
    /// Waits until this execution ends, or the time is up. For one that ended before, that is at once.
    async fn wait_ended(&self, id: ExecutionId, at_most: Duration) -> Result<Waited, RuntimeError>;
    /// Drops what is cached of the active version of a workflow (children start the active one).
    async fn workflow_changed(&self, name: &str);
    /// Counts the changes of workflows that other nodes told of: what is cached of any was right at most until the last.
    fn workflow_changes(&self) -> u64;
    /// Every change of a step's or the execution's row of this execution from now on, after its commit (for `stepwell run`).
    async fn watch(&self, id: ExecutionId) -> tokio::sync::mpsc::UnboundedReceiver<Progress>;
}

/// A change, as `stepwell run` shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A step's row was written.
    Step(StepRow),
    /// An entry of the log was written.
    Log(LogEntry),
    /// The execution's row was written.
    Execution(ExecutionUpdate),
}
