//! Random workflows and random histories: what must hold, whatever is written and whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stepwell::engine::{Compensation, Event, ExecutionStatus, StepError, StepStatus};
use stepwell::ids::StepPath;
use stepwell::lang::Notation;

use super::world::{World, echo, plan_of};

/// Writes a workflow as its choices say. The body of each `try` begins with `let tN`, its `finally` with `let fN`.
struct Writer<'a> {
    choices: std::slice::Iter<'a, u8>,
    count: usize,
    compensates: bool,
}

impl Writer<'_> {
    fn choose(&mut self, of: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % of)
    }

    fn name(&mut self, letter: &str) -> String {
        self.count += 1;
        format!("{letter}{}", self.count)
    }

    fn block(&mut self, depth: u32, in_finally: bool) -> String {
        let statements = 1 + self.choose(3);
        (0..statements).map(|_| self.statement(depth, in_finally)).collect::<Vec<_>>().join("\n")
    }

    fn statement(&mut self, depth: u32, in_finally: bool) -> String {
        match self.choose(if depth == 0 { 5 } else { 13 }) {
            0 | 1 => self.step(),
            2 => format!("let {} = 1", self.name("l")),
            3 if !in_finally && self.choose(4) == 0 => "if execution.attempt > 0 { return 1 }".to_owned(),
            3 => "sleep 1s".to_owned(),
            4 if self.choose(4) == 0 => "if execution.attempt > 0 { fail \"no\" code \"NO\" }".to_owned(),
            4 => self.step(),
            5..=7 => self.protect(depth - 1, in_finally),
            8 => self.parallel("parallel", 2, depth - 1, in_finally),
            9 => self.parallel("parallel first", 3, depth - 1, in_finally),
            10 => self.parallel("parallel any 2 of", 3, depth - 1, in_finally),
            11 => {
                let until = ["true", "false"][usize::from(self.choose(2))];
                format!("repeat every 1s max 2 until {until} {{\n{}\n}}", self.block(depth - 1, in_finally))
            }
            _ => {
                let keeps = ["", " keep going", " keep going max 1"][usize::from(self.choose(3))];
                let body = self.block(depth - 1, in_finally);
                format!("for {} in [1, 2] parallel 2{keeps} {{\n{body}\n}}", self.name("x"))
            }
        }
    }

    fn step(&mut self) -> String {
        let retry = ["", "\nretry 1 backoff 1s"][usize::from(self.choose(2))];
        let undo = ["", "\nundo work { }"][usize::from(self.choose(2))];
        format!("step {}: work {{ n = 1{retry}{undo} }}", self.name("s"))
    }

    fn parallel(&mut self, head: &str, branches: usize, depth: u32, in_finally: bool) -> String {
        let mut text = format!("{head} {{\n");
        for _ in 0..branches {
            let name = self.name("b");
            text += &format!("branch {name} {{\n{}\n}}\n", self.block(depth, in_finally));
        }
        text + "}"
    }

    fn protect(&mut self, depth: u32, in_finally: bool) -> String {
        let n = self.name("");
        let mut text = format!("try {{\nlet t{n} = 1\n{}\n}}", self.block(depth, in_finally));
        let kind = self.choose(4);
        if kind != 1 {
            let condition = ["", "if error.code == \"NO\" "][usize::from(self.choose(2))];
            let compensate = ["", "compensate\n"][usize::from(self.choose(2))];
            self.compensates |= !compensate.is_empty();
            text += &format!(" catch error {condition}{{\n{compensate}{}\n}}", self.block(depth, in_finally));
        }
        if kind != 0 {
            text += &format!(" finally {{\nlet f{n} = 1\n{}\n}}", self.block(depth, true));
        } else {
            text = text.replace(&format!("let t{n} = 1\n"), "");
        }
        text
    }
}

/// One thing that happens; which, and to whom, as the choices say.
fn happen(world: &mut World, what: u8, whom: u8) {
    if world.status() == ExecutionStatus::Paused && whom.is_multiple_of(4) {
        world.apply(Event::Resume).unwrap();
        return;
    }
    let mut outstanding = world.state.outstanding(&world.plan);
    outstanding.sort_by(|a, b| a.dispatch.path.cmp(&b.dispatch.path));
    let target = outstanding.get(usize::from(whom) % outstanding.len().max(1)).map(|one| &one.dispatch);
    let Some(target) = target else { return ring(world) };
    let (path, attempt) = (target.path.clone(), target.attempt);
    let result = match what % 16 {
        0..=7 => echo(target),
        8 | 9 => Err(StepError::fatal("NO", "no")),
        10 => Err(StepError::fatal("BAD", "bad")),
        11 => Err(StepError::retryable("BUSY", "later")),
        12 => Err(StepError { unknown: true, ..StepError::fatal("TIMEOUT", "too long") }),
        13 => {
            world.apply(Event::Lost { path, attempt }).unwrap();
            return;
        }
        14 => return ring(world),
        _ => {
            if whom < 64 {
                world.apply(Event::Cancel { reason: "enough".into(), undo: whom < 48 }).unwrap();
            } else if whom < 160 && world.status() != ExecutionStatus::Paused {
                world.apply(Event::Pause).unwrap();
            } else {
                let claimed_at = world.now;
                world.apply(Event::Running { path, attempt, claimed_at }).unwrap();
            }
            return;
        }
    };
    world.outcome(&path, attempt, result).unwrap();
}

