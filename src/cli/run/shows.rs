//! What `stepwell run` shows while a workflow runs: each change of a step on a line.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use crate::engine::{ExecutionStatus, LogEntry, LogLevel, StepRow, StepStatus};
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, StepPath};
use crate::service::model::Execution;
use crate::service::ports::{Progress, StepFilter};
use crate::service::{Service, ServiceError};

use super::super::color::Paint;
use super::super::output;

/// How many rows are read at once.
const PAGE: u64 = 1_000;

/// Shows changes.
pub(super) struct Shows {
    id: ExecutionId,
    /// Whether standard output is for the result alone.
    aside: bool,
    color: bool,
    began: Timestamp,
    steps: HashSet<(StepPath, u32, StepStatus)>,
    logs: HashSet<(Timestamp, String)>,
}

impl Shows {
    pub fn new(id: ExecutionId, aside: bool, color: bool, began: Timestamp) -> Self {
        Self { id, aside, color, began, steps: HashSet::new(), logs: HashSet::new() }
    }

    /// A line of our own.
    pub fn line(&self, text: &str) {
        let text = format!("{text}\n");
        if self.aside {
            output::note(&text);
        } else {
            // What can't be written here can't be written at the end either, and is told there.
            let _ = output::print(&text);
        }
    }

    /// Shows a change, unless it was shown.
    pub fn change(&mut self, change: Progress) {
        match change {
            Progress::Step(row) => self.step(&row),
            Progress::Log(entry) => self.log(&entry),
            Progress::Execution(update) if update.status == ExecutionStatus::Retrying => {
                self.line(&Paint::Yellow.on("the execution is retried from the step that failed", self.color));
            }
            Progress::Execution(_) => {}
        }
    }

    /// Shows what the rows have that was not shown.
    pub async fn rows(&mut self, service: &Service) -> Result<(), ServiceError> {
        let mut filter = StepFilter { limit: PAGE, ..StepFilter::default() };
        loop {
            let rows = service.execution_steps(self.id, filter.clone()).await?.items;
            rows.iter().for_each(|row| self.step(row));
            match rows.last() {
                Some(last) if rows.len() as u64 == PAGE => filter.after = Some((last.seq, last.path.clone())),
                _ => break,
            }
        }
        let mut after = None;
        loop {
            let entries = service.execution_logs(self.id, None, after, PAGE).await?;
            entries.iter().for_each(|stored| self.log(&stored.entry));
            match entries.last() {
                Some(last) if entries.len() as u64 == PAGE => after = Some(last.id),
                _ => return Ok(()),
            }
        }
    }

    fn step(&mut self, row: &StepRow) {
        let seen = |status| self.steps.contains(&(row.path.clone(), row.attempt, status));
        // An attempt that is retried is FAILED in the end, which is no news.
        let old = seen(row.status) || (row.status == StepStatus::Failed && seen(StepStatus::Retrying));
        self.steps.insert((row.path.clone(), row.attempt, row.status));
        if old {
            return;
        }
        let (sign, paint) = sign(row.status);
        let at = row.completed_at.or(row.started_at).unwrap_or(row.created_at);
        let took = row.started_at.zip(row.completed_at).map(|(from, to)| format!("  {}", time(to.0 - from.0)));
        let attempt = if row.attempt > 1 { format!("  attempt {}", row.attempt) } else { String::new() };
        let reason = row.error.as_ref().map(|error| format!("  {}: {}", error.code, error.message));
        self.line(&format!(
            "{} {}  {:24} {}{attempt}{}{}",
            Paint::Dim.on(&format!("{:>8}", time(at.0 - self.began.0)), self.color),
            paint.on(sign, self.color),
            row.path.as_str(),
            paint.on(&format!("{:9}", row.status.as_str()), self.color),
            Paint::Dim.on(&took.unwrap_or_default(), self.color),
            Paint::Red.on(&reason.unwrap_or_default(), self.color && row.error.is_some()),
        ));
    }

    fn log(&mut self, entry: &LogEntry) {
        // What the engine says of the execution itself shows anyway.
        let shown = entry.level >= LogLevel::Info && entry.path.is_some();
        if !shown || !self.logs.insert((entry.at, entry.message.clone())) {
            return;
        }
        let paint = match entry.level {
            LogLevel::Error => Paint::Red,
            LogLevel::Warn => Paint::Yellow,
            _ => Paint::Blue,
        };
        let at = Paint::Dim.on(&format!("{:>8}", time(entry.at.0 - self.began.0)), self.color);
        let level = paint.on(&format!("{:5}", entry.level.as_str()), self.color);
        self.line(&format!("{at} {}  {level} {}", paint.on("·", self.color), entry.message));
    }

    /// What came out.
    pub fn result(&self, ended: &Execution, output: Option<&Json>) -> String {
        let took = ended.started_at.zip(ended.completed_at).map(|(from, to)| format!(" in {}", time(to.0 - from.0)));
        let paint = match ended.status {
            ExecutionStatus::Completed => Paint::Green,
            ExecutionStatus::Cancelled => Paint::Yellow,
            _ => Paint::Red,
        };
        let status = paint.on(ended.status.as_str(), self.color);
        let mut text = format!("\n{} {status}{}\n", ended.workflow_name, took.unwrap_or_default());
        if let Some(error) = &ended.error {
            text.push_str(&format!("{}: {}\n", error.code, error.message));
        }
        if let Some(output) = output.filter(|output| !output.is_null()) {
            text.push_str(&format!("{output:#}\n"));
        }
        text
    }
}

/// A step as a program reads it.
pub(super) fn step_json(row: &StepRow) -> Json {
    json!({
        "path": row.path,
        "name": &*row.name,
        "task_type": &*row.task_type,
        "status": row.status,
        "attempt_number": row.attempt,
        "duration_ms": row.started_at.zip(row.completed_at).map(|(from, to)| (to.0 - from.0) / 1000),
        "output_data": row.output.as_ref().map(crate::expr::Value::to_json),
        "error": row.error,
    })
}

fn sign(status: StepStatus) -> (&'static str, Paint) {
    match status {
        StepStatus::Completed => ("✓", Paint::Green),
        StepStatus::Failed => ("✗", Paint::Red),
        StepStatus::Retrying => ("↻", Paint::Yellow),
        StepStatus::Running => ("▸", Paint::Blue),
        StepStatus::Waiting => ("…", Paint::Blue),
        StepStatus::Skipped => ("-", Paint::Dim),
        StepStatus::Cancelled => ("⊘", Paint::Yellow),
    }
}

/// A length of time, in microseconds, as short as it can be read.
fn time(micros: i64) -> String {
    let millis = micros.max(0) / 1000;
    match millis {
        0..10_000 => format!("{millis}ms"),
        _ => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_short() {
        assert_eq!([time(-1), time(12_345), time(61_250_000)], ["0ms", "12ms", "61.2s"]);
    }
}
