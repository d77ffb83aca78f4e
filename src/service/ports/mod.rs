//! The ports: what the use cases and the runtime need of the world, as traits. Adapters stand behind them.
//!
//! Invariant: everything outside the process, and everything that no seed determines, is behind one of these, so that a
//! whole node runs in deterministic simulation.

mod execution;
mod lease;
mod limit;
mod nudge;
mod queue;
mod reads;
mod remote;
mod retention;
mod runtime;
mod workflow;
mod world;

pub use execution::{Commit, Committed, DueTimer, ExecutionStore};
pub use lease::{LeaseStore, Roster};
pub use limit::{LimitStore, SlotGroup, Slots};
pub use nudge::{NoNudges, Nudge, Nudges};
pub use queue::{
    AttemptKey, Claimed, Delivered, Dispatcher, QueueDepth, QueueError, Receipt, Task, TaskOutcome, TaskSource,
};
pub use reads::{
    AttemptStanding, ExecutionCursor, ExecutionFilter, ExecutionReads, LogFilter, Page, StepFilter, StoredLog, Total,
};
pub use remote::{Lease, MAX_LEASE, MIN_LEASE, TaskLeases, Wanted, lease_seconds};
pub use retention::{Ended, EndedCursor, EndedFilter, Removal, Removed, RetentionStore};
pub use runtime::{Progress, Runtime, RuntimeError, Started, Waited};
pub use workflow::{NewVersion, VersionFilter, WorkflowFilter, WorkflowStore};
pub use world::{Clock, CrashPoint, Entropy, Faults, NoFaults};

use super::inbox::InboxStore;
use super::task_types::TaskTypeStore;
use super::waits::WaitStore;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name, key or state was taken meanwhile.
    #[error("conflict: {0}")]
    Conflict(String),
    /// What the change was decided on was changed meanwhile, by another process: nothing was done, and it is to be decided anew.
    #[error("{0} was changed by another process meanwhile")]
    Stale(String),
    /// It is not known whether it was done: a lost connection, a time-out, a full disk.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A row is not what this program writes.
    #[error("the database holds what this program does not understand: {0}")]
    Corrupt(String),
}

/// The result of a store's method.
pub type StoreResult<T> = Result<T, StoreError>;

/// A whole store.
pub trait Store:
    ExecutionStore
    + ExecutionReads
    + LeaseStore
    + WorkflowStore
    + LimitStore
    + WaitStore
    + InboxStore
    + TaskTypeStore
    + RetentionStore
{
}
impl<T> Store for T where
    T: ExecutionStore
        + ExecutionReads
        + LeaseStore
        + WorkflowStore
        + LimitStore
        + WaitStore
        + InboxStore
        + TaskTypeStore
        + RetentionStore
{
}
