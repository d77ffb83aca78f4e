//! A shard: the one owner of its executions in memory. It decides; others persist and act.
//!
//! Invariant: it waits for nothing but its inbox and its timers, and reads nothing: what is not in memory is asked for, and
//! what comes for it meanwhile waits with it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::engine::{Event, ExecutionStatus, TimerTarget};
use crate::expr::Timestamp;
use crate::ids::{Attempt, Epoch, ExecutionId, StepPath};
use crate::service::model::ExecutionView;
use crate::service::ports::{AttemptKey, DueTimer, RuntimeError};

use super::events::Letter;
use super::live::Live;
use super::loader::Wanted;
use super::message::{Cause, Decided, Found, Inbound, Job, Kin, Loaded, StartJob, Then, Turn, What};
use super::shared::{IdMap, Shared};
use super::slots::SlotOf;
use super::timers::{Alarm, Timers, later, until};

/// How many messages are taken at once.
const BATCH: usize = 256;

/// How often a shard looks after what is idle and what runs long.
const TICK: Duration = Duration::from_millis(250);

/// An execution that is in memory, or on its way there.
enum Slot {
    Live(Box<Live>),
    Loading(Loading),
}

/// An execution that is being read.
struct Loading {
    /// The epoch of its partition under which it is read.
    epoch: Epoch,
    /// What came for it meanwhile.
    jobs: Vec<Job>,
    /// Whether it was dropped from memory after a failed commit: then an attempt that the queue does not hold was not lost,
    /// but never sent.
    discarded: bool,
    /// Held until it is read, so that a recovery knows when it is done with a page.
    recovering: Option<mpsc::Sender<()>>,
}

impl Loading {
    fn under(epoch: Epoch) -> Self {
        Self { epoch, jobs: Vec::new(), discarded: false, recovering: None }
    }

    fn with(epoch: Epoch, job: Job) -> Self {
        Self { jobs: vec![job], ..Self::under(epoch) }
    }
}

impl Slot {
    /// The epoch of its partition under which it is here.
    fn epoch(&self) -> Epoch {
        match self {
            Self::Live(live) => live.epoch,
            Self::Loading(loading) => loading.epoch,
        }
    }
}

/// A dispatched attempt that has no row yet.
struct Sent {
    at: Timestamp,
    execution: ExecutionId,
    path: StepPath,
    attempt: Attempt,
}

/// A shard.
pub(super) struct Shard {
    index: usize,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Inbound>,
    decided: mpsc::UnboundedSender<Decided>,
    wanted: mpsc::UnboundedSender<Wanted>,
    family: mpsc::UnboundedSender<Kin>,
    slots: IdMap<ExecutionId, Slot>,
    timers: Timers,
    sent: VecDeque<Sent>,
    /// Executions that ended, and the ticket after whose commit they leave memory.
    ended: VecDeque<(u64, ExecutionId)>,
    /// Executions whose rows can't be made sense of: they are left alone.
    broken: HashSet<ExecutionId>,
    ticket: u64,
    next_tick: Timestamp,
}

/// Where a shard's words go.
pub(super) struct Outlets {
    pub decided: mpsc::UnboundedSender<Decided>,
    pub wanted: mpsc::UnboundedSender<Wanted>,
    pub family: mpsc::UnboundedSender<Kin>,
}

impl Shard {
    pub fn new(index: usize, shared: Arc<Shared>, inbox: mpsc::UnboundedReceiver<Inbound>, outlets: Outlets) -> Self {
        let Outlets { decided, wanted, family } = outlets;
        let next_tick = later(shared.now(), TICK);
        Self {
            index,
            shared,
            inbox,
            decided,
            wanted,
            family,
            slots: IdMap::default(),
            timers: Timers::default(),
            sent: VecDeque::new(),
            ended: VecDeque::new(),
            broken: HashSet::new(),
            ticket: 0,
            next_tick,
        }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let clock = self.shared.ports.clock.clone();
        loop {
            let next = self.timers.next().map_or(self.next_tick, |due| due.min(self.next_tick));
            tokio::select! {
                biased;
                count = self.inbox.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = clock.sleep(until(clock.now(), next)) => {}
            }
            for message in batch.drain(..) {
                self.receive(message);
            }
            self.ring();
            self.forget_ended();
            self.tick();
        }
    }

    fn receive(&mut self, message: Inbound) {
        match message {
            Inbound::Start(job) => self.start(*job),
            Inbound::Apply { id, job } => self.apply(id, job),
            Inbound::Loaded { id, epoch, found, held } => self.loaded(id, epoch, found, held.as_deref()),
            Inbound::Recover { ids, done } => self.recover(ids, &done),
            Inbound::Due(timers) => timers.into_iter().for_each(|due| self.due(due)),
            Inbound::Discard { id, then } => self.discard(id, then),
            Inbound::Moved { done } => self.drop_moved(done),
            Inbound::Sent(key) => self.note_sent(key),
            Inbound::Resend { lost } => self.resend(lost),
            Inbound::IsUnderWay { id, answer } => drop(answer.send(self.is_under_way(id))),
            Inbound::Drain(answer) => self.drain(answer),
        }
    }

