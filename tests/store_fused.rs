//! Runs of pure steps: one row in the table, and for whoever reads them the steps that they are.

use stepwell::engine::{ExecutionStatus, StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::ExecutionId;
use stepwell::service::model::{Workflow, WorkflowStatus};
use stepwell::service::ports::{Commit, ExecutionReads, ExecutionStore, StepFilter, StoreError, WorkflowStore};

use crate::sim::rng::Rng;
use crate::store::{Fresh, each, execution, id, step};
use crate::support::rows::{passing, random_rows};

/// Pure steps, one after the other.
fn run(n: u32, seqs: std::ops::Range<i64>) -> Vec<StepRow> {
    seqs.map(|seq| passing(id(n), &format!("s{seq}"), seq, 5)).collect()
}

async fn start(fresh: &Fresh, n: u32, steps: Vec<StepRow>) {
    fresh.commit(Commit { starts: vec![execution(n)], steps, ..Commit::default() }).await.unwrap();
}

async fn history(fresh: &Fresh, n: u32) -> Vec<StepRow> {
    fresh.database.histories(&[id(n)]).await.unwrap().remove(0).steps
}

/// Everything that the API says of an execution's steps, page by page, as text without the execution's id.
async fn told(fresh: &Fresh, of: ExecutionId) -> Vec<String> {
    let mut told = Vec::new();
    let statuses = [None].into_iter().chain(StepStatus::ALL.map(Some));
    for status in statuses {
        for (offset, limit) in [(0, 1_000), (0, 7), (3, 1), (5, 20), (11, 4), (30, 9), (59, 5), (200, 5), (2, 0)] {
            let filter = StepFilter { status, offset, limit, after: None };
            let page = fresh.database.step_list(of, &filter).await.unwrap();
            told.push(format!("{status:?} {offset} {limit}: {page:?}"));
        }
        let mut filter = StepFilter { status, limit: 4, ..StepFilter::default() };
        loop {
            let page = fresh.database.step_list(of, &filter).await.unwrap();
            told.push(format!("{status:?} by cursor: {page:?}"));
            let Some(last) = page.items.last() else { break };
            filter.after = Some((last.seq, last.path.clone()));
        }
    }
    told.push(format!("{:?}", fresh.database.execution_current_orders(&[of]).await.unwrap()));
    told.push(format!("{:?}", fresh.database.histories(&[of]).await.unwrap().remove(0).steps));
    told.into_iter().map(|line| line.replace(&format!("{of:?}"), "it")).collect()
}

#[tokio::test]
async fn a_run_is_one_row_and_is_read_as_its_steps() {
    each(|fresh| async move {
        let mut steps = run(1, 2..12);
        steps.push(step(id(1), "call", 1, 12));
        steps.extend(run(1, 13..14));
        start(&fresh, 1, steps.clone()).await;
        assert_eq!((fresh.count("fused_steps").await, fresh.count("step_executions").await), (1, 2));
        assert_eq!(history(&fresh, 1).await, steps);
        let page = fresh
            .database
            .step_list(id(1), &StepFilter { offset: 8, limit: 3, ..StepFilter::default() })
            .await
            .unwrap();
        assert_eq!((page.items, page.total.count), (steps[8..11].to_vec(), 12));
        let after = Some((steps[2].seq, steps[2].path.clone()));
        let page = StepFilter { after, limit: 9, ..StepFilter::default() };
        let page = fresh.database.step_list(id(1), &page).await.unwrap();
        assert_eq!((page.items, page.total.count), (steps[3..12].to_vec(), 12), "from the middle of a run");
    })
    .await;
}

#[tokio::test]
async fn whoever_reads_steps_does_not_notice_how_they_are_written() {
    each(|fresh| async move {
        for seed in 0..6 {
            let rng = Rng::new(seed);
            let [fused, single] = [1, 2].map(|n| 10 * u32::try_from(seed).unwrap() + n);
            let rows = random_rows(&rng, id(fused), 60);
            // Each in a commit of its own makes no run.
            start(&fresh, single, Vec::new()).await;
            for row in &rows {
                let steps = vec![StepRow { execution: id(single), ..row.clone() }];
                fresh.commit(Commit { steps, ..Commit::default() }).await.unwrap();
            }
            let before = fresh.count("fused_steps").await;
            start(&fresh, fused, rows).await;
            assert!(fresh.count("fused_steps").await > before);
            assert_eq!(told(&fresh, id(fused)).await, told(&fresh, id(single)).await, "seed {seed}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_is_tried_again_leaves_a_run_as_it_is() {
    each(|fresh| async move {
        let steps = run(1, 2..5);
        start(&fresh, 1, steps.clone()).await;
        for _ in 0..2 {
            fresh.commit(Commit { steps: steps.clone(), ..Commit::default() }).await.unwrap();
        }
        let changed: Vec<StepRow> = steps.iter().map(|row| StepRow { output: None, ..row.clone() }).collect();
        fresh.commit(Commit { steps: changed, ..Commit::default() }).await.unwrap();
        assert_eq!(history(&fresh, 1).await, steps);
        assert_eq!(fresh.database.step_list(id(1), &StepFilter::default()).await.unwrap().total.count, 3);
    })
    .await;
}

#[tokio::test]
async fn a_superseded_owner_and_a_refused_start_write_no_runs() {
    each(|fresh| async move {
        start(&fresh, 1, run(1, 2..4)).await;
        let stale = fresh.take().await;
        fresh.take().await;
        let late = Commit { leases: stale, steps: run(1, 4..9), ..Commit::default() };
        fresh.database.commit(&late).await.unwrap();
        assert_eq!(history(&fresh, 1).await, run(1, 2..4));
        let again = Commit { starts: vec![execution(1)], steps: run(1, 5..9), ..Commit::default() };
        assert_eq!(fresh.commit(again).await.unwrap().existing.len(), 1);
        assert_eq!(history(&fresh, 1).await, run(1, 2..4));
    })
    .await;
}

#[tokio::test]
async fn runs_of_many_executions_are_each_their_own() {
    each(|fresh| async move {
        let steps: Vec<StepRow> = (1..300).flat_map(|n| run(n, 2..5)).collect();
        let starts = (1..300).map(execution).collect();
        fresh.commit(Commit { starts, steps, ..Commit::default() }).await.unwrap();
        assert_eq!((fresh.count("fused_steps").await, fresh.count("step_executions").await), (299, 0));
        for n in [1, 150, 299] {
            assert_eq!(history(&fresh, n).await, run(n, 2..5));
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_workflow_takes_its_runs_along() {
    each(|fresh| async move {
        let ended = stepwell::service::model::Execution { status: ExecutionStatus::Completed, ..execution(1) };
        let steps = run(1, 2..6);
        fresh.commit(Commit { starts: vec![ended], steps, ..Commit::default() }).await.unwrap();
        assert_eq!(fresh.count("fused_steps").await, 1);
        let workflow = Workflow {
            id: crate::store::workflow(),
            name: "orders".into(),
            description: None,
            metadata: Value::object::<&str>([]),
            status: WorkflowStatus::Inactive,
            active_version: None,
            has_draft: false,
            file: None,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
        };
        fresh.database.workflow_insert(&workflow).await.unwrap();
        fresh.database.workflow_delete(&workflow).await.unwrap();
        assert_eq!(fresh.count("fused_steps").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_somebody_edited_is_corrupt() {
    use sea_orm::ConnectionTrait;
    each(|fresh| async move {
        start(&fresh, 1, run(1, 2..4)).await;
        let raw = fresh.raw().await;
        for steps in ["[]", "nonsense", "[{\"path\":\"a\",\"type\":\"let\"}]"] {
            raw.execute_unprepared(&format!("UPDATE fused_steps SET steps = '{steps}'")).await.unwrap();
            let error = fresh.database.histories(&[id(1)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        }
    })
    .await;
}
