//! Whether a file of the language fits the flat notation: one workflow whose steps run in order, or as one graph.

use std::borrow::Cow;
use std::sync::Arc;

use crate::expr::{Expr, ExprKind, Span};
use crate::lang::ast::{File, For, ParallelMode, PolicyKind, Step, Stmt, StmtKind, Workflow};

use super::Misfit;
use super::unfold::{ident, rename_in_undo};

/// What the flat notation calls the item of a loop.
const ITEM: &str = "item";

/// A workflow that fits.
pub(super) struct Flat<'a> {
    pub workflow: &'a Workflow,
    pub steps: Vec<FlatStep<'a>>,
    /// Whether the steps are a graph, though none of them waits for another.
    pub unordered: bool,
}

/// A step that fits.
pub(super) struct FlatStep<'a> {
    pub name: &'a Arc<str>,
    pub step: Cow<'a, Step>,
    /// The loop that it is alone in.
    pub each: Option<&'a For>,
    /// What it waits for, by the names of steps.
    pub after: Option<Vec<Arc<str>>>,
    pub span: Span,
}

/// The file as the flat notation has it.
pub(super) fn flat(file: &File) -> Result<Flat<'_>, Misfit> {
    let workflow = match &file.workflows[..] {
        [workflow] => workflow,
        [_, second, ..] => return Err(Misfit::new(second.name.span, "a file in the flat notation holds one workflow")),
        [] => return Err(Misfit::new(Span::default(), "there is no workflow here")),
    };
    if let Some(task) = file.tasks.first() {
        return Err(Misfit::new(task.name.span, "types of tasks can't be declared in the flat notation"));
    }
    if let Some(test) = file.tests.first() {
        return Err(Misfit::new(test.name.span, "the flat notation has no tests")
            .help("move it to a file of its own, `NAME.test.flow`"));
    }
    let (body, returned) = match workflow.body.split_last() {
        Some((Stmt { kind: StmtKind::Return(Some(value)), .. }, body)) if is_name(value, "data") => (body, true),
        _ => (&workflow.body[..], false),
    };
    let flat = statements(workflow, body)?;
    if !returned {
        let message = "it does not end with `return data`, and a workflow in the flat notation gives its `data`";
        return Err(Misfit::new(workflow.name.span, message).help("end it with `return data`"));
    }
    Ok(flat)
}

fn statements<'a>(workflow: &'a Workflow, body: &'a [Stmt]) -> Result<Flat<'a>, Misfit> {
    if let [Stmt { kind: StmtKind::Parallel { mode: ParallelMode::All, children }, .. }] = body {
        let branches: Vec<(&Arc<str>, &Arc<str>)> = children.iter().filter_map(branch).collect();
        let steps = children.iter().map(|child| graph_step(child, &branches)).collect::<Result<Vec<_>, _>>()?;
        let unordered = steps.iter().all(|step| step.after.is_none());
        return Ok(Flat { workflow, steps, unordered });
    }
    let steps = body.iter().map(step).collect::<Result<Vec<_>, _>>()?;
    Ok(Flat { workflow, steps, unordered: false })
}

/// A branch around a loop alone: its name, and the loop's, by which it is waited for.
fn branch(child: &Stmt) -> Option<(&Arc<str>, &Arc<str>)> {
    let StmtKind::Branch { name, body, .. } = &child.kind else { return None };
    match &body[..] {
        [Stmt { kind: StmtKind::For(each), .. }] => Some((&name.value, &each.name.as_ref()?.value)),
        _ => None,
    }
}

