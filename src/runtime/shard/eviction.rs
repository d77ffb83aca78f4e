//! How an execution leaves memory: it ended, it waits for something far away, or it is not this shard's any more.

use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::expr::Timestamp;
use crate::ids::ExecutionId;

use super::super::live::Live;
use super::super::message::{Decided, Then};
use super::super::timers::{earlier, later};
use super::Shard;
use super::refusal::{moved, refuse};
use super::slot::{Loading, Slot};

impl Shard {
    pub(super) fn remove(&mut self, id: ExecutionId) -> Option<Slot> {
        let slot = self.slots.remove(&id);
        if matches!(slot, Some(Slot::Live(_))) {
            self.shared.live.fetch_sub(1, Ordering::Relaxed);
        }
        slot
    }

    /// Drops what is not what is written. What the committer still has of it is dropped there, up to the word that it is
    /// cleared here.
    pub(super) fn discard(&mut self, id: ExecutionId, then: Then) {
        let _ = self.decided.send(Decided::Cleared(id));
        match self.slots.get_mut(&id) {
            Some(Slot::Loading(loading)) => loading.discarded = true,
            Some(Slot::Live(_)) | None => {
                self.remove(id);
                if then == Then::Reload
                    && let Some(epoch) = self.shared.ownership.epoch(id.partition())
                {
                    self.load(id, Loading { discarded: true, ..Loading::under(epoch) });
                }
            }
        }
    }

    /// Drops what is here under an epoch that is not served, or no longer.
    pub(super) fn drop_moved(&mut self, done: Option<mpsc::Sender<()>>) {
        let ownership = &self.shared.ownership;
        let gone = |id: &ExecutionId, slot: &Slot| ownership.epoch(id.partition()) != Some(slot.epoch());
        let ids: Vec<ExecutionId> = self.slots.iter().filter(|(id, slot)| gone(id, slot)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(Slot::Loading(loading)) = self.remove(id) {
                loading.jobs.into_iter().for_each(|job| refuse(job, moved));
            }
        }
        if let Some(done) = done {
            let _ = self.decided.send(Decided::Barrier(done));
        }
    }

    /// Lets go of executions that wait for a far timer or a child alone, and have for a while. Each is looked at once in that
    /// while, so that a tick costs what it lets go of, and not what is in memory.
    pub(super) fn evict(&mut self, now: Timestamp) {
        let progress = self.progress();
        let before = earlier(now, self.shared.options.idle);
        let near = later(now, self.shared.options.horizon);
        while let Some((seen, id)) = self.seen.pop_front_if(|(seen, _)| *seen <= before) {
            let Some(Slot::Live(live)) = self.slots.get_mut(&id) else { continue };
            if live.seen != seen {
                // It left and came back, and stands further behind too.
                continue;
            }
            let is_far = |live: &Live| live.state.timers().first().is_none_or(|timer| timer.due > near);
            if live.touched <= before && live.ticket <= progress && live.state.is_idle() && is_far(live) {
                self.remove(id);
            } else {
                live.seen = now;
                self.seen.push_back((now, id));
            }
        }
    }

    /// Lets go of executions whose end is committed.
    pub(super) fn forget_ended(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let progress = self.progress();
        while let Some((ticket, id)) = self.ended.front().copied().filter(|(ticket, _)| *ticket <= progress) {
            self.ended.pop_front();
            let done = |slot: &Slot| matches!(slot, Slot::Live(live) if live.state.status().is_terminal() && live.ticket <= progress.max(ticket));
            if self.slots.get(&id).is_some_and(done) {
                self.remove(id);
            }
        }
    }

    fn progress(&self) -> u64 {
        self.shared.progress.get(self.index).map_or(0, |progress| progress.load(Ordering::Acquire))
    }
}
