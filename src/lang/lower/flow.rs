//! Statements to nodes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{Expr, Span};
use crate::lang::ast::{For, Policy, PolicyKind, Stmt, StmtKind};
use crate::plan::{ForNode, IfArm, JoinMode, NodeId, NodeKind, ParallelChild, Wake};

use super::Lowering;

impl Lowering<'_> {
    /// A block of statements under an id of its own.
    pub fn block(&mut self, id: Arc<str>, parent: Option<NodeId>, body: &[Stmt], span: Span) -> NodeId {
        let at = self.reserve(id, parent, span);
        let children = body.iter().filter_map(|statement| self.statement(statement, at)).collect();
        self.fill(at, NodeKind::Block { children });
        at
    }

    /// The node of a statement; `yield` and what is not run yet have none.
    fn statement(&mut self, statement: &Stmt, parent: NodeId) -> Option<NodeId> {
        let span = statement.span;
        let (id, kind) = match &statement.kind {
            StmtKind::Step(step) => return Some(self.step(step, parent, span)),
            StmtKind::For(each) => return Some(self.each(each, parent, span)),
            StmtKind::Parallel { children, .. } => return Some(self.parallel(children, parent, span)),
            StmtKind::If { arms, otherwise } => return Some(self.branches(arms, otherwise.as_deref(), parent, span)),
            StmtKind::Branch { name, body, .. } => {
                let id = self.ids.named(&name.value, "branch");
                return Some(self.block(id, Some(parent), body, span));
            }
            StmtKind::Let { name, value } => {
                let kind = NodeKind::Let { name: ident(&name.value), value: value.clone() };
                (self.ids.named(&name.value, "let"), kind)
            }
            StmtKind::Sleep(wait) => (self.ids.counted("sleep"), NodeKind::Sleep(Wake::After(wait.clone()))),
            StmtKind::SleepUntil(at) => (self.ids.counted("sleep"), NodeKind::Sleep(Wake::At(at.clone()))),
            StmtKind::Return(value) => (self.ids.counted("return"), NodeKind::Return { value: value.clone() }),
            StmtKind::Fail { message, code, cause } => {
                let kind = NodeKind::Fail { message: message.clone(), code: code.clone(), cause: cause.clone() };
                (self.ids.counted("fail"), kind)
            }
            StmtKind::Yield(_) | StmtKind::Unread { .. } => return None,
            _ => return None,
        };
        let at = self.reserve(id, Some(parent), span);
        self.fill(at, kind);
        Some(at)
    }

    fn each(&mut self, each: &For, parent: NodeId, span: Span) -> NodeId {
        let id = match &each.name {
            Some(name) => self.ids.named(&name.value, "for"),
            None => self.ids.counted("for"),
        };
        let at = self.reserve(id.clone(), Some(parent), span);
        let body = self.block(format!("{id}/body").into(), Some(at), &each.body, span);
        let yields = each.body.iter().find_map(|statement| match &statement.kind {
            StmtKind::Yield(value) => Some(value.clone()),
            _ => None,
        });
        let node = ForNode {
            name: each.name.as_ref().map(|name| ident(&name.value)),
            var: ident(&each.var.value),
            list: each.list.clone(),
            parallel: each.parallel.clone(),
            body,
            yields,
            keep_going: None,
        };
        self.fill(at, NodeKind::For(Box::new(node)));
        at
    }

    fn branches(
        &mut self,
        arms: &[(Expr, Vec<Stmt>)],
        otherwise: Option<&[Stmt]>,
        parent: NodeId,
        span: Span,
    ) -> NodeId {
        let id = self.ids.counted("if");
        let at = self.reserve(id.clone(), Some(parent), span);
        let mut taken = Vec::new();
        for (number, (condition, body)) in arms.iter().enumerate() {
            let block = self.block(format!("{id}/{}", number + 1).into(), Some(at), body, condition.span);
            taken.push(IfArm { condition: condition.clone(), block });
        }
        let otherwise = otherwise.map(|body| self.block(format!("{id}/else").into(), Some(at), body, span));
        self.fill(at, NodeKind::If { arms: taken, otherwise });
        at
    }

    fn parallel(&mut self, children: &[Stmt], parent: NodeId, span: Span) -> NodeId {
        let id = self.ids.counted("parallel");
        let at = self.reserve(id, Some(parent), span);
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
        self.fill(at, NodeKind::Parallel { children: nodes, mode: JoinMode::All });
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
