//! What holds of every queue: the in-process one and Redis.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stepwell::engine::code;
use stepwell::expr::Value;
use stepwell::ids::{ExecutionId, PartitionId, StepPath};
use stepwell::queue::{LocalQueue, RedisOptions, RedisQueue, RedisSource};
use stepwell::service::ports::{
    AttemptKey, Claimed, Delivered, Dispatcher, Receipt, Task, TaskOutcome, TaskSource, Wanted,
};

use crate::support::redis::Redis;

/// A queue, and how its workers come to it.
pub enum Queue {
    Local(Arc<LocalQueue>),
    Redis(Arc<RedisQueue>, RedisOptions),
}

impl Queue {
    pub async fn redis(options: RedisOptions) -> Self {
        Self::Redis(RedisQueue::connect(&options).await.unwrap(), options)
    }

    /// Both of them, fresh.
    async fn each() -> [Self; 2] {
        [Self::Local(LocalQueue::new()), Self::redis(Redis::shared().options()).await]
    }

    pub fn owner(&self) -> &dyn Dispatcher {
        match self {
            Self::Local(queue) => queue.as_ref(),
            Self::Redis(queue, _) => queue.as_ref(),
        }
    }

    pub async fn worker(&self, queues: &[&str]) -> Arc<dyn TaskSource> {
        let queues: Vec<String> = queues.iter().map(|name| (*name).to_owned()).collect();
        self.worker_for(Wanted::of_queues(&queues).unwrap()).await
    }

    pub async fn worker_for(&self, wanted: Wanted) -> Arc<dyn TaskSource> {
        match self {
            Self::Local(queue) => queue.source(wanted, "worker"),
            Self::Redis(_, options) => RedisSource::connect(options, wanted, "worker").await.unwrap(),
        }
    }
}

/// The task of an execution of this number.
pub fn task(n: u128) -> Task {
    Task {
        execution: ExecutionId(uuid::Uuid::from_u128(n)),
        path: StepPath::new("charge[2]"),
        attempt: 1,
        workflow: "orders".into(),
        task_type: "http_request".into(),
        queue: "default".into(),
        config: Value::object([("n", Value::Int(i64::try_from(n).unwrap())), ("text", Value::str("ü\n"))]),
        timeout_ms: 1_000,
        priority: stepwell::plan::DEFAULT_PRIORITY,
        heartbeat_ms: None,
        idempotency_key: "key".into(),
        traceparent: None,
    }
}

pub fn in_queue(n: u128, queue: &str) -> Task {
    Task { queue: queue.into(), ..task(n) }
}

pub fn key(task: &Task) -> AttemptKey {
    AttemptKey { execution: task.execution, path: task.path.clone(), attempt: task.attempt }
}

pub fn outcome(task: &Task) -> TaskOutcome {
    TaskOutcome {
        execution: task.execution,
        path: task.path.clone(),
        attempt: task.attempt,
        result: Ok(task.config.clone()),
        took_us: 7,
        logs: Vec::new(),
    }
}

/// Every partition.
pub fn all_partitions() -> Vec<PartitionId> {
    PartitionId::all().collect()
}

fn done(claims: &[Claimed]) -> Vec<(TaskOutcome, Receipt)> {
    claims.iter().map(|claimed| (outcome(&claimed.task), claimed.receipt.clone())).collect()
}

pub fn receipts(delivered: &[Delivered]) -> Vec<Receipt> {
    delivered.iter().filter_map(|delivered| delivered.receipt.clone()).collect()
}

pub async fn claim(source: &dyn TaskSource, count: usize) -> Vec<Claimed> {
    let mut claims = Vec::new();
    while claims.len() < count {
        claims.extend(source.claim(count - claims.len()).await.unwrap());
    }
    claims
}

pub async fn outcomes(owner: &dyn Dispatcher, count: usize) -> Vec<Delivered> {
    let mut delivered = Vec::new();
    while delivered.len() < count {
        delivered.extend(owner.outcomes(count - delivered.len()).await.unwrap());
    }
    delivered
}

