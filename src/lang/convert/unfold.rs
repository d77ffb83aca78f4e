//! A workflow of the flat notation as the language has it: `for_each` is a loop, `then` and `else` are conditions of the steps that
//! they name, and the output is said.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::expr::{Expr, ExprKind, Span};
use crate::lang::ast::{For, Name, Policy, PolicyKind, Spanned, Step, Stmt, StmtKind, Workflow};
use crate::lang::lower::Guards;
use crate::lang::statements::each_statement;

/// Makes of a flat workflow one of the language.
pub(super) fn unfold(workflow: &mut Workflow) {
    let mut unfolding = Unfolding::of(workflow);
    for statement in &mut workflow.body {
        unfolding.statement(statement);
    }
    let data = Expr::new(ExprKind::Name("data".into()), Span::default());
    workflow.body.push(Stmt { kind: StmtKind::Return(Some(data)), span: Span::default() });
    workflow.flat = false;
}

struct Unfolding {
    guards: Guards,
    /// Every name that is taken, as expressions write it.
    taken: HashSet<String>,
    /// The branches by the name of the step in them: what waits for the step waits for the branch.
    branches: HashMap<Arc<str>, Arc<str>>,
}

impl Unfolding {
    fn of(workflow: &Workflow) -> Self {
        let mut unfolding = Self { guards: Guards::of(workflow), taken: HashSet::new(), branches: HashMap::new() };
        each_statement(&workflow.body, &mut |statement| {
            if let StmtKind::Step(step) = &statement.kind {
                unfolding.taken.insert(ident(&step.name.value));
            }
        });
        each_statement(&workflow.body, &mut |statement| {
            if let StmtKind::Branch { name, .. } = &statement.kind {
                let branch = unfolding.fresh(&name.value, "branch");
                unfolding.branches.insert(name.value.clone(), branch);
            }
        });
        unfolding
    }

    /// A name that nothing has.
    fn fresh(&mut self, name: &str, what: &str) -> Arc<str> {
        let mut fresh = format!("{name}-{what}");
        let mut count = 1;
        while !self.taken.insert(ident(&fresh)) {
            count += 1;
            fresh = format!("{name}-{what}-{count}");
        }
        fresh.into()
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match &mut statement.kind {
            StmtKind::Step(step) => self.step(step),
            StmtKind::For(each) => self.each(each),
            StmtKind::Parallel { children, .. } => {
                children.iter_mut().for_each(|child| self.child(child));
            }
            _ => {}
        }
    }

    /// A child of the graph also waits for what decides over it.
    fn child(&mut self, child: &mut Stmt) {
        match &mut child.kind {
            StmtKind::Step(step) => {
                let waits = self.guards.waits(Some(&step.name.value));
                self.after(&mut step.policies, waits, step.name.span);
            }
            StmtKind::Branch { name, policies, body } => {
                let waits = self.guards.waits(Some(&name.value));
                self.after(policies, waits, name.span);
                if let Some(branch) = self.branches.get(&name.value) {
                    name.value = branch.clone();
                }
                body.iter_mut().for_each(|statement| self.statement(statement));
            }
            _ => {}
        }
        self.statement(child);
    }

    fn after(&self, policies: &mut Vec<Policy>, waits: Vec<Arc<str>>, span: Span) {
        let named = |name: &Arc<str>| self.branches.get(name).unwrap_or(name).clone();
        let at = policies.iter().position(|policy| matches!(policy.kind, PolicyKind::After(_)));
        let mut names = match at.map(|at| policies.remove(at).kind) {
            Some(PolicyKind::After(names)) => names,
            _ => Vec::new(),
        };
        names.extend(waits.into_iter().map(|value| Spanned { value, span }));
        names.iter_mut().for_each(|name| name.value = named(&name.value));
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.value.clone()));
        if !names.is_empty() {
            policies.push(policy("after", PolicyKind::After(names), span));
        }
    }

    /// A step runs where the `conditional`s that name it say so, and its own `when`.
    fn step(&self, step: &mut Step) {
        if &*step.task_type.value == "conditional" {
            step.config.retain(|attribute| !matches!(&*attribute.key.value, "then" | "else"));
        }
        let at = step.policies.iter().position(|policy| matches!(policy.kind, PolicyKind::When(_)));
        let own = match at.map(|at| step.policies.remove(at).kind) {
            Some(PolicyKind::When(condition)) => Some(condition),
            _ => None,
        };
        if let Some(when) = self.guards.apply(&step.name.value, own) {
            step.policies.push(policy("when", PolicyKind::When(when), step.name.span));
        }
    }

    /// In the language the step in the loop has a name of its own.
    fn each(&mut self, each: &mut For) {
        let Some(StmtKind::Step(step)) = each.body.first_mut().map(|statement| &mut statement.kind) else { return };
        self.step(step);
        let inner = self.fresh(&step.name.value, "item");
        let own = ident(&step.name.value);
        rename_in_undo(step, &own, &ident(&inner));
        step.name.value = inner.clone();
        if let Some(StmtKind::Yield(given)) = each.body.last_mut().map(|statement| &mut statement.kind) {
            *given = Expr::new(ExprKind::Name(ident(&inner).into()), given.span);
        }
    }
}

/// What undoes a step reads its output by its name.
pub(super) fn rename_in_undo(step: &mut Step, from: &str, to: &str) {
    for policy in &mut step.policies {
        if let PolicyKind::Undo(undo) = &mut policy.kind {
            undo.config.iter_mut().for_each(|attribute| rename(&mut attribute.value, from, to));
        }
    }
}

fn rename(expr: &mut Expr, from: &str, to: &str) {
    match &mut expr.kind {
        ExprKind::Name(name) if &**name == from => *name = to.into(),
        // A variable of that name is something else.
        ExprKind::Macro { list, var, .. } if &**var == from => rename(list, from, to),
        _ => expr.each_part_mut(&mut |part| rename(part, from, to)),
    }
}

fn policy(word: &str, kind: PolicyKind, span: Span) -> Policy {
    Policy { kind, keyword: Name { value: word.into(), span }, span }
}

/// The name as expressions write it.
pub(super) fn ident(name: &str) -> String {
    name.replace('-', "_")
}
