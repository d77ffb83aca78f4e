//! What becomes of a workflow when one of its steps fails: each step reached, one at a time, in each way there is.
//!
//! The language is total, so every run ends; a workflow needs no test for this. Where it has tests, their mocks answer, and
//! what they leave out is made up from types.

mod happened;
mod scenario;

use std::sync::Arc;

use indexmap::IndexMap;

use crate::engine::{Compensation, ExecutionStatus, StepError};
use crate::ids::StepPath;
use crate::lang::ast::Test;
use crate::plan::{ApproveNode, StepNode};

use super::library::{Known, Library};
use super::mocks::Mocks;
use super::synth::{example_of, value_of};
use super::workers::{Ending, Reply, Task, Trouble, Word, Workers};
use scenario::Scenario;

pub use happened::Left;

/// The code of an attempt that is made to fail.
const FAULT: &str = "FAULT";

/// A way in which a step goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and no further attempt helps.
    Fails,
    /// Every attempt takes too long.
    TimesOut,
    /// It has its effect, and the word of it is lost.
    Lost,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fails, Self::TimesOut, Self::Lost];

    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::TimesOut => "times out",
            Self::Lost => "succeeds, but is lost",
        }
    }
}

/// What becomes of a workflow under faults.
#[derive(Clone, Debug)]
pub struct FaultReport {
    /// The workflow.
    pub workflow: Arc<str>,
    /// How the runs without a fault ended.
    pub good: Vec<GoodRun>,
    /// The runs with one.
    pub runs: Vec<FaultRun>,
    /// Steps that no run without a fault reached, so that they were not made to fail.
    pub unreached: Vec<Arc<str>>,
}

/// A run without a fault.
#[derive(Clone, Debug)]
pub struct GoodRun {
    /// The test whose mocks answered; none, where everything was made up.
    pub test: Option<Arc<str>>,
    /// How it ended.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub error: Option<StepError>,
    /// What it waits for for ever.
    pub waits: Vec<String>,
}

/// A run in which a step goes wrong.
#[derive(Clone, Debug)]
pub struct FaultRun {
    /// The step.
    pub step: Arc<str>,
    /// How it goes wrong.
    pub fault: Fault,
    /// How the execution ended.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub error: Option<StepError>,
    /// How far the undos came.
    pub compensation: Compensation,
    /// How many attempts were made at the step.
    pub attempts: u32,
    /// How often the step had its effect.
    pub effects: u32,
    /// Whether the step completed after all.
    pub recovered: bool,
    /// What the execution waits for for ever.
    pub waits: Vec<String>,
    /// Effects that stand although the execution did not complete.
    pub left: Vec<Left>,
}

/// Runs a workflow with each of its steps going wrong, one at a time.
pub fn run_faults(library: &Library, workflow: &Known, tests: &[&Test]) -> FaultReport {
    let mut report = FaultReport {
        workflow: workflow.plan.workflow.clone(),
        good: Vec::new(),
        runs: Vec::new(),
        unreached: Vec::new(),
    };
    let mut seen: Vec<Arc<str>> = Vec::new();
    for scenario in scenarios(library, workflow, tests, &mut report.good) {
        for (step, path) in scenario.reached {
            if seen.contains(&step) {
                continue;
            }
            let faults = workflow.step(&step).map_or(&[][..], faults_of);
            let run = |fault| run_fault(library, &scenario.scenario, (step.clone(), &path), fault);
            report.runs.extend(faults.iter().copied().filter_map(run));
            seen.push(step);
        }
    }
    let outside = workflow.plan.steps().map(|(_, step)| step).filter(|step| super::library::is_outside(step));
    report.unreached = outside.map(|step| step.name.clone()).filter(|name| !seen.contains(name)).collect();
    report
}

/// The ways in which a step can go wrong: a child is never lost, and has a time-out only where it says so.
fn faults_of(step: &StepNode) -> &'static [Fault] {
    match step.action {
        crate::plan::Action::Child { .. } => &[Fault::Fails],
        _ => &Fault::ALL,
    }
}

/// A scenario, and the steps that it reaches.
struct Reached<'t> {
    scenario: Scenario<'t>,
    reached: IndexMap<Arc<str>, StepPath>,
}

/// The tests that complete, or else what is made up.
fn scenarios<'t>(
    library: &Library,
    workflow: &'t Known,
    tests: &[&'t Test],
    good: &mut Vec<GoodRun>,
) -> Vec<Reached<'t>> {
    let mut found = Vec::new();
    for test in tests {
        let scenario = Scenario::of_test(workflow, test);
        if let Some((run, reached)) = run_good(library, &scenario)
            && run.status == ExecutionStatus::Completed
        {
            good.push(run);
            found.push(Reached { scenario, reached });
        }
    }
    if found.is_empty() {
        let scenario = Scenario::made_up(workflow);
        if let Some((run, reached)) = run_good(library, &scenario) {
            good.push(run);
            found.push(Reached { scenario, reached });
        }
    }
    found
}

