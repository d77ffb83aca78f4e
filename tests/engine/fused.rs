//! Step fusion: which rows are one record, and that they come out of it as they went in.

use stepwell::engine::{FusedSteps, Fusion, StepError, StepRow, StepStatus, fuse};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::ExecutionId;
use uuid::Uuid;

use super::world::{World, both, echo};
use crate::sim::rng::Rng;
use crate::support::rows::{passing, random_rows};

fn id(n: u128) -> ExecutionId {
    ExecutionId(Uuid::from_u128(n))
}

fn fused(rows: &[StepRow]) -> Fusion<'_> {
    fuse(&rows.iter().collect::<Vec<_>>())
}

/// Pure steps, one after the other.
fn run(count: i64) -> Vec<StepRow> {
    (0..count).map(|n| passing(id(1), &format!("s[{n}]"), n, 5)).collect()
}

fn lengths(runs: &[FusedSteps]) -> Vec<u32> {
    runs.iter().map(|run| run.length).collect()
}

/// As they are stored: equal values may be written in more than one way.
fn shown(rows: &[StepRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

#[test]
fn what_is_fused_comes_out_as_it_went_in() {
    for seed in 0..50 {
        let rows = random_rows(&Rng::new(seed), id(u128::from(seed)), 60);
        let Fusion { fused, single } = fused(&rows);
        assert!(!fused.is_empty() && !single.is_empty());
        let mut out: Vec<StepRow> = single.into_iter().cloned().collect();
        for run in fused {
            let steps = run.unfold().unwrap();
            assert_eq!(u32::try_from(steps.len()).unwrap(), run.length);
            assert_eq!(steps[0].seq, run.seq);
            let skipped = steps.iter().filter(|step| step.status == StepStatus::Skipped).count();
            assert_eq!(u32::try_from(skipped).unwrap(), run.skipped);
            assert_eq!(steps.iter().map(|step| step.order).max(), Some(run.furthest));
            out.extend(steps);
        }
        out.sort_by_key(|row| row.seq);
        assert_eq!(shown(&out), shown(&rows), "seed {seed}");
    }
}

#[test]
fn a_pure_sequence_is_one_record_and_a_step_alone_is_a_row() {
    let source = "workflow w {
        input a: int
        if input.a == 1 { let b = 2 } else { step never: work { } }
        step shape: data_transform { value = { n: input.a } }
        let d = shape.n
        step call: work { n = shape.n }
        let c = 3
        return c
    }";
    both(source, "{\"a\": 1}", |mut world| {
        let mut started: Vec<StepRow> = world.rows.values().cloned().collect();
        started.sort_by_key(|row| row.seq);
        let before = fused(&started);
        assert_eq!((lengths(&before.fused), before.fused[0].skipped, before.single.len()), (vec![5], 1, 0));
        let effects = world.end("call", Ok(Value::Int(1)));
        let after = fused(&effects.steps);
        assert_eq!((after.fused.len(), after.single.len()), (0, 2), "an effect, and a pure step by itself");
        assert_eq!(world.output(), "3");
    });
}

#[test]
fn a_run_is_bounded_in_steps_and_in_bytes() {
    let rows = run(600);
    assert_eq!(lengths(&fused(&rows).fused), [256, 256, 88]);

    let large = |row: StepRow, bytes| StepRow { output: Some(Value::str("x".repeat(bytes))), ..row };
    let rows: Vec<StepRow> = run(9).into_iter().map(|row| large(row, 60_000)).collect();
    let halves = fused(&rows);
    assert_eq!((lengths(&halves.fused), halves.single.len()), (vec![4, 4], 1));
    assert!(halves.fused.iter().all(|run| run.steps.len() <= 256 * 1024));

    let mut rows = run(5);
    rows[2] = large(rows[2].clone(), 1_000_000);
    let around = fused(&rows);
    assert_eq!((lengths(&around.fused), around.single), (vec![2, 2], vec![&rows[2]]), "what is too large stands alone");
}

#[test]
fn what_did_not_settle_as_it_was_reached_is_never_in_a_run() {
    let others: [fn(StepRow) -> StepRow; 10] = [
        |row| StepRow { task_type: "http_request".into(), ..row },
        |row| StepRow { task_type: "repeat".into(), ..row },
        |row| StepRow { status: StepStatus::Failed, error: Some(StepError::fatal("X", "no")), ..row },
        |row| StepRow { status: StepStatus::Waiting, ..row },
        |row| StepRow { status: StepStatus::Cancelled, ..row },
        |row| StepRow { attempt: 2, ..row },
        |row| StepRow { wake_at: Some(Timestamp(9)), ..row },
        |row| StepRow { waits_for: Some("news".into()), ..row },
        |row| StepRow { created_at: Timestamp(4), ..row },
        |row| StepRow { execution: id(2), ..row },
    ];
    for (n, other) in others.into_iter().enumerate() {
        let mut rows = run(5);
        rows[2] = other(rows[2].clone());
        let fusion = fused(&rows);
        assert_eq!((lengths(&fusion.fused), fusion.single), (vec![2, 2], vec![&rows[2]]), "of the {n}th");
    }
    let mut rows = run(4);
    rows[3].seq = 9;
    rows[2].seq = 8;
    assert_eq!(lengths(&fused(&rows).fused), [2, 2], "a row of another event stood between");
}

#[test]
fn a_list_that_is_none_is_an_error() {
    let broken = |steps: &str| FusedSteps { steps: steps.to_owned(), ..fused(&run(2)).fused.remove(0) };
    for steps in ["", "{}", "[{}]", "[{\"path\": 1, \"type\": \"let\"}]"] {
        assert!(broken(steps).unfold().is_err(), "{steps}");
    }
}

#[test]
fn ten_thousand_pure_steps_are_forty_records() {
    let lets: String = (0..9_999).map(|n| format!("let v{n} = {n}\n")).collect();
    let world = World::flow(&format!("workflow w {{\n{lets}}}"), "{}").unfolded().started().run(echo);
    let mut rows: Vec<StepRow> = world.rows.into_values().collect();
    rows.sort_by_key(|row| row.seq);
    let fusion = fused(&rows);
    assert_eq!((fusion.fused.len(), fusion.single.len()), (40, 0));
}
