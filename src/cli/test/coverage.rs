//! What tests reached of each workflow, with the lines of what they did not.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lang::{Diagnostic, report};
use crate::trial::{Coverage, Point, PointKind};

use super::Done;
use super::loading::Loaded;

/// What was reached of a workflow.
pub(super) struct Covered {
    pub workflow: String,
    pub file: String,
    /// How many were reached, of how many.
    pub steps: (usize, usize),
    pub branches: (usize, usize),
    pub missed: Vec<Missed>,
}

/// What no test reached.
pub(super) struct Missed {
    pub kind: PointKind,
    pub name: String,
    pub line: u32,
}

impl Covered {
    /// How much was reached, of a hundred.
    pub fn percent(&self) -> f64 {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let (reached, all) = (self.steps.0 + self.branches.0, self.steps.1 + self.branches.1);
        if all == 0 { 100.0 } else { count(reached) * 100.0 / count(all) }
    }
}

/// The coverage of all workflows that were asked for.
pub(super) fn of(loaded: &Loaded, done: &[Done<'_>]) -> Vec<Covered> {
    let known = loaded.workflows().filter_map(|name| loaded.library.get(name));
    let mut coverage: BTreeMap<Arc<str>, Coverage> =
        known.map(|known| (known.plan.workflow.clone(), Coverage::of(known.plan.clone()))).collect();
    for (name, entered) in done.iter().flat_map(|done| &done.verdict.entered) {
        if let Some(coverage) = coverage.get_mut(name) {
            coverage.add(entered);
        }
    }
    coverage.iter().map(|(name, coverage)| covered(loaded, name, &coverage.points())).collect()
}

fn covered(loaded: &Loaded, name: &Arc<str>, points: &[Point]) -> Covered {
    let home = loaded.homes.get(name).copied().unwrap_or_default();
    let source = &loaded.files[home].source;
    let is_step = |point: &&Point| matches!(point.kind, PointKind::Step | PointKind::Undo);
    let counted = |points: &[&Point]| (points.iter().filter(|point| point.reached).count(), points.len());
    let (steps, branches): (Vec<&Point>, Vec<&Point>) = points.iter().partition(is_step);
    let line = |point: &Point| {
        let place = report(source, &[Diagnostic::warning("", "", point.span)]);
        place.first().and_then(|report| report.labels.first()).map_or(1, |label| label.line)
    };
    let missed = points.iter().filter(|point| !point.reached);
    let missed = missed.map(|point| Missed { kind: point.kind, name: point.name.to_string(), line: line(point) });
    Covered {
        workflow: name.to_string(),
        file: source.name.to_string(),
        steps: counted(&steps),
        branches: counted(&branches),
        missed: missed.collect(),
    }
}