fn graph_step<'a>(child: &'a Stmt, branches: &[(&Arc<str>, &Arc<str>)]) -> Result<FlatStep<'a>, Misfit> {
    let (mut flat, policies) = match &child.kind {
        StmtKind::Branch { policies, body, .. } => match &body[..] {
            [only] if matches!(only.kind, StmtKind::For(_)) => (step(only)?, &policies[..]),
            _ => {
                let message = "a `branch` has no place in the flat notation, unless it holds a loop and nothing else";
                return Err(Misfit::new(child.span, message));
            }
        },
        StmtKind::Step(inner) => (step(child)?, &inner.policies[..]),
        _ => return Err(unfit(child)),
    };
    let renamed =
        |name: &Arc<str>| branches.iter().find(|(branch, _)| *branch == name).map_or(name, |(_, step)| *step).clone();
    flat.after = policies.iter().find_map(|policy| match &policy.kind {
        PolicyKind::After(names) => Some(names.iter().map(|name| renamed(&name.value)).collect()),
        _ => None,
    });
    Ok(flat)
}

fn step(statement: &Stmt) -> Result<FlatStep<'_>, Misfit> {
    let span = statement.span;
    match &statement.kind {
        StmtKind::Step(step) => {
            Ok(FlatStep { name: &step.name.value, step: Cow::Borrowed(step), each: None, after: None, span })
        }
        StmtKind::For(each) => {
            let loops = |message: &str, help: &str| Err(Misfit::new(span, message).help(help));
            let (Some(name), [Stmt { kind: StmtKind::Step(step), .. }, Stmt { kind: StmtKind::Yield(given), .. }]) =
                (&each.name, &each.body[..])
            else {
                return loops(
                    "a loop has no place in the flat notation, unless it is `let` and holds one step and its `yield`",
                    "`for_each` is a step for each item, and gives the list of its outputs",
                );
            };
            if !is_name(given, &ident(&step.name.value)) {
                return loops(
                    "`for_each` of the flat notation gives the outputs of its step, and this `yield`s something else",
                    "yield the step itself",
                );
            }
            if &*each.var.value != ITEM {
                return loops("`for_each` of the flat notation calls its item `item`", "call the variable `item`");
            }
            Ok(FlatStep { name: &name.value, step: alone(step, &name.value), each: Some(each), after: None, span })
        }
        _ => Err(unfit(statement)),
    }
}

/// The step of a loop, which the flat notation calls what the loop is called: its undo reads its output by that name.
fn alone<'a>(step: &'a Step, name: &str) -> Cow<'a, Step> {
    let mut renamed = step.clone();
    rename_in_undo(&mut renamed, &ident(&step.name.value), &ident(name));
    Cow::Owned(renamed)
}

fn no_place(word: &str, span: Span) -> Misfit {
    Misfit::new(span, format!("`{word}` has no place in the flat notation"))
}

fn unfit(statement: &Stmt) -> Misfit {
    let word = match &statement.kind {
        StmtKind::Step(_) => "step",
        StmtKind::Let { .. } => "let",
        StmtKind::For(_) => "for",
        StmtKind::Parallel { .. } => "parallel",
        StmtKind::Branch { .. } => "branch",
        StmtKind::If { .. } => "if",
        StmtKind::Match(_) => "match",
        StmtKind::Repeat(_) => "repeat",
        StmtKind::Try(_) => "try",
        StmtKind::Compensate => "compensate",
        StmtKind::Wait(_) => "wait",
        StmtKind::Approve(_) => "approve",
        StmtKind::Sleep(_) | StmtKind::SleepUntil(_) => "sleep",
        StmtKind::Yield(_) => "yield",
        StmtKind::Return(_) => "return",
        StmtKind::Fail { .. } => "fail",
        StmtKind::Unread { .. } => "this",
    };
    let misfit = no_place(word, statement.span);
    match word {
        "if" => misfit.help("a step with `when` has its condition"),
        "sleep" => misfit.help("a step of type `delay` waits"),
        "parallel" => misfit.help("a workflow that is one `parallel` and nothing else fits"),
        "return" => misfit.help("a workflow in the flat notation gives its `data`: `return data` at its end"),
        _ => misfit,
    }
}

fn is_name(expr: &Expr, name: &str) -> bool {
    matches!(&expr.kind, ExprKind::Name(found) if &**found == name)
}
