//! What the API reads of executions.

use std::time::{SystemTime, UNIX_EPOCH};

use sea_orm::ConnectionTrait;
use stepwell::engine::{ExecutionStatus, ExecutionUpdate, LogLevel, StepStatus};
use stepwell::expr::Timestamp;
use stepwell::ids::{ExecutionId, StepPath, WorkflowId};
use stepwell::service::model::Execution;
use stepwell::service::ports::{Commit, ExecutionCursor, ExecutionFilter, ExecutionReads, LogFilter, StepFilter};
use uuid::Uuid;

use crate::store::{Fresh, each, execution, id, log, step, update, workflow};

fn other() -> WorkflowId {
    WorkflowId(Uuid::from_u128(0xB0))
}

async fn list(fresh: &Fresh, filter: ExecutionFilter) -> (Vec<ExecutionId>, u64) {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    let page = fresh.database.execution_list(&ExecutionFilter { limit, ..filter }).await.unwrap();
    assert!(page.total.is_exact);
    (page.items.iter().map(|execution| execution.id).collect(), page.total.count)
}

fn ids<const N: usize>(of: [u32; N]) -> Vec<ExecutionId> {
    of.map(id).to_vec()
}

#[tokio::test]
async fn the_clock_tells_the_moment_in_microseconds() {
    each(|fresh| async move {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let first = fresh.database.now().await.unwrap();
        let second = fresh.database.now().await.unwrap();
        let apart = i128::from(first.0) - i128::try_from(before).unwrap();
        assert!(first <= second && apart.abs() < 60_000_000, "{before} {first:?} {second:?}");
    })
    .await;
}

