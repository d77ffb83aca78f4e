//! What holds of the queue over Redis alone: workers that die, data that is lost, a server that goes and comes back.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stepwell::ids::{Epoch, ExecutionId};
use stepwell::queue::{RedisOptions, RedisQueue, RedisSource};
use stepwell::service::ports::{AttemptKey, Dispatcher, Task, TaskSource};
use stepwell::service::{Handlers, TaskContext, TaskError, TaskHandler};
use stepwell::worker::{self, Pool};

use crate::queue::{Queue, all_partitions, claim, key, outcome, outcomes, receipts, task, waits};
use crate::support::redis::Redis;

/// Waits for what must come, and does not wait for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it did not come")
}

async fn lapsed(owner: &dyn Dispatcher) -> Vec<AttemptKey> {
    loop {
        // A server that is coming back may refuse.
        let lapsed = owner.lapsed().await.unwrap_or_default();
        if !lapsed.is_empty() {
            return lapsed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for the loss of a task, and acknowledges it.
async fn lost(queue: &Queue, n: u128) {
    let told = soon(outcomes(queue.owner(), 1)).await;
    assert!(told[0].outcome.is_loss());
    assert_eq!(told[0].outcome.execution, task(n).execution);
    queue.owner().ack(receipts(&told)).await.unwrap();
}

/// Says that what a worker holds is alive, until it is dropped.
struct Beats(tokio::task::JoinHandle<()>);

impl Beats {
    fn of(worker: Arc<dyn TaskSource>, claims: &[stepwell::service::ports::Claimed]) -> Self {
        let receipts: Vec<_> = claims.iter().map(|claimed| claimed.receipt.clone()).collect();
        Self(tokio::spawn(async move {
            loop {
                let _ = worker.heartbeat(&receipts).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }))
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn an_outcome_that_is_not_acknowledged_is_delivered_to_the_next_owner() {
    let options = Redis::shared().options();
    let queue = Queue::redis(options.clone()).await;
    let worker = queue.worker(&[]).await;
    queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
    for claimed in claim(&*worker, 2).await {
        worker.complete(vec![(outcome(&claimed.task), claimed.receipt)]).await.unwrap();
    }
    let delivered = outcomes(queue.owner(), 2).await;
    let first: Vec<_> = delivered.iter().filter(|delivered| delivered.outcome == outcome(&task(1))).cloned().collect();
    queue.owner().ack(receipts(&first)).await.unwrap();
    drop(queue);

    let next = Queue::redis(options).await;
    assert_eq!(next.owner().held(&all_partitions()).await.unwrap(), HashSet::from([key(&task(2))]));
    assert_eq!(soon(outcomes(next.owner(), 1)).await[0].outcome, outcome(&task(2)));
}

#[tokio::test]
async fn the_claim_of_a_dead_worker_lapses_and_that_of_a_live_one_does_not() {
    let options = RedisOptions { lease: Duration::from_secs(1), ..Redis::shared().options() };
    let queue = Queue::redis(options).await;
    let (dead, alive) = (queue.worker(&[]).await, queue.worker(&[]).await);
    queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
    claim(&*dead, 1).await;
    let _beats = Beats::of(alive.clone(), &claim(&*alive, 1).await);
    drop(dead);
    assert_eq!(soon(lapsed(queue.owner())).await, [key(&task(1))]);
    assert_eq!(queue.owner().lapsed().await.unwrap(), []);
    lost(&queue, 1).await;
    assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), HashSet::from([key(&task(2))]));
}

/// A task of another partition than that of the first.
fn task_elsewhere() -> Task {
    let here = task(1).execution.partition();
    (2..).map(task).find(|task| task.execution.partition() != here).unwrap()
}

#[tokio::test]
async fn outcomes_go_to_whoever_follows_their_partition_and_come_again_under_another_epoch() {
    let options = Redis::shared().options();
    let (one, two) = (Queue::redis(options.clone()).await, Queue::redis(options).await);
    let (first, second) = (task(1), task_elsewhere());
    let (here, there) = (first.execution.partition(), second.execution.partition());
    one.owner().follow(&[(here, Epoch(1))]);
    two.owner().follow(&[(there, Epoch(1))]);
    let worker = one.worker(&[]).await;
    one.owner().dispatch(vec![first.clone(), second.clone()]).await.unwrap();
    let claims = claim(&*worker, 2).await;
    worker
        .complete(claims.into_iter().map(|claimed| (outcome(&claimed.task), claimed.receipt)).collect())
        .await
        .unwrap();
    assert_eq!(soon(outcomes(one.owner(), 1)).await[0].outcome, outcome(&first));
    let delivered = soon(outcomes(two.owner(), 1)).await;
    assert_eq!(delivered[0].outcome, outcome(&second));
    assert!(waits(one.owner().outcomes(1)).await && waits(two.owner().outcomes(1)).await);
    two.owner().ack(receipts(&delivered)).await.unwrap();

    one.owner().follow(&[]);
    assert!(waits(one.owner().outcomes(1)).await, "nothing is its own");
    two.owner().follow(&[(there, Epoch(1)), (here, Epoch(2))]);
    assert_eq!(soon(outcomes(two.owner(), 1)).await[0].outcome, outcome(&first), "what was not acknowledged");
    two.owner().follow(&[(here, Epoch(4))]);
    assert_eq!(soon(outcomes(two.owner(), 1)).await[0].outcome, outcome(&first), "once more");
}

#[tokio::test]
async fn a_lapsed_claim_is_told_to_the_owner_of_its_partition_whoever_finds_it() {
    let options = RedisOptions { lease: Duration::from_millis(200), ..Redis::shared().options() };
    let (finds, owns) = (Queue::redis(options.clone()).await, Queue::redis(options).await);
    finds.owner().follow(&[]);
    owns.owner().follow(&[(task(1).execution.partition(), Epoch(1))]);
    let dead = finds.worker(&[]).await;
    finds.owner().dispatch(vec![task(1)]).await.unwrap();
    claim(&*dead, 1).await;
    drop(dead);
    assert_eq!(soon(lapsed(finds.owner())).await, [key(&task(1))]);
    lost(&owns, 1).await;
    assert_eq!(owns.owner().held(&all_partitions()).await.unwrap(), HashSet::new());
}

#[tokio::test]
async fn a_lapsed_claim_that_is_released_late_does_not_come_back() {
    let options = RedisOptions { lease: Duration::from_millis(200), ..Redis::shared().options() };
    let queue = Queue::redis(options).await;
    let slow = queue.worker(&[]).await;
    queue.owner().dispatch(vec![task(1)]).await.unwrap();
    let claims = claim(&*slow, 1).await;
    soon(lapsed(queue.owner())).await;
    slow.release(claims).await.unwrap();
    lost(&queue, 1).await;
    assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), HashSet::new());
}

#[tokio::test]
async fn a_flush_changes_the_nonce_and_work_goes_on() {
    let redis = Redis::start(false);
    let queue = Queue::redis(redis.options()).await;
    let worker = queue.worker(&[]).await;
    queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
    let claims = claim(&*worker, 1).await;
    let nonce = queue.owner().nonce().await.unwrap();

    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis.connection().await).await.unwrap();
    assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), HashSet::new());
    assert_ne!(queue.owner().nonce().await.unwrap(), nonce);

    // The worker still has its claim; both it and what is dispatched again come through.
    worker.heartbeat(&[claims[0].receipt.clone()]).await.unwrap();
    worker.complete(vec![(outcome(&task(1)), claims[0].receipt.clone())]).await.unwrap();
    assert_eq!(soon(outcomes(queue.owner(), 1)).await[0].outcome, outcome(&task(1)));
    queue.owner().dispatch(vec![task(2)]).await.unwrap();
    let again = soon(claim(&*worker, 1)).await;
    assert_eq!(again[0].task, task(2));
    worker.complete(vec![(outcome(&task(2)), again[0].receipt.clone())]).await.unwrap();
    assert_eq!(soon(outcomes(queue.owner(), 1)).await[0].outcome, outcome(&task(2)));
}

