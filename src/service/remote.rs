//! Workers elsewhere, in any language: they ask for tasks, say that they are at work, and tell what came of it.
//!
//! Invariant: what a worker says of a task changes nothing once its lease has lapsed or its attempt is over.

use std::time::Duration;

use crate::engine::{LogLevel, StepError, StepStatus, code};
use crate::expr::Timestamp;
use crate::plan::{PlanHash, is_queue_name};

use super::error::{FieldError, ServiceError, ServiceResult};
use super::handler::TaskError;
use super::handler_log::{HandlerLog, HandlerLogs};
use super::parts::Service;
use super::ports::{AttemptStanding, MAX_LEASE, MIN_LEASE, QueueError, Task, TaskOutcome, Wanted};
use super::ticket::Ticket;

/// The most tasks that one request takes or completes.
pub const MAX_TASKS: usize = 100;

/// The longest that a poll waits.
pub const MAX_POLL: Duration = Duration::from_secs(60);

/// How many task types or queues a poll names.
const MAX_NAMES: usize = 50;

/// The longest name of a worker or code of an error, and the longest message, in bytes.
const MAX_WORD: usize = 200;
const MAX_MESSAGE: usize = 10_000;

/// The largest details of an error, in bytes of their JSON.
const MAX_DETAILS: usize = 64 * 1024;

/// A poll that waits for nothing still asks the queue once.
const ONE_LOOK: Duration = Duration::from_millis(200);

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct TaskPoll {
    /// What the worker is called, in the server's log.
    pub worker: String,
    /// What it can do, and in which queues.
    pub wanted: Wanted,
    /// How many tasks at most.
    pub max: usize,
    /// How long to wait for the first.
    pub wait: Duration,
    /// How long a task stays the worker's without a heartbeat.
    pub lease: Duration,
}

/// A task that is a worker's for as long as its lease.
#[derive(Clone, Debug, PartialEq)]
pub struct LeasedTask {
    /// What names it from now on.
    pub id: String,
    /// The task.
    pub task: Task,
    /// How long it stays the worker's each time it gives a heartbeat.
    pub lease: Duration,
    /// When it lapses without one.
    pub expires_at: Timestamp,
}

/// What a worker learns when it says that it is at work.
#[derive(Clone, Debug, PartialEq)]
pub enum Heartbeat {
    /// The task is still its own, until then.
    Goes(Timestamp),
    /// The step was stopped: nobody wants the outcome any more.
    Cancelled,
}

/// What came of a task.
#[derive(Clone, Debug)]
pub struct TaskResult {
    /// The task.
    pub id: String,
    /// Its output, or why there is none.
    pub result: Result<serde_json::Value, TaskError>,
    /// What is to be written to the execution's log.
    pub logs: Vec<TaskLog>,
}

/// An entry for the execution's log.
#[derive(Clone, Debug)]
pub struct TaskLog {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// When; the end of the task where nothing is said.
    pub at: Option<Timestamp>,
}

impl Service {
    /// Waits for tasks that a worker can do, and leases them to it. None, where there were none in time.
    ///
    /// # Errors
    /// Invalid fields, among them task types that are not registered; busy, where too many polls are open; unavailable,
    /// where too much is leased or the queue does not answer.
    pub async fn task_poll(&self, poll: TaskPoll) -> ServiceResult<Vec<LeasedTask>> {
        check_poll(&poll)?;
        self.check_registered(&poll.wanted).await?;
        let Ok(_open) = self.leased.polls.try_acquire() else {
            return Err(ServiceError::busy(format!("{} polls are open, which is the most", self.limits.polls)));
        };
        if self.leased.len() >= self.limits.leased {
            let message = format!("{} tasks are with workers, which is the most", self.limits.leased);
            return Err(ServiceError::unavailable(message));
        }
        let seconds = poll.lease.as_secs();
        let claimed = tokio::select! {
            biased;
            () = self.leased.closed.cancelled() => return Err(ServiceError::unavailable("the server is stopping")),
            claimed = self.leased.leases.lease(&poll.wanted, poll.max, seconds) => claimed?,
            () = self.clock.sleep(poll.wait.max(ONE_LOOK)) => Vec::new(),
        };
        if !claimed.is_empty() {
            tracing::debug!(worker = poll.worker, tasks = claimed.len(), "leased");
        }
        let now = self.clock.now();
        let leased = claimed.into_iter().map(|(task, lease)| {
            let (length, timeout_ms) = (lease.length(), task.timeout_ms);
            let ticket = Ticket { lease, claimed_at: now, timeout_ms };
            let id = ticket.encode();
            self.leased.watch(ticket);
            LeasedTask { id, task, lease: length, expires_at: now.plus_ms(length.as_secs() * 1_000) }
        });
        Ok(leased.collect())
    }

