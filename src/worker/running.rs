//! What a pool has in hand: attempts that run, and those whose outcome is not sent.
//!
//! Invariant: an attempt leaves once: finished and sent, or handed back.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::service::Emptied;
use crate::service::ports::{AttemptKey, Claimed, Receipt};

/// How many stops of attempts that are not here (yet) are remembered.
const MAX_EARLY_STOPS: usize = 4096;

/// The attempts in hand.
#[derive(Default)]
pub(super) struct Running {
    state: Mutex<State>,
    /// Told when the last one left.
    emptied: Emptied,
}

#[derive(Default)]
struct State {
    last: u64,
    attempts: HashMap<u64, InHand>,
    early: EarlyStops,
}

struct InHand {
    claimed: Claimed,
    /// Stops the attempt when used or dropped; gone once it finished.
    stop: Option<oneshot::Sender<()>>,
}

/// Stops that came before their task: a stop is told to all workers at once, a task waits its turn.
#[derive(Default)]
struct EarlyStops {
    known: HashSet<AttemptKey>,
    order: VecDeque<AttemptKey>,
}

impl EarlyStops {
    fn insert(&mut self, key: AttemptKey) {
        if self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_EARLY_STOPS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn is_of(claimed: &Claimed, key: &AttemptKey) -> bool {
    let task = &claimed.task;
    task.execution == key.execution && task.attempt == key.attempt && task.path == key.path
}

fn key_of(claimed: &Claimed) -> AttemptKey {
    let task = &claimed.task;
    AttemptKey { execution: task.execution, path: task.path.clone(), attempt: task.attempt }
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a claim in hand; gives its number and what ends when it is to be stopped.
    pub(super) fn begin(&self, claimed: Claimed) -> (u64, oneshot::Receiver<()>) {
        let (stop, stopped) = oneshot::channel();
        let mut state = self.state();
        state.last += 1;
        let id = state.last;
        let early = !state.early.known.is_empty() && state.early.known.contains(&key_of(&claimed));
        let stop = if early {
            let _ = stop.send(());
            // It still counts as unfinished, until its outcome says that it was stopped.
            Some(oneshot::channel().0)
        } else {
            Some(stop)
        };
        state.attempts.insert(id, InHand { claimed, stop });
        metrics::gauge!("stepwell_worker_busy").set(count(state.attempts.len()));
        (id, stopped)
    }

    /// Marks an attempt as finished; false where it was handed back before.
    pub(super) fn finish(&self, id: u64) -> bool {
        self.state().attempts.get_mut(&id).is_some_and(|attempt| {
            attempt.stop = None;
            true
        })
    }

    /// Lets go of attempts whose outcomes were sent.
    pub(super) fn sent(&self, ids: impl Iterator<Item = u64>) {
        let mut state = self.state();
        for id in ids {
            state.attempts.remove(&id);
        }
        self.left(&state);
    }

    /// Takes away what has not finished; its attempts stop.
    pub(super) fn take_unfinished(&self) -> Vec<Claimed> {
        let mut state = self.state();
        let mut taken: Vec<(u64, InHand)> = state.attempts.extract_if(|_, attempt| attempt.stop.is_some()).collect();
        taken.sort_unstable_by_key(|(id, _)| *id);
        self.left(&state);
        taken.into_iter().map(|(_, attempt)| attempt.claimed).collect()
    }

    fn left(&self, state: &State) {
        metrics::gauge!("stepwell_worker_busy").set(count(state.attempts.len()));
        if state.attempts.is_empty() {
            self.emptied.tell();
        }
    }

    /// Stops an attempt, now or when it is claimed.
    pub(super) fn stop(&self, key: AttemptKey) {
        let mut state = self.state();
        let mut found = false;
        for attempt in state.attempts.values_mut().filter(|attempt| is_of(&attempt.claimed, &key)) {
            found = true;
            if let Some(stop) = attempt.stop.as_mut() {
                // What is left in its place says, as before, that the attempt has not finished.
                let _ = std::mem::replace(stop, oneshot::channel().0).send(());
            }
        }
        if !found {
            state.early.insert(key);
        }
    }

    /// The receipts of all of them.
    pub(super) fn receipts(&self) -> Vec<Receipt> {
        self.state().attempts.values().map(|attempt| attempt.claimed.receipt.clone()).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.state().attempts.len()
    }

    /// Waits until there are none.
    pub(super) async fn none(&self) {
        self.emptied.wait(|| self.len() == 0).await;
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of attempts is far below 2^52")]
fn count(attempts: usize) -> f64 {
    attempts as f64
}