#[tokio::test]
async fn a_server_that_was_restarted_has_another_nonce() {
    for keep in [false, true] {
        let redis = Redis::start(keep);
        let queue = Queue::redis(redis.options()).await;
        queue.owner().dispatch(vec![task(1)]).await.unwrap();
        let nonce = queue.owner().nonce().await.unwrap();
        redis.kill();
        queue.owner().ping().await.unwrap_err();
        redis.start_again();
        let changed = async {
            loop {
                match queue.owner().nonce().await {
                    Ok(now) => return now != nonce,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        assert!(soon(changed).await);
        let held = if keep { HashSet::from([key(&task(1))]) } else { HashSet::new() };
        assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), held);
    }
}

#[tokio::test]
async fn no_claim_lapses_because_the_server_was_away() {
    let redis = Redis::start(true);
    let options = RedisOptions { lease: Duration::from_secs(1), ..redis.options() };
    let queue = Queue::redis(options.clone()).await;
    let worker = queue.worker(&[]).await;
    queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
    let claims = claim(&*worker, 2).await;
    let _beats = Beats::of(worker.clone(), &claims[..1]);
    redis.kill();
    tokio::time::sleep(options.lease * 3 / 2).await;
    redis.start_again();
    // The one that nobody keeps alive is the clock: the other one had a whole lease to say that it lives.
    assert_eq!(soon(lapsed(queue.owner())).await, [key(&task(2))]);
}

/// Gives its configuration back, after a moment.
struct Echo;

#[async_trait]
impl TaskHandler for Echo {
    fn task_type(&self) -> &'static str {
        "http_request"
    }

    fn config_schema(&self) -> Json {
        json!({ "type": "object" })
    }

    async fn execute(&self, _ctx: &TaskContext, config: Json) -> Result<Json, TaskError> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(config)
    }
}