    fn start(&mut self, job: StartJob) {
        let (id, now) = (job.execution.id, self.shared.now());
        if self.slots.contains_key(&id) {
            // What is in memory may never be written: whoever starts it again looks at the rows first.
            let why = format!("execution {id} is being started or read; try again");
            return drop(job.answer.send(Err(RuntimeError::Unavailable(why))));
        }
        let Some(epoch) = self.shared.ownership.epoch(id.partition()) else {
            return drop(job.answer.send(Err(moved())));
        };
        let slot = SlotOf::of(&job.execution, &job.plan);
        if slot.is_some() || job.execution.scheduled_at.is_some_and(|at| at > now) {
            return self.record_pending(job, slot, epoch);
        }
        let mut live = Live::starting(&job.execution, job.plan.clone(), epoch, &job.span, now);
        let turn = live.decide_start(job, now);
        self.insert(id, live);
        self.send(id, turn, now);
    }

    /// Records an execution whose time, or turn, has not come. Its row is all there is of it until then.
    fn record_pending(&mut self, job: StartJob, slot: Option<Arc<SlotOf>>, epoch: Epoch) {
        let StartJob { mut execution, answer, permit, .. } = job;
        execution.wake_at = execution.scheduled_at;
        let view = Box::new(ExecutionView { execution: execution.clone(), current_step_order: None });
        let cause = Cause::Start { answer, view };
        let turn = Turn::bare(execution.id, epoch, execution.workflow_name.clone(), cause);
        self.send_bare(Turn { start: Some(Box::new(execution)), slot, bytes: 256, permit, ..turn });
    }

    fn apply(&mut self, id: ExecutionId, job: Job) {
        match self.slots.get_mut(&id) {
            Some(Slot::Live(live)) => {
                let now = self.shared.now();
                if let Some(turn) = live.decide(job, now) {
                    self.send(id, turn, now);
                }
            }
            Some(Slot::Loading(loading)) => loading.jobs.push(job),
            None => match self.shared.ownership.epoch(id.partition()) {
                Some(epoch) if self.broken.contains(&id) => self.turn_away(id, epoch, job, unreadable(id)),
                Some(epoch) => self.load(id, Loading::with(epoch, job)),
                None => refuse(job, moved),
            },
        }
    }

    fn load(&mut self, id: ExecutionId, loading: Loading) {
        let epoch = loading.epoch;
        self.slots.insert(id, Slot::Loading(loading));
        let _ = self.wanted.send(Wanted { id, shard: self.index, epoch });
    }

    /// Numbers a turn of a live execution, arms its timers and hands it to the committer.
    fn send(&mut self, id: ExecutionId, mut turn: Turn, now: Timestamp) {
        self.ticket += 1;
        turn.shard = self.index;
        turn.ticket = self.ticket;
        for timer in turn.effects.timers.drain(..) {
            let alarm = Alarm { due: timer.due, execution: id, target: timer.target };
            self.timers.arm(alarm, now, self.shared.options.horizon);
        }
        for task in &turn.tasks {
            self.sent.push_back(Sent { at: now, execution: id, path: task.path.clone(), attempt: task.attempt });
        }
        if let Some(Slot::Live(live)) = self.slots.get_mut(&id) {
            live.ticket = self.ticket;
            if live.state.status().is_terminal() {
                self.ended.push_back((self.ticket, id));
            }
        }
        let _ = self.decided.send(Decided::Turn(Box::new(turn)));
    }

    /// Numbers a turn of an execution that is not in memory, and hands it to the committer.
    fn send_bare(&mut self, turn: Turn) {
        self.ticket += 1;
        let turn = Turn { shard: self.index, ticket: self.ticket, ..turn };
        let _ = self.decided.send(Decided::Turn(Box::new(turn)));
    }

    /// The gate let a task go: from here on it counts as under way.
    fn note_sent(&mut self, key: AttemptKey) {
        let AttemptKey { execution, path, attempt } = key;
        self.sent.push_back(Sent { at: self.shared.now(), execution, path, attempt });
    }

