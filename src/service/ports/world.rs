//! The time, fresh ids, and what a simulation does to a process.

use std::time::Duration;

use async_trait::async_trait;

use crate::expr::Timestamp;
use crate::ids::ExecutionId;

/// The time. In a simulation it is virtual.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The moment, on the database's clock.
    fn now(&self) -> Timestamp;
    /// Waits, on monotonic time.
    async fn sleep(&self, duration: Duration);
}

/// Fresh ids and what else no seed of ours determines. In a simulation it is seeded.
pub trait Entropy: Send + Sync + 'static {
    /// A fresh execution's id: UUIDv7 at `now`.
    fn execution_id(&self, now: Timestamp) -> ExecutionId;
    /// A fresh UUIDv4.
    fn uuid(&self) -> uuid::Uuid;
}

/// A named point in the runtime at which a crash is interesting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashPoint {
    /// Events were applied in memory; nothing is written.
    BeforeCommit,
    /// The rows are written; nobody was told.
    AfterCommit,
    /// Tasks are with the queue; outcomes are not acknowledged.
    AfterDispatch,
    /// All is done.
    AfterAck,
    /// Partitions were taken; nothing is recovered.
    AfterTake,
    /// Histories were read; lost attempts are not recorded.
    AfterLoad,
}

/// What a simulation does at crash points, and which protections it switches off to show that they protect.
/// The real one does nothing.
pub trait Faults: Send + Sync + 'static {
    /// Called at each crash point; true means that the process dies here: the caller stops at once and does nothing more.
    fn crash(&self, _at: CrashPoint) -> bool {
        false
    }
}

/// No faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;
impl Faults for NoFaults {}