fn echo() -> Handlers {
    let mut handlers = Handlers::default();
    handlers.register(Echo);
    handlers
}

async fn pool(options: &RedisOptions, concurrency: usize) -> Pool {
    let source = RedisSource::connect(options, Vec::new(), "pool").await.unwrap();
    let heartbeat = options.heartbeat();
    Pool::start(source, echo(), worker::Options { concurrency, heartbeat, ..worker::Options::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_the_middle_of_the_work_loses_nothing() {
    const TASKS: u128 = 1_000;
    let redis = Redis::start(true);
    let options = redis.options();
    let queue = RedisQueue::connect(&options).await.unwrap();
    let pools = [pool(&options, 4).await, pool(&options, 4).await];
    queue.dispatch((0..TASKS).map(task).collect()).await.unwrap();

    let mut seen: HashSet<ExecutionId> = HashSet::new();
    let mut restarts = [300, 600].into_iter().peekable();
    while seen.len() < TASKS as usize {
        let Ok(delivered) = soon(queue.outcomes(50)).await else { continue };
        seen.extend(delivered.iter().map(|delivered| delivered.outcome.execution));
        // What is not acknowledged comes again, which is no harm.
        let _ = queue.ack(receipts(&delivered)).await;
        if restarts.next_if(|at| seen.len() >= *at).is_some() {
            redis.kill();
            redis.start_again();
        }
    }
    for pool in pools {
        pool.drain(Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_drains_leaves_the_rest_to_others() {
    let options = Redis::shared().options();
    let queue = RedisQueue::connect(&options).await.unwrap();
    let leaving = pool(&options, 4).await;
    queue.dispatch((0..200).map(task).collect()).await.unwrap();
    soon(outcomes(&*queue, 10)).await;
    leaving.drain(Duration::from_secs(10)).await;
    // Nobody claims any more: what comes now is there for another.
    queue.dispatch((200..400).map(task).collect()).await.unwrap();
    let staying = pool(&options, 8).await;
    let rest: HashSet<ExecutionId> =
        soon(outcomes(&*queue, 390)).await.iter().map(|delivered| delivered.outcome.execution).collect();
    assert_eq!(rest.len(), 390);
    staying.drain(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn an_outcome_that_nobody_can_read_is_dropped_and_the_next_one_comes() {
    let redis = Redis::start(false);
    let queue = Queue::redis(redis.options()).await;
    let worker = queue.worker(&[]).await;
    queue.owner().dispatch(vec![task(1), task(2)]).await.unwrap();
    let mut connection = redis.connection().await;
    let claims = claim(&*worker, 2).await;
    worker.complete(vec![(outcome(&task(1)), claims[0].receipt.clone())]).await.unwrap();
    let streams: Vec<String> = redis::cmd("KEYS").arg("*outcomes*").query_async(&mut connection).await.unwrap();
    let _: String =
        redis::cmd("XADD").arg(&streams[0]).arg("*").arg("j").arg("{").query_async(&mut connection).await.unwrap();
    worker.complete(vec![(outcome(&task(2)), claims[1].receipt.clone())]).await.unwrap();
    let delivered = soon(outcomes(queue.owner(), 2)).await;
    queue.owner().ack(receipts(&delivered)).await.unwrap();
    let left: u64 = redis::cmd("XLEN").arg(&streams[0]).query_async(&mut connection).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_wrong_address_or_queue_is_an_error_that_tells_no_password() {
    // The last one speaks no TLS.
    let plain = Redis::shared().url().replace("redis://", "rediss://u:hunter2@");
    for url in ["nonsense", "http://u:hunter2@localhost", "redis://u:hunter2@127.0.0.1:1", &plain] {
        let error = RedisQueue::connect(&RedisOptions::new(url)).await.err().expect(url);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(!format!("{:?}", RedisOptions::new("redis://u:hunter2@h")).contains("hunter2"));
    let options = Redis::shared().options();
    let error = RedisSource::connect(&options, vec!["a b".to_owned()], "worker").await.err().unwrap();
    assert!(error.to_string().contains("`a b` is no name of a queue"), "{error}");
}

#[tokio::test]
async fn what_a_release_before_has_put_in_the_queue_is_still_taken() {
    // Its streams break the rules of a cluster.
    let redis = Redis::start(false);
    let options = redis.options();
    let queue = Queue::redis(options.clone()).await;
    let worker = queue.worker(&["default"]).await;
    let mut raw = redis::Client::open(options.url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    // One stream for a queue and a type, and one beside it for each other priority; before that, for a queue alone.
    let before = [("default/http_request@7", task(1)), ("default/http_request", task(2)), ("default", task(4))];
    for (lane, task) in &before {
        let json = serde_json::to_string(task).unwrap();
        let stream = format!("{}:{{q:{lane}}}:tasks", options.prefix);
        let _: String = redis::cmd("XADD").arg(stream).arg("*").arg("j").arg(json).query_async(&mut raw).await.unwrap();
        let queues = format!("{}:queues", options.prefix);
        let _: i64 = redis::cmd("SADD").arg(queues).arg(lane).query_async(&mut raw).await.unwrap();
    }
    assert_eq!(queue.owner().held(&all_partitions()).await.unwrap().len(), 3);
    queue.owner().dispatch(vec![task(3)]).await.unwrap();
    let claims = soon(claim(&*worker, 4)).await;
    let mut numbers: Vec<u128> = claims.iter().map(|claimed| claimed.task.execution.0.as_u128()).collect();
    assert_eq!(numbers[0], 1, "by priority");
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_lane_without_its_group_costs_no_claim_of_another() {
    let options = Redis::shared().options();
    let queue = Queue::redis(options.clone()).await;
    let worker = queue.worker(&["default"]).await;
    let of_each = |from: u128| (0..40).map(|n| Task { workflow: format!("w{n}").into(), ..task(from + n) }).collect();
    queue.owner().dispatch(of_each(0)).await.unwrap();
    let claims = soon(claim(&*worker, 40)).await;
    let outcomes = claims.iter().map(|claimed| (outcome(&claimed.task), claimed.receipt.clone())).collect();
    worker.complete(outcomes).await.unwrap();
    let mut raw = redis::Client::open(options.url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let queues = format!("{}:queues", options.prefix);
    let mut lanes: Vec<String> = redis::cmd("SMEMBERS").arg(queues).query_async(&mut raw).await.unwrap();
    lanes.sort_unstable();
    assert!(lanes.len() > 8, "{lanes:?}");
    let stream = format!("{}:{{tasks}}:{}", options.prefix, lanes[lanes.len() / 2]);
    let gone: i64 =
        redis::cmd("XGROUP").arg("DESTROY").arg(&stream).arg("workers").query_async(&mut raw).await.unwrap();
    assert_eq!(gone, 1);
    queue.owner().dispatch(of_each(100)).await.unwrap();
    let mut numbers: Vec<u128> =
        soon(claim(&*worker, 40)).await.iter().map(|claimed| claimed.task.execution.0.as_u128()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, Vec::from_iter(100..140));
}
