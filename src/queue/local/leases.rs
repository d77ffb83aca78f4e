//! Claims of workers elsewhere: they lapse by the clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::service::ports::{
    Claimed, Lease, QueueError, Receipt, Task, TaskLeases, TaskOutcome, Wanted, lease_seconds,
};

use super::{LocalQueue, Place, State, Subscription, id_of, key_of, lock};

#[async_trait]
impl TaskLeases for LocalQueue {
    async fn lease(&self, wanted: &Wanted, max: usize, seconds: u64) -> Result<Vec<(Task, Lease)>, QueueError> {
        let subscription = {
            let mut state = lock(&self.state);
            let shares = state.polls.clone();
            state.subscribe(wanted.clone(), shares)
        };
        let waits = Waits { queue: self, subscription };
        loop {
            {
                let mut state = lock(&self.state);
                let leased = state.lease(&waits.subscription, max, seconds);
                if !leased.is_empty() {
                    return Ok(leased);
                }
            }
            waits.subscription.work.notified().await;
        }
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<bool>, QueueError> {
        let mut state = lock(&self.state);
        Ok(leases.iter().map(|lease| state.renew(lease)).collect())
    }

    async fn settle(&self, outcomes: Vec<(TaskOutcome, Lease)>) -> Result<Vec<bool>, QueueError> {
        let mut state = lock(&self.state);
        let settled = outcomes.into_iter().map(|(outcome, lease)| state.settle(outcome, lease)).collect();
        self.delivered.notify_one();
        Ok(settled)
    }

    async fn stands(&self, lease: &Lease) -> Result<bool, QueueError> {
        Ok(lock(&self.state).leased(lease).is_some())
    }
}

impl State {
    fn lease(&mut self, to: &Subscription, max: usize, seconds: u64) -> Vec<(Task, Lease)> {
        let now = Instant::now();
        let until = |task: &Task| Place::Leased(now + Duration::from_secs(lease_seconds(task, seconds)));
        let claims = self.take(to, max, until);
        for id in claims.iter().filter_map(|claimed| id_of(&claimed.receipt)) {
            if let Some(Place::Leased(until)) = self.held.get(&id).map(|held| &held.at) {
                self.leases.insert((*until, id));
            }
        }
        let leased = |claimed: Claimed| {
            let lease = lease_of(&claimed.task, claimed.receipt, seconds);
            (claimed.task, lease)
        };
        claims.into_iter().map(leased).collect()
    }

    /// The number of a lease that stands, and until when it does. A receipt is this process's: one of the process before it
    /// may have the same number, and is of another attempt.
    fn leased(&self, lease: &Lease) -> Option<(u64, Instant)> {
        let id = id_of(&lease.receipt)?;
        let held = self.held.get(&id).filter(|held| held.key == lease.key)?;
        match held.at {
            Place::Leased(until) => Some((id, until)),
            _ => None,
        }
    }

    fn renew(&mut self, lease: &Lease) -> bool {
        let Some((id, before)) = self.leased(lease) else { return false };
        let until = Instant::now() + lease.length();
        self.leases.remove(&(before, id));
        self.leases.insert((until, id));
        if let Some(held) = self.held.get_mut(&id) {
            held.at = Place::Leased(until);
        }
        true
    }

    fn settle(&mut self, outcome: TaskOutcome, lease: Lease) -> bool {
        let Some((id, until)) = self.leased(&lease) else { return false };
        self.leases.remove(&(until, id));
        if let Some(held) = self.held.get_mut(&id) {
            held.at = Place::Done;
        }
        self.deliver(id, outcome);
        true
    }

    /// Loses the leases that have lapsed; whether there were some.
    pub(super) fn end_leases(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some((_, id)) = self.leases.first().copied().filter(|(until, _)| *until <= now) {
            self.leases.pop_first();
            self.lose(id);
            any = true;
        }
        any
    }
}

fn lease_of(task: &Task, receipt: Receipt, seconds: u64) -> Lease {
    Lease { key: key_of(task), receipt, seconds: lease_seconds(task, seconds) }
}

/// Somebody who waits for tasks, for as long as they do.
struct Waits<'a> {
    queue: &'a LocalQueue,
    subscription: Arc<Subscription>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        lock(&self.queue.state).sources.retain(|source| source.id != self.subscription.id);
    }
}
