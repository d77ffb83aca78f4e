//! What conditions say of names: where one holds, a value is not null, or is one of some words.
//!
//! Invariant: facts are a stack. What is learnt inside a block or an operand is forgotten at its end.

use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, Type, UnaryOp, Value};

use super::Checker;
use super::algebra::{may_be_null, members, union, without_null};
use super::key::{key, negated, path, root};

/// Something that is known where an expression stands.
#[derive(Clone, Debug)]
enum Fact {
    /// The condition of this key holds.
    Holds(String),
    /// The value at a path.
    Value(String, Narrowing),
    /// Another value has this name from here on.
    Hides(Arc<str>),
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
enum Narrowing {
    Null,
    NotNull,
    Word(Arc<str>),
    NotWord(Arc<str>),
}

/// The stack of facts.
#[derive(Debug, Default)]
pub struct Facts(Vec<Fact>);

/// A place in the stack to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Facts {
    /// The place where the stack is.
    pub fn mark(&self) -> Mark {
        Mark(self.0.len())
    }

    /// Forgets what was learnt since.
    pub fn forget(&mut self, mark: Mark) {
        self.0.truncate(mark.0);
    }

    /// Takes what was learnt since away, to be learnt again elsewhere.
    pub fn take(&mut self, mark: Mark) -> Vec<Learnt> {
        self.0.split_off(mark.0.min(self.0.len())).into_iter().map(Learnt).collect()
    }

    /// Learns again what was taken.
    pub fn learn(&mut self, learnt: &[Learnt]) {
        self.0.extend(learnt.iter().map(|learnt| learnt.0.clone()));
    }

    /// Another value has this name from here on.
    pub fn hide(&mut self, name: Arc<str>) {
        self.0.push(Fact::Hides(name));
    }

    /// Whether the condition of this key holds (or does not), where that is known.
    pub fn holds(&self, key: &str) -> Option<bool> {
        self.0.iter().rev().find_map(|fact| match fact {
            Fact::Holds(known) if known == key => Some(true),
            Fact::Holds(known) if *known == negated(key) => Some(false),
            _ => None,
        })
    }

    /// Adds that the condition of this key holds.
    pub fn add_holds(&mut self, key: String) {
        self.0.push(Fact::Holds(key));
    }

    /// The type at a path, as narrow as it is known here.
    fn narrowed(&self, path: &str, mut ty: Type) -> Type {
        let root = root(path);
        let visible = self.0.iter().rposition(|fact| matches!(fact, Fact::Hides(name) if **name == *root));
        for fact in &self.0[visible.map_or(0, |at| at + 1)..] {
            if let Fact::Value(known, narrowing) = fact
                && known == path
            {
                ty = narrowing.apply(ty);
            }
        }
        ty
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Something that was learnt in a block that is left.
#[derive(Clone, Debug)]
pub struct Learnt(Fact);

impl Narrowing {
    fn apply(&self, ty: Type) -> Type {
        match self {
            Self::NotNull => without_null(&ty),
            Self::Null if may_be_null(&ty) => Type::Null,
            Self::Word(word) if members(&ty).iter().any(|member| is_word(member, word)) => Type::Literal(word.clone()),
            Self::NotWord(word) => union(members(&ty).iter().filter(|member| !is_word(member, word)).cloned()),
            // A condition that can't be is told of where it stands, and nothing is said of what hangs on it.
            Self::Null | Self::Word(_) => ty,
        }
    }
}

fn is_word(ty: &Type, word: &Arc<str>) -> bool {
    matches!(ty, Type::Literal(known) if known == word)
}

impl Checker<'_> {
    /// The type of a path as what is known here narrows it.
    pub fn narrowed(&self, expr: &Expr, ty: Type) -> Type {
        if self.facts.is_empty() || ty == Type::Any {
            return ty;
        }
        match path(expr) {
            Some(path) => self.facts.narrowed(&path, ty),
            None => ty,
        }
    }

    /// From here on the condition holds, or does not.
    pub fn assume(&mut self, expr: &Expr, holds: bool) {
        match (&expr.kind, holds) {
            (ExprKind::Unary { op: UnaryOp::Not, operand }, _) => return self.assume(operand, !holds),
            (ExprKind::Binary { op: BinaryOp::And, left, right }, true)
            | (ExprKind::Binary { op: BinaryOp::Or, left, right }, false) => {
                self.assume(left, holds);
                self.assume(right, holds);
                return;
            }
            (ExprKind::Binary { op: BinaryOp::Eq, left, right }, _) => self.assume_equal(left, right, holds),
            (ExprKind::Binary { op: BinaryOp::Ne, left, right }, _) => self.assume_equal(left, right, !holds),
            (ExprKind::Binary { op: BinaryOp::In, left, right }, true) => self.assume_in(left, right),
            (ExprKind::Binary { op: BinaryOp::Coalesce, left, right }, _) => {
                // `a?.b ?? false` holds only where there is a value, and so with `?? true` where it does not.
                if matches!(&right.kind, ExprKind::Literal(Value::Bool(otherwise)) if *otherwise != holds) {
                    self.assume_value(left);
                    self.assume(left, holds);
                }
            }
            (ExprKind::Has(inner), true) => self.assume_value(inner),
            _ => {}
        }
        if let Some(key) = key(expr) {
            self.facts.add_holds(if holds { key } else { negated(&key) });
        }
    }

    fn assume_equal(&mut self, left: &Expr, right: &Expr, equal: bool) {
        for (side, other) in [(left, right), (right, left)] {
            match &other.kind {
                ExprKind::Literal(Value::Null) if !equal => self.assume_value(side),
                ExprKind::Literal(Value::Null) => self.add_fact(side, Narrowing::Null),
                ExprKind::Literal(Value::Str(word)) if !equal => self.add_fact(side, Narrowing::NotWord(word.clone())),
                _ if !equal => {}
                _ => {
                    let of = self.type_of(other);
                    if !of.accepts_null() {
                        self.assume_value(side);
                    }
                    if let ExprKind::Literal(Value::Str(word)) = &other.kind {
                        self.add_fact(side, Narrowing::Word(word.clone()));
                    }
                }
            }
        }
    }

    /// What is in a list of no nulls is not null.
    fn assume_in(&mut self, item: &Expr, list: &Expr) {
        if path(item).is_some() {
            let of = super::algebra::item_type(&self.type_of(list));
            if !of.accepts_null() {
                self.assume_value(item);
            }
        }
    }

    /// The value at a path is there, and so is all that leads to it.
    pub fn assume_value(&mut self, expr: &Expr) {
        self.add_fact(expr, Narrowing::NotNull);
        if let ExprKind::Field { base, .. } | ExprKind::Index { base, .. } = &expr.kind {
            self.assume_value(base);
        }
    }

    fn add_fact(&mut self, expr: &Expr, narrowing: Narrowing) {
        if let Some(path) = path(expr) {
            self.facts.0.push(Fact::Value(path, narrowing));
        }
    }
}
