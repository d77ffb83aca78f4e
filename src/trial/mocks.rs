//! What a test says of the world outside: mocks answer attempts, and people decide.

use std::collections::HashMap;

use crate::engine::StepError;
use crate::expr::{EvalError, Expr, Value};
use crate::lang::ast::{Answer, Mock, Test, TestKind};
use crate::plan::ApproveNode;

use super::library::items_of;
use super::names::{Names, count, duration_ms, text, value_of};
use super::response::completed;
use super::synth::example_of;
use super::workers::{Ending, Reply, Task, Trouble, Word, Workers};

/// The mocks and the decisions of a test.
pub(super) struct Mocks<'t> {
    groups: Vec<Group<'t>>,
    people: HashMap<&'t str, Sequence<Decision<'t>>>,
    /// `input` and `settings`.
    given: Names,
}

/// The mocks of a step, or of some of its items, or of its undo. They answer one after the other.
struct Group<'t> {
    step: &'t str,
    undo: bool,
    items: Vec<usize>,
    answers: Sequence<Ready<'t>>,
}

/// A mock, with what does not depend on the attempt worked out.
struct Ready<'t> {
    mock: &'t Mock,
    after_ms: u64,
    times: Option<u32>,
}

struct Decision<'t> {
    approved: bool,
    with: Option<&'t Expr>,
    after_ms: u64,
}

/// What comes one after the other; the last goes on.
struct Sequence<T> {
    all: Vec<T>,
    at: usize,
    used: u32,
}

impl<T> Sequence<T> {
    fn new() -> Self {
        Self { all: Vec::new(), at: 0, used: 0 }
    }

    /// The next; each is used as often as `times` says, or once, but the last without a number goes on.
    fn next(&mut self, times: impl Fn(&T) -> Option<u32>) -> Option<&T> {
        let current = self.all.get(self.at)?;
        let last = self.at + 1 == self.all.len();
        let most = times(current).or((!last).then_some(1));
        if most.is_some_and(|most| self.used >= most) {
            self.at += 1;
            self.used = 0;
            return self.next(times);
        }
        self.used += 1;
        self.all.get(self.at)
    }
}

impl<'t> Mocks<'t> {
    /// The mocks of a test, for an execution that is given this.
    ///
    /// # Errors
    /// What has no value, or is none of the kind that is wanted there.
    pub fn of(test: &'t Test, input: &Value, settings: &Value) -> Result<Self, EvalError> {
        let given = Names(vec![("input", input.clone()), ("settings", settings.clone())]);
        let mut mocks = Self { groups: Vec::new(), people: HashMap::new(), given };
        for entry in &test.entries {
            match &entry.kind {
                TestKind::Mock(mock) => mocks.add(mock)?,
                TestKind::Decide { name, approved, with, after } => {
                    let after_ms = mocks.duration(after.as_ref())?;
                    let decision = Decision { approved: *approved, with: with.as_ref(), after_ms };
                    mocks.people.entry(&name.value).or_insert_with(Sequence::new).all.push(decision);
                }
                _ => {}
            }
        }
        Ok(mocks)
    }

    fn add(&mut self, mock: &'t Mock) -> Result<(), EvalError> {
        let items = mock.items.iter().map(|item| count(item, &self.given).map(|item| item as usize));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let times = mock.times.as_ref().map(|times| count(times, &self.given)).transpose()?;
        let ready = Ready { mock, after_ms: self.duration(mock.after.as_ref())?, times };
        let step = &*mock.step.value;
        let same = |group: &&mut Group<'_>| group.step == step && group.undo == mock.undo && group.items == items;
        match self.groups.iter_mut().find(same) {
            Some(group) => group.answers.all.push(ready),
            None => {
                let answers = Sequence { all: vec![ready], at: 0, used: 0 };
                self.groups.push(Group { step, undo: mock.undo, items, answers });
            }
        }
        Ok(())
    }

