//! What conditions say of names: where one holds, a value is not null, or is one of some words.
//!
//! Invariant: facts are a stack. What is learnt inside a block or an operand is forgotten at its end.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, Type, UnaryOp, Value};

use super::Checker;
use super::algebra::{may_be_null, members, union, without_null};
use super::key::{key, negated, path, root};

/// Something that is known where an expression stands.
#[derive(Clone, Debug)]
enum Fact {
    /// The condition of this key holds.
    Holds(Arc<str>),
    /// The value at a path.
    Value(Arc<str>, Narrowing),
    /// Another value has this name from here on.
    Hides(Arc<str>),
}

impl Fact {
    /// The key, the path or the name that it is about.
    fn about(&self) -> &Arc<str> {
        let (Self::Holds(about) | Self::Value(about, _) | Self::Hides(about)) = self;
        about
    }
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
enum Narrowing {
    Null,
    NotNull,
    Word(Arc<str>),
    NotWord(Arc<str>),
}

/// The stack of facts, and the places in it of those about each key, path and name: there may be thousands.
#[derive(Debug, Default)]
pub struct Facts {
    stack: Vec<Fact>,
    places: HashMap<Arc<str>, Vec<usize>>,
    /// The places of those that hide a name.
    hides: Vec<usize>,
}

/// A place in the stack to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Facts {
    /// The place where the stack is.
    pub fn mark(&self) -> Mark {
        Mark(self.stack.len())
    }

    /// Forgets what was learnt since.
    pub fn forget(&mut self, mark: Mark) {
        self.take(mark);
    }

    /// Takes what was learnt since away, to be learnt again elsewhere.
    pub fn take(&mut self, mark: Mark) -> Vec<Learnt> {
        let taken = self.stack.split_off(mark.0.min(self.stack.len()));
        self.hides.retain(|at| *at < mark.0);
        for fact in &taken {
            if let Some(places) = self.places.get_mut(fact.about()) {
                places.pop();
            }
        }
        taken.into_iter().map(Learnt).collect()
    }

    /// Learns again what was taken.
    pub fn learn(&mut self, learnt: &[Learnt]) {
        learnt.iter().for_each(|learnt| self.add(learnt.0.clone()));
    }

    /// Another value has this name from here on.
    pub fn hide(&mut self, name: Arc<str>) {
        self.add(Fact::Hides(name));
    }

    /// Whether the condition of this key holds here (or does not), where that is known. Of a name that another hides nothing is.
    pub fn holds(&self, key: &str) -> Option<bool> {
        let hidden = self.hiding(key).last();
        self.holds_at(key, |at| hidden.is_none_or(|hidden| at > hidden))
    }

    /// The same of the names as they are in statements, where the variables of macros hide nothing.
    pub fn holds_around(&self, key: &str) -> Option<bool> {
        let hidden = self.hiding(key).next();
        self.holds_at(key, |at| hidden.is_none_or(|hidden| at < hidden))
    }

    fn holds_at(&self, key: &str, counts: impl Fn(usize) -> bool) -> Option<bool> {
        let is_one = |(at, fact): &(usize, &Fact)| matches!(fact, Fact::Holds(_)) && counts(*at);
        let last = |key: &str| self.about(key).rev().find(is_one).map(|(at, _)| at);
        match (last(key), last(&negated(key))) {
            (None, None) => None,
            (holds, fails) => Some(holds > fails),
        }
    }

    /// The places from which a name in the key means something else.
    fn hiding(&self, key: &str) -> impl Iterator<Item = usize> {
        let hides = self.hides.iter().copied();
        hides.filter(move |at| self.stack.get(*at).is_some_and(|fact| mentions(key, fact.about())))
    }

    /// Adds that the condition of this key holds.
    pub fn add_holds(&mut self, key: String) {
        self.add(Fact::Holds(key.into()));
    }

    /// The type at a path, as narrow as it is known here.
    fn narrowed(&self, path: &str, mut ty: Type) -> Type {
        let hidden = self.about(root(path)).rev().find(|(_, fact)| matches!(fact, Fact::Hides(_)));
        let visible = hidden.map_or(0, |(at, _)| at + 1);
        for (_, fact) in self.about(path).filter(|(at, _)| *at >= visible) {
            if let Fact::Value(_, narrowing) = fact {
                ty = narrowing.apply(ty);
            }
        }
        ty
    }

    fn add(&mut self, fact: Fact) {
        if matches!(fact, Fact::Hides(_)) {
            self.hides.push(self.stack.len());
        }
        self.places.entry(fact.about().clone()).or_default().push(self.stack.len());
        self.stack.push(fact);
    }

    /// The facts about a key, a path or a name, each with its place, the oldest first.
    fn about(&self, text: &str) -> impl DoubleEndedIterator<Item = (usize, &Fact)> {
        let places = self.places.get(text).into_iter().flatten();
        places.filter_map(|at| Some((*at, self.stack.get(*at)?)))
    }

    fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }
}

/// Whether a name stands in a key, be it that of something else.
fn mentions(key: &str, name: &str) -> bool {
    let goes_on = |char: char| char.is_alphanumeric() || char == '_';
    let is_whole = |at: usize| {
        !key[..at].ends_with(|char| goes_on(char) || char == '.') && !key[at + name.len()..].starts_with(goes_on)
    };
    key.match_indices(name).any(|(at, _)| is_whole(at))
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
            self.facts.add(Fact::Value(path.into(), narrowing));
        }
    }
}
