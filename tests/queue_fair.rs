//! What holds of every queue between workflows and between the queues of a worker: who is served in turn, and by how much.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell::queue::{LocalQueue, RedisLeases};
use stepwell::service::ports::{Task, TaskLeases, TaskSource, Wanted};

use crate::queue::{Queue, in_queue, outcome, task};
use crate::support::redis::Redis;

async fn each() -> [Queue; 2] {
    [Queue::Local(LocalQueue::new()), Queue::redis(Redis::shared().options()).await]
}

fn of_workflow(n: u128, workflow: &str) -> Task {
    Task { workflow: workflow.into(), ..task(n) }
}

/// Claims up to `max` at a time until there are `count`, and is done with each at once; how many there were of each name.
async fn served(
    worker: &dyn TaskSource,
    max: usize,
    count: usize,
    name: impl Fn(&Task) -> String,
) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    let mut all = 0;
    while all < count {
        let claims = worker.claim(max.min(count - all)).await.unwrap();
        all += claims.len();
        for claimed in &claims {
            *names.entry(name(&claimed.task)).or_default() += 1;
        }
        let outcomes = claims.into_iter().map(|claimed| (outcome(&claimed.task), claimed.receipt)).collect();
        worker.complete(outcomes).await.unwrap();
    }
    names
}

fn workflow(task: &Task) -> String {
    task.workflow.to_string()
}

fn queue_name(task: &Task) -> String {
    task.queue.to_string()
}

#[tokio::test]
async fn a_workflow_that_comes_while_another_has_much_waits_for_its_turn_alone() {
    for queue in each().await {
        let worker = queue.worker(&["default"]).await;
        // Two workflows, so that what is read from is many lanes, and both are busy.
        let busy = (0..2_000).map(|n| of_workflow(n, if n % 2 == 0 { "orders" } else { "mail" }));
        queue.owner().dispatch(busy.collect()).await.unwrap();
        served(&*worker, 4, 40, workflow).await;
        queue.owner().dispatch((100_000..100_003).map(|n| of_workflow(n, "invoices")).collect()).await.unwrap();
        // That there is a lane that was not there before is told beside, and so a moment later; the others have enough until then.
        let (mut others, mut invoices) = (40, 0);
        while invoices < 3 && others < 1_900 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let mut names = served(&*worker, 4, 4, workflow).await;
            invoices += names.remove("invoices").unwrap_or(0);
            others += names.into_values().sum::<usize>();
        }
        assert_eq!(invoices, 3, "{others} of others");
    }
}

#[tokio::test]
async fn workflows_that_wait_have_equal_parts_whoever_was_there_before() {
    for max in [1, 3, 8] {
        for queue in each().await {
            let worker = queue.worker(&["default"]).await;
            // Many were there, and have nothing any more.
            queue.owner().dispatch((0..40).map(|n| of_workflow(n, &format!("w{n}"))).collect()).await.unwrap();
            served(&*worker, 8, 40, workflow).await;
            let two = (100..500).map(|n| of_workflow(n, if n < 300 { "orders" } else { "mail" }));
            queue.owner().dispatch(two.collect()).await.unwrap();
            let names = served(&*worker, max, 120, workflow).await;
            assert!(names.values().all(|served| (58..=62).contains(served)), "{max} at a time: {names:?}");
        }
    }
}

