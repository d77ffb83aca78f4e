//! What a workflow is run with: what a test says, or what is made up from types.

use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, Map, Value};
use crate::lang::ast::Test;
use crate::plan::{NodeKind, WaitNode};
use crate::trial::case::{START, begin_of, schedule};
use crate::trial::library::{Known, Library};
use crate::trial::mocks::Mocks;
use crate::trial::names::{Names, value_of};
use crate::trial::synth;
use crate::trial::uses::{Uses, path_of};
use crate::trial::workers::Workers;
use crate::trial::world::{Begin, World};

/// What a workflow is run with.
pub(super) struct Scenario<'t> {
    workflow: &'t Known,
    test: Option<&'t Test>,
    /// What the execution starts from; none, where that does not fit.
    begin: Option<Begin>,
}

impl<'t> Scenario<'t> {
    /// What a test says.
    pub fn of_test(workflow: &'t Known, test: &'t Test) -> Self {
        Self { workflow, test: Some(test), begin: begin_of(workflow, test).ok() }
    }

    /// Everything made up.
    pub fn made_up(workflow: &'t Known) -> Self {
        let made_up = synth::settings_of(workflow);
        let input = workflow.admission.input(synth::input_of(workflow)).ok();
        let settings = workflow.admission.settings("what is made up", |name| made_up.get(name).cloned()).ok();
        let begin = input.zip(settings).map(|(input, settings)| Begin { at: START, input, settings, max_retries: 0 });
        Self { workflow, test: None, begin }
    }

    /// The test's name.
    pub fn name(&self) -> Option<Arc<str>> {
        self.test.map(|test| test.name.value.clone())
    }

    /// The mocks of the test; the outer none, where they can't be had.
    pub fn mocks(&self) -> Option<Option<Mocks<'t>>> {
        let begin = self.begin.as_ref()?;
        match self.test {
            Some(test) => Mocks::of(test, &begin.input, &begin.settings).ok().map(Some),
            None => Some(None),
        }
    }

    fn names(&self) -> Option<Names> {
        let begin = self.begin.as_ref()?;
        Some(Names(vec![("input", begin.input.clone()), ("settings", begin.settings.clone())]))
    }

    /// A world in which all that happens stands on the clock.
    pub fn world<'w>(&self, library: &'w Library, workers: &'w mut dyn Workers) -> Option<World<'w>>
    where
        't: 'w,
    {
        let (begin, names) = (self.begin.clone()?, self.names()?);
        let mut world = World::new(library, self.workflow, workers, begin);
        match self.test {
            Some(test) => schedule(&mut world, test, &names).ok()?,
            None => self.send_all(&mut world, &names),
        }
        Some(world)
    }

    /// Sends an event for each `wait`, made up so that it is taken.
    fn send_all(&self, world: &mut World<'_>, names: &Names) {
        let uses = Uses::of(&self.workflow.plan);
        for node in &self.workflow.plan.nodes {
            if let NodeKind::Wait(wait) = &node.kind {
                world.send(0, wait.event.clone(), event_for(wait, &uses, names));
            }
        }
    }
}

/// The data of an event that a `wait` takes, as far as that can be told beforehand.
fn event_for(wait: &WaitNode, uses: &Uses, names: &Names) -> Value {
    let read = synth::value_of(&crate::expr::Type::Any, uses.field(&wait.name), &wait.name);
    let mut data = match read {
        Value::Map(map) => (*map).clone(),
        _ => Map::new(),
    };
    wait.condition.iter().for_each(|condition| agree(condition, names, &mut data));
    Value::map(data)
}

/// Sets the fields of an event that a condition compares with something known.
fn agree(condition: &Expr, names: &Names, data: &mut Map) {
    let ExprKind::Binary { op, left, right } = &condition.kind else { return };
    if *op == BinaryOp::And {
        agree(left, names, data);
        return agree(right, names, data);
    }
    for (field, other) in [(left, right), (right, left)] {
        let path = path_of(field).filter(|path| path.len() == 2 && &*path[0] == "event");
        if let (Some(path), Ok(value), BinaryOp::Eq) = (path, value_of(other, names), op) {
            data.insert(path[1].clone(), value);
        }
    }
}
