//! Runs executions over a node that is killed and started again, until all have ended; and looks whether it went as it would
//! have without.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stepwell::engine::{Compensation, Control, ExecutionStatus, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::ExecutionId;
use stepwell::runtime::{Node, Options, Ports, StartError};
use stepwell::service::model::{Execution, ExecutionView, PinnedVersion};
use stepwell::service::ports::{Clock, CrashPoint, Entropy, Faults, Nudge, Runtime, RuntimeError, Store};
use stepwell::service::waits::{Delivery, SentEvent, WaitStore};
use tokio::sync::broadcast;
use tokio::time::Instant;
use uuid::Uuid;

use super::nudges::SimNudges;
use super::plans::plans;
use super::queue::{Handle, QueueFaults, SimQueue};
use super::rng::Rng;
use super::store::{MemoryStore, StoreFaults, fold};

/// The moment at which every simulation begins.
const BEGIN: i64 = 1_700_000_000_000_000;

/// Virtual time.
pub struct SimClock(Instant);

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp(BEGIN + i64::try_from(self.0.elapsed().as_micros()).unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Ids from a seed.
pub struct SimEntropy(Rng);

impl Entropy for SimEntropy {
    fn execution_id(&self, _: Timestamp) -> ExecutionId {
        ExecutionId(self.uuid())
    }

    fn uuid(&self) -> Uuid {
        Uuid::from_u64_pair(self.0.next(), self.0.next())
    }
}

/// When the process dies.
pub enum Crashes {
    Never,
    /// At any point, this often in a thousand, so many times.
    Random {
        rng: Rng,
        per_mille: u64,
        left: AtomicU64,
    },
    /// Once: the n-th time that this point is passed.
    At {
        point: CrashPoint,
        passes: AtomicU64,
    },
}

impl Crashes {
    pub fn random(seed: u64, per_mille: u64, times: u64) -> Self {
        Self::Random { rng: Rng::new(seed), per_mille, left: AtomicU64::new(times) }
    }

    pub fn at(point: CrashPoint, nth: u64) -> Self {
        Self::At { point, passes: AtomicU64::new(nth) }
    }
}

impl Faults for Crashes {
    fn crash(&self, at: CrashPoint) -> bool {
        match self {
            Self::Never => false,
            Self::Random { rng, per_mille, left } => {
                let dies = left.load(Ordering::SeqCst) > 0 && rng.chance(*per_mille);
                dies && left.fetch_sub(1, Ordering::SeqCst) > 0
            }
            Self::At { point, passes } => {
                *point == at && passes.load(Ordering::SeqCst) > 0 && passes.fetch_sub(1, Ordering::SeqCst) == 1
            }
        }
    }
}

/// Runs in virtual time, on one thread: the same each time.
pub fn simulate<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(body)
}

/// How executions ended: by their key, what a client sees of it.
pub type Endings = BTreeMap<String, Ending>;

#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    pub status: ExecutionStatus,
    pub output: Option<Value>,
    pub error: Option<String>,
    pub compensation: Compensation,
}

/// A database, a queue, and processes that come and go.
pub struct World {
    pub store: Arc<MemoryStore>,
    pub queue: Arc<SimQueue>,
    pub clock: Arc<SimClock>,
    pub entropy: Arc<SimEntropy>,
    pub crashes: Arc<Crashes>,
    pub nudges: broadcast::Sender<Nudge>,
    pub lives: u64,
}

impl World {
    pub fn new(seed: u64, durable: bool, crashes: Crashes) -> Self {
        let rng = Rng::new(seed);
        let store = MemoryStore::new(rng.next(), StoreFaults { failing: 0, slowness: 1_000 });
        let queue = SimQueue::new(rng.next(), store.clone(), durable, QueueFaults::default());
        plans().iter().for_each(|plan| store.publish(plan));
        Self {
            store,
            queue,
            clock: Arc::new(SimClock(Instant::now())),
            entropy: Arc::new(SimEntropy(Rng::new(rng.next()))),
            crashes: Arc::new(crashes),
            nudges: broadcast::channel(1_024).0,
            lives: 0,
        }
    }