    fn duration(&self, after: Option<&Expr>) -> Result<u64, EvalError> {
        after.map_or(Ok(0), |after| duration_ms(after, &self.given))
    }

    /// The mocks that are for this attempt: those that name its item, before those that name none.
    fn group_of(&mut self, task: &Task<'_>) -> Option<&mut Group<'t>> {
        let items = items_of(task.path.as_str());
        let fits = |group: &&mut Group<'_>| {
            group.step == &*task.step.name && group.undo == task.undo.is_some() && items.starts_with(&group.items)
        };
        self.groups.iter_mut().filter(fits).max_by_key(|group| group.items.len())
    }

    /// Whether a mock is for this step, or for its undo.
    pub fn knows(&self, step: &str, undo: bool) -> bool {
        self.groups.iter().any(|group| group.step == step && group.undo == undo)
    }
}

impl Workers for Mocks<'_> {
    fn task(&mut self, task: &Task<'_>) -> Result<Reply, Box<Trouble>> {
        let mut names = self.given.clone();
        let Some(group) = self.group_of(task) else {
            return if task.may_run { Ok(Ending::Runs.now()) } else { Err(Box::new(unanswered(task, false))) };
        };
        let Some(ready) = group.answers.next(|ready| ready.times) else {
            return Err(Box::new(unanswered(task, true)));
        };
        names.0.push(("config", task.config.clone()));
        names.0.push(("attempt", Value::Int(task.attempt.into())));
        let ending = ending_of(&ready.mock.answer, task, &names).map_err(|error| Box::new(broken(error)))?;
        Ok(Reply { after_ms: ready.after_ms, ending })
    }

    fn word(&mut self, name: &str, _approve: &ApproveNode) -> Result<Option<Word>, Box<Trouble>> {
        let Some(decisions) = self.people.get_mut(name) else { return Ok(None) };
        let Some(decision) = decisions.next(|_| None) else { return Ok(None) };
        let with = decision.with.map(|with| value_of(with, &self.given)).transpose();
        let with = with.map_err(|error| Box::new(broken(error)))?;
        let (approved, after_ms) = (decision.approved, decision.after_ms);
        let (form, reason) = match with {
            Some(form) if approved => (form, None),
            Some(Value::Str(reason)) => (Value::Null, Some(reason.to_string())),
            _ => (Value::Null, None),
        };
        Ok(Some(Word { after_ms, approved, form, reason }))
    }
}

fn ending_of(answer: &Answer, task: &Task<'_>, names: &Names) -> Result<Ending, EvalError> {
    let task_type = &task.undo.unwrap_or(task.step).task_type;
    Ok(match answer {
        Answer::Gives(output) => Ending::Gives(completed(task_type, value_of(output, names)?)),
        Answer::Fails { code, message, status, fatal } => {
            let message = message.as_ref().map_or_else(|| Ok("mocked".to_owned()), |message| text(message, names))?;
            let status = status.as_ref().map(|status| count(status, names)).transpose()?;
            let error = StepError::retryable(&text(code, names)?, message);
            let status = status.and_then(|status| u16::try_from(status).ok());
            Ending::Fails(StepError { retryable: !fatal, status, ..error })
        }
        Answer::TimesOut => Ending::TimesOut,
        Answer::Lost => Ending::Lost,
    })
}

fn broken(error: EvalError) -> Trouble {
    Trouble::Broken { message: error.message, span: error.span }
}

/// The trouble of an attempt that nothing answers.
pub(super) fn unanswered(task: &Task<'_>, used_up: bool) -> Trouble {
    Trouble::Unanswered {
        step: task.step.name.to_string(),
        task_type: task.undo.unwrap_or(task.step).task_type.to_string(),
        path: task.path.clone(),
        attempt: task.attempt,
        undo: task.undo.is_some(),
        used_up,
        example: example_of(task),
    }
}
