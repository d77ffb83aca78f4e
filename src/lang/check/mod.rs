//! The checker: every mistake of a syntax tree at once, in the order of the text.
//!
//! Invariants: one mistake is one diagnostic (what is said of a name's declaration is not said again of its uses, and a step
//! whose type is unknown is not checked for its configuration); of what is not known nothing is said; and a tree without errors
//! lowers to a plan.
//!
//! `declared` knows every name of a workflow, `scope` which of them are known where, and `narrow` what conditions say of them.
//! `algebra` puts types together; `expr` and what it calls (`access`, `operator`, `call`, `literal`, `names`) give each
//! expression its type, and `fit` and `null` compare it with what is wanted. `statement` and its kin (`branch`, `loops`,
//! `attempt`, `parallel`, `wait`, `step`, `policy`) walk a workflow in the order in which it runs; `trigger` and `scenario`
//! check what starts and what tests it; `secret`, `always` and `unused` look for what is wrong though it fits.

mod access;
mod agreement;
mod algebra;
mod always;
mod attempt;
mod branch;
mod call;
mod child;
pub mod codes;
mod declared;
mod expr;
mod fit;
mod functions;
mod graph;
mod key;
mod literal;
mod loops;
mod names;
mod narrow;
mod null;
mod operator;
mod parallel;
mod policy;
mod rare;
mod retry;
mod scenario;
mod scope;
mod secret;
#[cfg(test)]
mod soundness;
mod statement;
mod step;
mod target;
mod timezone;
mod trigger;
mod undo;
mod unused;
mod wait;
mod words;
mod workflow;
mod written;

pub(super) use fit::must_be_there;

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{Span, Type};
use crate::plan::TaskTypes;

use super::ast::{File, Workflow};
use super::lower::Guards;
use super::{CompileOptions, Diagnostic, MAX_DIAGNOSTICS};
use attempt::Place;
use declared::Declared;
use names::Roots;
use narrow::Facts;
use scope::Scopes;
use unused::Used;

/// Checks a file. `task_types` are those that are known beside the ones that the file declares; where it declares one of them,
/// the two must agree.
pub fn check(file: &File, task_types: &TaskTypes, options: &CompileOptions<'_>) -> Vec<Diagnostic> {
    let known = super::compile::with_declared(task_types, file);
    let mut diagnostics = Vec::new();
    twice(
        file.workflows.iter().map(|workflow| (&workflow.name.value, workflow.name.span)),
        "workflow",
        &mut diagnostics,
    );
    twice(file.tasks.iter().map(|task| (&task.name.value, task.name.span)), "task", &mut diagnostics);
    twice(file.tests.iter().map(|test| (&test.name.value, test.name.span)), "test", &mut diagnostics);
    agreement::declarations(file, task_types, &mut diagnostics);
    trigger::webhooks_twice(file, &mut diagnostics);
    let around = Surroundings {
        strict: options.strict,
        workflows: file.workflows.iter().chain(options.beside.iter().flat_map(|file| &file.workflows)).collect(),
    };
    for workflow in &file.workflows {
        let mut checker = Checker::new(workflow, &known, &around);
        checker.workflow();
        diagnostics.append(&mut checker.diagnostics);
    }
    scenario::tests(file, &known, &around, &mut diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    diagnostics
}

/// Tells of names that stand twice.
fn twice<'a>(names: impl Iterator<Item = (&'a Arc<str>, Span)>, what: &str, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&Arc<str>, Span> = HashMap::new();
    for (name, span) in names {
        if let Some(first) = seen.get(name) {
            let error = Diagnostic::error(codes::DUPLICATE_NAME, format!("the {what} `{name}` is there twice"), span);
            diagnostics.push(error.also(*first, "first here"));
        } else {
            seen.insert(name, span);
        }
    }
}

/// What is known beside a workflow, and how it is checked.
struct Surroundings<'a> {
    /// Whether each place that needs a type, and has none, is told of.
    strict: bool,
    /// The workflows of the file and of those beside it.
    workflows: Vec<&'a Workflow>,
}

/// The check of one workflow.
struct Checker<'a> {
    workflow: &'a Workflow,
    types: &'a TaskTypes,
    workflows: &'a [&'a Workflow],
    declared: Declared<'a>,
    /// Which steps a `conditional` decides over.
    guards: Guards,
    scopes: Scopes,
    facts: Facts,
    /// The names that are known wherever an expression stands.
    roots: Roots,
    /// The variables of macros, and of a moment (`error`, `event`, `item`), innermost last.
    locals: Vec<(Arc<str>, Arc<Type>)>,
    /// What each step gives.
    outputs: HashMap<Arc<str>, Arc<Type>>,
    used: Used,
    place: Place,
    /// Whether types alone are asked for, and nothing is told.
    quiet: bool,
    strict: bool,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn new(workflow: &'a Workflow, types: &'a TaskTypes, around: &'a Surroundings<'a>) -> Self {
        Self {
            workflow,
            types,
            workflows: &around.workflows,
            declared: Declared::of(workflow),
            guards: Guards::of(workflow),
            scopes: Scopes::default(),
            facts: Facts::default(),
            roots: Roots::of(workflow),
            locals: Vec::new(),
            outputs: HashMap::new(),
            used: Used::default(),
            place: Place::default(),
            quiet: false,
            strict: around.strict,
            diagnostics: Vec::new(),
        }
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        let room = self.diagnostics.len() < MAX_DIAGNOSTICS;
        // However many warnings there are, an error is an error.
        let first = || diagnostic.is_error() && !self.diagnostics.iter().any(Diagnostic::is_error);
        if !self.quiet && (room || first()) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.tell(Diagnostic::error(code, message, span));
    }
}
