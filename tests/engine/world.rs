//! A world around the engine: a clock that only moves when told, rows kept as a store keeps them, workers that answer as
//! scripted. With `forgetful`, the state is thrown away after each event and made again from the rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stepwell::engine::{
    ControlRow, Dispatch, Effects, Event, ExecutionState, ExecutionStatus, Fusion, LogEntry, Outcome, Refusal, Start,
    StepError, StepRow, StepStatus, Timer, TimerTarget, advance, fuse, replay,
};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{ExecutionId, StepPath};
use stepwell::lang::{Notation, Source, builtin_task_types, compile, lower, parse_flow};
use stepwell::plan::{Plan, Runs, TaskDefaults, TaskType, TaskTypes};
use uuid::Uuid;

/// What a worker answers to an attempt.
pub type Answer = Result<Value, StepError>;

pub struct World {
    pub plan: Arc<Plan>,
    pub state: ExecutionState,
    pub now: Timestamp,
    pub started_at: Option<Timestamp>,
    pub rows: BTreeMap<(StepPath, u32), StepRow>,
    pub controls: Vec<ControlRow>,
    pub logs: Vec<LogEntry>,
    pub dispatches: VecDeque<Dispatch>,
    pub timers: Vec<Timer>,
    pub stops: Vec<stepwell::engine::Stop>,
    pub children: Vec<stepwell::engine::ChildStart>,
    /// Whether the state is made again from the rows after each event.
    pub forgetful: bool,
    /// Whether the rows are not folded after each event: where they are too many.
    pub unfolded: bool,
    start: Start,
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The task types of the tests: the built-in ones, and `work`, whose configuration and output are anything.
pub fn task_types() -> TaskTypes {
    let mut types = builtin_task_types();
    let config = stepwell::expr::ObjectType { fields: Vec::new(), open: true };
    types.insert(TaskType {
        name: "work".into(),
        description: "".into(),
        config,
        output: stepwell::expr::Type::Any,
        runs: Runs::Worker,
        defaults: TaskDefaults::default(),
    });
    types
}

pub fn plan_of(notation: Notation, text: &str) -> Arc<Plan> {
    let source = Source { name: "test".into(), notation, text: text.into() };
    let compiled = compile(&source, &task_types());
    assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
    compiled.plans[0].clone()
}

/// The plan of a source that the checker is not asked about: the engine has an answer to what it refuses, too.
pub fn unchecked(text: &str) -> Arc<Plan> {
    let source = Source { name: "test".into(), notation: Notation::Flow, text: text.into() };
    let (file, diagnostics) = parse_flow(&source);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    Arc::new(lower(&file.workflows[0], &task_types()))
}

/// Checks a world that keeps its state, and one that is forgetful.
pub fn both(text: &str, input: &str, check: impl Fn(World)) {
    check(World::flow(text, input).started());
    check(World::flow(text, input).forgetful().started());
}

impl World {
    pub fn flow(text: &str, input: &str) -> Self {
        Self::new(plan_of(Notation::Flow, text), input, 0)
    }

    pub fn toml(text: &str, input: &str) -> Self {
        Self::new(plan_of(Notation::Toml, text), input, 0)
    }

    pub fn new(plan: Arc<Plan>, input: &str, max_retries: u32) -> Self {
        let id = ExecutionId(Uuid::from_u128(7));
        let (input, settings) = (json(input), json("{}"));
        let start = Start { id, version: 1, input, settings, secrets: None, max_retries, depth: 0 };
        Self {
            state: ExecutionState::new(&plan, start.clone()),
            plan,
            now: Timestamp(1_700_000_000_000_000),
            started_at: None,
            rows: BTreeMap::new(),
            controls: Vec::new(),
            logs: Vec::new(),
            dispatches: VecDeque::new(),
            timers: Vec::new(),
            stops: Vec::new(),
            children: Vec::new(),
            forgetful: false,
            unfolded: false,
            start,
        }
    }

    pub fn started(mut self) -> Self {
        self.started_at = Some(self.now);
        self.apply(Event::Started).unwrap();
        self
    }

