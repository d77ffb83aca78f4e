//! Stable ids of nodes: the written name, or the kind and a count.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::lang::ast::{Stmt, StmtKind, Workflow};
use crate::lang::statements::each_statement;

/// Gives ids, each once.
pub struct Ids {
    used: HashSet<Arc<str>>,
    counts: HashMap<&'static str, usize>,
}

impl Ids {
    /// Knows the names of all steps, so that no count takes one of theirs.
    pub fn of(workflow: &Workflow) -> Self {
        let mut used = HashSet::new();
        each_statement(&workflow.body, &mut |statement: &Stmt| {
            if let StmtKind::Step(step) = &statement.kind {
                used.insert(step.name.value.clone());
            }
        });
        Self { used, counts: HashMap::new() }
    }

    /// The id of what is called `name` and is no step.
    pub fn named(&mut self, name: &Arc<str>, kind: &'static str) -> Arc<str> {
        if self.used.insert(name.clone()) { name.clone() } else { self.counted(kind) }
    }

    /// The next id of a kind: `if-1`.
    pub fn counted(&mut self, kind: &'static str) -> Arc<str> {
        loop {
            let count = self.counts.entry(kind).or_default();
            *count += 1;
            let id: Arc<str> = format!("{kind}-{count}").into();
            if self.used.insert(id.clone()) {
                return id;
            }
        }
    }
}
