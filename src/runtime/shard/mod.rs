//! A shard: the one owner of its executions in memory. It decides; others persist and act.
//!
//! Invariant: it waits for nothing but its inbox and its timers, and reads nothing: what is not in memory is asked for, and
//! what comes for it meanwhile waits with it.

mod eviction;
mod loading;
mod refusal;
mod sent;
mod slot;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::{Event, ExecutionStatus, Timer, TimerTarget};
use crate::expr::Timestamp;
use crate::ids::{Epoch, ExecutionId};
use crate::service::model::ExecutionView;
use crate::service::ports::{DueTimer, RuntimeError};

use super::live::Live;
use super::loader::Wanted;
use super::message::{Cause, Decided, Inbound, Job, Kin, StartJob, Turn, What};
use super::shared::{IdMap, Shared};
use super::slots::SlotOf;
use super::timers::{Alarm, Timers, earlier, later, until};

use refusal::{refuse, unreadable};
use sent::Sent;
use slot::{Loading, Slot};

pub(super) use refusal::moved;

/// How many messages are taken at once.
const BATCH: usize = 256;

/// How often a shard looks after what is idle and what runs long.
const TICK: Duration = Duration::from_millis(250);

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
    /// Executions in memory by when they were last looked at, whether they may leave it.
    seen: VecDeque<(Timestamp, ExecutionId)>,
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
            seen: VecDeque::new(),
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

    /// Numbers a turn of a live execution, arms its timers and hands it to the committer.
    fn send(&mut self, id: ExecutionId, mut turn: Turn, now: Timestamp) {
        self.ticket += 1;
        turn.shard = self.index;
        turn.ticket = self.ticket;
        for timer in turn.effects.timers.drain(..) {
            self.arm(id, timer, now);
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

    fn arm(&mut self, id: ExecutionId, Timer { due, target }: Timer, now: Timestamp) {
        self.timers.arm(Alarm { due, execution: id, target }, now, self.shared.options.horizon);
    }

    /// Numbers a turn of an execution that is not in memory, and hands it to the committer.
    fn send_bare(&mut self, turn: Turn) {
        self.ticket += 1;
        let turn = Turn { shard: self.index, ticket: self.ticket, ..turn };
        let _ = self.decided.send(Decided::Turn(Box::new(turn)));
    }

    fn insert(&mut self, id: ExecutionId, live: Live) {
        self.seen.push_back((live.seen, id));
        if !matches!(self.slots.insert(id, Slot::Live(Box::new(live))), Some(Slot::Live(_))) {
            self.shared.live.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A timer that a row tells of.
    fn due(&mut self, due: DueTimer) {
        let id = due.execution;
        let no_room = due.status == ExecutionStatus::Pending && self.is_full();
        match self.slots.get_mut(&id) {
            Some(Slot::Live(_)) => {
                self.arm(id, Timer { due: due.due, target: due.target }, self.shared.now());
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

    fn is_under_way(&self, id: ExecutionId) -> bool {
        matches!(self.slots.get(&id), Some(Slot::Live(live)) if !live.state.status().is_terminal())
    }

    fn tick(&mut self) {
        let now = self.shared.now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = later(now, TICK);
        self.record_running(Some(earlier(now, self.shared.options.running_after)));
        self.evict(now);
    }
}
