//! The committer: takes everything that was decided while the last commit was under way, writes it in one transaction, and
//! only then hands it on to be acted upon.
//!
//! What a commit held that failed, or whose fate is unknown, is dropped: by its callers, who are told to try again, in
//! memory, and what was decided after it with it. The executions are then read again. No delay is added anywhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::ids::{ExecutionId, PartitionId};
use crate::service::model::Execution;
use crate::service::ports::{Commit, Committed, CrashPoint, RuntimeError, StoreError};

use super::backoff::Backoff;
use super::commit::Rows;
use super::message::{Cause, Decided, Inbound, Job, Then, Turn, What};
use super::ownership::Lease;
use super::shared::{IdMap, Shared};
use super::timers::until;

/// A committer, for some of the shards.
pub(super) struct Committer {
    shared: Arc<Shared>,
    decided: mpsc::UnboundedReceiver<Decided>,
    done: mpsc::UnboundedSender<Written>,
    /// What was taken from the channel and did not fit the last commit.
    waiting: VecDeque<Decided>,
    /// Executions whose turns are dropped until their shard says that it has dropped what it had of them, and whether it
    /// was told to. It is told once: what it reads after that is good.
    poisoned: IdMap<ExecutionId, bool>,
    /// For each shard, the ticket of the last turn that was taken.
    tickets: Vec<u64>,
}

/// Turns whose rows are written.
pub(super) struct Written {
    pub turns: Vec<Turn>,
    pub rows: Rows,
    /// Executions whose rows were left out, since their start was refused.
    pub refused: IdMap<ExecutionId, ()>,
    /// Dropped once all of this, and what came before, is acted upon.
    pub barriers: Vec<mpsc::Sender<()>>,
}

/// The turns of a commit.
#[derive(Default)]
struct Batch {
    turns: Vec<Turn>,
    rows: Rows,
    barriers: Vec<mpsc::Sender<()>>,
}

impl Committer {
    pub fn new(
        shared: Arc<Shared>,
        decided: mpsc::UnboundedReceiver<Decided>,
        done: mpsc::UnboundedSender<Written>,
    ) -> Self {
        let tickets = vec![0; shared.shards.len()];
        Self { shared, decided, done, waiting: VecDeque::new(), poisoned: IdMap::default(), tickets }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let most = self.shared.options.commit_events;
        let mut taken = Vec::with_capacity(most);
        loop {
            if self.waiting.is_empty() {
                if self.decided.recv_many(&mut taken, most).await == 0 {
                    return;
                }
                self.waiting.extend(taken.drain(..));
            }
            let batch = self.batch();
            if !(batch.turns.is_empty() && batch.barriers.is_empty()) {
                self.write(batch).await;
            }
            self.publish();
        }
    }

    /// The next commit: what waits, up to its bound.
    fn batch(&mut self) -> Batch {
        let mut batch = Batch { turns: Vec::with_capacity(self.waiting.len()), ..Batch::default() };
        let mut bytes = 0;
        while bytes < self.shared.options.commit_bytes
            && let Some(decided) = self.waiting.pop_front()
        {
            let mut turn = match decided {
                Decided::Cleared(id) => {
                    self.poisoned.remove(&id);
                    continue;
                }
                Decided::Barrier(barrier) => {
                    batch.barriers.push(barrier);
                    continue;
                }
                Decided::Turn(turn) if batch.rows.proves_another(turn.partition, turn.epoch) => {
                    self.waiting.push_front(Decided::Turn(turn));
                    break;
                }
                Decided::Turn(turn) => *turn,
            };
            self.took(&turn);
            let is_ours = self.shared.ownership.proof(turn.partition) == Some(turn.epoch);
            if is_ours && !self.poisoned.contains_key(&turn.execution) {
                bytes += turn.bytes;
                batch.rows.add(&mut turn);
                batch.turns.push(turn);
            } else {
                self.undo(turn);
            }
        }
        batch
    }

    async fn write(&mut self, batch: Batch) {
        self.shared.pass(CrashPoint::BeforeCommit).await;
        // An outcome that is refused has no rows; that it may be acknowledged is proved all the same.
        if batch.turns.is_empty() {
            return self.settle(batch, Committed::default());
        }
        let began = self.shared.now();
        match self.shared.ports.store.commit(&batch.rows.commit).await {
            Ok(committed) => {
                self.shared.pass(CrashPoint::AfterCommit).await;
                metrics::histogram!("stepwell_commit_seconds").record(until(began, self.shared.now()).as_secs_f64());
                self.settle(batch, committed);
            }
            Err(StoreError::Unavailable(reason)) => self.give_up(batch, &reason).await,
            // The database said no to all of it for the sake of a row: only the execution whose row it is shall suffer.
            Err(error) => self.write_apart(batch, &error).await,
        }
    }

