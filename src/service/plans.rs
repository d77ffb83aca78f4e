//! The plans of active versions, kept so that a start reads nothing.
//!
//! Invariant: a plan that was read before a change is never kept after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ids::WorkflowId;
use crate::plan::{Plan, PlanHash};

use super::admission::Admission;

/// How many are kept; past it all are dropped, and read again as they are asked for.
const MAX_KEPT: usize = 2_048;

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
    by_word: HashMap<String, Arc<Startable>>,
    generation: u64,
}

impl Plans {
    /// What is kept of a workflow, and the generation to hand to `keep`.
    pub fn get(&self, word: &str) -> (Option<Arc<Startable>>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.by_word.get(word).cloned(), kept.generation)
    }

    /// Keeps what was read since `generation`, unless something changed meanwhile.
    pub fn keep(&self, word: &str, startable: &Arc<Startable>, generation: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != generation {
            return;
        }
        if kept.by_word.len() >= MAX_KEPT {
            kept.by_word.clear();
        }
        kept.by_word.insert(word.to_owned(), startable.clone());
    }

    /// Forgets a workflow.
    pub fn forget(&self, workflow: WorkflowId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.generation += 1;
        kept.by_word.retain(|_, startable| startable.workflow != workflow);
    }
}