#[tokio::test]
async fn executions_are_found_by_id_and_by_key() {
    each(|fresh| async move {
        let one = Execution { idempotency_key: Some("k".to_owned()), ..execution(1) };
        fresh.commit(Commit { starts: vec![one.clone()], ..Commit::default() }).await.unwrap();
        let database = &fresh.database;
        database.ping().await.unwrap();
        assert_eq!(database.execution_find(id(1)).await.unwrap(), Some(one.clone()));
        assert_eq!(database.execution_find(id(2)).await.unwrap(), None);
        assert_eq!(database.execution_find_by_key(workflow(), "k").await.unwrap(), Some(one));
        assert_eq!(database.execution_find_by_key(workflow(), "K").await.unwrap(), None);
        assert_eq!(database.execution_find_by_key(other(), "k").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn executions_are_listed_newest_first_by_every_filter() {
    each(|fresh| async move {
        let starts = vec![
            execution(1),
            Execution { workflow: other(), ..execution(2) },
            Execution { status: ExecutionStatus::Failed, ..execution(3) },
            execution(4),
        ];
        fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
        let any = ExecutionFilter::default;
        assert_eq!(list(&fresh, any()).await, (ids([4, 3, 2, 1]), 4));
        assert_eq!(list(&fresh, ExecutionFilter { workflow: Some(workflow()), ..any() }).await, (ids([4, 3, 1]), 3));
        let failed = Some(ExecutionStatus::Failed);
        assert_eq!(list(&fresh, ExecutionFilter { status: failed, ..any() }).await, (ids([3]), 1));
        let (created_from, created_to) = (Some(Timestamp(1_002)), Some(Timestamp(1_004)));
        assert_eq!(list(&fresh, ExecutionFilter { created_from, created_to, ..any() }).await, (ids([3, 2]), 2));
        assert_eq!(list(&fresh, ExecutionFilter { limit: 2, offset: 1, ..any() }).await, (ids([3, 2]), 4));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_goes_on_after_the_last_one_whatever_the_order_of_ids() {
    each(|fresh| async move {
        // Children's ids are hashes: here the newest has the least id, and two are of one moment.
        let at = |n: u32, at| Execution { created_at: Timestamp(at), ..execution(n) };
        let starts = vec![at(5, 10), at(1, 40), at(3, 20), at(4, 20)];
        fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let (page, total) = list(&fresh, ExecutionFilter { before, limit: 1, ..ExecutionFilter::default() }).await;
            assert_eq!(total, 4, "the cursor does not narrow the total");
            let Some(last) = page.last() else { break };
            let created_at = fresh.database.execution_find(*last).await.unwrap().unwrap().created_at;
            before = Some(ExecutionCursor { created_at, id: *last });
            seen.extend(page);
        }
        assert_eq!(seen, ids([1, 4, 3, 5]));
        let gone = Some(ExecutionCursor { created_at: Timestamp(20), id: id(4) });
        fresh.raw().await.execute_unprepared("DELETE FROM workflow_executions WHERE created_at = 20").await.unwrap();
        let behind = ExecutionFilter { before: gone, ..ExecutionFilter::default() };
        assert_eq!(list(&fresh, behind).await.0, ids([5]), "a cursor holds when what it stands on is gone");
    })
    .await;
}

#[tokio::test]
async fn the_current_order_is_the_furthest_step_reached() {
    each(|fresh| async move {
        let with_order = |n, path, order| {
            let mut row = step(id(n), path, 1, i64::from(order));
            row.order = order;
            row
        };
        let steps = vec![with_order(1, "a", 1), with_order(1, "c", 3), with_order(1, "if-1", 0), with_order(2, "a", 1)];
        let starts = (1..=3).map(execution).collect();
        fresh.commit(Commit { starts, steps, ..Commit::default() }).await.unwrap();
        let mut orders = fresh.database.execution_current_orders(&ids([1, 2, 3])).await.unwrap();
        orders.sort_unstable();
        assert_eq!(orders, [(id(1), 3), (id(2), 1)]);
        assert_eq!(fresh.database.execution_current_orders(&[]).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_row_tells_how_far_its_execution_came() {
    each(|fresh| async move {
        let furthest = async |n| fresh.database.execution_find(id(n)).await.unwrap().unwrap().furthest;
        let starts = vec![Execution { furthest: Some(2), ..execution(1) }, execution(2)];
        fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
        assert_eq!([furthest(1).await, furthest(2).await], [Some(2), None]);
        let further = ExecutionUpdate { furthest: Some(4), ..update(id(1), 7, ExecutionStatus::Completed) };
        fresh.commit(Commit { executions: vec![further], ..Commit::default() }).await.unwrap();
        assert_eq!(furthest(1).await, Some(4));
    })
    .await;
}

#[tokio::test]
async fn steps_are_listed_by_seq_in_pages() {
    each(|fresh| async move {
        let mut failed = step(id(1), "b", 1, 3);
        failed.status = StepStatus::Failed;
        let steps = vec![step(id(1), "c", 1, 4), failed, step(id(1), "a", 1, 2), step(id(2), "a", 1, 2)];
        fresh.commit(Commit { starts: vec![execution(1), execution(2)], steps, ..Commit::default() }).await.unwrap();
        let list = |filter: StepFilter| {
            let database = fresh.database.clone();
            async move {
                let page = database.step_list(id(1), &filter).await.unwrap();
                (page.items.iter().map(|step| step.seq).collect::<Vec<_>>(), page.total.count)
            }
        };
        let any = || StepFilter { limit: 10, ..StepFilter::default() };
        assert_eq!(list(any()).await, (vec![2, 3, 4], 3));
        assert_eq!(list(StepFilter { offset: 1, limit: 1, ..any() }).await, (vec![3], 3));
        assert_eq!(list(StepFilter { status: Some(StepStatus::Failed), ..any() }).await, (vec![3], 1));
        assert_eq!(list(StepFilter { after: Some((3, StepPath::new("b"))), ..any() }).await, (vec![4], 3));
        assert_eq!(list(StepFilter { after: Some((3, StepPath::new("a"))), ..any() }).await, (vec![3, 4], 3));
    })
    .await;
}

#[tokio::test]
async fn logs_are_listed_in_order_from_a_level_up_and_after_an_entry() {
    each(|fresh| async move {
        let levels = [LogLevel::Debug, LogLevel::Error, LogLevel::Info, LogLevel::Warn];
        let logs = levels.map(|level| (id(1), log(level, level.as_str()))).to_vec();
        fresh.commit(Commit { starts: vec![execution(1)], logs, ..Commit::default() }).await.unwrap();
        let list = |level, after, limit| {
            let database = fresh.database.clone();
            async move { database.log_list(id(1), &LogFilter { level, after, limit }).await.unwrap() }
        };
        let messages = |logs: &[stepwell::service::ports::StoredLog]| {
            logs.iter().map(|log| log.entry.message.clone()).collect::<Vec<_>>()
        };
        let all = list(None, None, 10).await;
        assert_eq!(messages(&all), ["debug", "error", "info", "warn"]);
        assert_eq!(messages(&list(Some(LogLevel::Warn), None, 10).await), ["error", "warn"]);
        assert_eq!(messages(&list(None, Some(all[1].id), 1).await), ["info"]);
        assert_eq!(list(None, Some(all[3].id), 10).await, []);
    })
    .await;
}

#[tokio::test]
async fn live_executions_are_counted_by_workflow() {
    each(|fresh| async move {
        let ended = Execution { status: ExecutionStatus::Cancelled, ..execution(2) };
        let pending = Execution { status: ExecutionStatus::Pending, ..execution(3) };
        let elsewhere = Execution { workflow: other(), ..execution(4) };
        let starts = vec![execution(1), ended, pending, elsewhere];
        fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
        assert_eq!(fresh.database.execution_count_live(workflow()).await.unwrap(), 2);
    })
    .await;
}
