//! What this process has leased to workers elsewhere: how much may be open at once, and when an attempt's time is over.
//!
//! Invariant: no truth. Whether a lease stands is the queue's to say; a process that is gone leaves its leases to lapse.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::{StepError, code};
use crate::expr::{Value, duration_text_of_ms};

use super::emptied::Emptied;
use super::ports::{Clock, Lease, TaskLeases, TaskOutcome};
use super::ticket::Ticket;

/// How long to wait before a queue that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// The leases of this process.
pub(super) struct Leased {
    pub leases: Arc<dyn TaskLeases>,
    clock: Arc<dyn Clock>,
    /// One permit for each poll that may be open.
    pub polls: Semaphore,
    /// Cancelled when no more is to be leased.
    pub closed: CancellationToken,
    watched: Mutex<HashMap<Lease, AbortHandle>>,
    /// Told when the last one ended.
    emptied: Emptied,
}

impl Leased {
    pub fn new(leases: Arc<dyn TaskLeases>, clock: Arc<dyn Clock>, polls: usize) -> Self {
        Self {
            leases,
            clock,
            polls: Semaphore::new(polls),
            closed: CancellationToken::new(),
            watched: Mutex::default(),
            emptied: Emptied::default(),
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<Lease, AbortHandle>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many leases there are, as far as this process knows.
    pub fn len(&self) -> usize {
        self.watched().len()
    }

    /// Watches a lease until it ends.
    pub fn watch(self: &Arc<Self>, ticket: Ticket) {
        let lease = ticket.lease.clone();
        // Under the lock: it may end at once, and is to be there when it does.
        let mut watched = self.watched();
        let task = tokio::spawn(watch(self.clone(), ticket));
        watched.insert(lease, task.abort_handle());
        metrics::gauge!("stepwell_tasks_leased").increment(1.0);
    }

    /// A lease that has ended.
    pub fn ended(&self, lease: &Lease) {
        let mut watched = self.watched();
        if let Some(task) = watched.remove(lease) {
            task.abort();
            metrics::gauge!("stepwell_tasks_leased").decrement(1.0);
        }
        if watched.is_empty() {
            self.emptied.tell();
        }
    }

    /// Waits until no lease is left.
    pub async fn none(&self) {
        self.emptied.wait(|| self.len() == 0).await;
    }

    /// Ends an attempt that took too long; nothing where its lease stands no more.
    ///
    /// # Errors
    /// The queue's.
    pub async fn time_out(&self, ticket: &Ticket) -> Result<(), super::ports::QueueError> {
        let limit = duration_text_of_ms(ticket.timeout_ms);
        let error = StepError::retryable(code::TIMEOUT, format!("took longer than {limit}"));
        let result = Err(StepError { unknown: true, ..error });
        let outcome = self.outcome(ticket, result);
        self.leases.settle(vec![(outcome, ticket.lease.clone())]).await.map(drop)
    }

    /// The outcome of a leased attempt, as of now.
    pub fn outcome(&self, ticket: &Ticket, result: Result<Value, StepError>) -> TaskOutcome {
        let key = ticket.lease.key.clone();
        let took = self.clock.now().0.saturating_sub(ticket.claimed_at.0);
        TaskOutcome {
            execution: key.execution,
            path: key.path,
            attempt: key.attempt,
            result,
            took_us: u64::try_from(took).unwrap_or(0),
            logs: Vec::new(),
        }
    }
}

/// Waits for an attempt's time to be over, and looks whether its lease still stands each time that it may have lapsed: its
/// worker may speak for it to another process.
async fn watch(leased: Arc<Leased>, ticket: Ticket) {
    loop {
        let left = ticket.deadline().0.saturating_sub(leased.clock.now().0);
        let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { break };
        leased.clock.sleep(ticket.lease.length().min(Duration::from_micros(left))).await;
        if matches!(leased.leases.stands(&ticket.lease).await, Ok(false)) {
            return leased.ended(&ticket.lease);
        }
    }
    while let Err(error) = leased.time_out(&ticket).await {
        tracing::warn!(%error, "can't end an attempt that took too long; trying again");
        leased.clock.sleep(PAUSE).await;
    }
    leased.ended(&ticket.lease);
}
