//! The engine's runs against what the model predicts.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell::engine::{Control, StepError};
use stepwell::expr::{Timestamp, Value};
use stepwell::plan::{ApproveNode, TaskTypes};
use stepwell::trial::{Begin, Ending, Library, Reply, Task, Trouble, Word, Workers, World};

use crate::sim::rng::Rng;

use super::grow::{grow, grow_in_a_row};
use super::meaning::{Out, Prediction, predict};
use super::plans::plan_of;
use super::script::{What, attempted, signals, undone, word};
use super::tree::Workflow;

/// Workers that do as the script says, and keep what they were asked.
struct Scripted {
    seed: u64,
    sent: BTreeMap<String, u32>,
    undone: Vec<(String, bool)>,
}

impl Workers for Scripted {
    fn task(&mut self, task: &Task<'_>) -> Result<Reply, Box<Trouble>> {
        let path = task.path.as_str();
        *self.sent.entry(path.to_owned()).or_default() += 1;
        if task.undo.is_some() {
            let (after_ms, works) = undone(self.seed, path);
            self.undone.push((path.replace(".undo", ""), works));
            let ending = match works {
                true => Ending::Gives(Value::Null),
                false => Ending::Fails(StepError::fatal("STUCK", "the undo fails")),
            };
            return Ok(Reply { after_ms, ending });
        }
        let attempted = attempted(self.seed, path, task.attempt);
        let ending = match attempted.what {
            What::Gives(value) => Ending::Gives(Value::Int(value)),
            What::Fails { code, retryable } => {
                Ending::Fails(StepError { retryable, ..StepError::fatal(code, "as the script says") })
            }
            What::TimesOut => Ending::TimesOut,
            What::Lost => Ending::Lost,
        };
        Ok(Reply { after_ms: attempted.after_ms, ending })
    }

    fn word(&mut self, name: &str, _approve: &ApproveNode) -> Result<Option<Word>, Box<Trouble>> {
        let word = word(self.seed, name);
        Ok(word.map(|(after_ms, approved)| Word { after_ms, approved, form: Value::Null, reason: None }))
    }
}

/// What is done with a run that the workflow does not tell of.
#[derive(Clone, Copy, Debug, Default)]
struct Handling {
    /// Whether its state is thrown away after each event.
    crashes: bool,
    /// When it is paused, and when it is resumed.
    pause: Option<(u64, u64)>,
    /// How many execution retries it has.
    retries: u32,
}

/// What the engine came to, in the words of the model.
#[derive(Debug, PartialEq)]
struct Came {
    status: String,
    code: Option<String>,
    output: Value,
    sent: BTreeMap<String, u32>,
    undone: Vec<(String, bool)>,
    compensation: &'static str,
    ended_at: u64,
}

fn run(workflow: &Workflow, names: &[String], handling: Handling) -> Result<Came, String> {
    let mut library = Library::default();
    library.insert(Arc::new(plan_of(workflow, names)), &TaskTypes::default())?;
    let known = library.get("random").unwrap();
    let mut workers = Scripted { seed: workflow.seed, sent: BTreeMap::new(), undone: Vec::new() };
    let empty = Value::object::<&str>([]);
    let begin = Begin { at: Timestamp(0), input: empty.clone(), settings: empty, max_retries: handling.retries };
    let mut world = World::new(&library, known, &mut workers, begin);
    if handling.crashes {
        world = world.crashing();
    }
    for name in &workflow.waits {
        for (at, number) in signals(workflow.seed, name) {
            let (id, name) = (format!("{name}-{at}").into(), name.as_str().into());
            world.ask(at, Control::Signal { id, name, data: Value::Int(number) });
        }
    }
    if let Some((pause, resume)) = handling.pause {
        world.ask(pause, Control::Pause);
        world.ask(resume, Control::Resume);
    }
    if let Some(cancel) = workflow.cancel {
        world.ask(cancel, Control::Cancel { reason: "the script says so".into(), undo: true });
    }
    world.run();
    if let Some(broken) = world.broken() {
        return Err(broken.to_owned());
    }
    let life = world.root();
    let (status, error) = (life.status(), life.state.error());
    let code = error.filter(|_| status.as_str() == "failed").map(|error| error.code.to_string());
    let ended = life.ended_at.ok_or_else(|| format!("it has not ended, and is {status}"))?;
    let came = (status.as_str().to_owned(), code, life.state.output().cloned().unwrap_or_default());
    let (compensation, ended_at) = (life.compensation.as_str(), ended.since_ms(Timestamp(0)));
    drop(world);
    let (sent, undone) = (workers.sent, workers.undone);
    Ok(Came { status: came.0, code: came.1, output: normal(&came.2), sent, undone, compensation, ended_at })
}

/// An output in which an error is its code alone.
fn normal(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::list(items.iter().map(normal).collect()),
        Value::Map(map) => match map.get("error").and_then(|error| error.get("code")) {
            Some(code) => Value::object([("error", code.clone())]),
            None => Value::object(map.iter().map(|(key, value)| (key.clone(), normal(value)))),
        },
        other => other.clone(),
    }
}

fn value_of(out: &Out) -> Value {
    match out {
        Out::Null => Value::Null,
        Out::Int(int) => Value::Int(*int),
        Out::List(items) => Value::list(items.iter().map(value_of).collect()),
        Out::Ok(value) => Value::object([("ok", value_of(value)), ("error", Value::Null)]),
        Out::Error(code) => Value::object([("error", Value::str(code.as_str()))]),
    }
}

/// The names that are bound at the end of the whole.
fn names_at_end(prediction: &Prediction) -> Vec<String> {
    prediction.bound.keys().filter(|name| !name.contains('[')).cloned().collect()
}

