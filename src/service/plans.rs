//! Plans that are kept: those of active versions, so that a start reads nothing, and those that executions are pinned to.
//!
//! Invariant: a plan that was read before a change is never kept after it. A change that another process made is known here
//! once that process says so, and at the latest a moment (`FRESH_MS`) after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::expr::Timestamp;
use crate::ids::WorkflowId;
use crate::plan::{Plan, PlanHash};

use super::admission::Admission;

/// How many are kept; past it all are dropped, and read again as they are asked for.
const MAX_KEPT: usize = 2_048;

/// How long what is kept of an active version is used before it is looked whether that is still the active one, in
/// milliseconds.
pub const FRESH_MS: u64 = 1_000;

/// What a start needs of a version.
#[derive(Debug)]
pub struct Startable {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Its name.
    pub name: Arc<str>,
    /// The version.
    pub version: i64,
    /// What its plan is called.
    pub hash: PlanHash,
    /// The plan.
    pub plan: Arc<Plan>,
    /// What fits as its input, and its defaults.
    pub admission: Admission,
}

/// The plans of active versions, by what the workflow was called in the request: its id or its name.
#[derive(Default)]
pub struct Plans {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_word: HashMap<String, (Arc<Startable>, Timestamp)>,
    generation: u64,
    /// How many changes of other processes were told of when the oldest of these was read.
    changes: u64,
}

impl Plans {
    /// What is kept of a workflow, when it was last known to be right, and the generation to hand to `keep`. `changes` counts
    /// what other processes told of.
    pub fn get(&self, word: &str, changes: u64) -> (Option<(Arc<Startable>, Timestamp)>, u64) {
        let mut kept = self.lock();
        if kept.changes != changes {
            kept.changes = changes;
            kept.generation += 1;
            kept.by_word.clear();
        }
        (kept.by_word.get(word).cloned(), kept.generation)
    }

    /// Keeps what was read at `now`, since `generation`, unless something changed meanwhile.
    pub fn keep(&self, word: &str, startable: &Arc<Startable>, generation: u64, now: Timestamp) {
        let mut kept = self.lock();
        if kept.generation != generation {
            return;
        }
        if kept.by_word.len() >= MAX_KEPT {
            kept.by_word.clear();
        }
        kept.by_word.insert(word.to_owned(), (startable.clone(), now));
    }

    /// Forgets a workflow.
    pub fn forget(&self, workflow: WorkflowId) {
        let mut kept = self.lock();
        kept.generation += 1;
        kept.by_word.retain(|_, (startable, _)| startable.workflow != workflow);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many plans are kept by their hash; past it all are dropped, and read again as they are asked for.
const MAX_PINNED: usize = 256;

/// Plans that executions are pinned to, by their hash: these never change.
#[derive(Default)]
pub struct Pinned(Mutex<HashMap<PlanHash, Arc<Plan>>>);

impl Pinned {
    /// The plan of this hash, where it is kept.
    pub fn get(&self, hash: &PlanHash) -> Option<Arc<Plan>> {
        self.lock().get(hash).cloned()
    }

    /// Keeps a plan.
    pub fn keep(&self, hash: &PlanHash, plan: Arc<Plan>) -> Arc<Plan> {
        let mut kept = self.lock();
        if kept.len() >= MAX_PINNED {
            kept.clear();
        }
        kept.insert(hash.clone(), plan.clone());
        plan
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PlanHash, Arc<Plan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
