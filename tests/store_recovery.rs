//! What a process reads when it takes over: who is unfinished, and what is due.

use stepwell::engine::{ExecutionStatus, StepStatus, TimerTarget};
use stepwell::expr::Timestamp;
use stepwell::ids::{ExecutionId, PartitionId, StepPath};
use stepwell::service::model::Execution;
use stepwell::service::ports::{Commit, DueTimer, ExecutionStore};

use crate::store::{Fresh, each, execution, id, step, update};

fn all() -> Vec<PartitionId> {
    PartitionId::all().collect()
}

fn in_state(n: u32, status: ExecutionStatus, wake_at: Option<i64>) -> Execution {
    Execution { status, wake_at: wake_at.map(Timestamp), ..execution(n) }
}

async fn insert(fresh: &Fresh, starts: Vec<Execution>) {
    fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn unfinished_are_those_started_and_not_ended_page_by_page() {
    use ExecutionStatus::{Cancelled, Completed, Failed, Paused, Pending, Retrying, Running};
    each(|fresh| async move {
        let states = [Running, Pending, Retrying, Completed, Paused, Failed, Running, Cancelled, Running];
        insert(&fresh, (1..).zip(states).map(|(n, status)| in_state(n, status, None)).collect()).await;
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let page = fresh.database.executions_unfinished(&all(), after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            pages.push(page.into_iter().map(|place| place.id).collect::<Vec<_>>());
        }
        assert_eq!(pages, [vec![id(1), id(3)], vec![id(5), id(7)], vec![id(9)]]);
    })
    .await;
}

#[tokio::test]
async fn a_partition_has_its_own_unfinished_and_timers_alone() {
    each(|fresh| async move {
        insert(&fresh, (1..40).map(|n| in_state(n, ExecutionStatus::Running, Some(i64::from(n)))).collect()).await;
        let mine = [id(1).partition(), id(2).partition()];
        let expected: Vec<ExecutionId> = (1..40).map(id).filter(|id| mine.contains(&id.partition())).collect();
        let unfinished = fresh.database.executions_unfinished(&mine, None, 100).await.unwrap();
        assert_eq!(unfinished.iter().map(|place| place.id).collect::<Vec<_>>(), expected);
        let due = fresh.database.timers_due(&mine, Timestamp(100), 100).await.unwrap();
        assert!(due.iter().map(|timer| timer.execution).eq(expected));
        assert_eq!(fresh.database.executions_unfinished(&[], None, 100).await.unwrap(), []);
        assert_eq!(fresh.database.timers_due(&[], Timestamp(100), 100).await.unwrap(), []);
    })
    .await;
}

fn waiting(n: u32, path: &str, attempt: u32, status: StepStatus, due: i64) -> stepwell::engine::StepRow {
    let mut row = step(id(n), path, attempt, i64::from(attempt));
    (row.status, row.wake_at) = (status, Some(Timestamp(due)));
    row
}

fn step_timer(n: u32, path: &str, attempt: u32, due: i64) -> DueTimer {
    let target = TimerTarget::Step { path: StepPath::new(path), attempt };
    DueTimer { execution: id(n), status: ExecutionStatus::Running, target, due: Timestamp(due) }
}

#[tokio::test]
async fn timers_come_soonest_first_from_executions_and_steps_alike() {
    use ExecutionStatus::{Pending, Retrying, Running};
    each(|fresh| async move {
        let starts =
            vec![in_state(1, Pending, Some(30)), in_state(2, Retrying, Some(10)), in_state(3, Running, Some(50))];
        let steps = vec![
            waiting(3, "a", 1, StepStatus::Waiting, 20),
            waiting(3, "b", 2, StepStatus::Retrying, 40),
            waiting(3, "c", 1, StepStatus::Waiting, 61),
        ];
        fresh.commit(Commit { starts, steps, ..Commit::default() }).await.unwrap();
        let own = |n, status, target, due| DueTimer { execution: id(n), status, target, due: Timestamp(due) };
        let expected = [
            own(2, Retrying, TimerTarget::Execution, 10),
            step_timer(3, "a", 1, 20),
            own(1, Pending, TimerTarget::Execution, 30),
            step_timer(3, "b", 2, 40),
            own(3, Running, TimerTarget::Timeout, 50),
        ];
        assert_eq!(fresh.database.timers_due(&all(), Timestamp(60), 100).await.unwrap(), expected);
        assert_eq!(fresh.database.timers_due(&all(), Timestamp(60), 3).await.unwrap(), expected[..3]);
        assert_eq!(fresh.database.timers_due(&all(), Timestamp(10), 100).await.unwrap(), expected[..1]);
        assert_eq!(fresh.database.timers_due(&all(), Timestamp(9), 100).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_was_woken_or_has_ended_is_not_due() {
    each(|fresh| async move {
        let starts = vec![execution(1), in_state(2, ExecutionStatus::Running, Some(5)), execution(3)];
        let steps = vec![
            waiting(1, "retried", 1, StepStatus::Retrying, 10),
            waiting(1, "retried", 2, StepStatus::Running, 10),
            waiting(1, "done", 1, StepStatus::Failed, 10),
            waiting(2, "of an ended one", 1, StepStatus::Waiting, 10),
            waiting(3, "a", 1, StepStatus::Waiting, 10),
        ];
        let executions = vec![update(id(2), 9, ExecutionStatus::Completed)];
        fresh.commit(Commit { starts, steps, executions, ..Commit::default() }).await.unwrap();
        let due = fresh.database.timers_due(&all(), Timestamp(60), 100).await.unwrap();
        assert_eq!(due, [step_timer(3, "a", 1, 10)]);
    })
    .await;
}

#[tokio::test]
async fn histories_leave_out_what_is_not_there() {
    each(|fresh| async move {
        insert(&fresh, vec![execution(1), execution(3)]).await;
        let histories = fresh.database.histories(&[id(1), id(2), id(3)]).await.unwrap();
        assert!(histories.iter().map(|history| history.execution.id).eq([id(1), id(3)]));
        assert_eq!(fresh.database.histories(&[]).await.unwrap(), []);
    })
    .await;
}
