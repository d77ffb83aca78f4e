//! How an execution comes into memory: it is asked for, and goes on from where its rows say it stands.

use std::collections::HashSet;

use tokio::sync::mpsc;

use crate::engine::Event;
use crate::ids::{Epoch, ExecutionId};
use crate::service::ports::AttemptKey;

use super::super::events::Letter;
use super::super::live::Live;
use super::super::loader::Wanted;
use super::super::message::{Found, Job, Kin, Loaded, What};
use super::Shard;
use super::refusal::unreadable;
use super::sent::Sent;
use super::slot::{Loading, Slot};

impl Shard {
    pub(super) fn load(&mut self, id: ExecutionId, loading: Loading) {
        let epoch = loading.epoch;
        self.slots.insert(id, Slot::Loading(loading));
        let _ = self.wanted.send(Wanted { id, shard: self.index, epoch });
    }

    pub(super) fn recover(&mut self, ids: Vec<ExecutionId>, done: &mpsc::Sender<()>) {
        for id in ids {
            match self.slots.get_mut(&id) {
                Some(Slot::Live(_)) => {}
                Some(Slot::Loading(loading)) => loading.recovering = Some(done.clone()),
                None => {
                    if let Some(epoch) = self.shared.ownership.epoch(id.partition()) {
                        self.load(id, Loading { recovering: Some(done.clone()), ..Loading::under(epoch) });
                    }
                }
            }
        }
    }

    pub(super) fn loaded(&mut self, id: ExecutionId, epoch: Epoch, found: Found, held: Option<&HashSet<AttemptKey>>) {
        // What was read under an epoch that is over may be old.
        if !matches!(self.slots.get(&id), Some(Slot::Loading(loading)) if loading.epoch == epoch) {
            return;
        }
        let Some(Slot::Loading(loading)) = self.slots.remove(&id) else { return };
        match found {
            Found::Execution(loaded) => self.install(id, *loaded, loading, held),
            Found::Nothing => loading.jobs.into_iter().for_each(|job| self.drop_job(id, epoch, job)),
            Found::Broken(reason) => {
                tracing::error!(execution = %id, reason, "an execution's rows can't be made sense of; it is left alone");
                self.broken.insert(id);
                loading.jobs.into_iter().for_each(|job| self.turn_away(id, epoch, job, unreadable(id)));
            }
        }
    }

    /// Takes an execution that was read into memory, and goes on from where it stands. With what the queue `held` it is one of
    /// a partition that is being recovered.
    fn install(&mut self, id: ExecutionId, mut loaded: Loaded, loading: Loading, held: Option<&HashSet<AttemptKey>>) {
        let now = self.shared.now();
        let recovering = held.is_some();
        let stopped = std::mem::take(&mut loaded.stopped);
        let live = Live::loaded(loaded, loading.epoch, now);
        for timer in live.state.timers() {
            self.arm(id, timer, now);
        }
        if loading.discarded {
            // That it was opened may not have been told. A recovery looks at all that is awaited once it is over.
            for wait in live.state.waits(&live.plan) {
                let _ = self.shared.post.send(Letter::Look(wait.event));
            }
        }
        let children = live.state.children();
        let (lost, resend) = self.review_attempts(id, &live, loading.discarded, held);
        if recovering || loading.discarded {
            for child in children {
                let _ = self.family.send(Kin::Child(live.child_request(child, true)));
            }
        }
        let terminal = live.state.status().is_terminal();
        if terminal && loading.discarded {
            self.tell_of_end(&live, stopped);
        }
        if recovering
            && !terminal
            && let Some(parent) = &live.parent
        {
            let _ = self.family.send(Kin::Orphan { child: id, parent: parent.execution });
        }
        self.insert(id, live);
        if resend {
            self.resend_one(id, now, false);
        }
        lost.into_iter().chain(loading.jobs).for_each(|job| match job.what {
            What::Due(due) => self.due(due),
            _ => self.apply(id, job),
        });
        if terminal {
            self.ended.push_back((0, id));
        }
    }

    /// Looks after the attempts of an execution that was read: the word of those that are lost, and whether what it awaits is
    /// to be sent again.
    fn review_attempts(
        &mut self,
        id: ExecutionId,
        live: &Live,
        discarded: bool,
        held: Option<&HashSet<AttemptKey>>,
    ) -> (Vec<Job>, bool) {
        let (mut lost, mut resend) = (Vec::new(), false);
        for attempt in live.state.outstanding(&live.plan) {
            let (path, number) = (attempt.dispatch.path, attempt.dispatch.attempt);
            // One that waited for its turn under a limit was never sent, as far as anybody can tell: it waits again.
            let waits = attempt.dispatch.rate.is_some() && !attempt.recorded;
            if !attempt.recorded && !waits {
                let path = path.clone();
                self.sent.push_back(Sent { at: attempt.since, execution: id, path, attempt: number });
            }
            let key = AttemptKey { execution: id, path, attempt: number };
            match held {
                Some(held) if !discarded && !waits => {
                    if !held.contains(&key) {
                        lost.push(Job::event(Event::Lost { path: key.path, attempt: number }));
                    }
                }
                _ => resend = true,
            }
        }
        (lost, resend)
    }

    /// Its end was committed by a commit that seemed to fail, so that nobody was told.
    fn tell_of_end(&self, live: &Live, stopped: Vec<ExecutionId>) {
        self.shared.audience.ended(&live.view);
        live.slot.iter().for_each(|slot| drop(self.shared.slots.send(slot.clone())));
        stopped.into_iter().for_each(|child| self.shared.stop_child(child));
        let ending = live.ending();
        if let (Some(parent), Some(event)) = (ending.parent, ending.event) {
            self.shared.apply(parent.execution, Job::event(event));
        }
    }
}
