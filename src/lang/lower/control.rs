//! Statements with blocks to nodes: loops, choices and `try`.

use std::sync::Arc;

use crate::expr::Expr;
use crate::lang::ast::{For, Match, Repeat, Stmt, StmtKind, Try};
use crate::plan::{CatchArm, ForNode, IfArm, KeepGoing, MatchArm, MatchNode, NodeId, NodeKind, RepeatNode, TryNode};

use super::Lowering;
use super::flow::{Place, ident};

impl Lowering<'_> {
    /// `for`.
    pub fn each(&mut self, each: &For, place: Place) -> NodeId {
        let id = match &each.name {
            Some(name) => self.ids.named(&name.value, "for"),
            None => self.ids.counted("for"),
        };
        let at = self.reserve(id.clone(), Some(place.parent), place.span);
        let body = self.inner(&id, "body", at, &each.body, place.span);
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
            keep_going: each.keep_going.as_ref().map(|keep| KeepGoing { max: keep.max.clone() }),
        };
        self.fill(at, NodeKind::For(Box::new(node)));
        at
    }

    /// `if`.
    pub fn branches(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: Option<&[Stmt]>, place: Place) -> NodeId {
        let id = self.ids.counted("if");
        let at = self.reserve(id.clone(), Some(place.parent), place.span);
        let mut taken = Vec::new();
        for (number, (condition, body)) in arms.iter().enumerate() {
            let block = self.inner(&id, number + 1, at, body, condition.span);
            taken.push(IfArm { condition: condition.clone(), block });
        }
        let otherwise = otherwise.map(|body| self.inner(&id, "else", at, body, place.span));
        self.fill(at, NodeKind::If { arms: taken, otherwise });
        at
    }

    /// `match`.
    pub fn matching(&mut self, matched: &Match, place: Place) -> NodeId {
        let id = self.ids.counted("match");
        let at = self.reserve(id.clone(), Some(place.parent), place.span);
        let mut arms = Vec::new();
        for (number, arm) in matched.arms.iter().enumerate() {
            let block = self.inner(&id, number + 1, at, &arm.body, arm.span);
            arms.push(MatchArm { patterns: arm.patterns.clone(), block });
        }
        let otherwise = matched.otherwise.as_deref().map(|body| self.inner(&id, "else", at, body, place.span));
        self.fill(at, NodeKind::Match(Box::new(MatchNode { subject: matched.subject.clone(), arms, otherwise })));
        at
    }

    /// `repeat`.
    pub fn repeat(&mut self, repeat: &Repeat, place: Place) -> NodeId {
        let id = self.ids.counted("repeat");
        let at = self.reserve(id.clone(), Some(place.parent), place.span);
        let body = self.inner(&id, "body", at, &repeat.body, place.span);
        let node =
            RepeatNode { every: repeat.every.clone(), max: repeat.max.clone(), until: repeat.until.clone(), body };
        self.fill(at, NodeKind::Repeat(Box::new(node)));
        at
    }

    /// `try`.
    pub fn attempt(&mut self, tried: &Try, place: Place) -> NodeId {
        let id = self.ids.counted("try");
        let at = self.reserve(id.clone(), Some(place.parent), place.span);
        let body = self.inner(&id, "body", at, &tried.body, place.span);
        let mut catches = Vec::new();
        for (number, catch) in tried.catches.iter().enumerate() {
            let block = self.inner(&id, format_args!("catch-{}", number + 1), at, &catch.body, catch.span);
            let name = ident(&catch.name.value);
            catches.push(CatchArm { name, condition: catch.condition.clone(), block });
        }
        let finally = tried.finally.as_deref().map(|body| self.inner(&id, "finally", at, body, place.span));
        self.fill(at, NodeKind::Try(Box::new(TryNode { body, catches, finally })));
        at
    }

    /// A block of the statement `id`: its id is `id/part`.
    fn inner(
        &mut self,
        id: &Arc<str>,
        part: impl std::fmt::Display,
        parent: NodeId,
        body: &[Stmt],
        span: crate::expr::Span,
    ) -> NodeId {
        self.block(format!("{id}/{part}").into(), Some(parent), body, span)
    }
}