    /// Started, with so many execution retries.
    pub fn retried(text: &str, max_retries: u32, forgetful: bool) -> Self {
        let world = Self::new(plan_of(Notation::Flow, text), "{}", max_retries);
        Self { forgetful, ..world }.started()
    }

    pub fn unfolded(mut self) -> Self {
        self.unfolded = true;
        self
    }

    pub fn forgetful(mut self) -> Self {
        self.forgetful = true;
        self
    }

    /// Applies an event, keeps what it writes, and checks that the rows fold to the same state.
    pub fn apply(&mut self, event: Event) -> Result<Effects, Refusal> {
        let effects = advance(&self.plan, &mut self.state, event, self.now)?;
        self.keep(&effects.steps);
        self.controls.extend(effects.controls.clone());
        self.logs.extend(effects.logs.clone());
        self.dispatches.extend(effects.dispatches.clone());
        self.timers.extend(effects.timers.clone());
        self.stops.extend(effects.stops.clone());
        self.children.extend(effects.children.clone());
        if self.unfolded {
            return Ok(effects);
        }
        let folded = self.folded();
        self.compare(&folded);
        if self.forgetful {
            self.state = folded;
        }
        Ok(effects)
    }

    /// Keeps rows as a store does: runs of pure steps each as one record, which nothing replaces.
    fn keep(&mut self, rows: &[StepRow]) {
        let Fusion { fused, single } = fuse(&rows.iter().collect::<Vec<_>>());
        for row in fused.iter().flat_map(|run| run.unfold().unwrap()) {
            let before = self.rows.insert((row.path.clone(), row.attempt), row);
            assert_eq!(before, None, "a row of a run stood there already");
        }
        for row in single {
            self.rows.insert((row.path.clone(), row.attempt), row.clone());
        }
    }

    pub fn folded(&self) -> ExecutionState {
        let rows = self.rows.values().cloned().collect();
        replay(&self.plan, self.start.clone(), self.started_at, rows, self.controls.clone()).unwrap()
    }

    fn compare(&self, folded: &ExecutionState) {
        let live = &self.state;
        assert_eq!(folded.status(), live.status());
        assert_eq!(folded.error(), live.error());
        assert_eq!(folded.output(), live.output());
        assert_eq!(folded.compensation(), live.compensation());
        assert_eq!(folded.timers(), live.timers());
        assert_eq!(folded.children(), live.children());
        assert_eq!(folded.waits(&self.plan), live.waits(&self.plan));
        assert_eq!(folded.outstanding(&self.plan), live.outstanding(&self.plan));
    }

    /// Answers the next dispatched attempt that is still awaited; whether there was one.
    pub fn answer(&mut self, mut worker: impl FnMut(&Dispatch) -> Answer) -> bool {
        while let Some(dispatch) = self.dispatches.pop_front() {
            if self.state.awaits(&dispatch.path, dispatch.attempt) {
                let result = worker(&dispatch);
                self.outcome(&dispatch.path, dispatch.attempt, result).unwrap();
                return true;
            }
        }
        false
    }

    /// Ends the attempt at this path that was dispatched.
    pub fn end(&mut self, path: &str, result: Answer) -> Effects {
        let at = self
            .dispatches
            .iter()
            .position(|dispatch| dispatch.path.as_str() == path && self.state.awaits(&dispatch.path, dispatch.attempt));
        let dispatch = at.and_then(|at| self.dispatches.remove(at));
        let dispatch = dispatch.unwrap_or_else(|| panic!("`{path}` is not under way: {:?}", self.story()));
        self.outcome(&dispatch.path, dispatch.attempt, result).unwrap()
    }

    pub fn outcome(&mut self, path: &StepPath, attempt: u32, result: Answer) -> Result<Effects, Refusal> {
        self.now = Timestamp(self.now.0 + 1_000);
        let outcome = Outcome { path: path.clone(), attempt, result, started_at: self.now, logs: Vec::new() };
        self.apply(Event::Outcome(outcome))
    }