/// Rings the next timer; of an execution that is paused they ring in vain, and so it goes on.
fn ring(world: &mut World) {
    if world.status() == ExecutionStatus::Paused {
        world.apply(Event::Resume).unwrap();
    } else {
        world.ring();
    }
}

fn live(text: &str, script: &[(u8, u8)], max_retries: u32, forgetful: bool) -> World {
    let world = World::new(plan_of(Notation::Flow, text), "{}", max_retries);
    let mut world = World::started(if forgetful { world.forgetful() } else { world });
    for (what, whom) in script {
        if world.status().is_terminal() {
            break;
        }
        happen(&mut world, *what, *whom);
    }
    to_the_end(&mut world, text);
    world
}

/// Answers and rings until it ends.
fn to_the_end(world: &mut World, text: &str) {
    while !world.status().is_terminal() {
        let paused = world.status() == ExecutionStatus::Paused && world.apply(Event::Resume).is_ok();
        let story = world.story();
        assert!(paused || world.answer(echo) || world.ring(), "it waits for nothing: {story:?} of\n{text}");
    }
}

/// What the rows say, without when.
fn told(world: &World) -> BTreeMap<(StepPath, u32), (StepStatus, Option<String>)> {
    let code = |error: &StepError| format!("{} {}", error.code, error.unknown);
    world.rows.iter().map(|(key, row)| (key.clone(), (row.status, row.error.as_ref().map(code)))).collect()
}

/// The paths that completed, each with how often.
fn completed(world: &World) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for row in world.rows.values().filter(|row| row.status == StepStatus::Completed) {
        *found.entry(row.path.to_string()).or_default() += 1;
    }
    found
}

fn split(path: &str) -> (&str, &str) {
    path.split_at(path.find('[').unwrap_or(path.len()))
}

/// Every `finally` whose `try` began has run, once.
fn check_finally(world: &World, text: &str) {
    let completed = completed(world);
    for path in completed.keys().filter(|path| path.starts_with('t')) {
        let (name, suffix) = split(path);
        let finally = format!("f{}{suffix}", &name[1..]);
        assert_eq!(completed.get(&finally), Some(&1), "`{finally}` of {:?} of\n{text}", world.story());
    }
}

/// What has an undo is undone once at most; and where the execution undid, it undid all that completed.
fn check_undos(world: &World, text: &str, undoes: bool) {
    let completed = completed(world);
    for (path, times) in completed.iter().filter(|(path, _)| path.contains(".undo")) {
        assert_eq!(*times, 1, "`{path}` of {:?} of\n{text}", world.story());
    }
    for path in completed.keys().filter(|path| path.starts_with('s') && !path.contains(".undo")) {
        let (name, suffix) = split(path);
        let has = world.plan.steps().any(|(_, step)| &*step.name == name && step.undo.is_some());
        let undone = completed.contains_key(&format!("{name}.undo{suffix}"));
        assert!(!undoes || undone == has, "`{path}` of {:?} of\n{text}", world.story());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_happens_a_recovery_goes_the_same_way_and_every_promise_is_kept(
        choices in proptest::collection::vec(any::<u8>(), 0..120),
        script in proptest::collection::vec(any::<(u8, u8)>(), 0..60),
        max_retries in 0u32..2,
    ) {
        let mut writer = Writer { choices: choices.iter(), count: 0, compensates: false };
        let text = format!("workflow w {{\n{}\n}}", writer.block(3, false));
        let compensates = writer.compensates;
        let mut kept = live(&text, &script, max_retries, false);
        let mut made_again = live(&text, &script, max_retries, true);
        prop_assert_eq!(told(&kept), told(&made_again), "{}", text);
        for world in [&mut kept, &mut made_again] {
            prop_assert!(world.state.is_idle() && world.state.timers().is_empty(), "{}", text);
            check_finally(world, &text);
            let unwound = world.status() == ExecutionStatus::Failed && world.apply(Event::Retry).is_err();
            check_undos(world, &text, unwound && world.state.compensation() != Compensation::Failed);
            if world.status() == ExecutionStatus::Completed && !compensates {
                prop_assert_eq!(world.state.compensation(), Compensation::None, "{}", text);
            }
            if world.status() == ExecutionStatus::Running {
                // The retry by hand goes on from where it failed, and comes to an end.
                to_the_end(world, &text);
                check_finally(world, &text);
            }
            while world.state.compensation() == Compensation::Failed && world.status() != ExecutionStatus::Completed {
                let ended = world.status();
                world.apply(Event::RetryUndo).unwrap();
                to_the_end(world, &text);
                prop_assert_eq!(world.status(), ended, "{}", text);
                check_undos(world, &text, ended == ExecutionStatus::Failed);
            }
        }
    }
}