/// Whether this waits: it is not over by the time that everything else is.
pub async fn waits<T>(what: impl Future<Output = T>) -> bool {
    tokio::time::timeout(Duration::from_millis(200), what).await.is_err()
}

fn tasks_of(claims: &[Claimed]) -> Vec<Task> {
    claims.iter().map(|claimed| claimed.task.clone()).collect()
}

#[tokio::test]
async fn a_task_goes_out_and_its_outcome_comes_back_whole() {
    for queue in Queue::each().await {
        let worker = queue.worker(&[]).await;
        let sent = Task { traceparent: Some("00-1-2-3".into()), ..task(1) };
        queue.owner().dispatch(vec![sent.clone()]).await.unwrap();
        let claims = claim(&*worker, 1).await;
        assert_eq!(tasks_of(&claims), std::slice::from_ref(&sent));
        worker.complete(done(&claims)).await.unwrap();
        let delivered = outcomes(queue.owner(), 1).await;
        assert_eq!(delivered[0].outcome, outcome(&sent));
    }
}

#[tokio::test]
async fn tasks_of_a_queue_come_in_order_and_in_batches_up_to_what_is_asked_for() {
    for queue in Queue::each().await {
        let worker = queue.worker(&[]).await;
        let sent: Vec<Task> = (0..1_500).map(task).collect();
        queue.owner().dispatch(sent.clone()).await.unwrap();
        let first = worker.claim(1_000).await.unwrap();
        assert_eq!(first.len(), 1_000);
        let rest = worker.claim(1_000).await.unwrap();
        assert_eq!([tasks_of(&first), tasks_of(&rest)].concat(), sent);
    }
}

#[tokio::test]
async fn a_claim_that_waits_is_woken_by_a_dispatch() {
    for queue in Queue::each().await {
        let worker = queue.worker(&["default"]).await;
        let (claims, sent) = tokio::join!(worker.claim(8), async {
            tokio::task::yield_now().await;
            queue.owner().dispatch(vec![task(1)]).await
        });
        sent.unwrap();
        assert_eq!(tasks_of(&claims.unwrap()), [task(1)]);
    }
}

#[tokio::test]
async fn a_worker_gets_only_tasks_of_its_queues() {
    for queue in Queue::each().await {
        let picky = queue.worker(&["b", "c"]).await;
        queue.owner().dispatch(vec![in_queue(1, "a"), in_queue(2, "b"), in_queue(3, "c")]).await.unwrap();
        let mut got: Vec<u128> =
            claim(&*picky, 2).await.iter().map(|claimed| claimed.task.execution.0.as_u128()).collect();
        got.sort_unstable();
        assert_eq!(got, [2, 3]);
        assert!(waits(picky.claim(1)).await);
        let all = queue.worker(&["*"]).await;
        assert_eq!(tasks_of(&claim(&*all, 1).await), [in_queue(1, "a")]);
    }
}

#[tokio::test]
async fn a_worker_of_all_queues_sees_one_that_is_new() {
    for queue in Queue::each().await {
        let worker = queue.worker(&[]).await;
        for (n, name) in ["first", "second", "third"].into_iter().enumerate() {
            let sent = in_queue(n as u128, name);
            let (claims, dispatched) = tokio::join!(claim(&*worker, 1), async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                queue.owner().dispatch(vec![sent.clone()]).await
            });
            dispatched.unwrap();
            assert_eq!(tasks_of(&claims), [sent]);
        }
    }
}

#[tokio::test]
async fn many_workers_share_the_tasks_and_none_is_given_twice() {
    for queue in Queue::each().await {
        let workers = [queue.worker(&[]).await, queue.worker(&[]).await, queue.worker(&["default"]).await];
        queue.owner().dispatch((0..300).map(task).collect()).await.unwrap();
        let mut seen = HashSet::new();
        let mut turn = workers.iter().cycle();
        while seen.len() < 300 {
            let worker = turn.next().unwrap();
            for claimed in worker.claim(7).await.unwrap() {
                assert!(seen.insert(key(&claimed.task)), "given twice");
            }
        }
    }
}