    /// Sends a signal under an id, to be kept until a wait takes it.
    pub fn signal(&mut self, id: &str, name: &str, data: &str) -> Result<Effects, Refusal> {
        self.now = Timestamp(self.now.0 + 1_000);
        self.apply(Event::Signal { id: id.into(), name: name.into(), data: json(data), keep: true })
    }

    /// Offers an event from outside under an id.
    pub fn offer(&mut self, id: &str, name: &str, data: &str) -> Result<Effects, Refusal> {
        self.now = Timestamp(self.now.0 + 1_000);
        self.apply(Event::Signal { id: id.into(), name: name.into(), data: json(data), keep: false })
    }

    /// Says a person's word.
    pub fn decide(&mut self, path: &str, approved: bool, form: &str) -> Result<Effects, Refusal> {
        self.now = Timestamp(self.now.0 + 1_000);
        let (path, form, by) = (StepPath::new(path), json(form), Some("ada".into()));
        self.apply(Event::Decide { path, approved, form, by, reason: Some("seen".into()) })
    }

    /// Moves the clock to the next timer and rings it; whether there was one.
    pub fn ring(&mut self) -> bool {
        let Some(timer) = self.state.timers().into_iter().next() else { return false };
        self.now = self.now.max(timer.due);
        let event = match timer.target {
            TimerTarget::Step { path, attempt } => Event::Woken { path, attempt },
            TimerTarget::Execution => Event::ExecutionWoken,
            TimerTarget::Timeout => Event::TimedOut,
        };
        self.apply(event).unwrap();
        true
    }

    /// Answers and rings until the execution ends.
    pub fn run(mut self, mut worker: impl FnMut(&Dispatch) -> Answer) -> Self {
        while !self.state.status().is_terminal() {
            assert!(self.answer(&mut worker) || self.ring(), "the execution waits for nothing and has not ended");
        }
        self
    }

    pub fn status(&self) -> ExecutionStatus {
        self.state.status()
    }

    pub fn output(&self) -> String {
        serde_json::to_string(&self.state.output()).unwrap()
    }

    /// `path#attempt status` of every row of a step or statement, in order of `seq`.
    pub fn story(&self) -> Vec<String> {
        let mut rows: Vec<_> = self.rows.values().collect();
        rows.sort_by_key(|row| row.seq);
        rows.into_iter().map(|row| format!("{}#{} {}", row.path, row.attempt, row.status)).collect()
    }

    /// The code of the error that the execution failed with.
    pub fn error_code(&self) -> String {
        self.state.error().map(|error| error.code.to_string()).unwrap_or_default()
    }

    /// How many attempts were made at a path.
    pub fn attempts(&self, path: &str) -> usize {
        self.rows.keys().filter(|(at, _)| at.as_str() == path).count()
    }

    /// What is with a worker, by path.
    pub fn outstanding(&self) -> Vec<String> {
        let mut found: Vec<_> =
            self.state.outstanding(&self.plan).into_iter().map(|one| one.dispatch.path.to_string()).collect();
        found.sort();
        found
    }

    pub fn step(&self, path: &str, attempt: u32) -> &StepRow {
        &self.rows[&(StepPath::new(path), attempt)]
    }

    pub fn statuses(&self, status: StepStatus) -> Vec<String> {
        self.rows.values().filter(|row| row.status == status).map(|row| row.path.to_string()).collect()
    }
}

/// An error that no attempt can help.
pub fn broken() -> Answer {
    Err(StepError::fatal("BROKEN", "no use"))
}

/// Workers that fail at these paths and echo at all others.
pub fn fail_at(paths: &'static [&'static str]) -> impl FnMut(&Dispatch) -> Answer {
    move |dispatch| if paths.contains(&dispatch.path.as_str()) { broken() } else { echo(dispatch) }
}

pub fn cancel() -> Event {
    Event::Cancel { reason: "enough".into(), undo: true }
}

/// An answer that echoes the configuration.
pub fn echo(dispatch: &Dispatch) -> Answer {
    Ok(dispatch.config.clone())
}
