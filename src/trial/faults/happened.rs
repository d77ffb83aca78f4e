//! Which effects stand at the end of a run.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::engine::{StepRow, StepStatus, code};
use crate::expr::Value;
use crate::ids::StepPath;
use crate::plan::{Action, StepNode};
use crate::trial::library::{Known, step_of};
use crate::trial::life::Life;

/// Methods of requests that have no effect.
const READS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// An effect that stands although its execution did not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The workflow.
    pub workflow: Arc<str>,
    /// The step.
    pub step: Arc<str>,
    /// Where.
    pub path: StepPath,
    /// Why it stands.
    pub why: &'static str,
}

/// The effects of an execution that nothing took back, where they happened at all; and whether the rows say that they did.
pub(super) fn standing(life: &Life<'_>) -> Vec<(Left, bool)> {
    let rows = life.last_rows();
    let workflow = life.workflow;
    let standing = |row: &StepRow| {
        let node = workflow.node_at(row.path.as_str())?;
        let step = step_of(node).filter(|_| !workflow.plan.is_undo(node))?;
        let why = if is_effect(step, row) { stands(workflow, &rows, step, row)? } else { return None };
        let (name, path) = (workflow.plan.workflow.clone(), row.path.clone());
        Some((Left { workflow: name, step: step.name.clone(), path, why }, has_happened(row)))
    };
    rows.values().filter_map(|row| standing(row)).collect()
}

/// Why an effect stands; nothing, where it does not.
fn stands(
    workflow: &Known,
    rows: &IndexMap<&StepPath, &StepRow>,
    step: &StepNode,
    row: &StepRow,
) -> Option<&'static str> {
    if step.rarely.irreversible {
        return None;
    }
    let Some(undo) = step.undo else { return Some("it has no `undo`") };
    let undo = workflow.plan.node(undo);
    let path = StepPath::new(row.path.as_str().replacen(&*step.name, &undo.id, 1));
    match rows.get(&path).map(|row| row.status) {
        Some(StepStatus::Completed) => None,
        Some(StepStatus::Failed) => Some("its `undo` failed"),
        _ => Some("its `undo` did not run"),
    }
}

/// Whether an attempt had its effect, or may have had it.
fn has_happened(row: &StepRow) -> bool {
    let unknown = row.error.as_ref().is_some_and(|error| error.unknown || &*error.code == code::WORKER_LOST);
    row.status == StepStatus::Completed || unknown
}

/// Whether a step changes the world outside.
fn is_effect(step: &StepNode, row: &StepRow) -> bool {
    let Action::Task { .. } = step.action else { return false };
    let method = row.input.as_ref().and_then(|config| config.get("method")).and_then(Value::as_str);
    &*step.task_type != "http_request" || !READS.contains(&method.unwrap_or("GET"))
}