    pub fn ports(&self) -> Ports {
        Ports {
            store: self.store.clone() as Arc<dyn Store>,
            queue: Arc::new(Handle::new(self.queue.clone())),
            clock: self.clock.clone(),
            nudges: Arc::new(SimNudges::new(&self.nudges)),
            entropy: self.entropy.clone(),
            faults: self.crashes.clone(),
        }
    }

    pub fn options(&self) -> Options {
        Options {
            owner: format!("life {}", self.lives),
            shards: 2,
            // Short, so that a few seconds of a simulation show what minutes do.
            horizon: Duration::from_secs(3),
            idle: Duration::from_secs(1),
            ..Options::default()
        }
    }

    /// Starts a process on what is there.
    pub async fn node(&mut self) -> Arc<Node> {
        loop {
            self.lives += 1;
            match Node::start(self.options(), self.ports()).await {
                Ok(node) => return node,
                Err(StartError::Died) => self.queue.owner_died(),
                Err(StartError::Take(_)) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    /// An execution to start.
    pub fn execution(&self, workflow: &str, n: i64, key: Option<&str>) -> (Execution, Arc<stepwell::plan::Plan>) {
        let (workflow, version) = self.store.workflow(workflow);
        let now = self.clock.now();
        let (input, settings) = (Value::object([("n", Value::Int(n))]), Value::object::<&str>([]));
        let concurrency_key = stepwell::engine::concurrency_key(&version.plan, &input, &settings).unwrap();
        let pinned = PinnedVersion {
            workflow: workflow.id,
            workflow_name: workflow.name,
            version: version.n,
            plan_hash: version.plan_hash,
        };
        let execution = Execution {
            max_retries: if &*version.plan.workflow == "fails" { 2 } else { 30 },
            idempotency_key: key.map(str::to_owned),
            concurrency_key,
            ..Execution::pending(self.entropy.execution_id(now), pinned, input, settings, now)
        };
        (execution, version.plan)
    }

    pub async fn start(&self, node: &Node, workflow: &str, n: i64, key: &str) -> Result<ExecutionId, RuntimeError> {
        let (execution, plan) = self.execution(workflow, n, Some(key));
        Ok(node.start(execution, plan).await?.execution().id)
    }

    /// Starts a node among others.
    pub async fn join(&self, name: &str, lease: Duration) -> Arc<Node> {
        let options = Options { owner: name.to_owned(), lease: Some(lease), ..self.options() };
        Node::start(options, self.ports()).await.unwrap()
    }

    /// Starts an execution at a node, under an id of its partitions; again where the node gives one back just then.
    pub async fn start_at(&self, node: &Node, workflow: &str, n: i64) -> ExecutionId {
        loop {
            let (mut execution, plan) = self.execution(workflow, n, None);
            execution.id = node.entropy().execution_id(self.clock.now());
            match node.start(execution, plan).await {
                Ok(started) => return started.execution().id,
                Err(RuntimeError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// How many partitions each node holds, by its name.
    pub fn shares(&self) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for owner in self.store.rows().owners.values() {
            *shares.entry(owner.clone()).or_default() += 1;
        }
        shares
    }

    pub fn find(&self, id: ExecutionId) -> Option<Execution> {
        self.store.rows().executions.get(&id).cloned()
    }

    /// What the rows say of an execution.
    pub fn view(&self, id: ExecutionId) -> ExecutionView {
        let rows = self.store.rows();
        let steps = rows.steps.values().filter(|step| step.execution == id);
        ExecutionView {
            execution: rows.executions[&id].clone(),
            current_step_order: steps.map(|step| step.order).max(),
        }
    }

    /// Runs one execution of each of these to its end, over as many lives as it takes.
    pub async fn run(&mut self, jobs: &[(String, String, i64)]) -> Endings {
        let deadline = Instant::now() + Duration::from_secs(24 * 3_600);
        let mut started: BTreeMap<String, ExecutionId> = BTreeMap::new();
        let mut ended = false;
        while !ended {
            assert!(Instant::now() < deadline, "not all ended:\n{}", self.describe());
            let node = self.node().await;
            tokio::select! {
                biased;
                () = node.stopped() => {}
                () = self.live(&node, jobs, &mut started) => ended = true,
            }
            drop(node);
            if !ended {
                self.queue.owner_died();
                self.store.trace("the process died".to_owned());
            }
        }
        self.endings(&started)
    }

    /// What a client does in one life of the process: starts what it has no answer for, and waits for all to end.
    async fn live(&self, node: &Node, jobs: &[(String, String, i64)], started: &mut BTreeMap<String, ExecutionId>) {
        let deadline = Instant::now() + Duration::from_secs(12 * 3_600);
        for (key, workflow, n) in jobs {
            while !started.contains_key(key) {
                match self.start(node, workflow, *n, key).await {
                    Ok(id) => drop(started.insert(key.clone(), id)),
                    Err(RuntimeError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        for n in self.asked() {
            self.send(node, "go", &format!("go {n}"), Value::object([("n", Value::Int(n))])).await;
        }
        while !self.all_ended() {
            assert!(Instant::now() < deadline, "not all ended:\n{}", self.describe());
            for (id, control) in self.for_a_person() {
                // It may have been retried in the life before, or the commit may fail: the next round sees.
                let _ = node.control(id, control).await;
            }
            self.answer_all(node).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What waits for a person, who asks for it.
    fn for_a_person(&self) -> Vec<(ExecutionId, Control)> {
        let rows = self.store.rows();
        let wanted = |execution: &Execution| Some((execution.id, asked_of(execution)?));
        rows.executions.values().filter_map(wanted).collect()
    }

    /// The numbers of the executions that wait for events and people, in order.
    fn asked(&self) -> Vec<i64> {
        let rows = self.store.rows();
        let asks = rows.executions.values().filter(|execution| &*execution.workflow_name == "asks");
        let mut numbers: Vec<i64> = asks
            .filter_map(|execution| match execution.input.get("n") {
                Some(Value::Int(n)) => Some(*n),
                _ => None,
            })
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// Sends an event as the API does: it is recorded, then told. Once it is recorded it is not told again.
    pub async fn send(&self, node: &Node, name: &str, id: &str, data: Value) -> Vec<Delivery> {
        let at = self.clock.now();
        let expires_at = at.plus_ms(30 * 86_400_000);
        let event = SentEvent { name: name.into(), id: id.into(), data, kept: true, at, expires_at };
        loop {
            match self.store.event_insert(&event).await {
                Ok(true) => return node.event(event, Duration::from_secs(60)).await.unwrap_or_default(),
                Ok(false) => return Vec::new(),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Says a word on each approval that waits, and sends the signals that executions ask for. All of it may be said again.
    async fn answer_all(&self, node: &Node) {
        let asked: Vec<_> = {
            let rows = self.store.rows();
            let waiting = rows.steps.values().filter(|row| row.status == StepStatus::Waiting);
            let asked = waiting.filter(|row| matches!(row.waits_for.as_deref(), Some("team" | "item")));
            asked.map(|row| (row.execution, row.path.clone(), row.waits_for.clone())).collect()
        };
        for (execution, path, waits_for) in asked {
            if waits_for.as_deref() == Some("team") {
                let form = Value::object([("note", Value::str("well"))]);
                let _ = node
                    .control(execution, Control::Decide { path, approved: true, form, by: None, reason: None })
                    .await;
                continue;
            }
            for n in 1..=3 {
                let data = Value::object([("n", Value::Int(n)), ("last", Value::Bool(n == 3))]);
                let id = format!("signal {n}").into();
                let _ = node.control(execution, Control::Signal { id, name: "item".into(), data }).await;
            }
        }
    }

    fn all_ended(&self) -> bool {
        let ended = |execution: &Execution| execution.status.is_terminal() && asked_of(execution).is_none();
        self.store.rows().executions.values().all(ended)
    }

    pub fn endings(&self, started: &BTreeMap<String, ExecutionId>) -> Endings {
        let ending = |(key, id): (&String, &ExecutionId)| {
            let execution = self.find(*id).unwrap();
            let error = execution.error.map(|error| error.code.to_string());
            let (status, compensation) = (execution.status, execution.compensation);
            (key.clone(), Ending { status, output: execution.output, error, compensation })
        };
        started.iter().map(ending).collect()
    }

    /// What must hold at the end, whatever happened: nothing forbidden was seen, and the rows fold to what they say.
    pub fn check(&self) {
        let rows = self.store.rows();
        assert_eq!(rows.violations, Vec::<String>::new());
        // What a row tells of how far its execution came is what its steps tell, over as many lives as it took.
        for execution in rows.executions.values().filter(|execution| execution.status.is_terminal()) {
            let steps = rows.steps.values().filter(|step| step.execution == execution.id);
            assert_eq!(execution.furthest, steps.map(|step| step.order).max(), "{}", execution.id);
        }
        let taken = rows.taken();
        assert!(taken.values().all(|times| *times == 1), "taken more than once: {taken:?}");
        assert_eq!(taken.len(), rows.deliveries.len(), "{taken:?} {:?}", rows.deliveries);
        for (id, execution) in &rows.executions {
            let history = rows.history(*id).unwrap();
            let state = fold(&history, &rows.plans[&execution.plan_hash]).unwrap();
            assert_eq!(state.compensation(), execution.compensation, "{}", tell(&history));
            assert_eq!(state.status(), execution.status, "{}", tell(&history));
            assert_eq!(state.output(), execution.output.as_ref(), "{}", tell(&history));
        }
    }

    pub fn describe(&self) -> String {
        let rows = self.store.rows();
        let live = rows.executions.values().filter(|execution| !execution.status.is_terminal());
        let live: String = live.map(|execution| tell(&rows.history(execution.id).unwrap())).collect();
        let last = rows.trace.len().saturating_sub(30);
        format!("{live}{}", rows.trace[last..].join("\n"))
    }
}

fn tell(history: &stepwell::service::model::History) -> String {
    let execution = &history.execution;
    let mut told = format!(
        "{} {} is {} (seq {}, retries {}, wakes {:?})\n",
        execution.workflow_name,
        execution.id,
        execution.status,
        execution.seq,
        execution.retry_count,
        execution.wake_at
    );
    for row in &history.steps {
        let error = row.error.as_ref().map(|error| error.code.clone());
        told +=
            &format!("  @{} {}#{} {} {error:?} wakes {:?}\n", row.seq, row.path, row.attempt, row.status, row.wake_at);
    }
    for control in &history.controls {
        told += &format!("  @{} {:?}\n", control.seq, control.control);
    }
    told
}

/// What a person asks of an execution that ended: to run an undo that failed once more, and a step that was poisoned by the
/// crashes of the simulation.
pub fn asked_of(execution: &Execution) -> Option<Control> {
    let poisoned = execution.error.as_ref().is_some_and(|error| &*error.code == "POISONED");
    match execution.status {
        ExecutionStatus::Failed | ExecutionStatus::Cancelled if execution.compensation == Compensation::Failed => {
            Some(Control::RetryUndo)
        }
        ExecutionStatus::Failed if poisoned => Some(Control::Retry),
        _ => None,
    }
}

/// One of each workflow, and a few more.
pub fn jobs(count: i64) -> Vec<(String, String, i64)> {
    let names: Vec<String> = plans().iter().map(|plan| plan.workflow.to_string()).collect();
    let job = |(n, name): (i64, &String)| (format!("job {n}"), name.clone(), n);
    (0..count).zip(names.iter().cycle()).map(job).collect()
}

/// How the jobs end where nothing goes wrong.
pub fn expected(count: i64) -> Endings {
    simulate(async {
        let mut world = World::new(1, true, Crashes::Never);
        let endings = world.run(&jobs(count)).await;
        world.check();
        endings
    })
}