    /// A worker says that it is at work: its lease begins anew.
    ///
    /// # Errors
    /// Not found; lost, where its lease has lapsed or its attempt is over.
    pub async fn task_heartbeat(&self, id: &str) -> ServiceResult<Heartbeat> {
        let ticket = ticket(id)?;
        let now = self.clock.now();
        match self.attempt_standing(&ticket).await? {
            Standing::Open(_) if now < ticket.deadline() => {}
            Standing::Open(_) => {
                self.leased.time_out(&ticket).await?;
                self.leased.ended(&ticket.lease);
                return Err(lost("the attempt took longer than its `timeout`"));
            }
            Standing::Cancelled => {
                self.let_go(&ticket).await?;
                return Ok(Heartbeat::Cancelled);
            }
            Standing::Over => {
                self.let_go(&ticket).await?;
                return Err(lost("the attempt is over"));
            }
        }
        match self.leased.leases.renew(std::slice::from_ref(&ticket.lease)).await?.first() {
            Some(true) => Ok(Heartbeat::Goes(now.plus_ms(ticket.lease.seconds * 1_000))),
            _ => {
                self.leased.ended(&ticket.lease);
                Err(lost(LAPSED))
            }
        }
    }

    /// What came of tasks; of each, why it was not taken where it was not.
    ///
    /// # Errors
    /// The queue's or the store's: then nothing is known of any of them, and they can be sent again.
    pub async fn task_results(&self, results: Vec<TaskResult>) -> ServiceResult<Vec<ServiceResult<()>>> {
        let mut told: Vec<ServiceResult<()>> = Vec::with_capacity(results.len());
        let mut outcomes = Vec::new();
        for (at, result) in results.into_iter().enumerate() {
            match self.checked_result(result).await {
                Ok((ticket, outcome, said)) => {
                    outcomes.push((at, ticket, outcome));
                    told.push(said);
                }
                Err(error @ ServiceError::Unavailable { .. }) => return Err(error),
                Err(error) => told.push(Err(error)),
            }
        }
        let sent = outcomes.iter().map(|(_, ticket, outcome)| (outcome.clone(), ticket.lease.clone())).collect();
        let stood = self.leased.leases.settle(sent).await?;
        for ((at, ticket, _), stood) in outcomes.into_iter().zip(stood) {
            self.leased.ended(&ticket.lease);
            if let Some(told) =
                told.get_mut(at).filter(|told| !stood && !matches!(told, Err(ServiceError::Lost { .. })))
            {
                *told = Err(lost(LAPSED));
            }
        }
        Ok(told)
    }

    /// What came of one task.
    ///
    /// # Errors
    /// Not found; invalid fields; lost, where its lease has lapsed or its attempt is over; a limit, where the output is too
    /// large, and a misfit, where it does not fit its type: the attempt has failed by it.
    pub async fn task_result(&self, result: TaskResult) -> ServiceResult<()> {
        self.task_results(vec![result]).await?.pop().unwrap_or(Ok(()))
    }

    /// Leases nothing more: polls that are open end.
    pub fn tasks_close(&self) {
        self.leased.closed.cancel();
    }

    /// Waits until what is leased has ended.
    pub async fn tasks_ended(&self) {
        self.leased.none().await;
    }

    /// The outcome to send, and what its worker is told of it.
    async fn checked_result(&self, result: TaskResult) -> ServiceResult<(Ticket, TaskOutcome, ServiceResult<()>)> {
        let ticket = ticket(&result.id)?;
        if let Err(error) = &result.result {
            check_error(error)?;
        }
        let open = match self.attempt_standing(&ticket).await? {
            Standing::Open(plan) => Ok(plan),
            Standing::Cancelled => Err(lost("the step was stopped")),
            Standing::Over => Err(lost("the attempt is over")),
        };
        let (given, wrong) = match result.result {
            Ok(output) => self.judged(output, open.as_ref().ok(), &ticket.lease.key.path).await?,
            Err(error) => (Err(error.into()), None),
        };
        let said = open.and(wrong.map_or(Ok(()), Err));
        let mut outcome = self.leased.outcome(&ticket, given);
        let took = Duration::from_micros(outcome.took_us);
        let logged = result.logs.into_iter();
        let logs: HandlerLogs<_> =
            logged.map(|TaskLog { level, message, at }| HandlerLog { level, message, at }).collect();
        outcome.logs = logs.into_entries(&outcome.path, took, |at| since(ticket.claimed_at, at, took));
        Ok((ticket, outcome, said))
    }

