//! The shell around the engine: who owns an execution, what is written when, and what is done once it is written.
//!
//! An event goes one way, through four tasks that share nothing but channels:
//!
//! ```text
//! node, outcomes, inbox, sweep, family ──▶ shard (decides: engine::advance) ──▶ committer (persists) ──▶ act (dispatches, answers)
//!                                            ▲                                                              │
//!                                            └────────── children, parents, what is discarded ◀─────────────┘
//! ```
//!
//! A shard owns its live executions: no lock, no read for a step. It runs ahead of the committer, which writes everything
//! that was decided while the last commit was under way in one transaction. Nothing that the world can see happens before
//! the commit of its cause.
//!
//! Invariants: no SQL and no Redis here, only ports; no clock and no random source but through them, so that a whole node
//! runs in simulation. What a failed commit held is dropped from memory and read again, with everything decided after it.

mod act;
mod audience;
mod backoff;
mod clock;
mod commit;
mod committer;
mod decide;
mod draw;
mod events;
mod family;
mod gate;
mod inbox;
mod live;
mod loader;
mod membership;
mod message;
mod meters;
mod node;
mod outbox;
mod outcomes;
mod ownership;
mod recovery;
mod retention;
mod shard;
mod shared;
mod slots;
mod sweep;
mod timers;

use std::sync::Arc;
use std::time::Duration;

use crate::service::ports::{Clock, Dispatcher, Entropy, Faults, Nudges, Store, StoreError};

pub use clock::{SystemClock, SystemEntropy};
pub use meters::measure_queue;
pub use node::Node;
pub use retention::{Retention, Sweeper};

/// How a node works.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the node is called in the database.
    pub owner: String,
    /// How long this node's leases of partitions last without being renewed, where it is one of several. None where it owns all
    /// partitions, for as long as nobody else takes them.
    pub lease: Option<Duration>,
    /// How many shards its executions are spread over; at least 1.
    pub shards: usize,
    /// How many commits may be under way at once; at least 1, at most one for each shard. SQLite has one writer anyway.
    pub committers: usize,
    /// Where the committers run; none for where everything else does. A commit is a conversation with the database, and among
    /// many other tasks each answer would wait for its turn.
    pub commits_on: Option<tokio::runtime::Handle>,
    /// The most events in a commit.
    pub commit_events: usize,
    /// The most bytes of rows in a commit, roughly.
    pub commit_bytes: usize,
    /// The most events that are accepted and not done with; past it a start is `Unavailable`, and outcomes stay with the queue.
    pub max_in_flight: usize,
    /// The most executions in memory before PENDING ones have to wait.
    pub max_live: usize,
    /// Timers due within this time are kept in memory; later ones stand in their rows alone.
    pub horizon: Duration,
    /// How long an execution that waits for nothing but time or a child stays in memory.
    pub idle: Duration,
    /// After which time a dispatched attempt gets its RUNNING row.
    pub running_after: Duration,
    /// How often rows are searched for timers that are due.
    pub scan: Duration,
    /// How often the queue is asked for lapsed claims and its nonce.
    pub sweep: Duration,
    /// How long executions are kept after their end.
    pub retention: Retention,
    /// The server's settings, over the defaults of workflows: for child executions.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            owner: "stepwell".to_owned(),
            lease: None,
            shards: std::thread::available_parallelism().map_or(1, usize::from).min(4),
            committers: 1,
            commits_on: None,
            commit_events: 1_024,
            commit_bytes: 8 * 1024 * 1024,
            max_in_flight: 16_384,
            max_live: 100_000,
            horizon: Duration::from_secs(60),
            idle: Duration::from_secs(5),
            running_after: Duration::from_millis(500),
            scan: Duration::from_secs(1),
            sweep: Duration::from_secs(1),
            retention: Retention::default(),
            settings: serde_json::Map::new(),
        }
    }
}

/// What a node stands on.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The task queue.
    pub queue: Arc<dyn Dispatcher>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What other nodes are told, and tell.
    pub nudges: Arc<dyn Nudges>,
    /// Fresh ids.
    pub entropy: Arc<dyn Entropy>,
    /// What a simulation does at crash points.
    pub faults: Arc<dyn Faults>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The partitions could not be taken.
    #[error("the partitions could not be taken: {0}")]
    Take(#[from] StoreError),
    /// A fault of a simulation: the process died while it started.
    #[error("the process died while it started")]
    Died,
}