    fn insert(&mut self, id: ExecutionId, live: Live) {
        if !matches!(self.slots.insert(id, Slot::Live(Box::new(live))), Some(Slot::Live(_))) {
            self.shared.live.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remove(&mut self, id: ExecutionId) -> Option<Slot> {
        let slot = self.slots.remove(&id);
        if matches!(slot, Some(Slot::Live(_))) {
            self.shared.live.fetch_sub(1, Ordering::Relaxed);
        }
        slot
    }

    fn loaded(&mut self, id: ExecutionId, epoch: Epoch, found: Found, held: Option<&HashSet<AttemptKey>>) {
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

    /// A job for an execution that is not there. An outcome is acknowledged, in its turn.
    fn drop_job(&mut self, id: ExecutionId, epoch: Epoch, job: Job) {
        match job {
            Job { what: What::Outcome(delivered), permit, .. } => {
                let turn = Turn::bare(id, epoch, "".into(), Cause::Outcome(delivered));
                self.send_bare(Turn { permit, ..turn });
            }
            job => self.turn_away(id, epoch, job, RuntimeError::NotFound(id)),
        }
    }

    /// Answers a job that can't be done, in its turn: a message that asked for it is done with that. An outcome is not
    /// acknowledged.
    fn turn_away(&mut self, id: ExecutionId, epoch: Epoch, job: Job, why: RuntimeError) {
        let Job { what, permit, received, .. } = job;
        let answer = match what {
            What::Control { answer, .. } => answer,
            What::Offer(offer) => offer.answer,
            What::Ask { answer, .. } => {
                let _ = answer.send(false);
                return;
            }
            What::Outcome(_) | What::Event(_) | What::Due(_) => return,
        };
        let verdict = Err(why);
        let settled = received.map(|received| received.settled(id, &verdict));
        let turn = Turn::bare(id, epoch, "".into(), Cause::Control { answer, verdict });
        self.send_bare(Turn { permit, settled, ..turn });
    }

    /// Takes an execution that was read into memory, and goes on from where it stands. With what the queue `held` it is one of
    /// a partition that is being recovered.
    fn install(&mut self, id: ExecutionId, mut loaded: Loaded, loading: Loading, held: Option<&HashSet<AttemptKey>>) {
        let now = self.shared.now();
        let recovering = held.is_some();
        let stopped = std::mem::take(&mut loaded.stopped);
        let live = Live::loaded(loaded, loading.epoch, now);
        for timer in live.state.timers() {
            let alarm = Alarm { due: timer.due, execution: id, target: timer.target };
            self.timers.arm(alarm, now, self.shared.options.horizon);
        }
        if loading.discarded {
            // That it was opened may not have been told. A recovery looks at all that is awaited once it is over.
            for wait in live.state.waits(&live.plan) {
                let _ = self.shared.post.send(Letter::Look(wait.event));
            }
        }
        let outstanding = live.state.outstanding(&live.plan);
        let children = live.state.children();
        let mut first: Vec<Job> = Vec::new();
        let mut resend = false;
        for attempt in &outstanding {
            let (path, number) = (attempt.dispatch.path.clone(), attempt.dispatch.attempt);
            // One that waited for its turn under a limit was never sent, as far as anybody can tell: it waits again.
            let waits = attempt.dispatch.rate.is_some() && !attempt.recorded;
            if !attempt.recorded && !waits {
                let path = path.clone();
                self.sent.push_back(Sent { at: attempt.since, execution: id, path, attempt: number });
            }
            let key = AttemptKey { execution: id, path, attempt: number };
            match held {
                Some(held) if !loading.discarded && !waits => {
                    if !held.contains(&key) {
                        first.push(Job::event(Event::Lost { path: key.path, attempt: number }));
                    }
                }
                _ => resend = true,
            }
        }
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
        first.into_iter().chain(loading.jobs).for_each(|job| match job.what {
            What::Due(due) => self.due(due),
            _ => self.apply(id, job),
        });
        if terminal {
            self.ended.push_back((0, id));
        }
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

    fn recover(&mut self, ids: Vec<ExecutionId>, done: &mpsc::Sender<()>) {
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

    /// A timer that a row tells of.
    fn due(&mut self, due: DueTimer) {
        let id = due.execution;
        let no_room = due.status == ExecutionStatus::Pending && self.is_full();
        match self.slots.get_mut(&id) {
            Some(Slot::Live(_)) => {
                let alarm = Alarm { due: due.due, execution: id, target: due.target };
                self.timers.arm(alarm, self.shared.now(), self.shared.options.horizon);
            }
            Some(Slot::Loading(loading)) if loading.jobs.is_empty() => loading.jobs.push(Job::own(What::Due(due))),
            Some(Slot::Loading(_)) => {}
            None if no_room || self.broken.contains(&id) => {}
            None => {
                if let Some(epoch) = self.shared.ownership.epoch(id.partition()) {
                    self.load(id, Loading::with(epoch, Job::own(What::Due(due))));
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.shared.live.load(Ordering::Relaxed) >= self.shared.options.max_live
    }

    fn ring(&mut self) {
        let now = self.shared.now();
        while let Some(Alarm { execution, target, .. }) = self.timers.pop_due(now) {
            let Some(Slot::Live(live)) = self.slots.get_mut(&execution) else { continue };
            let event = match target {
                TimerTarget::Step { path, attempt } => Event::Woken { path, attempt },
                TimerTarget::Timeout => Event::TimedOut,
                TimerTarget::Execution if live.state.status() == ExecutionStatus::Pending => match &live.slot {
                    // Its time has come, but not yet its turn.
                    Some(slot) => {
                        let _ = self.shared.slots.send(slot.clone());
                        continue;
                    }
                    None => Event::Started,
                },
                TimerTarget::Execution => Event::ExecutionWoken,
            };
            if let Some(turn) = live.decide(Job::event(event), now) {
                self.send(execution, turn, now);
            }
        }
    }

    /// Drops what is not what is written. What the committer still has of it is dropped there, up to the word that it is
    /// cleared here.
    fn discard(&mut self, id: ExecutionId, then: Then) {
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
    fn drop_moved(&mut self, done: Option<mpsc::Sender<()>>) {
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

    fn resend(&mut self, lost: bool) {
        let now = self.shared.now();
        let ids: Vec<ExecutionId> = self.slots.keys().copied().collect();
        ids.into_iter().for_each(|id| self.resend_one(id, now, lost));
    }

    fn resend_one(&mut self, id: ExecutionId, now: Timestamp, lost: bool) {
        let Some(Slot::Live(live)) = self.slots.get_mut(&id) else { return };
        if let Some(turn) = live.decide_resend(lost) {
            self.send(id, turn, now);
        }
    }

    fn is_under_way(&self, id: ExecutionId) -> bool {
        matches!(self.slots.get(&id), Some(Slot::Live(live)) if !live.state.status().is_terminal())
    }

    fn drain(&mut self, answer: oneshot::Sender<u64>) {
        self.record_running(None);
        let _ = answer.send(self.ticket);
    }

    /// Writes RUNNING rows for what was sent before this moment (none: at all) and has no outcome.
    fn record_running(&mut self, before: Option<Timestamp>) {
        let now = self.shared.now();
        while self.sent.front().is_some_and(|sent| before.is_none_or(|before| sent.at <= before)) {
            let Some(Sent { at, execution, path, attempt }) = self.sent.pop_front() else { return };
            let Some(Slot::Live(live)) = self.slots.get_mut(&execution) else { continue };
            if !live.state.awaits(&path, attempt) {
                continue;
            }
            let touched = live.touched;
            let turn = live.decide(Job::event(Event::Running { path, attempt, claimed_at: at }), now);
            live.touched = touched;
            if let Some(turn) = turn {
                self.send(execution, turn, now);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.shared.now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = later(now, TICK);
        self.record_running(Some(super::timers::earlier(now, self.shared.options.running_after)));
        self.evict(now);
    }

    /// Lets go of executions that wait for a far timer or a child alone, and have for a while.
    fn evict(&mut self, now: Timestamp) {
        let progress = self.progress();
        let before = super::timers::earlier(now, self.shared.options.idle);
        let near = later(now, self.shared.options.horizon);
        let mut idle = Vec::new();
        for (id, slot) in &mut self.slots {
            let Slot::Live(live) = slot else { continue };
            if live.touched > before || live.ticket > progress {
                continue;
            }
            live.touched = now;
            if live.state.is_idle() && live.state.timers().first().is_none_or(|timer| timer.due > near) {
                idle.push(*id);
            }
        }
        for id in idle {
            self.remove(id);
        }
    }

    fn progress(&self) -> u64 {
        self.shared.progress.get(self.index).map_or(0, |progress| progress.load(Ordering::Acquire))
    }

    /// Lets go of executions whose end is committed.
    fn forget_ended(&mut self) {
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
}

/// Answers a job that can't be done. An outcome is not acknowledged: it is for whoever can.
fn refuse(job: Job, why: impl Fn() -> RuntimeError) {
    match job.what {
        What::Control { answer, .. } => drop(answer.send(Err(why()))),
        What::Offer(offer) => drop(offer.answer.send(Err(why()))),
        What::Ask { answer, .. } => drop(answer.send(false)),
        What::Outcome(_) | What::Event(_) | What::Due(_) => {}
    }
}

fn unreadable(id: ExecutionId) -> RuntimeError {
    RuntimeError::Unavailable(format!("the rows of execution {id} can't be made sense of; see the server's log"))
}

/// What a caller is told of an execution whose partition was lost.
pub(super) fn moved() -> RuntimeError {
    RuntimeError::Unavailable("another process has taken over this execution; try again".to_owned())
}
