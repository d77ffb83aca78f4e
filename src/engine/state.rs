//! The state of a live execution: what it was given, what its steps gave, and the frames of what is under way.
//!
//! A frame is a node that was entered and is not settled; a scope is where its names are bound: one for the whole, and
//! one for each item of a loop that is under way. Data lives only where it is valid: in the variant of its phase.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;

use crate::expr::{Timestamp, Value};
use crate::ids::{Attempt, ExecutionId, StepPath};
use crate::plan::{Action, DEFAULT_PRIORITY, NodeId, NodeKind, Plan};

pub(super) use super::frames::FrameId;
use super::frames::Frames;
use super::items::Loop;
pub(super) use super::machine::Place;
use super::machine::Work;
use super::mailbox::Mailbox;
use super::parallel::Join;
use super::protect::Protected;
use super::repeat::Passes;
use super::replay::Recorded;
use super::undo::{Undoing, Undos};
use super::unwind::Ending;
use super::{
    CacheKey, ChildStart, Compensation, Dispatch, EventWait, ExecutionStatus, Rate, StepError, Timer, TimerTarget,
};

/// What an execution starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its id.
    pub id: ExecutionId,
    /// The version of its workflow.
    pub version: i64,
    /// Its input, checked, defaults filled in.
    pub input: Value,
    /// The workflow's settings, as they were at the start.
    pub settings: Value,
    /// What `secrets` is, where it can be read: in a test, placeholders.
    pub secrets: Option<Value>,
    /// How many execution retries there are.
    pub max_retries: u32,
    /// How deep it stands below an execution without a parent: 0 for one that a client started.
    pub depth: u32,
}

/// Where a scope stands in the state.
pub(super) type ScopeId = usize;

/// The scope of the whole execution.
pub(super) const ROOT_SCOPE: ScopeId = 0;

/// The state of a live execution: what it has and where it stands.
#[derive(Clone, Debug)]
pub struct ExecutionState {
    pub(super) start: Start,
    pub(super) status: ExecutionStatus,
    /// Rises with every row that is written; orders them.
    pub(super) seq: i64,
    /// The order of the furthest step that has a row.
    pub(super) furthest: Option<u32>,
    pub(super) retry_count: u32,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    pub(super) cancel_requested_at: Option<Timestamp>,
    pub(super) output: Option<Value>,
    pub(super) error: Option<StepError>,
    pub(super) compensation: Compensation,
    /// When the execution's own `timeout` passes.
    pub(super) deadline: Option<Timestamp>,
    /// When an execution in RETRYING goes on.
    pub(super) retry_at: Option<Timestamp>,
    /// The state that a PAUSED execution goes back to.
    pub(super) paused_in: Option<ExecutionStatus>,
    /// What the walk of a PAUSED execution would do next.
    pub(super) held: VecDeque<Work>,
    /// What was sent to it.
    pub(super) mailbox: Mailbox,
    pub(super) frames: Frames,
    pub(super) scopes: Slab<Bindings>,
    /// The frames of steps and waits, by path; an event finds its frame here.
    pub(super) waiting: HashMap<StepPath, FrameId>,
    /// What undoes the steps that have had their effect.
    pub(super) undos: Undos,
    /// Whether a failure ran a `finally` or an undo, so that nothing is left to go on from.
    pub(super) unwound: bool,
    /// Rows that a replay takes results from rather than working them out again; empty otherwise.
    pub(super) recorded: Recorded,
    /// The nodes that were entered, where somebody watches: tests of workflows, for what they cover.
    pub(super) entered: Option<Vec<bool>>,
}

/// A node that was entered and is not settled.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub node: NodeId,
    /// The frame that is told when this one settles; none for the root.
    pub parent: Option<FrameId>,
    /// Which child of the parent this is: of a block, a `parallel` or a loop.
    pub slot: usize,
    pub scope: ScopeId,
    pub kind: FrameKind,
}

/// What is under way in a frame.
#[derive(Clone, Debug)]
pub(super) enum FrameKind {
    /// Children one after the other.
    Block,
    /// An `if` whose arm is under way.
    Branch,
    /// All children at once.
    Parallel(Join),
    /// A loop.
    Loop(Box<Loop>),
    /// A `repeat`, with a pass under way or a wait between two.
    Repeat(Passes),
    /// A `try`.
    Try(Box<Protected>),
    /// What stood here is stopped; what is left below runs to its end.
    Unwinding(Box<Ending>),
    /// Undos, one after the other.
    Undoing(Box<Undoing>),
    /// A step with a worker, a child execution, or between two attempts.
    Step(Box<StepRun>),
    /// What waits for an event or a person.
    Await(Awaiting),
    /// A delay or a sleep.
    Wait { attempt: Attempt, due: Timestamp, since: Timestamp },
    /// Failed, and waits for a retry of the execution; `attempt` is the last that was made (0: none yet).
    Stalled { attempt: Attempt, resume: Resume },
}

/// What waits for an event or a person: until `due`, where it has a time-out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaiting {
    pub attempt: Attempt,
    pub since: Timestamp,
    pub due: Option<Timestamp>,
}

