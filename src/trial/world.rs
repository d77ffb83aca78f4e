//! A world around executions: a clock of its own, and what is due on it in order.
//!
//! Invariant: deterministic. What is due at one moment happens in the order in which it was found out; nothing else decides.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::engine::{
    ChildStart, Control, Dispatch, Effects, Event, ExecutionStatus, Outcome, Start, StepError, Stop, TimerTarget,
    child_result, code,
};
use crate::expr::{Timestamp, Value, duration_text_of_ms, path_under};
use crate::ids::{Attempt, ExecutionId, StepPath};
use crate::plan::NodeKind;

use super::library::{Known, Library, base_of, step_of};
use super::life::{Applied, Life, placeholders};
use super::workers::{Ending, Reply, Task, Trouble, Workers};

/// How many things happen in a world, at most.
const MAX_EVENTS: usize = 500_000;

/// What the execution under test starts from.
#[derive(Clone, Debug)]
pub struct Begin {
    /// When.
    pub at: Timestamp,
    /// Its input, admitted.
    pub input: Value,
    /// Its settings, admitted.
    pub settings: Value,
    /// How many execution retries there are.
    pub max_retries: u32,
}

/// One execution and its children, and all that happens to them.
pub struct World<'w> {
    library: &'w Library,
    workers: &'w mut dyn Workers,
    now: Timestamp,
    due: BTreeMap<(Timestamp, u64), Happening>,
    count: u64,
    lives: Vec<Life<'w>>,
    /// Events that were sent; a child that starts later finds them.
    sent: Vec<Event>,
    kept: HashMap<Arc<str>, (Value, Timestamp)>,
    trouble: Option<Trouble>,
    /// Whether the state is thrown away after each event, and made again from the rows.
    crashes: bool,
    broken: Option<String>,
}

/// What happens to an execution at its time.
enum Happening {
    /// An event.
    Event(usize, Event),
    /// A timer rings.
    Timer(usize, TimerTarget),
    /// An event of the outside world: for whoever waits for it.
    Sent(Event),
}

impl<'w> World<'w> {
    /// A world in which one execution is to start.
    pub fn new(library: &'w Library, workflow: &'w Known, workers: &'w mut dyn Workers, begin: Begin) -> Self {
        let id = ExecutionId(Uuid::from_u128(1));
        let secrets = placeholders(&workflow.plan.secrets);
        let Begin { at, input, settings, max_retries } = begin;
        let start = Start { id, version: 1, input, settings, secrets, max_retries, depth: 0 };
        let mut world = Self {
            library,
            workers,
            now: at,
            due: BTreeMap::new(),
            count: 0,
            lives: vec![Life::new(workflow, start, None)],
            sent: Vec::new(),
            kept: HashMap::new(),
            trouble: None,
            crashes: false,
            broken: None,
        };
        world.put(at, Happening::Event(0, Event::Started));
        world
    }

    /// Throws the states away after every event and makes them again from the rows, as if the process crashed each time.
    #[must_use]
    pub fn crashing(mut self) -> Self {
        self.crashes = true;
        self
    }

    /// Asks something of the execution under test, so long after its start.
    pub fn ask(&mut self, after_ms: u64, control: Control) {
        self.put(self.now.plus_ms(after_ms), Happening::Event(0, control.into()));
    }

    /// Sends an event, so long after the start.
    pub fn send(&mut self, after_ms: u64, name: Arc<str>, data: Value) {
        let id = format!("sent-{}", self.count).into();
        let event = Event::Signal { id, name, data, keep: true };
        self.put(self.now.plus_ms(after_ms), Happening::Sent(event));
    }

    /// Lets it happen: until the execution has ended, nothing is left to happen, or nobody knows what comes next.
    pub fn run(&mut self) {
        for _ in 0..MAX_EVENTS {
            if self.lives[0].status().is_terminal() || self.trouble.is_some() || self.broken.is_some() {
                return;
            }
            let Some(((at, _), happening)) = self.due.pop_first() else { return };
            self.now = self.now.max(at);
            self.happen(happening);
        }
        self.trouble = Some(Trouble::Endless);
    }