    /// Hands on what is written; what was left out of the commit is undone.
    fn settle(&mut self, batch: Batch, committed: Committed) {
        let Batch { mut turns, rows, barriers } = batch;
        if !committed.fenced.is_empty() {
            self.lose(&committed.fenced, &rows.commit.leases);
            let lost: Vec<Turn> = turns.extract_if(.., |turn| committed.fenced.contains(&turn.partition)).collect();
            lost.into_iter().for_each(|turn| self.undo(turn));
        }
        if !committed.stale.is_empty() {
            let stale: Vec<Turn> = turns.extract_if(.., |turn| committed.stale.contains(&turn.execution)).collect();
            self.read_again(stale);
        }
        let mut refused = IdMap::default();
        if !committed.existing.is_empty() {
            (turns, refused) = self.drop_refused(turns, committed.existing);
        }
        let _ = self.done.send(Written { turns, rows, refused, barriers });
    }

    /// Starts that were refused, since one of their key or id is there: their callers get that one, and what is in memory
    /// of the refused is dropped. What stays, and who was refused.
    fn drop_refused(
        &mut self,
        turns: Vec<Turn>,
        existing: Vec<(ExecutionId, Execution)>,
    ) -> (Vec<Turn>, IdMap<ExecutionId, ()>) {
        let mut existing: IdMap<ExecutionId, Execution> = existing.into_iter().collect();
        let mut kept = Vec::with_capacity(turns.len());
        let mut refused: IdMap<ExecutionId, ()> = IdMap::default();
        for mut turn in turns {
            let id = turn.execution;
            let is_start = matches!(turn.cause, Cause::Start { .. });
            if is_start && let Some(there) = existing.remove(&id) {
                let then = if there.id == id { Then::Reload } else { Then::Forget };
                self.poison(id, then);
                refused.insert(id, ());
                if let Cause::Start { answer, .. } = std::mem::replace(&mut turn.cause, Cause::Own) {
                    let _ = answer.send(Ok(crate::service::ports::Started::Existing(there)));
                }
            } else if refused.contains_key(&id) {
                self.undo(turn);
            } else {
                kept.push(turn);
            }
        }
        (kept, refused)
    }

    /// Writes each execution's part by itself, and gives up those that the database does not take.
    async fn write_apart(&mut self, batch: Batch, error: &StoreError) {
        tracing::error!(%error, "a commit was refused; writing each execution's part by itself");
        let Batch { turns, rows, barriers } = batch;
        let mut by_execution: Vec<(ExecutionId, Vec<Turn>)> = Vec::new();
        let mut at: IdMap<ExecutionId, usize> = IdMap::default();
        for turn in turns {
            let place = *at.entry(turn.execution).or_insert(by_execution.len());
            match by_execution.get_mut(place) {
                Some((_, turns)) => turns.push(turn),
                None => by_execution.push((turn.execution, vec![turn])),
            }
        }
        for (id, turns) in by_execution {
            let part = Batch { turns, rows: rows.of(id), barriers: Vec::new() };
            match self.shared.ports.store.commit(&part.rows.commit).await {
                Ok(committed) => self.settle(part, committed),
                Err(StoreError::Unavailable(reason)) => self.give_up(part, &reason).await,
                Err(error) => {
                    tracing::error!(execution = %id, %error, "the database does not take an execution's rows");
                    self.discard(part.turns);
                }
            }
        }
        self.settle(Batch { barriers, ..Batch::default() }, Committed::default());
    }

    /// It is not known whether the commit was done. Waits until the database answers, turning away what comes meanwhile,
    /// and then has everything read again.
    async fn give_up(&mut self, batch: Batch, reason: &str) {
        tracing::warn!(reason, "a commit failed; its executions are read again");
        metrics::counter!("stepwell_commits_failed_total").increment(1);
        let mut dropped = batch.turns;
        self.poison_all(&dropped);
        dropped.iter_mut().for_each(tell_unavailable);
        let mut backoff = Backoff::new();
        loop {
            backoff.wait(&*self.shared.ports.clock).await;
            // A commit of no rows: whether the database answers, and what is still owned.
            let probe = Commit { leases: self.shared.ownership.leases(), ..Commit::default() };
            match self.shared.ports.store.commit(&probe).await {
                Ok(committed) => {
                    self.lose(&committed.fenced, &probe.leases);
                    return self.read_again(dropped);
                }
                Err(error) => {
                    tracing::warn!(%error, "the database is away");
                    self.turn_away(&mut dropped);
                }
            }
        }
    }