/// Where a stalled frame goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// The node is entered again.
    Node,
    /// The `yield` of an item, or the `until` of a pass, is evaluated again; the frame's parent is the loop.
    Yield,
}

/// A step that a worker or a child execution carries out.
#[derive(Clone, Debug)]
pub(super) struct StepRun {
    pub attempt: Attempt,
    /// Further attempts that the handler's failures used, since the execution's last retry.
    pub retries: u32,
    /// Attempts whose worker died, since the execution's last retry.
    pub crashes: u32,
    pub config: Value,
    /// What its output is kept by.
    pub cache: Option<CacheKey>,
    /// When this attempt was dispatched.
    pub since: Timestamp,
    pub phase: Phase,
}

/// Where a step stands.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// With the queue or a worker; `recorded` says whether a row tells of it.
    Dispatched { recorded: bool, claimed_at: Option<Timestamp> },
    /// With a child execution, which may take until `due`.
    Child { start: Box<ChildStart>, due: Option<Timestamp> },
    /// This attempt failed, the next one is made at `due`.
    Backoff { due: Timestamp, error: Box<StepError>, started_at: Timestamp, failed_at: Timestamp },
}

/// The names bound in a scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    pub parent: Option<ScopeId>,
    /// Whether what is bound here is bound around it: of a `catch`, which adds its error to the names and has none of its own.
    pub open: bool,
    /// The `[i]`s of the enclosing loops' items: what makes a name a path.
    pub suffix: Arc<str>,
    pub values: HashMap<Arc<str>, Value>,
}

/// An attempt that is dispatched and has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Outstanding {
    /// The task.
    pub dispatch: Dispatch,
    /// Whether a row says that it is running.
    pub recorded: bool,
    /// When it was dispatched.
    pub since: Timestamp,
}

impl ExecutionState {
    /// The state of an execution that is PENDING.
    pub fn new(_plan: &Plan, start: Start) -> Self {
        let mut scopes = Slab::with_capacity(1);
        scopes.insert(Bindings::default());
        Self {
            start,
            status: ExecutionStatus::Pending,
            seq: 0,
            furthest: None,
            retry_count: 0,
            started_at: None,
            completed_at: None,
            cancel_requested_at: None,
            output: None,
            error: None,
            compensation: Compensation::None,
            deadline: None,
            retry_at: None,
            paused_in: None,
            held: VecDeque::new(),
            mailbox: Mailbox::default(),
            frames: Frames::default(),
            scopes,
            waiting: HashMap::new(),
            undos: Undos::default(),
            unwound: false,
            recorded: Recorded::default(),
            entered: None,
        }
    }

    /// Keeps, from here on, which nodes are entered.
    pub fn watch_nodes(&mut self, plan: &Plan) {
        self.entered = Some(vec![false; plan.nodes.len()]);
    }

    /// For each node of the plan whether it was entered since [`Self::watch_nodes`].
    pub fn entered(&self) -> &[bool] {
        self.entered.as_deref().unwrap_or_default()
    }

    /// Its id.
    pub fn id(&self) -> ExecutionId {
        self.start.id
    }

    /// The execution's state.
    pub fn status(&self) -> ExecutionStatus {
        self.status
    }

    /// What it gave, once it has completed.
    pub fn output(&self) -> Option<&Value> {
        self.output.as_ref()
    }

    /// Why it failed, once it has.
    pub fn error(&self) -> Option<&StepError> {
        self.error.as_ref()
    }

    /// Whether a failure ran a `finally`, or an undo was begun: then nothing is left to go on from.
    pub(super) fn is_undone(&self) -> bool {
        self.unwound || self.undos.ran()
    }

    /// How far the undoing of what completed is.
    pub fn compensation(&self) -> Compensation {
        self.compensation
    }

    /// The `seq` of the last row that it wrote.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Makes the next row's `seq` greater than this one: that of the execution's own row, which a replay does not fold.
    pub fn continue_after(&mut self, seq: i64) {
        self.seq = self.seq.max(seq);
    }

    /// The attempts that are dispatched and have no outcome, and whether each has a row.
    pub fn outstanding(&self, plan: &Plan) -> Vec<Outstanding> {
        let mut found: Vec<_> =
            self.waiting.iter().filter_map(|(path, id)| self.outstanding_at(plan, path, *id)).collect();
        found.sort_by(|a, b| (a.since, &a.dispatch.path).cmp(&(b.since, &b.dispatch.path)));
        found
    }

    fn outstanding_at(&self, plan: &Plan, path: &StepPath, id: FrameId) -> Option<Outstanding> {
        let frame = self.frames.get(id)?;
        let FrameKind::Step(run) = &frame.kind else { return None };
        let Phase::Dispatched { recorded, .. } = run.phase else { return None };
        let dispatch = dispatch_of(plan, frame.node, path.clone(), run)?;
        Some(Outstanding { dispatch, recorded, since: run.since })
    }