    /// The execution under test.
    pub fn root(&self) -> &Life<'w> {
        &self.lives[0]
    }

    /// All executions: the one under test, then its children.
    pub fn lives(&self) -> &[Life<'w>] {
        &self.lives
    }

    /// The time on its clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Why it could not go on.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// How a state that was made again from its rows differs from the one that wrote them: a bug of the engine.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn put(&mut self, at: Timestamp, happening: Happening) {
        self.count += 1;
        self.due.insert((at, self.count), happening);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Event(life, event) => self.apply(life, event),
            Happening::Timer(life, target) => self.ring(life, target),
            Happening::Sent(event) => {
                self.sent.push(event.clone());
                for life in 0..self.lives.len() {
                    self.apply(life, event.clone());
                }
            }
        }
    }

    fn ring(&mut self, life: usize, target: TimerTarget) {
        // It rings again when the execution goes on.
        if self.lives[life].status() == ExecutionStatus::Paused {
            return;
        }
        let event = match target {
            TimerTarget::Step { path, attempt } => Event::Woken { path, attempt },
            TimerTarget::Execution => Event::ExecutionWoken,
            TimerTarget::Timeout => Event::TimedOut,
        };
        self.apply(life, event);
    }

    /// Applies an event; one that is refused comes too late, and changes nothing.
    fn apply(&mut self, life: usize, event: Event) {
        let (starts, resumes) = (event == Event::Started, event == Event::Resume);
        let Ok(Applied { effects, asks }) = self.lives[life].apply(event, self.now) else { return };
        if self.crashes
            && let Err(broken) = self.lives[life].crash()
        {
            self.broken = Some(broken);
            return;
        }
        self.carry_out(life, effects);
        asks.into_iter().for_each(|path| self.ask_person(life, path));
        if starts {
            for event in self.sent.clone() {
                self.apply(life, event);
            }
        }
        if resumes {
            for timer in self.lives[life].state.timers() {
                self.put(timer.due, Happening::Timer(life, timer.target));
            }
        }
    }

    fn carry_out(&mut self, life: usize, effects: Effects) {
        for write in effects.caches {
            self.kept.insert(write.key, (write.output, write.expires_at));
        }
        for timer in effects.timers {
            self.put(timer.due, Happening::Timer(life, timer.target));
        }
        for dispatch in effects.dispatches {
            self.dispatch(life, &dispatch);
        }
        for child in effects.children {
            self.child(life, child);
        }
        for stop in effects.stops {
            if let Stop::Child(id) = stop {
                self.stop_child(id);
            }
        }
        if effects.ended {
            self.tell_parent(life);
        }
    }

    fn dispatch(&mut self, life: usize, dispatch: &Dispatch) {
        let (path, attempt) = (&dispatch.path, dispatch.attempt);
        let kept = dispatch.cache.as_ref().and_then(|cache| self.kept.get(&cache.key));
        if let Some((output, _)) = kept.filter(|(_, until)| *until > self.now) {
            let ending = Ending::Gives(output.clone());
            return self.reply(life, path, attempt, dispatch.timeout_ms, ending.now());
        }
        if let Some(reply) = self.answer(life, path, attempt, &dispatch.config, false) {
            self.reply(life, path, attempt, dispatch.timeout_ms, reply);
        }
    }

    /// What comes of an attempt; nothing, where nobody knows.
    fn answer(
        &mut self,
        life: usize,
        path: &StepPath,
        attempt: Attempt,
        config: &Value,
        may_run: bool,
    ) -> Option<Reply> {
        let workflow = self.lives[life].workflow;
        let node = workflow.node_at(path.as_str())?;
        let own = step_of(node)?;
        let (step, undo) = match workflow.undone_by(node) {
            Some(undone) => (undone, Some(own)),
            None => (own, None),
        };
        let task = Task { workflow, step, undo, path, attempt, config, may_run };
        match self.workers.task(&task) {
            Ok(reply) => Some(reply),
            Err(trouble) => {
                self.trouble.get_or_insert(*trouble);
                None
            }
        }
    }

    fn reply(&mut self, life: usize, path: &StepPath, attempt: Attempt, timeout_ms: u64, reply: Reply) {
        let late = reply.after_ms > timeout_ms;
        let after_ms = reply.after_ms.min(timeout_ms);
        let (after_ms, result) = match reply.ending {
            Ending::TimesOut => (timeout_ms, Err(timed_out(timeout_ms))),
            _ if late => (timeout_ms, Err(timed_out(timeout_ms))),
            Ending::Gives(output) => (after_ms, Ok(output)),
            Ending::Fails(error) => (after_ms, Err(error)),
            Ending::Lost | Ending::Runs => {
                let lost = Event::Lost { path: path.clone(), attempt };
                return self.put(self.now.plus_ms(after_ms), Happening::Event(life, lost));
            }
        };
        let outcome = self.outcome(path, attempt, result);
        self.put(self.now.plus_ms(after_ms), Happening::Event(life, outcome));
    }

    fn outcome(&self, path: &StepPath, attempt: Attempt, result: Result<Value, StepError>) -> Event {
        let outcome = Outcome { path: path.clone(), attempt, result, started_at: self.now, logs: Vec::new() };
        Event::Outcome(outcome)
    }

    /// Starts a child execution, or answers in its place.
    fn child(&mut self, life: usize, child: ChildStart) {
        let known = self.library.get(&child.workflow);
        let config = Value::object([("workflow", Value::Str(child.workflow.clone())), ("input", child.input.clone())]);
        let (path, attempt) = (child.path.clone(), child.attempt);
        let timeout_ms = self.timeout_of(life, &path);
        let Some(reply) = self.answer(life, &path, attempt, &config, known.is_some()) else { return };
        let Some(known) = known.filter(|_| reply.ending == Ending::Runs) else {
            return self.reply(life, &path, attempt, timeout_ms, reply);
        };
        match start_of(known, &child) {
            Ok(start) => {
                let id = Value::str(start.id.to_string());
                let parent = (!child.detached).then(|| (life, path.clone(), attempt));
                self.lives.push(Life::new(known, start, parent));
                self.put(self.now, Happening::Event(self.lives.len() - 1, Event::Started));
                if child.detached {
                    let begun = self.outcome(&path, attempt, Ok(Value::object([("execution_id", id)])));
                    self.put(self.now, Happening::Event(life, begun));
                }
            }
            Err(why) => {
                let refused = self.outcome(&path, attempt, Err(StepError::fatal(code::CHILD_FAILED, why)));
                self.put(self.now, Happening::Event(life, refused));
            }
        }
    }

    fn timeout_of(&self, life: usize, path: &StepPath) -> u64 {
        self.lives[life].workflow.step(path.as_str()).map_or(0, |step| step.timeout_ms)
    }

    fn stop_child(&mut self, id: ExecutionId) {
        let reason = "the execution that it is a child of stopped it".into();
        if let Some(life) = self.lives.iter().position(|life| life.id() == id) {
            self.put(self.now, Happening::Event(life, Event::Cancel { reason, undo: true }));
        }
    }

    /// Asks whoever is to decide on an `approve` that has just come to wait.
    fn ask_person(&mut self, life: usize, path: StepPath) {
        let workflow = self.lives[life].workflow;
        let Some(NodeKind::Approve(approve)) = workflow.node_at(path.as_str()).map(|node| &node.kind) else { return };
        match self.workers.word(base_of(path.as_str()), approve) {
            Ok(Some(word)) => {
                let by = Some("test".into());
                let (form, reason) = (word.form, word.reason.map(Into::into));
                let decide = Event::Decide { path, approved: word.approved, form, by, reason };
                self.put(self.now.plus_ms(word.after_ms), Happening::Event(life, decide));
            }
            Ok(None) => {}
            Err(trouble) => drop(self.trouble.get_or_insert(*trouble)),
        }
    }

    fn tell_parent(&mut self, life: usize) {
        let child = &self.lives[life];
        let Some((parent, path, attempt)) = child.parent.clone() else { return };
        let (state, id) = (&child.state, child.id());
        let Some(result) = child_result(id, state.status(), state.output(), state.error()) else { return };
        let outcome = self.outcome(&path, attempt, result);
        self.put(self.now, Happening::Event(parent, outcome));
    }
}

fn timed_out(timeout_ms: u64) -> StepError {
    let text = duration_text_of_ms(timeout_ms);
    StepError { unknown: true, ..StepError::retryable(code::TIMEOUT, format!("took longer than {text}")) }
}

fn start_of(known: &Known, child: &ChildStart) -> Result<Start, String> {
    let told = |misfits: Vec<crate::expr::Mismatch>| {
        let told = misfits.iter().map(|one| format!("`{}`: {}", path_under("input", &one.path), one.message));
        format!("what the child is given does not fit: {}", told.collect::<Vec<_>>().join("; "))
    };
    let input = known.admission.input(child.input.clone()).map_err(told)?;
    let settings = known.admission.settings("its defaults", |_| None).map_err(told)?;
    let secrets = placeholders(&known.plan.secrets);
    Ok(Start { id: child.child, version: 1, input, settings, secrets, max_retries: 0, depth: child.depth })
}
