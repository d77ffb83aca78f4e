//! The worker pool: what becomes of attempts, whatever their handlers and their queue do. Time is virtual.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stepwell::engine::{LogLevel, StepError, code};
use stepwell::expr::{Timestamp, Value};
use stepwell::queue::LocalQueue;
use stepwell::service::ports::{
    AttemptKey, Claimed, Delivered, Dispatcher, QueueError, Receipt, Task, TaskOutcome, TaskSource,
};
use stepwell::service::{Handlers, TaskContext, TaskError, TaskHandler};
use stepwell::worker::{Options, Pool};
use tokio::sync::Notify;

use crate::queue::{key, outcomes, task};

/// A handler made of a function of the configuration.
struct Does<F>(&'static str, F);

#[async_trait]
impl<F, R> TaskHandler for Does<F>
where
    F: Fn(TaskContext, Json) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Json, TaskError>> + Send + 'static,
{
    fn task_type(&self) -> &str {
        self.0
    }

    fn config_schema(&self) -> Json {
        json!({ "type": "object" })
    }

    async fn execute(&self, ctx: &TaskContext, config: Json) -> Result<Json, TaskError> {
        (self.1)(ctx.clone(), config).await
    }
}

fn handlers() -> Handlers {
    let mut handlers = Handlers::default();
    handlers.register(Does("echo", |_, config| async { Ok(config) }));
    handlers.register(Does("hang", |_, _| std::future::pending()));
    handlers.register(Does("panic", |_, _| async { panic!("no {}", "luck") }));
    handlers.register(Does("bomb", |_, _| async {
        let _bomb = Bomb;
        std::future::pending().await
    }));
    handlers.register(Does("large", |_, _| async { Ok(Json::String("x".repeat(2_000))) }));
    handlers.register(Does("nap", |ctx: TaskContext, _| async move {
        ctx.log(LogLevel::Info, "going to sleep");
        tokio::time::sleep(Duration::from_millis(500)).await;
        ctx.log(LogLevel::Warn, "awake");
        Ok(json!(null))
    }));
    handlers.register(Does("chatty", |ctx: TaskContext, _| async move {
        (0..5_000).for_each(|n| ctx.log(LogLevel::Info, format!("line {n}")));
        Ok(json!(null))
    }));
    handlers.register(Does("deep", |_, _| async { Ok((0..101).fold(json!(1), |inside, _| json!([inside]))) }));
    handlers.register(Does("declined", |_, _| async {
        Err(TaskError { status: Some(402), ..TaskError::retryable("CARD_DECLINED", "the card was declined") })
    }));
    handlers
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

fn of_type(n: u128, task_type: &str) -> Task {
    Task { task_type: task_type.into(), ..task(n) }
}

fn options(concurrency: usize) -> Options {
    Options { concurrency, heartbeat: Duration::from_secs(5), max_outcome_bytes: 1_000 }
}

/// Runs one task, and gives its outcome.
async fn run(task_type: &str) -> TaskOutcome {
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers(), options(1));
    queue.dispatch(vec![of_type(1, task_type)]).await.unwrap();
    let delivered = outcomes(&*queue, 1).await;
    pool.drain(Duration::from_secs(1)).await;
    delivered.into_iter().next().unwrap().outcome
}

async fn error(task_type: &str) -> StepError {
    run(task_type).await.result.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_output_of_a_handler_is_the_outcome() {
    assert_eq!(run("echo").await.result, Ok(task(1).config));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_handler_is_the_outcome() {
    let error = error("declined").await;
    assert_eq!((&*error.code, error.retryable, error.status), ("CARD_DECLINED", true, Some(402)));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_past_its_time_out_fails_and_may_be_retried() {
    let outcome = run("hang").await;
    let error = outcome.result.unwrap_err();
    assert_eq!((&*error.code, error.retryable, error.message.as_str()), (code::TIMEOUT, true, "took longer than 1s"));
    assert_eq!(outcome.took_us, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_attempt_and_the_pool_goes_on() {
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers(), options(1));
    queue.dispatch([(1, "panic"), (2, "bomb"), (3, "echo")].map(|(n, name)| of_type(n, name)).into()).await.unwrap();
    let mut told: Vec<_> = outcomes(&*queue, 3).await.into_iter().map(|delivered| delivered.outcome).collect();
    // Types take turns.
    told.sort_by_key(|outcome| outcome.execution);
    let results: Vec<_> = told.into_iter().map(|outcome| outcome.result).collect();
    let error = results[0].clone().unwrap_err();
    assert_eq!((&*error.code, error.retryable), (code::PANIC, false));
    assert_eq!(error.message, "the handler panicked: no luck");
    assert_eq!(&*results[1].clone().unwrap_err().code, code::PANIC, "a panic while the time-out drops the handler");
    assert!(results[2].is_ok());
    pool.drain(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_task_type_and_an_output_past_the_limit_are_errors() {
    let unknown = error("nobody").await;
    assert_eq!((&*unknown.code, unknown.retryable), (code::UNKNOWN_TASK, false));
    assert_eq!(unknown.message, "no worker knows task type `nobody`");
    assert_eq!(&*error("large").await.code, code::LIMIT);
    let deep = error("deep").await;
    assert_eq!((&*deep.code, deep.unknown), (code::LIMIT, true));
    assert_eq!(deep.message, "the output is nested more than 100 deep", "its row could not be read again");
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_logs_travels_with_the_time_since_the_claim() {
    let logs = run("nap").await.logs;
    let seen: Vec<_> = logs.iter().map(|log| (log.level, log.message.as_str(), log.at)).collect();
    assert_eq!(seen, [(LogLevel::Info, "going to sleep", Timestamp(0)), (LogLevel::Warn, "awake", Timestamp(500_000))]);
    assert_eq!(logs[0].path, Some(task(1).path));
}

#[tokio::test(start_paused = true)]
async fn the_log_of_an_attempt_is_bounded_and_says_so() {
    let logs = run("chatty").await.logs;
    assert_eq!(logs.len(), 1_001);
    assert_eq!(logs[1_000].message, "4000 more entries of this attempt's log are left out");
}

#[tokio::test(start_paused = true)]
async fn a_stop_drops_the_handler_and_the_attempt_is_cancelled() {
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers(), options(2));
    let long = Task { timeout_ms: 3_600_000, ..of_type(1, "hang") };
    queue.dispatch(vec![long.clone(), of_type(2, "nap")]).await.unwrap();
    while pool.busy() < 2 {
        tokio::task::yield_now().await;
    }
    queue.stop(vec![key(&long)]).await.unwrap();
    let delivered = outcomes(&*queue, 2).await;
    assert_eq!(&*delivered[0].outcome.result.clone().unwrap_err().code, code::CANCELLED);
    assert!(delivered[0].outcome.took_us < 500_000);
    assert!(delivered[1].outcome.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_at_once_than_there_is_room_for() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (now.clone(), most.clone());
    let mut handlers = Handlers::default();
    handlers.register(Does("count", move |_, _| {
        let (now, most) = (counted.clone(), peak.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(json!(null))
        }
    }));
    let queue = LocalQueue::new();
    let _pool = Pool::start(queue.source(Vec::new(), "w"), handlers, options(7));
    queue.dispatch((0..100).map(|n| of_type(n, "count")).collect()).await.unwrap();
    outcomes(&*queue, 100).await;
    assert_eq!(most.load(Ordering::SeqCst), 7);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_what_runs_finish_and_claims_no_more() {
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers(), options(2));
    queue.dispatch((0..10).map(|n| of_type(n, "nap")).collect()).await.unwrap();
    while pool.busy() < 2 {
        tokio::task::yield_now().await;
    }
    pool.drain(Duration::from_secs(30)).await;
    assert_eq!(outcomes(&*queue, 2).await.len(), 2);
    assert_eq!(queue.depths().await.unwrap()[0].waiting, 8);
    assert_eq!(queue.lapsed().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_drain_hands_back_at_its_deadline_what_has_not_finished() {
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers(), options(2));
    let long = Task { timeout_ms: 3_600_000, ..of_type(1, "hang") };
    queue.dispatch(vec![long.clone(), of_type(2, "echo")]).await.unwrap();
    outcomes(&*queue, 1).await;
    pool.drain(Duration::from_secs(3)).await;
    assert_eq!(pool.busy(), 0);
    let other = queue.source(Vec::new(), "other");
    assert_eq!(other.claim(5).await.unwrap()[0].task, long);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_leaves_its_claims_to_lapse() {
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers(), options(2));
    queue.dispatch(vec![of_type(1, "hang")]).await.unwrap();
    while pool.busy() < 1 {
        tokio::task::yield_now().await;
    }
    drop(pool);
    loop {
        match queue.lapsed().await.unwrap().as_slice() {
            [] => tokio::task::yield_now().await,
            lapsed => break assert_eq!(lapsed, [key(&task(1))]),
        }
    }
}

/// A source over the in-process queue that notes what it is asked, waits while it is shut, and fails while it is broken.
struct Watched {
    inner: Arc<dyn TaskSource>,
    open: tokio::sync::RwLock<()>,
    failures: AtomicUsize,
    batches: Mutex<Vec<usize>>,
    beats: Mutex<Vec<usize>>,
    stops: Notify,
}

impl Watched {
    fn over(queue: &Arc<LocalQueue>, failures: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: queue.source(Vec::new(), "w"),
            open: tokio::sync::RwLock::default(),
            failures: AtomicUsize::new(failures),
            batches: Mutex::default(),
            beats: Mutex::default(),
            stops: Notify::new(),
        })
    }

    fn fail(&self) -> Result<(), QueueError> {
        match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(QueueError("away".to_owned())),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl TaskSource for Watched {
    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, QueueError> {
        self.fail()?;
        self.inner.claim(max).await
    }

    async fn heartbeat(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        self.beats.lock().unwrap().push(receipts.len());
        self.inner.heartbeat(receipts).await
    }

    async fn complete(&self, outcomes: Vec<(TaskOutcome, Receipt)>) -> Result<(), QueueError> {
        self.batches.lock().unwrap().push(outcomes.len());
        let _open = self.open.read().await;
        self.fail()?;
        self.inner.complete(outcomes).await
    }

    async fn release(&self, claims: Vec<Claimed>) -> Result<(), QueueError> {
        self.inner.release(claims).await
    }

    async fn stopped(&self) -> AttemptKey {
        self.stops.notified().await;
        key(&task(1))
    }
}

#[tokio::test(start_paused = true)]
async fn what_finishes_while_a_batch_is_under_way_is_the_next_batch() {
    let queue = LocalQueue::new();
    let source = Watched::over(&queue, 0);
    let shut = source.open.write().await;
    let pool = Pool::start(source.clone(), handlers(), options(64));
    queue.dispatch(vec![of_type(0, "echo")]).await.unwrap();
    while source.batches.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    queue.dispatch((1..=40).map(|n| of_type(n, "echo")).collect()).await.unwrap();
    while pool.busy() < 41 {
        tokio::task::yield_now().await;
    }
    // All of them finish; only then does the first batch get through.
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(shut);
    outcomes(&*queue, 41).await;
    assert_eq!(*source.batches.lock().unwrap(), [1, 40]);
}

#[tokio::test(start_paused = true)]
async fn claims_and_outcomes_outlast_a_queue_that_is_away() {
    let queue = LocalQueue::new();
    let source = Watched::over(&queue, 3);
    let pool = Pool::start(source.clone(), handlers(), options(4));
    queue.dispatch(vec![of_type(1, "nap")]).await.unwrap();
    while pool.busy() < 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    source.failures.store(5, Ordering::SeqCst);
    let delivered: Vec<Delivered> = outcomes(&*queue, 1).await;
    assert!(delivered[0].outcome.result.is_ok());
    assert_eq!(source.batches.lock().unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn claims_are_kept_alive_until_their_outcome_is_sent() {
    let queue = LocalQueue::new();
    let source = Watched::over(&queue, 0);
    let shut = source.open.write().await;
    let _pool = Pool::start(source.clone(), handlers(), options(4));
    queue.dispatch(vec![of_type(1, "echo"), Task { timeout_ms: 12_000, ..of_type(2, "hang") }]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(16)).await;
    drop(shut);
    outcomes(&*queue, 2).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(*source.beats.lock().unwrap(), [2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_comes_before_its_task_is_remembered() {
    let queue = LocalQueue::new();
    let source = Watched::over(&queue, 0);
    let _pool = Pool::start(source.clone(), handlers(), options(4));
    source.stops.notify_one();
    tokio::time::sleep(Duration::from_millis(1)).await;
    queue.dispatch(vec![of_type(1, "hang"), of_type(2, "echo")]).await.unwrap();
    let mut delivered = outcomes(&*queue, 2).await;
    delivered.sort_by_key(|delivered| delivered.outcome.execution);
    assert_eq!(&*delivered[0].outcome.result.clone().unwrap_err().code, code::CANCELLED);
    assert_eq!(delivered[1].outcome.result, Ok(Value::clone(&task(2).config)));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_silent_for_longer_than_its_heartbeat_fails_and_one_that_beats_does_not() {
    let mut handlers = handlers();
    handlers.register(Does("beats", |ctx: stepwell::service::TaskContext, _| async move {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(80)).await;
            ctx.heartbeat();
        }
        Ok(json!("done"))
    }));
    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "w"), handlers, options(2));
    let task = |n, name| Task { heartbeat_ms: Some(100), ..of_type(n, name) };
    queue.dispatch(vec![task(1, "beats"), task(2, "hang")]).await.unwrap();
    let mut delivered = outcomes(&*queue, 2).await;
    delivered.sort_by_key(|delivered| delivered.outcome.execution);
    assert!(delivered[0].outcome.result.is_ok());
    let silent = &delivered[1].outcome;
    let error = silent.result.clone().unwrap_err();
    assert_eq!((&*error.code, error.retryable, error.unknown), (code::TIMEOUT, true, true));
    assert_eq!((error.message.as_str(), silent.took_us), ("gave no heartbeat for 100ms", 100_000));
    pool.drain(Duration::from_secs(1)).await;
}
