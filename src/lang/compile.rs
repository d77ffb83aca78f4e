//! The whole way from text to plans.

use std::sync::Arc;

use crate::expr::{ObjectType, Span, Type};
use crate::plan::{Plan, Runs, TaskDefaults, TaskType, TaskTypes};

use super::ast::{File, TaskDecl};
use super::check::codes::{NO_WORKFLOW, TOO_MANY_TYPES, UNUSED};
use super::source::too_large;
use super::{Diagnostic, MAX_DIAGNOSTICS, MAX_SOURCE_BYTES, Notation, Source, check, lower, parse_flow, parse_toml};

/// How large the types of what task types give may be in all plans of a file, as JSON. A schema that many workflows use is in
/// each of their plans.
const MAX_OUTPUT_TYPES: usize = 4 * 1024 * 1024;

/// What a source compiles to.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The plans of its workflows, in order; none at all where there is an error.
    pub plans: Vec<Arc<Plan>>,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compiled {
    /// Whether there is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// How a source is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompileOptions<'a> {
    /// Whether each place that needs a type, and has none, is told of too.
    pub strict: bool,
    /// The files beside this one: its tests and its `workflow` steps may name their workflows.
    pub beside: &'a [File],
}

/// Compiles a source: parses, checks and lowers it. Never fails and never panics: what is wrong is in the diagnostics.
pub fn compile(source: &Source, task_types: &TaskTypes) -> Compiled {
    compile_with(source, task_types, &CompileOptions::default())
}

/// The same, as `options` say.
pub fn compile_with(source: &Source, task_types: &TaskTypes, options: &CompileOptions<'_>) -> Compiled {
    if source.text.len() > MAX_SOURCE_BYTES {
        return Compiled { plans: Vec::new(), diagnostics: vec![too_large(source.text.len())] };
    }
    let (file, mut diagnostics) = match source.notation {
        Notation::Flow => parse_flow(source),
        Notation::Toml => parse_toml(source),
    };
    if file.workflows.is_empty() && file.tests.is_empty() && diagnostics.is_empty() {
        diagnostics.push(no_workflow());
    }
    diagnostics.append(&mut check(&file, task_types, options));
    if diagnostics.iter().any(Diagnostic::is_error) {
        // What is wrong may be what does not read it.
        diagnostics.retain(|diagnostic| diagnostic.code != UNUSED);
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    shorten(&mut diagnostics);
    let mut compiled = Compiled { plans: Vec::new(), diagnostics };
    if !compiled.has_errors() {
        match plans(&file, &with_declared(task_types, &file)) {
            Ok(plans) => compiled.plans = plans,
            Err(error) => compiled.diagnostics.push(*error),
        }
    }
    compiled
}

/// The plans of a file without errors.
fn plans(file: &File, known: &TaskTypes) -> Result<Vec<Arc<Plan>>, Box<Diagnostic>> {
    let mut left = MAX_OUTPUT_TYPES;
    let mut plans = Vec::with_capacity(file.workflows.len());
    for workflow in &file.workflows {
        let plan = lower(workflow, known);
        for (task_type, output) in &plan.task_outputs {
            let size = serde_json::to_string(output).map_or(0, |json| json.len());
            left = left.checked_sub(size).ok_or_else(|| Box::new(too_many_types(&plan, task_type)))?;
        }
        plans.push(Arc::new(plan));
    }
    Ok(plans)
}

/// The plans would say too much of what task types give.
fn too_many_types(plan: &Plan, task_type: &str) -> Diagnostic {
    let steps = || plan.steps().filter(|(_, step)| &*step.task_type == task_type);
    let at = steps().find(|(_, step)| step.output.is_none()).map(|(at, _)| plan.node(at).span);
    let most = MAX_OUTPUT_TYPES / 1024 / 1024;
    let message =
        format!("what the task types of its steps give takes more than {most} MiB to say, with `{task_type}`");
    let error = Diagnostic::error(TOO_MANY_TYPES, message, at.unwrap_or_default());
    error.help("split the file, or say in the `output` of the steps what is needed of it")
}

/// Keeps the first diagnostics, an error among them if there is one.
fn shorten(diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.len() > MAX_DIAGNOSTICS {
        let error = diagnostics.iter().position(Diagnostic::is_error);
        diagnostics.swap(MAX_DIAGNOSTICS - 1, error.unwrap_or_default().max(MAX_DIAGNOSTICS - 1));
        diagnostics.truncate(MAX_DIAGNOSTICS);
    }
}

fn no_workflow() -> Diagnostic {
    Diagnostic::error(NO_WORKFLOW, "there is no workflow here", Span::default()).help("write `workflow name { … }`")
}

/// The task types with those that the file declares itself. What it says of one that is registered holds for it, so that a
/// check gives the same with and without a server; that the two agree is the checker's to see. What is built in stays.
pub fn with_declared(task_types: &TaskTypes, file: &File) -> TaskTypes {
    let mut known = task_types.clone();
    for declared in &file.tasks {
        match task_types.get(&declared.name.value) {
            None => known.insert(declared_type(declared)),
            Some(registered) if registered.runs == Runs::Remote => {
                let description = registered.description.clone();
                let defaults = registered.defaults.clone();
                known.insert(TaskType { description, defaults, ..declared_type(declared) });
            }
            Some(_) => {}
        }
    }
    known
}

/// What a declaration says.
pub(super) fn declared_type(declared: &TaskDecl) -> TaskType {
    let config = match declared.config.as_ref().map(|config| &config.value) {
        Some(Type::Object(object)) => object.clone(),
        Some(_) => ObjectType { fields: Vec::new(), open: true },
        None => ObjectType::default(),
    };
    TaskType {
        name: declared.name.value.clone(),
        description: "declared in the source".into(),
        config,
        output: declared.output.as_ref().map_or(Type::Any, |output| output.value.clone()),
        runs: Runs::Remote,
        defaults: TaskDefaults::default(),
    }
}
