//! What happened, line by line: each attempt with its time, its state, and what went in and came out.

use crate::engine::{StepRow, StepStatus};
use crate::expr::{Value, duration_text};

use super::literal::literal;
use super::world::World;

/// How much of a value is shown, in characters.
const MAX_SHOWN: usize = 100;

/// An attempt, as a trace shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// When it was reached, since the start of the execution under test: `1h30m`.
    pub at: String,
    /// How long it took: `2d`; nothing, where it has not ended.
    pub took: Option<String>,
    /// Where; of a child execution below the path of its step.
    pub path: String,
    /// Which attempt.
    pub attempt: u32,
    /// The task type, or the keyword of a statement.
    pub task_type: String,
    /// The state.
    pub status: StepStatus,
    /// What it was given and gave, or why it failed.
    pub detail: String,
}

/// The trace of a world: the attempts of all its executions, in the order in which they were reached.
pub fn trace(world: &World<'_>) -> Vec<TraceLine> {
    let start = world.root().started_at;
    let mut rows: Vec<(usize, String, &StepRow)> = Vec::new();
    for (at, life) in world.lives().iter().enumerate() {
        let prefix = prefix_of(world, at);
        rows.extend(life.rows.values().map(|row| (at, prefix.clone(), row)));
    }
    // Rows of one moment stay in the order of their writing.
    rows.sort_by_key(|(_, _, row)| row.created_at);
    let line = |(_, prefix, row): (usize, String, &StepRow)| TraceLine {
        at: duration_text(row.created_at.0.saturating_sub(start.0)),
        took: row.completed_at.map(|end| duration_text(end.0.saturating_sub(row.created_at.0))),
        path: format!("{prefix}{}", row.path),
        attempt: row.attempt,
        task_type: row.task_type.to_string(),
        status: row.status,
        detail: detail_of(row),
    };
    rows.into_iter().map(line).collect()
}

/// The paths of the steps that an execution is below.
fn prefix_of(world: &World<'_>, life: usize) -> String {
    let mut prefix = String::new();
    let mut at = life;
    while let Some((parent, path, _)) = &world.lives()[at].parent {
        prefix = format!("{path} / {prefix}");
        at = *parent;
    }
    prefix
}

fn detail_of(row: &StepRow) -> String {
    if let Some(error) = &row.error {
        return format!("{}: {}", error.code, shortened(&error.message));
    }
    match row.status {
        StepStatus::Skipped => String::new(),
        StepStatus::Waiting => row.waits_for.as_ref().map(|what| format!("for `{what}`")).unwrap_or_default(),
        _ => match (&row.input, &row.output) {
            (Some(input), Some(output)) => format!("{} → {}", short(input), short(output)),
            (Some(input), None) => short(input),
            (None, Some(output)) => format!("→ {}", short(output)),
            (None, None) => String::new(),
        },
    }
}

/// A value in a few words.
pub(super) fn short(value: &Value) -> String {
    shortened(&literal(value))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