    /// Drops what was decided while the database is away.
    fn turn_away(&mut self, dropped: &mut Vec<Turn>) {
        let mut arrived: Vec<Decided> = self.waiting.drain(..).collect();
        while let Ok(decided) = self.decided.try_recv() {
            arrived.push(decided);
        }
        for decided in arrived {
            match decided {
                Decided::Cleared(id) => drop(self.poisoned.remove(&id)),
                Decided::Barrier(barrier) => drop(barrier),
                Decided::Turn(mut turn) => {
                    self.took(&turn);
                    tell_unavailable(&mut turn);
                    self.poisoned.entry(turn.execution).or_insert(false);
                    dropped.push(*turn);
                }
            }
        }
    }

    /// Drops turns that the database did not take.
    fn discard(&mut self, mut turns: Vec<Turn>) {
        self.poison_all(&turns);
        turns.iter_mut().for_each(tell_unavailable);
        self.read_again(turns);
    }

    fn poison_all(&mut self, turns: &[Turn]) {
        for turn in turns {
            self.poisoned.entry(turn.execution).or_insert(false);
        }
    }

    /// Has the shards read executions again, and feeds what was dropped to them once more.
    fn read_again(&mut self, dropped: Vec<Turn>) {
        for turn in &dropped {
            self.poison(turn.execution, Then::Reload);
        }
        dropped.into_iter().for_each(|turn| self.undo(turn));
    }

    /// Drops a turn: its caller is told, and its cause is fed to its shard again. What is not served here is its owner's.
    fn undo(&mut self, mut turn: Turn) {
        tell_unavailable(&mut turn);
        let feed = self.shared.ownership.epoch(turn.partition).is_some();
        let Turn { execution, shard, cause, permit, .. } = turn;
        let what = match cause {
            Cause::Outcome(delivered) => Some(What::Outcome(delivered)),
            Cause::Lost(event) => Some(What::Event(event)),
            Cause::Start { .. } | Cause::Control { .. } | Cause::Own => None,
        };
        if let Some(what) = what.filter(|_| feed) {
            self.shared.send(shard, Inbound::Apply { id: execution, job: Job { permit, ..Job::own(what) } });
        }
    }

    /// Drops the turns of an execution from here on, and has its shard do so too.
    fn poison(&mut self, id: ExecutionId, then: Then) {
        let told = self.poisoned.entry(id).or_insert(false);
        if !std::mem::replace(told, true) {
            self.shared.send(self.shared.shard_of(id.partition()), Inbound::Discard { id, then });
        }
    }

    /// Gives up the partitions whose proof failed.
    fn lose(&self, fenced: &[PartitionId], proved: &[Lease]) {
        if fenced.is_empty() {
            return;
        }
        tracing::warn!(
            partitions = fenced.len(),
            "another process has taken partitions; this one stops acting for them"
        );
        let lost: Vec<Lease> = proved.iter().filter(|(partition, _)| fenced.contains(partition)).copied().collect();
        self.shared.lose(&lost);
    }

    fn took(&mut self, turn: &Turn) {
        if let Some(ticket) = self.tickets.get_mut(turn.shard) {
            *ticket = turn.ticket;
        }
    }

    /// Says how far each shard's turns are done with: written, or dropped and told so.
    fn publish(&self) {
        for (progress, ticket) in self.shared.progress.iter().zip(&self.tickets) {
            progress.fetch_max(*ticket, Ordering::AcqRel);
        }
    }
}

/// Tells whoever waits for a turn that it came to nothing.
fn tell_unavailable(turn: &mut Turn) {
    let why = || RuntimeError::Unavailable("the database did not take the change; try again".to_owned());
    match std::mem::replace(&mut turn.cause, Cause::Own) {
        Cause::Start { answer, .. } => drop(answer.send(Err(why()))),
        Cause::Control { answer, .. } => drop(answer.send(Err(why()))),
        other => turn.cause = other,
    }
}