#[tokio::test]
async fn weights_hold_however_many_workflows_a_queue_has_and_however_few_are_claimed() {
    for (fast, slow) in [(40, 1), (1, 40)] {
        for max in [1, 2, 4, 8, 40] {
            for queue in each().await {
                let worker = queue.worker(&["fast=3", "slow=1"]).await;
                let sent = (0..1_200u128).map(|n| {
                    let (name, workflows) = if n < 600 { ("fast", fast) } else { ("slow", slow) };
                    Task { workflow: format!("w{}", n % workflows).into(), ..in_queue(n, name) }
                });
                queue.owner().dispatch(sent.collect()).await.unwrap();
                let names = served(&*worker, max, 400, queue_name).await;
                let told = format!("{fast} and {slow} workflows, {max} at a time: {names:?}");
                assert!((98..=102).contains(names.get("slow").unwrap_or(&0)), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn polls_for_one_task_take_turns_between_queues() {
    let local = LocalQueue::new();
    let options = Redis::shared().options();
    let leases: Arc<dyn TaskLeases> = RedisLeases::connect(&options).await.unwrap();
    for (queue, leases) in
        [(Queue::Local(local.clone()), local as Arc<dyn TaskLeases>), (Queue::redis(options).await, leases)]
    {
        let sent = (0..80).map(|n| in_queue(n, if n < 40 { "a" } else { "b" }));
        queue.owner().dispatch(sent.collect()).await.unwrap();
        let wanted = Wanted { task_types: vec!["http_request".to_owned()], ..Wanted::default() };
        let mut of_b = 0;
        for _ in 0..20 {
            let leased = loop {
                if let Some((task, _)) = leases.lease(&wanted, 1, 30).await.unwrap().pop() {
                    break task;
                }
            };
            of_b += usize::from(&*leased.queue == "b");
        }
        assert!((9..=11).contains(&of_b), "{of_b} of 20");
    }
}

#[tokio::test]
async fn task_types_of_a_queue_take_turns_between_polls_and_within_a_claim() {
    for of_others in [0, 3] {
        let local = LocalQueue::new();
        let worker = local.source(vec!["default".to_owned()], "worker");
        let queue = Queue::Local(local);
        // Types that were used and have nothing any more lie between.
        let types: Vec<String> = std::iter::once("a".to_owned())
            .chain((0..of_others).map(|n| format!("o{n}")))
            .chain(["b".to_owned()])
            .collect();
        let of_type = |n: u128, name: &String| Task { task_type: name.as_str().into(), ..task(n) };
        queue.owner().dispatch((0u128..).zip(&types).map(|(n, name)| of_type(n, name)).collect()).await.unwrap();
        served(&*worker, 10, types.len(), workflow).await;
        let ends = ["a".to_owned(), "b".to_owned()];
        queue
            .owner()
            .dispatch((100..200).flat_map(|n| [of_type(n, &ends[0]), of_type(n + 100, &ends[1])]).collect())
            .await
            .unwrap();
        for max in [1, 10] {
            let names = served(&*worker, max, 20, |task| task.task_type.to_string()).await;
            assert_eq!(names.into_values().collect::<Vec<_>>(), [10, 10], "{of_others} others, {max} at a time");
        }
        let Queue::Local(leases) = &queue else { continue };
        let wanted = Wanted { task_types: ends.to_vec(), ..Wanted::default() };
        let mut of_b = 0;
        for _ in 0..20 {
            of_b +=
                leases.lease(&wanted, 1, 30).await.unwrap().iter().filter(|(task, _)| &*task.task_type == "b").count();
        }
        assert_eq!(of_b, 10, "{of_others} others");
    }
}

#[tokio::test]
async fn no_more_is_claimed_than_there_is_room_for() {
    for queue in each().await {
        let worker = queue.worker(&["default"]).await;
        for round in 0..200u128 {
            let sent = (0..8).map(|n| of_workflow(round * 8 + n, &format!("w{n}"))).collect();
            let claims = async {
                let mut all = 0;
                while all < 8 {
                    let claims = worker.claim(1).await.unwrap();
                    assert!(claims.len() < 2, "round {round}: {} tasks", claims.len());
                    all += claims.len();
                    let done = claims.into_iter().map(|claimed| (outcome(&claimed.task), claimed.receipt)).collect();
                    worker.complete(done).await.unwrap();
                }
            };
            // Now and then they come between a look and the wait that follows it.
            let dispatch = async {
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                queue.owner().dispatch(sent).await.unwrap();
            };
            tokio::join!(claims, dispatch);
        }
    }
}
