//! Step fusion: a run of pure steps, one after the other, is one record holding them all.
//!
//! Such a step settles as it is reached: it has one moment, one attempt and one row, which nothing replaces and nobody looks
//! for by what it waits for. So a run of them is written as JSON, and is again what it was made of when it is read.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

use crate::expr::{Timestamp, Value};
use crate::ids::{ExecutionId, StepPath};

use super::{StepRow, StepStatus};

/// The most steps of a run.
const MAX_STEPS: usize = 256;

/// The most bytes of a run, as JSON.
const MAX_BYTES: usize = 256 * 1024;

/// A run of steps of one execution that settled as they were reached, each with the `seq` after the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FusedSteps {
    /// The execution.
    pub execution: ExecutionId,
    /// The `seq` of the first.
    pub seq: i64,
    /// How many there are, at least two.
    pub length: u32,
    /// How many of them are SKIPPED; the others are COMPLETED.
    pub skipped: u32,
    /// The order of the furthest among the workflow's steps.
    pub furthest: u32,
    /// The steps, as a JSON list.
    pub steps: String,
}

/// Rows of steps, as they are best written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fusion<'a> {
    /// The runs.
    pub fused: Vec<FusedSteps>,
    /// All others.
    pub single: Vec<&'a StepRow>,
}

/// Makes runs of rows that stand beside each other and may be one. A step that is too large for a run is left single.
pub fn fuse<'a>(rows: &[&'a StepRow]) -> Fusion<'a> {
    let mut fusion = Fusion::default();
    for mut rest in rows.chunk_by(|row, next| follows(row, next)) {
        while let Some((first, after)) = rest.split_first() {
            let run = if after.is_empty() { None } else { FusedSteps::of(first, rest) };
            rest = match run {
                Some((run, after)) => {
                    fusion.fused.push(run);
                    after
                }
                None => {
                    fusion.single.push(first);
                    after
                }
            };
        }
    }
    fusion
}

/// Whether a row may stand behind another in a run.
fn follows(row: &StepRow, next: &StepRow) -> bool {
    next.seq == row.seq + 1 && next.execution == row.execution && row.is_passing() && next.is_passing()
}

impl StepRow {
    /// Whether its step settled as it was reached: no row of the same attempt comes before this one or after it.
    pub fn is_passing(&self) -> bool {
        let settled = match self.status {
            StepStatus::Completed => {
                matches!(&*self.task_type, "let" | "if" | "match" | "data_transform" | "conditional" | "log")
            }
            StepStatus::Skipped => true,
            _ => false,
        };
        let at = Some(self.created_at);
        settled
            && self.attempt == 1
            && self.started_at == at
            && self.completed_at == at
            && self.error.is_none()
            && self.wake_at.is_none()
            && self.waits_for.is_none()
    }
}

impl FusedSteps {
    /// A run of as many of these rows as fit, and the rest; none where that would be fewer than two.
    fn of<'r, 'a>(first: &StepRow, rows: &'r [&'a StepRow]) -> Option<(Self, &'r [&'a StepRow])> {
        let mut run = Self {
            execution: first.execution,
            seq: first.seq,
            length: 0,
            skipped: 0,
            furthest: 0,
            steps: String::new(),
        };
        let mut json = vec![b'['];
        let mut last = None;
        let fitting = rows.iter().take(MAX_STEPS).take_while(|row| {
            let at = Some(row.created_at).filter(|at| last.replace(*at) != Some(*at));
            run.takes(row, at, &mut json)
        });
        let length = fitting.count();
        json.pop();
        json.push(b']');
        run.length = u32::try_from(length).ok().filter(|length| *length > 1)?;
        run.steps = String::from_utf8(json).ok()?;
        Some((run, rows.get(length..)?))
    }

    /// Writes a row behind those that are there, where it fits.
    fn takes(&mut self, row: &StepRow, at: Option<Timestamp>, json: &mut Vec<u8>) -> bool {
        let before = json.len();
        let written = serde_json::to_writer(&mut *json, &Passed::of(row, at));
        if written.is_err() || json.len() > MAX_BYTES {
            json.truncate(before);
            return false;
        }
        json.push(b',');
        self.skipped += u32::from(row.status == StepStatus::Skipped);
        self.furthest = self.furthest.max(row.order);
        true
    }

    /// The rows that it was made of.
    ///
    /// # Errors
    /// A list that is not what this program writes.
    pub fn unfold(&self) -> Result<Vec<StepRow>, serde_json::Error> {
        let passed: Vec<Passed<'_>> = serde_json::from_str(&self.steps)?;
        let mut at = Timestamp(0);
        let row = |(seq, passed): (i64, Passed<'_>)| {
            at = passed.at.map_or(at, Timestamp);
            passed.row(self.execution, seq, at)
        };
        Ok((self.seq..).zip(passed).map(row).collect())
    }
}

/// A step of a run, as it is written: what goes without saying is left out.
#[derive(Serialize, Deserialize)]
struct Passed<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    /// Where it is not the path.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    task_type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_zero")]
    order: u32,
    #[serde(default, skip_serializing_if = "is_completed")]
    skipped: bool,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    input: Option<Cow<'a, Value>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    output: Option<Cow<'a, Value>>,
    /// In microseconds, where it is not the moment of the step before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

impl<'a> Passed<'a> {
    fn of(row: &'a StepRow, at: Option<Timestamp>) -> Self {
        Self {
            path: row.path.as_str().into(),
            name: (*row.name != *row.path.as_str()).then(|| (&*row.name).into()),
            task_type: (&*row.task_type).into(),
            order: row.order,
            skipped: row.status == StepStatus::Skipped,
            input: row.input.as_ref().map(Cow::Borrowed),
            output: row.output.as_ref().map(Cow::Borrowed),
            at: at.map(|at| at.0),
        }
    }

    fn row(self, execution: ExecutionId, seq: i64, at: Timestamp) -> StepRow {
        let path = StepPath::new(&*self.path);
        StepRow {
            execution,
            seq,
            name: self.name.unwrap_or(self.path).into(),
            path,
            attempt: 1,
            order: self.order,
            task_type: self.task_type.into(),
            status: if self.skipped { StepStatus::Skipped } else { StepStatus::Completed },
            input: self.input.map(Cow::into_owned),
            output: self.output.map(Cow::into_owned),
            error: None,
            wake_at: None,
            waits_for: None,
            created_at: at,
            started_at: Some(at),
            completed_at: Some(at),
        }
    }
}

/// What is written is there, also where it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'static, Value>>, D::Error> {
    Value::deserialize(deserializer).map(|value| Some(Cow::Owned(value)))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips by reference")]
fn is_zero(order: &u32) -> bool {
    *order == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips by reference")]
fn is_completed(skipped: &bool) -> bool {
    !*skipped
}
