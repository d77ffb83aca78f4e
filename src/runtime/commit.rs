//! Persists: the rows of many turns as one commit.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::engine::{Effects, StepRow};
use crate::ids::{Attempt, Epoch, ExecutionId, PartitionId, StepPath};
use crate::service::ports::Commit;

use super::message::Turn;
use super::shared::{IdHasher, IdMap};

/// The rows of turns, each key once: the last change of a key is the one that is written.
#[derive(Default)]
pub(super) struct Rows {
    pub commit: Commit,
    executions: IdMap<ExecutionId, usize>,
    steps: HashMap<(ExecutionId, StepPath, Attempt), usize, BuildHasherDefault<IdHasher>>,
}

impl Rows {
    /// Takes the rows out of a turn.
    pub fn add(&mut self, turn: &mut Turn) {
        let Effects { execution, steps, logs, controls, caches, .. } = &mut turn.effects;
        if let Some(start) = turn.start.take() {
            self.commit.starts.push(*start);
        }
        if let Some(update) = execution.take() {
            match self.executions.get(&update.id) {
                Some(at) => self.commit.executions[*at] = update,
                None => {
                    self.executions.insert(update.id, self.commit.executions.len());
                    self.commit.executions.push(update);
                }
            }
        }
        std::mem::take(steps).into_iter().for_each(|row| self.add_step(row));
        self.commit.logs.extend(std::mem::take(logs).into_iter().map(|entry| (turn.execution, entry)));
        self.commit.controls.append(controls);
        self.commit.deliveries.extend(turn.delivery.take());
        self.commit.settled.extend(turn.settled.take());
        self.commit.grants.extend(turn.grant.take().map(|grant| (turn.execution, grant)));
        self.commit.caches.extend(caches.drain(..).map(|write| (turn.execution, write)));
        self.lease(turn.partition, turn.epoch);
    }

    fn add_step(&mut self, row: StepRow) {
        if row.is_passing() {
            return self.commit.steps.push(row);
        }
        let key = (row.execution, row.path.clone(), row.attempt);
        match self.steps.entry(key) {
            std::collections::hash_map::Entry::Occupied(at) => self.commit.steps[*at.get()] = row,
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(self.commit.steps.len());
                self.commit.steps.push(row);
            }
        }
    }

    fn lease(&mut self, partition: PartitionId, epoch: Epoch) {
        // At most 64, and mostly few.
        if !self.commit.leases.iter().any(|(known, _)| *known == partition) {
            self.commit.leases.push((partition, epoch));
        }
    }

    /// Whether these rows prove another epoch of a partition: what was decided under this one is of another commit.
    pub fn proves_another(&self, partition: PartitionId, epoch: Epoch) -> bool {
        self.commit.leases.iter().any(|(known, proved)| *known == partition && *proved != epoch)
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        let Commit { starts, executions, steps, logs, controls, settled, .. } = &self.commit;
        starts.len() + executions.len() + steps.len() + logs.len() + controls.len() + settled.len()
    }

    /// The rows of one execution.
    pub fn of(&self, id: ExecutionId) -> Self {
        let Commit { leases, starts, executions, steps, logs, controls, deliveries, caches, settled, grants } =
            &self.commit;
        let partition = id.partition();
        let commit = Commit {
            leases: leases.iter().filter(|(lease, _)| *lease == partition).copied().collect(),
            starts: starts.iter().filter(|start| start.id == id).cloned().collect(),
            executions: executions.iter().filter(|update| update.id == id).cloned().collect(),
            steps: steps.iter().filter(|row| row.execution == id).cloned().collect(),
            logs: logs.iter().filter(|(of, _)| *of == id).cloned().collect(),
            controls: controls.iter().filter(|row| row.execution == id).cloned().collect(),
            deliveries: deliveries.iter().filter(|delivery| delivery.execution == id).cloned().collect(),
            caches: caches.iter().filter(|(of, _)| *of == id).cloned().collect(),
            settled: settled.iter().filter(|settled| settled.execution == Some(id)).cloned().collect(),
            grants: grants.iter().filter(|(of, _)| *of == id).copied().collect(),
        };
        let executions = commit.executions.first().map(|update| (update.id, 0)).into_iter().collect();
        Self { commit, executions, steps: HashMap::default() }
    }
}