fn predicted(prediction: &Prediction, names: &[String]) -> Came {
    let output = match (prediction.status, prediction.returned) {
        ("completed", Some(value)) => Value::Int(value),
        ("completed", None) => {
            Value::object(names.iter().map(|name| (name.as_str(), value_of(&prediction.bound[name]))))
        }
        _ => Value::Null,
    };
    Came {
        status: prediction.status.to_owned(),
        code: prediction.code.clone(),
        output,
        sent: prediction.sent.clone(),
        undone: prediction.undone.clone(),
        compensation: prediction.compensation,
        ended_at: prediction.ended_at,
    }
}

/// What differs between a run and its prediction; nothing, where they agree.
fn disagreement(workflow: &Workflow, crashes: bool) -> Option<String> {
    let prediction = predict(workflow);
    let names = names_at_end(&prediction);
    let mut came = match run(workflow, &names, Handling { crashes, ..Handling::default() }) {
        Ok(came) => came,
        Err(broken) => return Some(broken),
    };
    let mut wanted = predicted(&prediction, &names);
    if let Some(order) = wrong_order(&prediction, &came.undone) {
        return Some(order);
    }
    // What was kept at one moment is undone in no order that is told.
    came.undone.sort();
    wanted.undone.sort();
    (came != wanted).then(|| format!("the engine came to {came:#?}\nand the model to {wanted:#?}"))
}

/// What is undone at the end is undone newest first.
fn wrong_order(prediction: &Prediction, undone: &[(String, bool)]) -> Option<String> {
    let kept: BTreeMap<&str, u64> = prediction.at_end.iter().map(|(at, path)| (&**path, *at)).collect();
    let last = &undone[undone.len().checked_sub(kept.len())?..];
    let times: Vec<Option<&u64>> = last.iter().map(|(path, _)| kept.get(&**path)).collect();
    let falling = times.windows(2).all(|pair| pair[0] >= pair[1]);
    (!falling).then(|| format!("undone out of order: {last:?}, kept at {kept:?}"))
}

/// Looks for a workflow on which engine and model disagree, the small ones first; gives how many ended how.
fn check(sizes: impl Iterator<Item = usize>, seeds: u64, crashes: bool) -> BTreeMap<&'static str, usize> {
    let mut ends = BTreeMap::new();
    for size in sizes {
        for seed in 0..seeds {
            let workflow = grow(seed.wrapping_mul(1_000_003) + size as u64, size);
            if let Some(told) = disagreement(&workflow, crashes) {
                panic!("size {size}, seed {seed}: {workflow:#?}\n{told}");
            }
            let prediction = predict(&workflow);
            *ends.entry(prediction.status).or_default() += 1;
            *ends.entry(prediction.compensation).or_default() += 1;
        }
    }
    ends
}

#[test]
fn the_engine_does_what_the_model_says() {
    let ends = check((1..=61).step_by(4), 150, false);
    // All kinds of end are among them.
    for end in ["completed", "failed", "cancelled", "done"] {
        assert!(ends[end] > 100, "{ends:?}");
    }
}

#[test]
fn and_after_a_crash_at_every_event() {
    check((1..=31).step_by(5), 40, true);
}

/// A pause somewhere in the run, and some execution retries.
fn handled(seed: u64) -> Handling {
    let rng = Rng::new(seed);
    let pause = rng.below(4_000_000_000);
    let pause = (pause, pause + 1 + rng.below(3_000_000_000));
    Handling { crashes: false, pause: rng.chance(700).then_some(pause), retries: u32::try_from(rng.below(4)).unwrap() }
}

#[test]
fn a_pause_changes_nothing_but_times_where_one_thing_happens_after_the_other() {
    let mut later = 0;
    for size in (1..=41).step_by(5) {
        for seed in 0..60 {
            let workflow = grow_in_a_row(seed * 1_000_003 + size as u64, size);
            let prediction = predict(&workflow);
            let names = names_at_end(&prediction);
            let wanted = predicted(&prediction, &names);
            let pause = handled(seed).pause;
            let came = run(&workflow, &names, Handling { crashes: seed % 2 == 0, pause, retries: 0 });
            let came = came.unwrap_or_else(|broken| panic!("size {size}, seed {seed}: {broken}\n{workflow:#?}"));
            assert!(came.ended_at >= wanted.ended_at, "size {size}, seed {seed}: {pause:?} {workflow:#?}");
            later += usize::from(came.ended_at > wanted.ended_at);
            let came = Came { ended_at: wanted.ended_at, ..came };
            assert_eq!(came, wanted, "size {size}, seed {seed}, paused {pause:?}: {workflow:#?}");
        }
    }
    assert!(later > 100, "only {later} of the runs were held up by their pause");
}

#[test]
fn what_is_paused_and_retried_comes_to_the_same_after_a_crash_at_every_event() {
    let (mut ended, mut retried) = (0, 0);
    for size in (1..=31).step_by(5) {
        for seed in 0..40 {
            let workflow = grow(seed * 1_000_003 + size as u64, size);
            let handling = handled(seed ^ 0xABCD);
            let straight = run(&workflow, &[], handling);
            let crashed = run(&workflow, &[], Handling { crashes: true, ..handling });
            assert_eq!(straight, crashed, "size {size}, seed {seed}, {handling:?}: {workflow:#?}");
            ended += usize::from(straight.is_ok());
            let plain = run(&workflow, &[], Handling { retries: 0, ..handling });
            retried += usize::from(plain.ok().map(|came| came.sent) != straight.ok().map(|came| came.sent));
        }
    }
    assert!(ended > 200 && retried > 40, "{ended} ended, {retried} were retried");
}
