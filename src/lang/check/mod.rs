//! The checker: every mistake of a syntax tree at once, in the order of the text.
//!
//! Invariants: one mistake is one diagnostic (what is said of a name's declaration is not said again of its uses, and a step
//! whose type is unknown is not checked for its configuration), and a tree without errors lowers to a plan.
//!
//! `declared` knows every name of a workflow, `scope` which of them are known where, `expr` reads expressions and what is
//! known of their types, `fit` compares these with what is wanted; `statement`, `parallel`, `step` and `policy` walk.

pub mod codes;
mod declared;
mod expr;
mod field;
mod fit;
mod functions;
mod graph;
mod parallel;
mod policy;
mod scope;
mod statement;
mod step;
mod target;
mod words;
mod workflow;

pub(super) use fit::must_be_there;

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{Span, Type};
use crate::plan::TaskTypes;

use super::ast::{File, Workflow};
use super::{CompileOptions, Diagnostic, MAX_DIAGNOSTICS};
use declared::Declared;
use scope::Scopes;

/// Checks a file. `task_types` are those that are known beside the ones that the file declares.
pub fn check(file: &File, task_types: &TaskTypes, options: &CompileOptions<'_>) -> Vec<Diagnostic> {
    let known = super::compile::with_declared(task_types, file);
    let mut diagnostics = Vec::new();
    twice(
        file.workflows.iter().map(|workflow| (&workflow.name.value, workflow.name.span)),
        "workflow",
        &mut diagnostics,
    );
    twice(file.tasks.iter().map(|task| (&task.name.value, task.name.span)), "task", &mut diagnostics);
    for workflow in &file.workflows {
        let mut checker = Checker::new(workflow, &known, options.strict);
        checker.workflow();
        diagnostics.append(&mut checker.diagnostics);
    }
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

/// The check of one workflow.
struct Checker<'a> {
    workflow: &'a Workflow,
    types: &'a TaskTypes,
    declared: Declared<'a>,
    scopes: Scopes,
    /// The variables of macros and of operations, innermost last.
    locals: Vec<(Arc<str>, Arc<Type>)>,
    /// What `input` and `settings` are.
    input: Arc<Type>,
    settings: Arc<Type>,
    /// Whether types alone are asked for, and nothing is told.
    quiet: bool,
    /// Whether each place that needs a type, and has none, is told of.
    strict: bool,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn new(workflow: &'a Workflow, types: &'a TaskTypes, strict: bool) -> Self {
        Self {
            workflow,
            types,
            declared: Declared::of(workflow),
            scopes: Scopes::default(),
            locals: Vec::new(),
            input: expr::input_type(workflow),
            settings: expr::fields_type(&workflow.settings),
            quiet: false,
            strict,
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