    /// The timers that are armed: all of them stand in rows too.
    pub fn timers(&self) -> Vec<Timer> {
        let mut timers = Vec::new();
        for (path, id) in &self.waiting {
            let Some(frame) = self.frames.get(*id) else { continue };
            if let Some((attempt, due)) = frame.wakes() {
                timers.push(Timer { due, target: TimerTarget::Step { path: path.clone(), attempt } });
            }
        }
        timers.extend(self.own_timer());
        timers.sort_by(|a, b| (a.due, &a.target).cmp(&(b.due, &b.target)));
        timers
    }

    /// The timer of the execution's own row.
    pub(super) fn own_timer(&self) -> Option<Timer> {
        match self.status {
            ExecutionStatus::Retrying => {
                let due = self.retry_at.into_iter().chain(self.deadline).min()?;
                Some(Timer { due, target: TimerTarget::Execution })
            }
            ExecutionStatus::Running => Some(Timer { due: self.deadline?, target: TimerTarget::Timeout }),
            _ => None,
        }
    }

    /// The child executions that are waited for.
    pub fn children(&self) -> Vec<ChildStart> {
        let mut found: Vec<_> = self.frames.iter().filter_map(|(_, frame)| frame.child().cloned()).collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// Whether the step at this path is at this attempt and has no outcome.
    pub fn awaits(&self, path: &StepPath, attempt: Attempt) -> bool {
        let frame = self.waiting.get(path).and_then(|id| self.frames.get(*id));
        frame.is_some_and(|frame| match &frame.kind {
            FrameKind::Step(run) => run.attempt == attempt && !matches!(run.phase, Phase::Backoff { .. }),
            _ => false,
        })
    }

    /// The events that are waited for.
    pub fn waits(&self, plan: &Plan) -> Vec<EventWait> {
        let mut found = Vec::new();
        for (path, id) in &self.waiting {
            if let Some(NodeKind::Wait(node)) = self.frames.get(*id).map(|frame| &plan.node(frame.node).kind) {
                found.push(EventWait { path: path.clone(), event: node.event.clone() });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// Whether nothing is outstanding: it waits for time, an event, a person or a child alone, and memory can do without it.
    pub fn is_idle(&self) -> bool {
        !self.frames.iter().any(|(_, frame)| match &frame.kind {
            FrameKind::Step(run) => matches!(run.phase, Phase::Dispatched { .. }),
            _ => false,
        })
    }

    /// Roughly how much memory it takes, in bytes.
    pub fn footprint(&self) -> usize {
        let bound: usize =
            self.scopes.iter().flat_map(|(_, scope)| scope.values.values()).map(Value::approx_bytes).sum();
        let looped: usize = self.frames.iter().map(|(_, frame)| frame.bytes()).sum();
        let undos = self.undos.bytes();
        let frames = self.frames.len() * size_of::<Frame>() + self.scopes.len() * size_of::<Bindings>();
        let kept = self.mailbox.footprint() + self.held.len() * size_of::<Work>();
        size_of::<Self>() + self.start.input.approx_bytes() + bound + looped + undos + frames + kept
    }
}

impl Frame {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { node: self.node, parent: self.parent, slot: self.slot, scope: self.scope }
    }

    /// The attempt and the time that this frame waits for.
    pub fn wakes(&self) -> Option<(Attempt, Timestamp)> {
        match &self.kind {
            FrameKind::Wait { attempt, due, .. } => Some((*attempt, *due)),
            FrameKind::Await(open) => Some((open.attempt, open.due?)),
            FrameKind::Step(run) => match &run.phase {
                Phase::Backoff { due, .. } | Phase::Child { due: Some(due), .. } => Some((run.attempt, *due)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The child execution that this frame waits for.
    pub fn child(&self) -> Option<&ChildStart> {
        match &self.kind {
            FrameKind::Step(run) => match &run.phase {
                Phase::Child { start, .. } => Some(start),
                _ => None,
            },
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        match &self.kind {
            FrameKind::Loop(looped) => looped.bytes + looped.items.iter().map(Value::approx_bytes).sum::<usize>(),
            FrameKind::Step(run) => run.config.approx_bytes(),
            FrameKind::Parallel(join) => join.blockers.len() * 4,
            _ => 0,
        }
    }
}

/// The task of a step's attempt.
pub(super) fn dispatch_of(plan: &Plan, node: NodeId, path: StepPath, run: &StepRun) -> Option<Dispatch> {
    let NodeKind::Step(step) = &plan.node(node).kind else { return None };
    let Action::Task { .. } = step.action else { return None };
    Some(Dispatch {
        path,
        attempt: run.attempt,
        task_type: step.task_type.clone(),
        queue: step.queue.clone(),
        config: run.config.clone(),
        timeout_ms: step.timeout_ms,
        priority: step.rarely.priority.unwrap_or(DEFAULT_PRIORITY),
        heartbeat_ms: step.rarely.heartbeat_ms,
        cache: run.cache.clone(),
        at_most_once: step.rarely.at_most_once,
        rate: step.rarely.rate.as_ref().map(|rate| Rate {
            name: rate.name.clone(),
            count: rate.count,
            per_ms: rate.per_ms,
        }),
    })
}
