//! Reads executions from their rows, many at once, for the shards.
//!
//! Invariant: it gives what is written, or says that there is nothing; while the database is away it waits.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::{StepRow, StepStatus, replay};
use crate::ids::{Epoch, ExecutionId};
use crate::plan::{Plan, PlanHash};
use crate::service::model::{ExecutionView, History};
use crate::service::ports::{CrashPoint, StoreResult};

use super::backoff::Backoff;
use super::live::start_of;
use super::message::{Found, Inbound, Loaded};
use super::recovery::{Held, Stage};
use super::shared::{IdMap, Shared};

/// How many executions are read at once.
const BATCH: usize = 256;

/// How many plans are kept; past it all are dropped, and read again as they are needed.
const MAX_PLANS: usize = 256;

/// An execution that a shard asks for, under the epoch of its partition.
pub(super) struct Wanted {
    pub id: ExecutionId,
    pub shard: usize,
    pub epoch: Epoch,
}

/// The loader.
pub(super) struct Loader {
    shared: Arc<Shared>,
    wanted: mpsc::UnboundedReceiver<Wanted>,
    plans: HashMap<PlanHash, Arc<Plan>>,
    /// What waits until it is known what the queue holds of its partition.
    waiting: Vec<Wanted>,
}

impl Loader {
    pub fn new(shared: Arc<Shared>, wanted: mpsc::UnboundedReceiver<Wanted>) -> Self {
        Self { shared, wanted, plans: HashMap::new(), waiting: Vec::new() }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut recoveries = self.shared.recoveries.changes();
        loop {
            tokio::select! {
                biased;
                count = self.wanted.recv_many(&mut batch, BATCH) => if count == 0 { return },
                _ = recoveries.changed() => batch.append(&mut self.waiting),
            }
            let (ready, held): (Vec<Wanted>, Vec<Option<Held>>) =
                batch.drain(..).filter_map(|wanted| self.sort(wanted)).unzip();
            if !ready.is_empty() {
                self.load(ready, held).await;
            }
        }
    }

    /// What can be read now, with what the queue held of it where it is being recovered. The rest waits, or is no longer ours.
    fn sort(&mut self, wanted: Wanted) -> Option<(Wanted, Option<Held>)> {
        let partition = wanted.id.partition();
        if self.shared.ownership.proof(partition) != Some(wanted.epoch) {
            return None;
        }
        match self.shared.recoveries.stage(partition) {
            Stage::Over => Some((wanted, None)),
            Stage::Reading(held) => Some((wanted, Some(held))),
            Stage::Asking => {
                self.waiting.push(wanted);
                None
            }
        }
    }

    async fn load(&mut self, wanted: Vec<Wanted>, held: Vec<Option<Held>>) {
        let histories = self.read(&wanted).await;
        self.shared.pass(CrashPoint::AfterLoad).await;
        for ((Wanted { id, shard, epoch }, held), history) in wanted.into_iter().zip(held).zip(histories) {
            let found = match history {
                Some((history, plan)) => fold(history, plan),
                None => Found::Nothing,
            };
            self.shared.send(shard, Inbound::Loaded { id, epoch, found, held });
        }
    }

    /// The histories of these executions and their plans, in order; none for one that is not there.
    async fn read(&mut self, wanted: &[Wanted]) -> Vec<Option<(History, Option<Arc<Plan>>)>> {
        let ids: Vec<ExecutionId> = wanted.iter().map(|wanted| wanted.id).collect();
        let mut backoff = Backoff::new();
        loop {
            match self.try_read(&ids).await {
                Ok(mut found) => return ids.iter().map(|id| found.remove(id)).collect(),
                Err(error) => tracing::warn!(%error, "executions can't be read; trying again"),
            }
            backoff.wait(&*self.shared.ports.clock).await;
        }
    }

    async fn try_read(&mut self, ids: &[ExecutionId]) -> StoreResult<IdMap<ExecutionId, (History, Option<Arc<Plan>>)>> {
        let mut found = IdMap::default();
        for history in self.shared.ports.store.histories(ids).await? {
            let plan = self.plan(&history.execution.plan_hash).await?;
            found.insert(history.execution.id, (history, plan));
        }
        Ok(found)
    }

    async fn plan(&mut self, hash: &PlanHash) -> StoreResult<Option<Arc<Plan>>> {
        if let Some(plan) = self.plans.get(hash) {
            return Ok(Some(plan.clone()));
        }
        let Some(plan) = self.shared.ports.store.plan_find(hash).await? else { return Ok(None) };
        if self.plans.len() >= MAX_PLANS {
            self.plans.clear();
        }
        self.plans.insert(hash.clone(), plan.clone());
        Ok(Some(plan))
    }
}

fn fold(history: History, plan: Option<Arc<Plan>>) -> Found {
    let History { execution, steps, controls } = history;
    let Some(plan) = plan else {
        return Found::Broken(format!("there is no plan {}", execution.plan_hash.0));
    };
    let stopped = steps.iter().filter_map(stopped_child).collect();
    let current_step_order = steps.iter().map(|row| row.order).max();
    match replay(&plan, start_of(&execution), execution.started_at, steps, controls) {
        Ok(mut state) => {
            state.continue_after(execution.seq);
            let view = ExecutionView { execution, current_step_order };
            Found::Execution(Box::new(Loaded { view, plan, state, stopped }))
        }
        Err(error) => Found::Broken(error.to_string()),
    }
}

/// The child that a row's step had started when it was stopped.
fn stopped_child(row: &StepRow) -> Option<ExecutionId> {
    if row.status != StepStatus::Cancelled {
        return None;
    }
    row.child()
}
