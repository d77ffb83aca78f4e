//! Statements to nodes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::Span;
use crate::lang::ast::{ParallelMode, Policy, PolicyKind, Stmt, StmtKind};
use crate::plan::{ApproveNode, JoinMode, NodeId, NodeKind, ParallelChild, WaitNode, Wake};

use super::Lowering;

/// Where a node stands: in what, and where it was written.
#[derive(Clone, Copy)]
pub struct Place {
    /// The node around it.
    pub parent: NodeId,
    /// The place in the source.
    pub span: Span,
}

impl Lowering<'_> {
    /// A block of statements under an id of its own.
    pub fn block(&mut self, id: Arc<str>, parent: Option<NodeId>, body: &[Stmt], span: Span) -> NodeId {
        let at = self.reserve(id, parent, span);
        let children = body.iter().filter_map(|statement| self.statement(statement, at)).collect();
        self.fill(at, NodeKind::Block { children });
        at
    }

    /// The node of a statement; `yield`, and what could not be read, have none.
    fn statement(&mut self, statement: &Stmt, parent: NodeId) -> Option<NodeId> {
        let span = statement.span;
        let place = Place { parent, span };
        Some(match &statement.kind {
            StmtKind::Step(step) => self.step(step, place),
            StmtKind::For(each) => self.each(each, place),
            StmtKind::Parallel { mode, children } => self.parallel(mode, children, place),
            StmtKind::If { arms, otherwise } => self.branches(arms, otherwise.as_deref(), place),
            StmtKind::Match(matched) => self.matching(matched, place),
            StmtKind::Repeat(repeat) => self.repeat(repeat, place),
            StmtKind::Try(tried) => self.attempt(tried, place),
            StmtKind::Branch { name, body, .. } => {
                let id = self.ids.named(&name.value, "branch");
                self.block(id, Some(parent), body, span)
            }
            StmtKind::Yield(_) | StmtKind::Unread { .. } => return None,
            simple => {
                let (id, kind) = self.simple(simple)?;
                let at = self.reserve(id, Some(parent), span);
                self.fill(at, kind);
                at
            }
        })
    }

    /// A statement without a block.
    fn simple(&mut self, statement: &StmtKind) -> Option<(Arc<str>, NodeKind)> {
        Some(match statement {
            StmtKind::Let { name, value } => {
                let kind = NodeKind::Let { name: ident(&name.value), value: value.clone() };
                (self.ids.named(&name.value, "let"), kind)
            }
            StmtKind::Wait(wait) => {
                let node = WaitNode {
                    name: ident(&wait.name.value),
                    event: wait.event.value.clone(),
                    condition: wait.condition.clone(),
                    timeout: wait.timeout.clone(),
                };
                (self.ids.named(&wait.name.value, "wait"), NodeKind::Wait(Box::new(node)))
            }
            StmtKind::Approve(approve) => {
                let node = ApproveNode {
                    name: ident(&approve.name.value),
                    group: approve.group.value.clone(),
                    form: approve.form.as_ref().map(|form| form.value.clone()),
                    timeout: approve.timeout.clone(),
                };
                (self.ids.named(&approve.name.value, "approve"), NodeKind::Approve(Box::new(node)))
            }
            StmtKind::Sleep(wait) => (self.ids.counted("sleep"), NodeKind::Sleep(Wake::After(wait.clone()))),
            StmtKind::SleepUntil(at) => (self.ids.counted("sleep"), NodeKind::Sleep(Wake::At(at.clone()))),
            StmtKind::Return(value) => (self.ids.counted("return"), NodeKind::Return { value: value.clone() }),
            StmtKind::Fail { message, code, cause } => {
                let kind = NodeKind::Fail { message: message.clone(), code: code.clone(), cause: cause.clone() };
                (self.ids.counted("fail"), kind)
            }
            StmtKind::Compensate => (self.ids.counted("compensate"), NodeKind::Compensate),
            _ => return None,
        })
    }

    fn parallel(&mut self, mode: &ParallelMode, children: &[Stmt], place: Place) -> NodeId {
        let id = self.ids.counted("parallel");
        let at = self.reserve(id, Some(place.parent), place.span);
        let places: HashMap<&str, usize> =
            children.iter().enumerate().filter_map(|(place, child)| Some((child_name(child)?, place))).collect();
        let mut nodes = Vec::new();
        for (place, child) in children.iter().enumerate() {
            let Some(node) = self.statement(child, at) else { continue };
            let mut after: Vec<u32> = child_after(child)
                .filter_map(|name| places.get(name))
                .chain(self.guards.waits(child_name(child)).iter().filter_map(|name| places.get(&**name)))
                .filter(|other| **other != place)
                .filter_map(|other| u32::try_from(*other).ok())
                .collect();
            after.sort_unstable();
            after.dedup();
            nodes.push(ParallelChild { node, after });
        }
        let mode = match mode {
            ParallelMode::All => JoinMode::All,
            ParallelMode::First(_) => JoinMode::First,
            ParallelMode::Any { count, .. } => JoinMode::Any(count.clone()),
        };
        self.fill(at, NodeKind::Parallel { children: nodes, mode });
        at
    }
}

/// The name by which a child of `parallel` is waited for.
pub fn child_name(child: &Stmt) -> Option<&str> {
    match &child.kind {
        StmtKind::Step(step) => Some(&step.name.value),
        StmtKind::Branch { name, .. } => Some(&name.value),
        _ => None,
    }
}

/// The policies of a child of `parallel`.
pub fn child_policies(child: &Stmt) -> &[Policy] {
    match &child.kind {
        StmtKind::Step(step) => &step.policies,
        StmtKind::Branch { policies, .. } => policies,
        _ => &[],
    }
}

/// The names that a child of `parallel` waits for.
fn child_after(child: &Stmt) -> impl Iterator<Item = &str> {
    let names = child_policies(child).iter().filter_map(|policy| match &policy.kind {
        PolicyKind::After(names) => Some(names),
        _ => None,
    });
    names.flatten().map(|name| &*name.value)
}

/// A name as expressions write it.
pub fn ident(name: &Arc<str>) -> Arc<str> {
    if name.contains('-') { name.replace('-', "_").into() } else { name.clone() }
}
