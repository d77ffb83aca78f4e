//! Lists of executions: merged over the states, counted up to a bound, and never by reading a whole table.

use sea_orm::ConnectionTrait;
use stepwell::engine::ExecutionStatus;
use stepwell::expr::Timestamp;
use stepwell::ids::{ExecutionId, WorkflowId};
use stepwell::service::model::Execution;
use stepwell::service::ports::{Commit, ExecutionCursor, ExecutionFilter, ExecutionReads, Total};
use uuid::Uuid;

use crate::store::{Fresh, each, execution, id, workflow};

/// Enough for a database to think twice before it reads them all, and one more than are counted.
const MANY: u32 = 10_001;

/// Executions of one workflow, of which each hundredth is of another, in turn of every state.
async fn fill(fresh: &Fresh) {
    let other = WorkflowId(Uuid::from_u128(0xB0));
    let one = |n: u32| Execution {
        workflow: if n.is_multiple_of(100) { other } else { workflow() },
        status: match n % 1_000 {
            0..7 => ExecutionStatus::ALL[(n % 7) as usize],
            _ => ExecutionStatus::Completed,
        },
        ..execution(n)
    };
    let starts = (1..=MANY).map(one).collect();
    fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
    fresh.raw().await.execute_unprepared("ANALYZE").await.unwrap();
}

fn filters() -> Vec<ExecutionFilter> {
    let mut filters = vec![ExecutionFilter { limit: 20, ..ExecutionFilter::default() }];
    let mut also = |change: fn(&mut ExecutionFilter)| {
        let changed = filters.clone().into_iter().map(|mut filter| {
            change(&mut filter);
            filter
        });
        let changed: Vec<_> = changed.collect();
        filters.extend(changed);
    };
    also(|filter| filter.workflow = Some(workflow()));
    also(|filter| filter.status = Some(ExecutionStatus::Completed));
    also(|filter| filter.created_from = Some(Timestamp(3_000)));
    also(|filter| filter.created_to = Some(Timestamp(9_000)));
    also(|filter| filter.before = Some(ExecutionCursor { created_at: Timestamp(8_000), id: id(7_000) }));
    filters
}

/// Whether a step of a plan reads the whole table, or all of an index.
fn reads_the_table(line: &str) -> bool {
    line.contains("Seq Scan on workflow_executions")
        || line.starts_with("SCAN workflow_executions")
        || line.starts_with("SCAN execution")
}

/// Whether what is read of the table is sorted before it is cut to a page.
fn sorts_the_table(plan: &[String]) -> bool {
    let of_table =
        |line: &String| line.contains("on workflow_executions") || line.starts_with("SEARCH workflow_executions");
    plan.iter().enumerate().any(|(at, line)| {
        if line.contains("TEMP B-TREE") {
            return plan[..at].last().is_some_and(of_table);
        }
        // PostgreSQL tells below a sort, after its key, what is sorted.
        let sorted = || plan[at + 1..].iter().find(|line| line.contains("->"));
        (line.contains("->  Sort ") || line.starts_with("Sort ")) && sorted().is_some_and(of_table)
    })
}

#[tokio::test]
async fn no_filter_reads_the_whole_table_or_sorts_more_than_a_page() {
    each(|fresh| async move {
        fill(&fresh).await;
        for filter in filters() {
            let [page, past, count] = fresh.database.explain_executions(&filter).await.unwrap();
            let told = || format!("{filter:?}\n{}\n\n{}\n\n{}", page.join("\n"), past.join("\n"), count.join("\n"));
            assert!(!page.iter().any(|line| reads_the_table(line)), "{}", told());
            assert!(!sorts_the_table(&page), "only pages are sorted\n{}", told());
            // PostgreSQL may count what is nearly all of the table as it lies there, up to the limit.
            for counts in [&past, &count] {
                let is_cut = counts.iter().any(|line| line.contains("Limit"));
                assert!(is_cut || !counts.iter().any(|line| reads_the_table(line)), "{}", told());
            }
            let states = if filter.status.is_some() { 1 } else { ExecutionStatus::ALL.len() };
            let by_state = |line: &&String| line.contains("status=?") || line.contains("status = '");
            assert!(page.iter().filter(by_state).count() >= states, "each state is looked up\n{}", told());
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_shows_what_fits_and_counts_up_to_a_bound() {
    each(|fresh| async move {
        fill(&fresh).await;
        let list = async |filter: &ExecutionFilter| fresh.database.execution_list(filter).await.unwrap();
        let all = list(&ExecutionFilter { limit: 3, ..ExecutionFilter::default() }).await;
        assert_eq!(all.total, Total { count: 10_000, is_exact: false });
        assert_eq!(all.items.iter().map(|one| one.id).collect::<Vec<_>>(), [MANY, MANY - 1, MANY - 2].map(id));
        for filter in filters() {
            let page = list(&filter).await;
            let fits = |n: &u32| {
                let (one, at) = (n % 1_000, Timestamp(1_000 + i64::from(*n)));
                let status = if one < 7 { ExecutionStatus::ALL[(n % 7) as usize] } else { ExecutionStatus::Completed };
                filter.workflow.is_none_or(|_| !n.is_multiple_of(100))
                    && filter.status.is_none_or(|only| only == status)
                    && filter.created_from.is_none_or(|from| at >= from)
                    && filter.created_to.is_none_or(|to| at < to)
            };
            let total = (1..=MANY).filter(fits).count() as u64;
            assert_eq!(page.total, Total::of(total), "{filter:?}");
            let behind = |n: &u32| {
                filter
                    .before
                    .is_none_or(|before| (Timestamp(1_000 + i64::from(*n)), id(*n)) < (before.created_at, before.id))
            };
            let newest: Vec<ExecutionId> = (1..=MANY).rev().filter(fits).filter(behind).take(20).map(id).collect();
            assert_eq!(page.items.iter().map(|one| one.id).collect::<Vec<_>>(), newest, "{filter:?}");
        }
    })
    .await;
}
