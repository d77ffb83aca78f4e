//! What limits are kept by, in both databases.

use std::sync::Arc;

use stepwell::engine::{CacheWrite, ExecutionStatus, Rate};
use stepwell::expr::{Timestamp, Value};
use stepwell::service::model::Execution;
use stepwell::service::ports::{Commit, LimitStore, SlotGroup, Slots};
use stepwell::service::rate::RateTaken;

use crate::store::{Fresh, each, execution, id, update};

fn limited(n: u32, key: &str, status: ExecutionStatus, scheduled_at: Option<i64>) -> Execution {
    let created_at = Timestamp(i64::from(1_000 - n));
    let (concurrency_key, scheduled_at) = (Some(key.into()), scheduled_at.map(Timestamp));
    Execution { status, concurrency_key, created_at, scheduled_at, ..execution(n) }
}

fn group(key: &str) -> SlotGroup {
    SlotGroup { workflow: execution(1).workflow, key: key.into() }
}

async fn insert(fresh: &Fresh, starts: Vec<Execution>) {
    fresh.commit(Commit { starts, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn slots_are_the_live_executions_of_a_key_oldest_first() {
    use ExecutionStatus::{Cancelled, Completed, Paused, Pending, Running};
    each(|fresh| async move {
        let stopping = Execution { cancel_requested_at: Some(Timestamp(5)), ..limited(4, "a", Running, None) };
        insert(
            &fresh,
            vec![
                limited(1, "a", Running, None),
                limited(2, "a", Pending, None),
                limited(3, "a", Pending, Some(500)),
                stopping,
                limited(5, "b", Running, None),
                limited(6, "a", Completed, None),
                limited(7, "a", Pending, None),
                limited(8, "a", Cancelled, None),
                limited(9, "a", Paused, None),
                Execution { status: Pending, ..execution(10) },
            ],
        )
        .await;
        let at = |now, most| {
            let database = fresh.database.clone();
            async move { database.slots(&group("a"), Timestamp(now), most).await.unwrap() }
        };
        let running = vec![(id(9), false), (id(4), true), (id(1), false)];
        assert_eq!(at(400, 9).await, Slots { running: running.clone(), waiting: vec![id(7), id(2)] });
        assert_eq!(at(500, 9).await.waiting, [id(7), id(3), id(2)], "its time has come");
        assert_eq!(at(500, 1).await, Slots { running, waiting: vec![id(7)] });
        let waiting = fresh.database.slot_groups_waiting().await.unwrap();
        assert_eq!(waiting, [(group("a"), execution(1).plan_hash)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_begins_to_run_is_always_among_those_that_run_or_wait() {
    each(|fresh| async move {
        let ids: Vec<_> = (1..=60).map(|n| (n, format!("key {n}"))).collect();
        let starts = ids.iter().map(|(n, key)| limited(*n, key, ExecutionStatus::Pending, None)).collect();
        insert(&fresh, starts).await;
        for (n, key) in ids {
            let database = fresh.database.clone();
            let look = tokio::spawn(async move {
                loop {
                    let slots = database.slots(&group(&key), Timestamp(0), 1).await.unwrap();
                    assert_eq!(slots.running.len() + slots.waiting.len(), 1, "{slots:?}");
                    if !slots.running.is_empty() {
                        return;
                    }
                }
            });
            let executions = vec![update(id(n), 2, ExecutionStatus::Running)];
            fresh.commit(Commit { executions, ..Commit::default() }).await.unwrap();
            look.await.unwrap();
        }
    })
    .await;
}

fn write(key: &str, output: i64, from: i64, to: i64) -> CacheWrite {
    let (created_at, expires_at) = (Timestamp(from), Timestamp(to));
    CacheWrite { key: key.into(), output: Value::Int(output), created_at, expires_at }
}

#[tokio::test]
async fn an_output_is_kept_with_its_step_until_it_expires() {
    each(|fresh| async move {
        insert(&fresh, vec![execution(1)]).await;
        let keep = |writes: Vec<CacheWrite>| Commit {
            caches: writes.into_iter().map(|write| (id(1), write)).collect(),
            ..Commit::default()
        };
        let found = |now: i64| {
            let database = fresh.database.clone();
            async move {
                let keys: Vec<Arc<str>> = ["x", "y", "none"].map(Into::into).to_vec();
                let mut found = database.cache_find(&keys, Timestamp(now)).await.unwrap();
                found.sort_by(|a, b| a.0.cmp(&b.0));
                found.into_iter().map(|(key, value)| (key.to_string(), value)).collect::<Vec<_>>()
            }
        };
        let (x, y) = (|n| ("x".to_owned(), Value::Int(n)), ("y".to_owned(), Value::Int(7)));
        fresh.commit(keep(vec![write("x", 1, 10, 100), write("x", 2, 11, 200), write("y", 7, 10, 300)])).await.unwrap();
        assert_eq!(found(50).await, [x(1), y.clone()], "of one key the first counts");
        fresh.commit(keep(vec![write("x", 3, 60, 400)])).await.unwrap();
        assert_eq!(found(99).await, [x(1), y.clone()]);
        assert_eq!(found(100).await, std::slice::from_ref(&y), "it has expired");
        fresh.commit(keep(vec![write("x", 4, 100, 500)])).await.unwrap();
        assert_eq!(found(110).await, [x(4), y.clone()]);
        assert_eq!(fresh.database.cache_sweep(Timestamp(300), 10).await.unwrap(), 1);
        assert_eq!(found(0).await, [x(4)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_take_from_a_limit_at_once_get_no_more_than_its_count() {
    each(|fresh| async move {
        let rate = Rate { name: "calls".into(), count: 10, per_ms: 3_600_000 };
        let takers = (0..8).map(|_| {
            let (database, rate) = (fresh.database.clone(), rate.clone());
            tokio::spawn(async move { database.rate_take(&rate, 3, Timestamp(1_000)).await.unwrap() })
        });
        let taken = futures::future::join_all(takers.collect::<Vec<_>>()).await;
        let taken: Vec<RateTaken> = taken.into_iter().map(Result::unwrap).collect();
        assert_eq!(taken.iter().map(|taken| taken.granted).sum::<usize>(), 10, "{taken:?}");
        let other = Rate { name: "others".into(), ..rate };
        assert_eq!(fresh.database.rate_take(&other, 3, Timestamp(1_000)).await.unwrap().granted, 3);
    })
    .await;
}
