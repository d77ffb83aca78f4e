//! Who waits for an execution's end, and who watches it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::ids::ExecutionId;
use crate::service::model::ExecutionView;
use crate::service::ports::Progress;

/// Those who want to be told.
#[derive(Default)]
pub(super) struct Audience {
    /// How many executions somebody waits for or watches; where there are none, no lock is taken.
    size: AtomicUsize,
    seats: Mutex<HashMap<ExecutionId, Seats>>,
}

#[derive(Default)]
struct Seats {
    waiting: Vec<oneshot::Sender<Box<ExecutionView>>>,
    watching: Vec<mpsc::UnboundedSender<Progress>>,
}

impl Audience {
    pub fn is_empty(&self) -> bool {
        self.size.load(Ordering::Acquire) == 0
    }

    /// Waits for the end of an execution: it comes as it is recorded then.
    pub fn wait(&self, id: ExecutionId) -> oneshot::Receiver<Box<ExecutionView>> {
        let (sender, receiver) = oneshot::channel();
        self.change(id, |seat| seat.waiting.push(sender));
        receiver
    }

    /// Watches an execution.
    pub fn watch(&self, id: ExecutionId) -> mpsc::UnboundedReceiver<Progress> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.change(id, |seat| seat.watching.push(sender));
        receiver
    }

    /// Tells those who watch an execution.
    pub fn tell(&self, id: ExecutionId, progress: impl Fn() -> Progress) {
        let mut seats = self.lock();
        if let Some(seat) = seats.get_mut(&id) {
            seat.watching.retain(|watcher| watcher.send(progress()).is_ok());
        }
    }

    /// Tells those who wait for the end of an execution.
    pub fn ended(&self, view: &ExecutionView) {
        self.change(view.execution.id, |seat| {
            seat.waiting.drain(..).for_each(|waiter| {
                let _ = waiter.send(Box::new(view.clone()));
            })
        });
    }

    /// Forgets those who no longer wait for this execution, nor watch it.
    pub fn leave(&self, id: ExecutionId) {
        self.change(id, |_| {});
    }

    fn change(&self, id: ExecutionId, change: impl FnOnce(&mut Seats)) {
        let mut seats = self.lock();
        let seat = seats.entry(id).or_default();
        change(seat);
        if seat.is_empty() {
            seats.remove(&id);
        }
        self.size.store(seats.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ExecutionId, Seats>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// Whether nobody is left.
    fn is_empty(&mut self) -> bool {
        self.waiting.retain(|waiter| !waiter.is_closed());
        self.watching.retain(|watcher| !watcher.is_closed());
        self.waiting.is_empty() && self.watching.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn whoever_left_takes_no_room() {
        let (audience, id) = (Audience::default(), ExecutionId(Uuid::nil()));
        drop(audience.wait(id));
        let waiting = audience.wait(id);
        assert!(!audience.is_empty());
        drop(waiting);
        audience.leave(id);
        assert!(audience.is_empty());
    }
}
