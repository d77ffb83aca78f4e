//! `parallel`: children all at once, and the graph that `after` draws between them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::expr::Value;
use crate::lang::ast::{Name, ParallelMode, PolicyKind, Stmt, StmtKind};
use crate::lang::constant::constant_value;
use crate::lang::lower::{child_name, child_policies};
use crate::lang::statements::each_statement;
use crate::lang::{Diagnostic, MAX_STEPS};

use super::Checker;
use super::codes::{BAD_COUNT, CYCLE, MISPLACED_STATEMENT, TOO_MANY_STEPS, UNKNOWN_AFTER};
use super::graph::{Reach, cycles, ordered};
use super::policy::Owner;
use super::statement::End;
use super::words::ident;

/// Why a step of a race may have no value.
const IN_RACE: &str = "only what won has a value";

impl Checker<'_> {
    /// Checks a `parallel`; the steps of its children are known after it, those of one that is a race where they won.
    pub fn parallel(&mut self, mode: &ParallelMode, children: &[Stmt]) -> Option<End> {
        self.mode(mode, children.len());
        let (order, reach) = if self.too_many(children) { None } else { self.order(children) }.unzip();
        let names = children.iter().map(|child| child_name(child).unwrap_or_default().into()).collect();
        self.scopes.enter_parallel(members(children), names, reach);
        let order = order.unwrap_or_else(|| (0..children.len()).collect());
        let mut ends = None;
        for at in order {
            self.scopes.at_child(at);
            ends = ends.or(self.child(&children[at]));
        }
        let steps = self.scopes.leave();
        match mode {
            ParallelMode::All => self.bind_all(steps),
            ParallelMode::First(span) | ParallelMode::Any { span, .. } => self.bind_maybe(steps, (*span, IN_RACE)),
        }
        ends.filter(|_| matches!(mode, ParallelMode::All))
    }

    /// The order in which the children are checked, and what each waits for; none where some wait for each other.
    fn order(&mut self, children: &[Stmt]) -> Option<(Vec<usize>, Reach)> {
        let places: HashMap<&str, usize> =
            children.iter().enumerate().filter_map(|(at, child)| Some((child_name(child)?, at))).collect();
        let mut edges: Vec<Vec<usize>> = Vec::new();
        for (at, child) in children.iter().enumerate() {
            edges.push(self.edges(at, child, &places));
        }
        self.decisions(children, &places, &mut edges);
        let order = ordered(&edges);
        if order.len() < children.len() {
            self.tell_cycles(children, &edges, &order);
            return None;
        }
        let reach = Reach::of(&edges, &order);
        Some((order, reach))
    }

    /// What each child waits for takes memory by the square of their number.
    fn too_many(&mut self, children: &[Stmt]) -> bool {
        let Some(past) = children.get(MAX_STEPS) else { return false };
        // Of too many steps it is told already.
        if self.declared.steps.len() <= MAX_STEPS {
            let message = format!("a `parallel` may have {MAX_STEPS} children, and this is one more");
            self.tell(Diagnostic::error(TOO_MANY_STEPS, message, past.span).help("put some of them into a branch"));
        }
        true
    }

    /// How many children must win.
    fn mode(&mut self, mode: &ParallelMode, children: usize) {
        let ParallelMode::Any { count, .. } = mode else { return };
        self.value(count);
        match constant_value(count) {
            Some(Value::Int(wanted)) if usize::try_from(wanted).is_ok_and(|wanted| wanted > children) => {
                let message = format!("`any {wanted} of` {children} can't be");
                self.tell(Diagnostic::error(BAD_COUNT, message, count.span).help("each child wins once at most"));
            }
            _ => self.positive(count, "the number of winners"),
        }
        self.no_secret(count, "the record of a decision");
    }

    fn child(&mut self, child: &Stmt) -> Option<End> {
        match &child.kind {
            StmtKind::Step(step) => {
                self.step(step);
                None
            }
            StmtKind::Branch { policies, body, .. } => {
                self.policies(policies, Owner::Branch);
                let block = self.block(body);
                self.bind_all(block.steps);
                block.ends
            }
            StmtKind::Unread { .. } => None,
            _ => {
                let error =
                    Diagnostic::error(MISPLACED_STATEMENT, "a child of `parallel` is a step or a branch", child.span);
                self.tell(error.help("put it into `branch NAME { … }`"));
                let block = self.block(std::slice::from_ref(child));
                self.bind_all(block.steps);
                block.ends
            }
        }
    }

    /// What a child waits for, each once.
    fn edges(&mut self, at: usize, child: &Stmt, places: &HashMap<&str, usize>) -> Vec<usize> {
        let mut found = Vec::new();
        for policy in child_policies(child) {
            let PolicyKind::After(names) = &policy.kind else { continue };
            for name in names {
                match places.get(&*name.value) {
                    Some(other) if *other == at => {
                        let message = format!("`{}` can't wait for itself", name.value);
                        self.error(CYCLE, message, name.span);
                    }
                    Some(other) if !found.contains(other) => found.push(*other),
                    Some(_) => {}
                    None => self.unknown_after(name, at, places),
                }
            }
        }
        found
    }

    fn unknown_after(&mut self, name: &Name, at: usize, places: &HashMap<&str, usize>) {
        let word = &*name.value;
        if let Some(declaration) = self.declared.written(word) {
            let message = format!("`{word}` is not beside this in the `parallel`");
            let error = Diagnostic::error(UNKNOWN_AFTER, message, name.span);
            self.tell(error.also(declaration.name.span, "it is here"));
            return;
        }
        let mut siblings: Vec<(usize, &str)> = places.iter().map(|(name, place)| (*place, *name)).collect();
        siblings.sort_unstable();
        let known = siblings.into_iter().filter(|(place, _)| *place != at).map(|(_, name)| name);
        let error = Diagnostic::error(UNKNOWN_AFTER, format!("unknown step `{word}`"), name.span);
        self.unknown(error, word, known);
    }

    fn tell_cycles(&mut self, children: &[Stmt], edges: &[Vec<usize>], order: &[usize]) {
        for cycle in cycles(edges, order) {
            let names: Vec<String> =
                cycle.iter().map(|at| format!("`{}`", child_name(&children[*at]).unwrap_or_default())).collect();
            let Some(first) = names.first() else { continue };
            let message = format!("{}, which waits for {first}", names.join(" waits for "));
            let message = message.replacen(", which waits for", " waits for", usize::from(names.len() == 1));
            let Some(span) = cycle.first().and_then(|at| after_span(&children[*at])) else { continue };
            self.tell(Diagnostic::error(CYCLE, message, span).help("steps that wait for each other never start"));
        }
    }
}