#[tokio::test]
async fn a_claim_that_is_dropped_takes_nothing() {
    for queue in Queue::each().await {
        let gone = queue.worker(&[]).await;
        assert!(waits(gone.claim(10)).await);
        queue.owner().dispatch((0..5).map(task).collect()).await.unwrap();
        let other = queue.worker(&[]).await;
        assert_eq!(claim(&*other, 5).await.len(), 5);
    }
}

#[tokio::test]
async fn what_is_held_is_what_is_not_acknowledged() {
    for queue in Queue::each().await {
        let worker = queue.worker(&[]).await;
        let sent: Vec<Task> = (0..4).map(task).collect();
        queue.owner().dispatch(sent.clone()).await.unwrap();
        let claims = claim(&*worker, 3).await;
        worker.complete(done(&claims[..2])).await.unwrap();
        let all: HashSet<AttemptKey> = sent.iter().map(key).collect();
        assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), all, "waiting, claimed and done");

        let delivered = outcomes(queue.owner(), 2).await;
        assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), all, "delivered, not acknowledged");
        queue.owner().ack(receipts(&delivered)).await.unwrap();
        assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), sent[2..].iter().map(key).collect());
    }
}

#[tokio::test]
async fn what_is_released_goes_to_another_worker() {
    for queue in Queue::each().await {
        let (leaving, staying) = (queue.worker(&[]).await, queue.worker(&[]).await);
        queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
        let claims = claim(&*leaving, 2).await;
        leaving.release(claims).await.unwrap();
        assert_eq!(tasks_of(&claim(&*staying, 2).await), [task(1), task(2)]);
        assert!(waits(leaving.claim(1)).await);
    }
}

#[tokio::test]
async fn a_stop_reaches_the_worker_that_holds_the_task() {
    for queue in Queue::each().await {
        let worker = queue.worker(&[]).await;
        queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
        claim(&*worker, 2).await;
        // A worker that just came may not be listening yet: an owner that wants to be sure says it again.
        let stopped = async {
            loop {
                queue.owner().stop(vec![key(&task(2))]).await.unwrap();
                if let Ok(key) = tokio::time::timeout(Duration::from_millis(200), worker.stopped()).await {
                    return key;
                }
            }
        };
        assert_eq!(stopped.await, key(&task(2)));
    }
}

#[tokio::test]
async fn depths_count_what_waits_and_what_is_claimed() {
    for queue in Queue::each().await {
        let worker = queue.worker(&["default"]).await;
        queue.owner().dispatch((0..5).map(task).collect()).await.unwrap();
        queue.owner().dispatch(vec![in_queue(9, "other")]).await.unwrap();
        let claims = claim(&*worker, 2).await;
        let depths = async || {
            let depths = queue.owner().depths().await.unwrap();
            let told = depths.into_iter().map(|depth| (depth.queue.to_string(), depth.waiting, depth.claimed));
            told.collect::<std::collections::BTreeSet<_>>()
        };
        let all = |waiting, claimed| [("default".to_owned(), waiting, claimed), ("other".to_owned(), 1, 0)].into();
        assert_eq!(depths().await, all(3, 2));
        worker.complete(done(&claims[..1])).await.unwrap();
        assert_eq!(depths().await, all(3, 1));
        worker.release(claims[1..].to_vec()).await.unwrap();
        assert_eq!(depths().await, all(4, 0));
        claim(&*worker, 4).await;
        assert_eq!(depths().await, all(0, 4), "a queue that is empty is told, too");
    }
}