fn run_good(library: &Library, scenario: &Scenario<'_>) -> Option<(GoodRun, IndexMap<Arc<str>, StepPath>)> {
    let mut workers = Faulty::new(scenario, None)?;
    let mut world = scenario.world(library, &mut workers)?;
    world.run();
    let life = world.root();
    let error = life.state.error().cloned().filter(|_| life.status() == ExecutionStatus::Failed);
    let waits = super::judge::waits(life);
    let run = GoodRun { test: scenario.name(), status: life.status(), error, waits };
    drop(world);
    Some((run, workers.reached))
}

fn run_fault(
    library: &Library,
    scenario: &Scenario<'_>,
    (step, path): (Arc<str>, &StepPath),
    fault: Fault,
) -> Option<FaultRun> {
    let mut workers = Faulty::new(scenario, Some((path.clone(), fault)))?;
    let mut world = scenario.world(library, &mut workers)?;
    world.run();
    let life = world.root();
    let status = life.status();
    let error = life.state.error().cloned().filter(|_| status == ExecutionStatus::Failed);
    let attempts = life.rows.keys().filter(|(at, _)| at == path).count();
    let recovered = life.last_rows().get(path).is_some_and(|row| row.status == crate::engine::StepStatus::Completed);
    let (compensation, waits) = (life.compensation, super::judge::waits(life));
    let standing: Vec<(Left, bool)> = world.lives().iter().flat_map(happened::standing).collect();
    drop(world);
    let ended_badly = matches!(status, ExecutionStatus::Failed | ExecutionStatus::Cancelled);
    let happened = |(left, told): &(Left, bool)| ended_badly && (*told || workers.effects.contains_key(&left.path));
    let left = standing.into_iter().filter(happened).map(|(left, _)| left).collect();
    Some(FaultRun {
        step,
        fault,
        status,
        error,
        compensation,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        effects: workers.effects.get(path).copied().unwrap_or_default(),
        recovered,
        waits,
        left,
    })
}

/// Workers of whom one goes wrong.
struct Faulty<'t> {
    mocks: Option<Mocks<'t>>,
    target: Option<(StepPath, Fault)>,
    /// The steps that were reached, and where first.
    reached: IndexMap<Arc<str>, StepPath>,
    /// How often each attempt had its effect.
    effects: IndexMap<StepPath, u32>,
}

impl<'t> Faulty<'t> {
    fn new(scenario: &Scenario<'t>, target: Option<(StepPath, Fault)>) -> Option<Self> {
        let mocks = scenario.mocks()?;
        Some(Self { mocks, target, reached: IndexMap::new(), effects: IndexMap::new() })
    }

    fn good(&mut self, task: &Task<'_>) -> Result<Reply, Box<Trouble>> {
        match &mut self.mocks {
            Some(mocks) if mocks.knows(&task.step.name, task.undo.is_some()) => mocks.task(task),
            _ if task.may_run => Ok(Ending::Runs.now()),
            _ => Ok(Ending::Gives(example_of(task)).now()),
        }
    }

    /// The fault of an attempt, where it is the one that goes wrong.
    fn fault(&self, task: &Task<'_>) -> Option<Ending> {
        let (path, fault) = self.target.as_ref()?;
        if path != task.path || task.undo.is_some() {
            return None;
        }
        match fault {
            Fault::Fails => Some(Ending::Fails(StepError::fatal(FAULT, "made to fail"))),
            Fault::TimesOut => Some(Ending::TimesOut),
            Fault::Lost => (task.attempt == 1).then_some(Ending::Lost),
        }
    }
}

impl Workers for Faulty<'_> {
    fn task(&mut self, task: &Task<'_>) -> Result<Reply, Box<Trouble>> {
        if task.undo.is_none() {
            self.reached.entry(task.step.name.clone()).or_insert_with(|| task.path.clone());
        }
        let reply = match self.fault(task) {
            Some(ending) => ending.now(),
            None => self.good(task)?,
        };
        if matches!(reply.ending, Ending::Gives(_) | Ending::Lost) {
            *self.effects.entry(task.path.clone()).or_default() += 1;
        }
        Ok(reply)
    }

    fn word(&mut self, name: &str, approve: &ApproveNode) -> Result<Option<Word>, Box<Trouble>> {
        if let Some(mocks) = &mut self.mocks {
            return mocks.word(name, approve);
        }
        let form = approve.form.as_ref().map_or(crate::expr::Value::Null, |form| value_of(form, None, name));
        Ok(Some(Word { after_ms: 0, approved: true, form, reason: None }))
    }
}