/// Where a child says what it waits for.
fn after_span(child: &Stmt) -> Option<crate::expr::Span> {
    let policies = child_policies(child);
    let after = policies.iter().find(|policy| matches!(policy.kind, PolicyKind::After(_))).map(|policy| policy.span);
    Some(after.unwrap_or(child.span))
}

/// The names that each child gives to those after it.
fn members(children: &[Stmt]) -> HashMap<String, usize> {
    let mut members = HashMap::new();
    let mut add = |name: &Arc<str>, at: usize| {
        members.entry(ident(name)).or_insert(at);
    };
    for (at, child) in children.iter().enumerate() {
        let mut inner = HashSet::new();
        each_statement(std::slice::from_ref(child), &mut |statement: &Stmt| {
            if let StmtKind::For(each) = &statement.kind {
                each_statement(&each.body, &mut |hidden| {
                    if let Some(name) = lasting(hidden) {
                        inner.insert(name.span);
                    }
                });
                // The list of a flat step's loop is known after it by the step's name.
                if let Some(name) = &each.name {
                    add(&name.value, at);
                }
            }
            if let Some(name) = lasting(statement).filter(|name| !inner.contains(&name.span)) {
                add(&name.value, at);
            }
        });
    }
    members
}

/// The name of a statement that is known after the block that it stands in.
fn lasting(statement: &Stmt) -> Option<&Name> {
    match &statement.kind {
        StmtKind::Step(step) => Some(&step.name),
        StmtKind::Wait(wait) => Some(&wait.name),
        StmtKind::Approve(approve) => Some(&approve.name),
        _ => None,
    }
}