#[tokio::test]
async fn a_healthy_queue_says_so_and_keeps_its_nonce() {
    for queue in Queue::each().await {
        queue.owner().ping().await.unwrap();
        let nonce = queue.owner().nonce().await.unwrap();
        assert_eq!(queue.owner().nonce().await.unwrap(), nonce);
        assert_eq!(queue.owner().lapsed().await.unwrap(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn the_local_queue_tells_how_old_the_oldest_is() {
    let queue = LocalQueue::new();
    queue.dispatch(vec![task(1)]).await.unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    queue.dispatch(vec![task(2)]).await.unwrap();
    assert_eq!(queue.depths().await.unwrap()[0].oldest_ms, 3_000);
}

#[tokio::test]
async fn the_local_queue_forgets_what_nobody_here_follows() {
    let queue = LocalQueue::new();
    let worker = queue.source(Vec::new(), "worker");
    let of = |n| (task(n).execution.partition(), stepwell::ids::Epoch(1));
    let apart = (4..).find(|n| (1..=3).all(|other| of(other).0 != of(*n).0)).unwrap();
    queue.dispatch(vec![task(1), task(2), task(3), task(apart)]).await.unwrap();
    let claims = claim(&*worker, 2).await;
    worker.complete(done(&claims[..1])).await.unwrap();
    queue.follow(&[of(apart)]);
    assert_eq!(worker.stopped().await, key(&task(2)), "what is claimed is stopped");
    worker.complete(done(&claims[1..])).await.unwrap();
    assert_eq!(queue.held(&all_partitions()).await.unwrap(), HashSet::from([key(&task(apart))]));
    assert!(waits(queue.outcomes(1)).await);
    assert_eq!(tasks_of(&claim(&*worker, 1).await), [task(apart)]);
}

#[tokio::test]
async fn claims_of_a_local_worker_that_is_gone_have_lapsed() {
    let queue = LocalQueue::new();
    let worker = queue.source(Vec::new(), "worker");
    queue.dispatch(vec![task(1), task(2)]).await.unwrap();
    claim(&*worker, 1).await;
    drop(worker);
    assert_eq!(queue.lapsed().await.unwrap(), [key(&task(1))]);
    assert_eq!(queue.lapsed().await.unwrap(), []);
    let told = outcomes(&*queue, 1).await;
    assert!(told[0].outcome.is_loss() && told[0].outcome.execution == task(1).execution);
    queue.ack(receipts(&told)).await.unwrap();
    assert_eq!(queue.held(&all_partitions()).await.unwrap(), HashSet::from([key(&task(2))]));
}

#[tokio::test]
async fn a_local_task_that_is_stopped_before_it_is_claimed_is_cancelled_at_once() {
    let queue = LocalQueue::new();
    queue.dispatch(vec![task(1), task(2)]).await.unwrap();
    queue.stop(vec![key(&task(1))]).await.unwrap();
    let delivered = outcomes(&*queue, 1).await;
    assert_eq!(&*delivered[0].outcome.result.clone().unwrap_err().code, code::CANCELLED);
    let worker = queue.source(Vec::new(), "worker");
    assert_eq!(tasks_of(&claim(&*worker, 1).await), [task(2)]);
}

#[tokio::test]
async fn a_higher_priority_goes_first_and_of_one_priority_the_older() {
    for queue in Queue::each().await {
        let worker = queue.worker(&["default"]).await;
        let of = |n: u128, priority: u8| Task { priority, ..in_queue(n, "default") };
        let sent = [of(1, 5), of(2, 1), of(3, 9), of(4, 5), of(5, 9)];
        queue.owner().dispatch(sent.to_vec()).await.unwrap();
        let mut order = Vec::new();
        for _ in 0..sent.len() {
            let claims = claim(&*worker, 1).await;
            order.extend(tasks_of(&claims).into_iter().map(|task| task.execution.0.as_u128()));
            worker.complete(done(&claims)).await.unwrap();
        }
        assert_eq!(order, [3, 5, 1, 4, 2]);
        assert_eq!(outcomes(queue.owner(), 5).await.len(), 5);
        let depths = queue.owner().depths().await.unwrap();
        assert!(depths.iter().all(|depth| &*depth.queue == "default" && depth.waiting == 0), "{depths:?}");
        assert_eq!(queue.owner().held(&all_partitions()).await.unwrap().len(), 5, "until they are acknowledged");
    }
}

#[tokio::test]
async fn a_worker_that_waits_hears_of_a_priority_that_is_new() {
    for queue in Queue::each().await {
        let worker = queue.worker(&["default"]).await;
        let first = worker.claim(1);
        let task = Task { priority: 8, ..in_queue(1, "default") };
        let (claims, sent) = tokio::join!(first, queue.owner().dispatch(vec![task.clone()]));
        sent.unwrap();
        let claims = if claims.as_ref().is_ok_and(Vec::is_empty) { claim(&*worker, 1).await } else { claims.unwrap() };
        assert_eq!(tasks_of(&claims), [task]);
        worker.release(claims).await.unwrap();
        assert_eq!(claim(&*worker, 1).await.len(), 1, "what is handed back keeps its place");
    }
}

fn of_workflow(n: u128, workflow: &str) -> Task {
    Task { workflow: workflow.into(), ..task(n) }
}

/// Of the tasks that are claimed first, how many have a number from 100,000 on.
async fn late_ones(worker: &dyn TaskSource, claims: usize, of: usize) -> usize {
    let mut late = 0;
    for _ in 0..claims {
        let claimed = claim(worker, of).await;
        late += claimed.iter().filter(|claimed| claimed.task.execution.0.as_u128() >= 100_000).count();
        worker.complete(done(&claimed)).await.unwrap();
    }
    late
}

#[tokio::test]
async fn a_workflow_with_many_tasks_keeps_none_of_another_waiting() {
    for (claims, of) in [(8, 1), (1, 8)] {
        for (second, expected) in [("invoices", 3), ("orders", 0)] {
            for queue in Queue::each().await {
                let worker = queue.worker(&["default"]).await;
                queue.owner().dispatch((0..2_000).map(|n| of_workflow(n, "orders")).collect()).await.unwrap();
                let late = (100_000..100_003).map(|n| of_workflow(n, second));
                queue.owner().dispatch(late.collect()).await.unwrap();
                assert_eq!(late_ones(&*worker, claims, of).await, expected, "{claims} claims of {of}, then {second}");
            }
        }
    }
}

#[tokio::test]
async fn in_the_process_workflows_take_turns_however_many_tasks_one_has() {
    let queue = LocalQueue::new();
    let worker = queue.source(vec!["default".to_owned()], "worker");
    queue.dispatch((0..100_000).map(|n| of_workflow(n, "orders")).collect()).await.unwrap();
    queue.dispatch((100_000..100_003).map(|n| of_workflow(n, "invoices")).collect()).await.unwrap();
    let numbers: Vec<u128> =
        claim(&*worker, 8).await.iter().map(|claimed| claimed.task.execution.0.as_u128()).collect();
    assert_eq!(numbers, [0, 100_000, 1, 100_001, 2, 100_002, 3, 4]);
}

#[tokio::test]
async fn a_worker_takes_from_its_queues_by_their_weights_and_is_never_idle_while_one_has_tasks() {
    for (claims, of) in [(40, 1), (1, 40)] {
        for queue in Queue::each().await {
            let worker = queue.worker(&["fast=3", "slow=1"]).await;
            queue.owner().dispatch((0..60).map(|n| in_queue(n, "fast")).collect()).await.unwrap();
            queue.owner().dispatch((100_000..100_060).map(|n| in_queue(n, "slow")).collect()).await.unwrap();
            let slow = late_ones(&*worker, claims, of).await;
            assert!((9..=11).contains(&slow), "{claims} claims of {of}: {slow} of 40 from the slow queue");
            // The other has 31 at most.
            assert!(late_ones(&*worker, 1, 70).await > 35, "what one queue leaves is the other's");
        }
    }
}