    /// What the rows say of a leased attempt.
    async fn attempt_standing(&self, ticket: &Ticket) -> ServiceResult<Standing> {
        let Some(found) = self.store.attempt_standing(&ticket.lease.key).await? else {
            return Ok(Standing::Cancelled);
        };
        let AttemptStanding { execution, plan, attempt } = found;
        Ok(match attempt {
            Some(StepStatus::Running) => Standing::Open(plan),
            Some(StepStatus::Cancelled) => Standing::Cancelled,
            Some(_) => Standing::Over,
            // A first attempt has no row until it ends, or for a moment.
            None if !execution.is_terminal() => Standing::Open(plan),
            None => Standing::Cancelled,
        })
    }

    /// Takes a task that nobody wants from its worker.
    async fn let_go(&self, ticket: &Ticket) -> ServiceResult<()> {
        let stopped = Err(StepError::fatal(code::CANCELLED, "the attempt was stopped"));
        let outcome = self.leased.outcome(ticket, stopped);
        self.leased.leases.settle(vec![(outcome, ticket.lease.clone())]).await?;
        self.leased.ended(&ticket.lease);
        Ok(())
    }

    async fn check_registered(&self, wanted: &Wanted) -> ServiceResult<()> {
        let mut errors = Vec::new();
        for (at, name) in wanted.task_types.iter().enumerate() {
            let path = format!("task_types[{at}]");
            if self.own_types.get(name).is_some() {
                errors.push(FieldError::new(path, format!("`{name}` is carried out by the server itself")));
            } else if self.store.task_type_find(name).await?.is_none() {
                let message = format!("unknown task type `{name}`; register it: PUT /api/v1/task-types/{name}");
                errors.push(FieldError::new(path, message));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
    }
}

/// Whether an outcome of an attempt is still wanted.
enum Standing {
    /// It is, by an execution of this plan.
    Open(PlanHash),
    /// The step was stopped, or the execution is gone.
    Cancelled,
    /// It was lost, took too long, or has an outcome.
    Over,
}

/// Why a lease that is gone is gone, as far as the queue knows.
const LAPSED: &str = "its lease has lapsed, or its outcome was sent before";

fn lost(reason: &str) -> ServiceError {
    ServiceError::Lost { message: format!("the task is not this worker's any more: {reason}") }
}

fn ticket(id: &str) -> ServiceResult<Ticket> {
    Ticket::decode(id).ok_or_else(|| {
        let shown: String = id.chars().take(40).collect();
        ServiceError::not_found("task", shown).help("send the `id` that the poll gave, whole")
    })
}

/// When after its claim an entry was logged.
fn since(claimed_at: Timestamp, at: Option<Timestamp>, took: Duration) -> Duration {
    let micros = at.map(|at| u64::try_from(at.0.saturating_sub(claimed_at.0)).unwrap_or(0));
    micros.map_or(took, |micros| Duration::from_micros(micros).min(took))
}

fn check_poll(poll: &TaskPoll) -> ServiceResult<()> {
    let mut errors = Vec::new();
    let mut check = |fits: bool, field: &str, expected: String| {
        if !fits {
            errors.push(FieldError::new(field, expected));
        }
    };
    let Wanted { queues, task_types, .. } = &poll.wanted;
    check((1..=MAX_WORD).contains(&poll.worker.len()), "worker", format!("expected 1 to {MAX_WORD} bytes"));
    let names = format!("expected 1 to {MAX_NAMES} names");
    check((1..=MAX_NAMES).contains(&task_types.len()), "task_types", names);
    let queues_fit = queues.len() <= MAX_NAMES && queues.iter().all(|name| is_queue_name(name));
    check(queues_fit, "queues", format!("expected at most {MAX_NAMES} names of letters, digits, `_`, `-` and `.`"));
    check((1..=MAX_TASKS).contains(&poll.max), "max_tasks", format!("expected 1 to {MAX_TASKS}"));
    check(poll.wait <= MAX_POLL, "wait_seconds", format!("expected 0 to {}", MAX_POLL.as_secs()));
    let lease = format!("expected {} to {}", MIN_LEASE.as_secs(), MAX_LEASE.as_secs());
    check((MIN_LEASE..=MAX_LEASE).contains(&poll.lease), "lease_seconds", lease);
    if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
}

fn check_error(error: &TaskError) -> ServiceResult<()> {
    let mut errors = Vec::new();
    if !(1..=MAX_WORD).contains(&error.code.len()) {
        errors.push(FieldError::new("code", format!("expected 1 to {MAX_WORD} bytes")));
    }
    if error.message.len() > MAX_MESSAGE {
        errors.push(FieldError::new("message", format!("expected at most {MAX_MESSAGE} bytes")));
    }
    if error.details.as_ref().is_some_and(|details| details.to_string().len() > MAX_DETAILS) {
        errors.push(FieldError::new("details", format!("expected at most {MAX_DETAILS} bytes of JSON")));
    }
    if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
}

impl From<QueueError> for ServiceError {
    fn from(error: QueueError) -> Self {
        Self::unavailable(error.to_string())
    }
}
