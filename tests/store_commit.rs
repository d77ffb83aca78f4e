//! The commit: everything or nothing, once, by its owner.

use sea_orm::ConnectionTrait;
use stepwell::engine::{Control, ControlRow, ExecutionStatus, LogEntry, LogLevel, StepError, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{Epoch, PartitionId, StepPath};
use stepwell::service::model::{Execution, Parent};
use stepwell::service::ports::{Commit, ExecutionReads, ExecutionStore, LogFilter, StoreError};

use crate::store::{Fresh, each, execution, id, log, step, update};

/// An execution with every field filled in.
fn full() -> Execution {
    let parent = Parent { execution: id(7), path: StepPath::new("ship[2]"), attempt: 3, depth: 2 };
    Execution {
        status: ExecutionStatus::Failed,
        seq: 41,
        input: Value::object([("text", Value::str("ünï\0'\"\\")), ("big", Value::Int(i64::MAX))]),
        settings: Value::object([("base", Value::str("https://x"))]),
        output: Some(Value::Null),
        error: Some(StepError { step: Some("ship".into()), ..StepError::retryable("TIMEOUT", "too long") }),
        retry_count: 2,
        max_retries: u32::MAX,
        idempotency_key: Some("key".to_owned()),
        request_hash: Some("hash".into()),
        parent: Some(parent),
        wake_at: Some(Timestamp(1)),
        scheduled_at: Some(Timestamp(2)),
        created_at: Timestamp(3),
        started_at: Some(Timestamp(4)),
        completed_at: Some(Timestamp(5)),
        cancel_requested_at: Some(Timestamp(i64::MAX)),
        compensation: stepwell::engine::Compensation::None,
        ..execution(1)
    }
}

async fn found(fresh: &Fresh, n: u32) -> Execution {
    fresh.database.execution_find(id(n)).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_field_comes_back_as_it_was_written() {
    each(|fresh| async move {
        let mut sent = step(id(1), "pick[3]", 2, 7);
        sent.status = StepStatus::Retrying;
        sent.input = Some(Value::list(vec![Value::Null, Value::Num(1.5)]));
        sent.output = Some(Value::Null);
        sent.error = Some(StepError::fatal("X", "no"));
        sent.wake_at = Some(Timestamp(99));
        let mut bare = step(id(1), "bare", 1, 3);
        (bare.output, bare.started_at, bare.completed_at) = (None, None, None);
        let entry = LogEntry {
            level: LogLevel::Warn,
            message: "line\nbreak".to_owned(),
            details: Some(Value::Int(1)),
            path: Some(StepPath::new("bare")),
            at: Timestamp(8),
        };
        let control = |seq, control| ControlRow { execution: id(1), seq, control, at: Timestamp(6) };
        let controls =
            vec![control(5, Control::Cancel { reason: "enough".into(), undo: true }), control(6, Control::Retry)];
        let commit = Commit {
            starts: vec![full()],
            steps: vec![sent.clone(), bare.clone()],
            logs: vec![(id(1), entry.clone()), (id(1), log(LogLevel::Info, ""))],
            controls: controls.clone(),
            ..Commit::default()
        };
        let committed = fresh.commit(commit).await.unwrap();
        assert_eq!(committed, Default::default());

        let history = fresh.database.histories(&[id(1), id(2)]).await.unwrap().pop().unwrap();
        assert_eq!(history.execution, full());
        assert_eq!(history.steps, [bare, sent]);
        assert_eq!(history.controls, controls);
        let logs = fresh.database.log_list(id(1), &LogFilter { limit: 10, ..LogFilter::default() }).await.unwrap();
        assert_eq!(logs[0].entry, entry);
        assert_eq!(logs[1].entry.message, "");
        assert!(logs[0].id < logs[1].id);
    })
    .await;
}

#[tokio::test]
async fn taking_a_partition_raises_its_epoch_alone() {
    each(|fresh| async move {
        let database = &fresh.database;
        let (one, two) = (PartitionId(1), PartitionId(2));
        assert_eq!(database.partitions_take("a", &[two, one]).await.unwrap(), [(one, Epoch(1)), (two, Epoch(1))]);
        assert_eq!(database.partitions_take("b", &[two]).await.unwrap(), [(two, Epoch(2))]);
    })
    .await;
}

#[tokio::test]
async fn a_stale_epoch_writes_nothing_and_the_other_partitions_rows_are_written() {
    each(|fresh| async move {
        let stale = fresh.take().await;
        let lost = id(1).partition();
        let other = (2..).find(|n| id(*n).partition() != lost).unwrap();
        let starts = vec![execution(1), execution(other)];
        fresh.database.commit(&Commit { leases: stale.clone(), starts, ..Commit::default() }).await.unwrap();
        fresh.database.partitions_take("thief", &[lost]).await.unwrap();

        let ids = [id(1), id(other)];
        let late = Commit {
            leases: stale,
            starts: vec![(3..).map(execution).find(|start| start.id.partition() == lost).unwrap()],
            executions: ids.map(|id| update(id, 9, ExecutionStatus::Completed)).to_vec(),
            steps: ids.map(|id| step(id, "a", 1, 8)).to_vec(),
            logs: ids.map(|id| (id, log(LogLevel::Info, "late"))).to_vec(),
            controls: ids
                .map(|execution| ControlRow { execution, seq: 7, control: Control::Retry, at: Timestamp(0) })
                .to_vec(),
            deliveries: Vec::new(),
            caches: Vec::new(),
            settled: Vec::new(),
            grants: Vec::new(),
        };
        let committed = fresh.database.commit(&late).await.unwrap();
        assert_eq!(committed.fenced, [lost]);
        assert_eq!(fresh.database.execution_find(late.starts[0].id).await.unwrap(), None);

        let mut histories = fresh.database.histories(&ids).await.unwrap();
        histories.sort_by_key(|history| history.execution.id != id(1));
        let [fenced, written] = &histories[..] else { panic!("both are there") };
        assert_eq!((fenced.execution.seq, fenced.steps.len(), fenced.controls.len()), (1, 0, 0));
        assert_eq!((written.execution.seq, written.steps.len(), written.controls.len()), (9, 1, 1));
        let filter = LogFilter { limit: 10, ..LogFilter::default() };
        assert_eq!(fresh.database.log_list(id(1), &filter).await.unwrap().len(), 0);
        assert_eq!(fresh.database.log_list(id(other), &filter).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_partition_without_a_lease_is_not_written_to() {
    each(|fresh| async move {
        fresh.take().await;
        fresh.database.commit(&Commit { starts: vec![execution(1)], ..Commit::default() }).await.unwrap();
        assert_eq!(fresh.database.execution_find(id(1)).await.unwrap(), None);
    })
    .await;
}

fn keyed(n: u32, key: &str) -> Execution {
    Execution { idempotency_key: Some(key.to_owned()), ..execution(n) }
}

#[tokio::test]
async fn a_start_whose_key_is_taken_gives_the_one_that_is_there() {
    each(|fresh| async move {
        fresh.commit(Commit { starts: vec![keyed(1, "k")], ..Commit::default() }).await.unwrap();
        let again = Commit {
            starts: vec![keyed(2, "k"), keyed(3, "other"), execution(4)],
            executions: vec![update(id(2), 5, ExecutionStatus::Completed)],
            steps: vec![step(id(2), "a", 1, 2), step(id(3), "a", 1, 2)],
            logs: vec![(id(2), log(LogLevel::Info, "loser"))],
            controls: vec![ControlRow { execution: id(2), seq: 3, control: Control::Retry, at: Timestamp(0) }],
            ..Commit::default()
        };
        let committed = fresh.commit(again).await.unwrap();
        assert_eq!(committed.existing, [(id(2), keyed(1, "k"))]);
        assert_eq!(fresh.database.execution_find(id(2)).await.unwrap(), None);

        assert_eq!(fresh.count("workflow_executions").await, 3);
        assert_eq!(fresh.count("step_executions").await, 1, "the loser's step is left out");
        assert_eq!(fresh.count("execution_logs").await, 0);
        assert_eq!(fresh.count("execution_controls").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_same_key_in_two_workflows_is_two_executions() {
    each(|fresh| async move {
        let other = Execution { workflow: stepwell::ids::WorkflowId(uuid::Uuid::from_u128(0xB0)), ..keyed(2, "k") };
        let committed = fresh.commit(Commit { starts: vec![keyed(1, "k"), other], ..Commit::default() }).await.unwrap();
        assert_eq!(committed.existing, []);
    })
    .await;
}

#[tokio::test]
async fn a_start_whose_id_is_there_gives_that_one_and_leaves_its_rows_alone() {
    each(|fresh| async move {
        let there = Commit { starts: vec![execution(1)], steps: vec![step(id(1), "a", 1, 4)], ..Commit::default() };
        fresh.commit(there).await.unwrap();
        let again = Commit { starts: vec![execution(1)], steps: vec![step(id(1), "a", 1, 9)], ..Commit::default() };
        let committed = fresh.commit(again).await.unwrap();
        assert_eq!(committed.existing, [(id(1), execution(1))]);
        assert_eq!(fresh.database.histories(&[id(1)]).await.unwrap()[0].steps[0].seq, 4);
    })
    .await;
}

#[tokio::test]
async fn of_the_same_key_twice_in_one_commit_the_first_wins() {
    each(|fresh| async move {
        let starts = vec![keyed(9, "k"), keyed(2, "k"), keyed(3, "k"), execution(4), execution(4)];
        let steps = vec![step(id(9), "a", 1, 2), step(id(2), "a", 1, 2), step(id(4), "a", 1, 2)];
        let committed = fresh.commit(Commit { starts, steps, ..Commit::default() }).await.unwrap();
        let existing = [(id(2), keyed(9, "k")), (id(3), keyed(9, "k")), (id(4), execution(4))];
        assert_eq!(committed.existing, existing);
        let histories = fresh.database.histories(&[id(9), id(2), id(4)]).await.unwrap();
        assert_eq!(histories.len(), 2);
        assert!(histories.iter().all(|history| history.steps.len() == 1));
    })
    .await;
}

#[tokio::test]
async fn a_repeat_in_a_commit_gives_the_one_that_its_first_lost_to() {
    each(|fresh| async move {
        fresh.commit(Commit { starts: vec![keyed(1, "k")], ..Commit::default() }).await.unwrap();
        let starts = vec![keyed(2, "k"), keyed(3, "k")];
        let committed = fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
        assert_eq!(committed.existing, [(id(2), keyed(1, "k")), (id(3), keyed(1, "k"))]);
    })
    .await;
}

#[tokio::test]
async fn a_start_and_its_change_in_one_commit_are_one_row() {
    each(|fresh| async move {
        let starts = vec![execution(1), execution(2)];
        let executions = vec![update(id(1), 5, ExecutionStatus::Completed), update(id(2), 0, ExecutionStatus::Failed)];
        fresh.commit(Commit { starts, executions, ..Commit::default() }).await.unwrap();
        let first = found(&fresh, 1).await;
        assert_eq!(
            (first.status, first.seq, first.completed_at),
            (ExecutionStatus::Completed, 5, Some(Timestamp(9_000)))
        );
        assert_eq!(found(&fresh, 2).await.status, ExecutionStatus::Running, "an older change is not applied");
    })
    .await;
}

#[tokio::test]
async fn the_first_terminal_state_wins_but_for_a_retry_of_a_failed_one() {
    use ExecutionStatus::{Cancelled, Completed, Failed, Retrying, Running};
    each(|fresh| async move {
        fresh.commit(Commit { starts: vec![execution(1), execution(2)], ..Commit::default() }).await.unwrap();
        let change = |n, seq, status| {
            let fresh = &fresh;
            async move {
                let executions = vec![update(id(n), seq, status)];
                fresh.commit(Commit { executions, ..Commit::default() }).await.unwrap();
                let found = found(fresh, n).await;
                (found.seq, found.status)
            }
        };
        assert_eq!(change(1, 5, Completed).await, (5, Completed));
        assert_eq!(change(1, 6, Running).await, (5, Completed));
        assert_eq!(change(1, 7, Cancelled).await, (5, Completed));
        assert_eq!(change(2, 5, Failed).await, (5, Failed));
        assert_eq!(change(2, 5, Running).await, (5, Failed), "the same seq is the same change again");
        assert_eq!(change(2, 4, Retrying).await, (5, Failed));
        assert_eq!(change(2, 6, Running).await, (6, Running));
        assert_eq!(change(2, 7, Cancelled).await, (7, Cancelled));
        assert_eq!(change(2, 8, Running).await, (7, Cancelled));
    })
    .await;
}

#[tokio::test]
async fn a_step_is_replaced_by_a_later_seq_alone() {
    each(|fresh| async move {
        let mut waiting = step(id(1), "a", 1, 5);
        (waiting.status, waiting.wake_at) = (StepStatus::Waiting, Some(Timestamp(50)));
        fresh
            .commit(Commit { starts: vec![execution(1)], steps: vec![waiting.clone()], ..Commit::default() })
            .await
            .unwrap();
        for (row, expected) in [(step(id(1), "a", 1, 5), &waiting), (step(id(1), "a", 1, 4), &waiting)] {
            fresh.commit(Commit { steps: vec![row], ..Commit::default() }).await.unwrap();
            assert_eq!(&fresh.database.histories(&[id(1)]).await.unwrap()[0].steps[0], expected);
        }
        let later = step(id(1), "a", 1, 6);
        fresh.commit(Commit { steps: vec![later.clone()], ..Commit::default() }).await.unwrap();
        assert_eq!(fresh.database.histories(&[id(1)]).await.unwrap()[0].steps, [later]);
    })
    .await;
}

#[tokio::test]
async fn of_one_attempt_twice_in_a_commit_the_later_row_is_written() {
    each(|fresh| async move {
        let steps =
            vec![step(id(1), "a", 1, 3), step(id(1), "b", 1, 2), step(id(1), "a", 1, 9), step(id(1), "a", 1, 4)];
        let executions = vec![update(id(2), 8, ExecutionStatus::Failed), update(id(2), 3, ExecutionStatus::Running)];
        fresh.commit(Commit { starts: vec![execution(2)], ..Commit::default() }).await.unwrap();
        fresh.commit(Commit { starts: vec![execution(1)], steps, executions, ..Commit::default() }).await.unwrap();
        let seqs: Vec<i64> =
            fresh.database.histories(&[id(1)]).await.unwrap()[0].steps.iter().map(|step| step.seq).collect();
        assert_eq!(seqs, [2, 9]);
        assert_eq!(found(&fresh, 2).await.status, ExecutionStatus::Failed);
    })
    .await;
}

#[tokio::test]
async fn a_commit_of_any_size_is_written_whole_and_in_order() {
    each(|fresh| async move {
        let steps = (0..777).map(|n| step(id(1), &format!("pick[{n}]"), 1, n)).collect();
        let logs = (0..300).map(|n| (id(1), log(LogLevel::Info, &n.to_string()))).collect();
        let starts = (0..300).map(execution).collect();
        fresh.commit(Commit { starts, steps, logs, ..Commit::default() }).await.unwrap();
        let history = fresh.database.histories(&[id(1)]).await.unwrap().remove(0);
        assert!(history.steps.iter().map(|step| step.seq).eq(0..777));
        let logs = fresh.database.log_list(id(1), &LogFilter { limit: 1_000, ..LogFilter::default() }).await.unwrap();
        assert!(logs.iter().map(|log| log.entry.message.parse::<u32>().unwrap()).eq(0..300));
    })
    .await;
}

#[tokio::test]
async fn a_control_that_is_there_stays_as_it_is() {
    each(|fresh| async move {
        let row = |at| ControlRow { execution: id(1), seq: 3, control: Control::Retry, at: Timestamp(at) };
        fresh.commit(Commit { starts: vec![execution(1)], controls: vec![row(1)], ..Commit::default() }).await.unwrap();
        fresh.commit(Commit { controls: vec![row(2)], ..Commit::default() }).await.unwrap();
        assert_eq!(fresh.database.histories(&[id(1)]).await.unwrap()[0].controls, [row(1)]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_fails_half_way_writes_nothing() {
    each(|fresh| async move {
        let raw = fresh.raw().await;
        raw.execute_unprepared("ALTER TABLE execution_controls RENAME TO gone").await.unwrap();
        let commit = Commit {
            starts: vec![execution(1)],
            steps: vec![step(id(1), "a", 1, 2)],
            logs: vec![(id(1), log(LogLevel::Info, "x"))],
            controls: vec![ControlRow { execution: id(1), seq: 3, control: Control::Retry, at: Timestamp(0) }],
            ..Commit::default()
        };
        let error = fresh.commit(commit.clone()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        raw.execute_unprepared("ALTER TABLE gone RENAME TO execution_controls").await.unwrap();
        assert_eq!(fresh.database.histories(&[id(1)]).await.unwrap(), []);
        // The connection is as good as before.
        fresh.commit(commit).await.unwrap();
        assert_eq!(fresh.database.histories(&[id(1)]).await.unwrap()[0].steps.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn text_with_a_nul_fails_nobodys_commit() {
    each(|fresh| async move {
        let logs = vec![(id(1), log(LogLevel::Info, "a\0b"))];
        let starts = vec![keyed(1, "k\0"), keyed(2, "k\0")];
        fresh.commit(Commit { starts, logs, ..Commit::default() }).await.unwrap();
        let again = fresh.commit(Commit { starts: vec![keyed(3, "k\0")], ..Commit::default() }).await.unwrap();
        assert_eq!(again.existing[0].1.id, id(1));
    })
    .await;
}

#[tokio::test]
async fn a_row_that_nobody_wrote_is_corrupt_and_no_panic() {
    each(|fresh| async move {
        let raw = fresh.raw().await;
        for (n, column) in (1..).zip(["status", "input", "error"]) {
            fresh.commit(Commit { starts: vec![execution(n)], ..Commit::default() }).await.unwrap();
            raw.execute_unprepared(&format!("UPDATE workflow_executions SET {column} = '{{bad'")).await.unwrap();
            let error = fresh.database.execution_find(id(n)).await.unwrap_err();
            assert!(matches!(error, StoreError::Corrupt(_)), "{column}: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_waits_until_an_earlier_one_of_its_partition_is_over() {
    use sea_orm::{Statement, TransactionTrait};
    each(|fresh| async move {
        // SQLite has one writer.
        if fresh.database.kind() == "sqlite" {
            return;
        }
        fresh.commit(Commit { starts: vec![execution(1)], steps: vec![step(id(1), "a", 1, 2)], ..Commit::default() }).await.unwrap();
        let leases = fresh.take().await;
        let raw = fresh.raw().await;
        let holder = raw.begin().await.unwrap();
        holder.execute_unprepared("SELECT 1 FROM step_executions FOR UPDATE").await.unwrap();
        let commit = |steps| {
            let (database, commit) = (fresh.database.clone(), Commit { leases: leases.clone(), steps, ..Commit::default() });
            tokio::spawn(async move { database.commit(&commit).await.unwrap() })
        };
        let waiting = async || {
            let sql = "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let found = raw.query_one_raw(Statement::from_string(raw.get_database_backend(), sql)).await;
            found.unwrap().unwrap().try_get::<i64>("", "n").unwrap()
        };
        let earlier = commit(vec![step(id(1), "a", 1, 3)]);
        while waiting().await < 1 {
            assert!(!earlier.is_finished(), "the row is held");
            tokio::task::yield_now().await;
        }
        let later = commit(Vec::new());
        while waiting().await < 2 {
            assert!(!later.is_finished(), "it did not wait");
            tokio::task::yield_now().await;
        }
        holder.commit().await.unwrap();
        earlier.await.unwrap();
        later.await.unwrap();
    })
    .await;
}
