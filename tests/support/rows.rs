//! Rows of steps, at random: pure steps in runs, with others among them.

use stepwell::engine::{StepError, StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{ExecutionId, StepPath};

use crate::sim::rng::Rng;

/// A pure step that settled at a moment.
pub fn passing(execution: ExecutionId, path: &str, seq: i64, at: i64) -> StepRow {
    StepRow {
        execution,
        path: StepPath::new(path),
        attempt: 1,
        seq,
        name: path.split('[').next().unwrap().into(),
        order: 1,
        task_type: "let".into(),
        status: StepStatus::Completed,
        input: None,
        output: Some(Value::Int(seq)),
        error: None,
        wake_at: None,
        waits_for: None,
        created_at: Timestamp(at),
        started_at: Some(Timestamp(at)),
        completed_at: Some(Timestamp(at)),
    }
}

/// An execution's rows, in order: of four, three are of pure steps.
pub fn random_rows(rng: &Rng, execution: ExecutionId, count: u64) -> Vec<StepRow> {
    let (mut seq, mut at) = (0, 1_700_000_000_000_000);
    let mut rows = Vec::new();
    for n in 0..count {
        seq += if rng.chance(100) { 2 } else { 1 };
        at += i64::from(rng.chance(200));
        let path = if rng.chance(300) { format!("s[{n}]") } else { format!("s{n}") };
        let pure = passing(execution, &path, seq, at);
        rows.push(if rng.chance(750) { pure_row(rng, pure) } else { other_row(rng, pure) });
    }
    rows
}

fn pure_row(rng: &Rng, row: StepRow) -> StepRow {
    let types = ["let", "if", "match", "data_transform", "conditional", "log"];
    let row = StepRow { order: u32::try_from(rng.below(9)).unwrap(), ..row };
    if rng.chance(200) {
        let task_type = if rng.chance(500) { "http_request" } else { "let" };
        return StepRow { task_type: task_type.into(), status: StepStatus::Skipped, output: None, ..row };
    }
    let task_type = types[usize::try_from(rng.below(6)).unwrap()];
    StepRow { task_type: task_type.into(), input: value(rng), output: value(rng), ..row }
}

fn other_row(rng: &Rng, row: StepRow) -> StepRow {
    let error = Some(StepError::fatal("BROKEN", "no use"));
    match rng.below(6) {
        0 => StepRow { task_type: "http_request".into(), ..row },
        1 => StepRow { status: StepStatus::Failed, output: None, error, ..row },
        2 => StepRow { attempt: 2, ..row },
        3 => StepRow { status: StepStatus::Waiting, waits_for: Some("news".into()), completed_at: None, ..row },
        4 => StepRow { status: StepStatus::Retrying, wake_at: Some(row.created_at), error, ..row },
        _ => StepRow { started_at: Some(Timestamp(row.created_at.0 + 1)), ..row },
    }
}

fn value(rng: &Rng) -> Option<Value> {
    match rng.below(6) {
        0 => None,
        1 => Some(Value::Null),
        2 => Some(Value::Num(1.0)),
        3 => Some(Value::str("a\0 \"b\" \u{1f}ü")),
        4 => Some(Value::list(vec![Value::Int(i64::MIN), Value::Null, Value::Bool(true)])),
        _ => Some(Value::object([("a", Value::object([("b", Value::Num(0.1))])), ("c", Value::str(""))])),
    }
}
