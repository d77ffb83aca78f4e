//! Which names are known where: a stack of blocks, the innermost last.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{Span, Type};

use super::declared::Kind;
use super::graph::Reach;
use super::narrow::Facts;
use super::secret::Taint;

/// What is known of a name.
#[derive(Clone, Debug)]
pub struct Binding {
    pub kind: Kind,
    /// What it is of where it has run.
    pub ty: Arc<Type>,
    /// Whether it has.
    pub ran: Ran,
    /// Why it may have no value: a place and what to say of it.
    pub why: Option<(Span, &'static str)>,
    /// The secret that it was made of.
    pub secret: Option<Arc<Taint>>,
}

/// Whether what a name is of has run.
#[derive(Clone, Debug, PartialEq)]
pub enum Ran {
    /// For sure.
    Always,
    /// Where these conditions hold: their keys.
    Where(Arc<[String]>),
    /// Nothing tells.
    Maybe,
}

impl Binding {
    /// A name that has its value from here on.
    pub fn new(kind: Kind, ty: Type) -> Self {
        Self { kind, ty: kept(ty), ran: Ran::Always, why: None, secret: None }
    }

    /// Whether it has run where these facts hold.
    pub fn ran(&self, facts: &Facts) -> bool {
        match &self.ran {
            Ran::Always => true,
            Ran::Where(keys) => keys.iter().all(|key| facts.holds_around(key) == Some(true)),
            Ran::Maybe => false,
        }
    }

    /// The same where it runs only if these conditions hold; without them nothing tells whether it ran.
    #[must_use]
    pub fn guarded(mut self, keys: Option<&[String]>, why: (Span, &'static str)) -> Self {
        self.ran = match (self.ran, keys) {
            (Ran::Maybe, _) | (_, None) => Ran::Maybe,
            (ran, Some([])) => return Self { ran, ..self },
            (Ran::Always, Some(keys)) => Ran::Where(keys.into()),
            (Ran::Where(known), Some(keys)) => Ran::Where(known.iter().chain(keys).cloned().collect()),
        };
        self.why = self.why.or(Some(why));
        self
    }
}

/// The largest type that is kept for a name, in its parts. A type is as large as all that went into it, so that without a
/// bound `let b = [a, a]`, `let c = [b, b]` and so on would double it with each line.
const MAX_PARTS: usize = 1_000;

/// The type as it is kept for a name: one that is too large is not known.
pub fn kept(ty: Type) -> Arc<Type> {
    Arc::new(if is_large(&ty) { Type::Any } else { ty })
}

fn is_large(ty: &Type) -> bool {
    let mut left = MAX_PARTS;
    let mut open = vec![ty];
    while let Some(ty) = open.pop() {
        let Some(rest) = left.checked_sub(1) else { return true };
        left = rest;
        match ty {
            Type::List(item) | Type::Map(item) => open.push(item),
            Type::Object(object) => open.extend(object.fields.iter().take(MAX_PARTS + 1).map(|field| &field.ty)),
            Type::Union(members) => open.extend(members.iter().take(MAX_PARTS + 1)),
            _ => {}
        }
    }
    false
}

/// What a name is where it is used.
pub enum Found<'a> {
    /// Known.
    Known(&'a Binding),
    /// Of a child of the same `parallel` that is not ordered before this one: the child's name.
    Unordered(Arc<str>),
    /// Not known here.
    Unknown,
}

/// The names of a block, or of the children of a `parallel`.
#[derive(Default)]
struct Frame {
    names: HashMap<String, Binding>,
    gate: Option<Gate>,
}

/// A `parallel`: what a child may use is of the children before it.
struct Gate {
    /// The children by the names that they give.
    members: HashMap<String, usize>,
    /// The names by which the children are waited for.
    children: Vec<Arc<str>>,
    /// What each child waits for, directly or not; none while there is a cycle.
    reach: Option<Reach>,
    /// The child that is being checked.
    current: usize,
}

/// The stack.
#[derive(Default)]
pub struct Scopes {
    frames: Vec<Frame>,
}

impl Scopes {
    /// Enters a block.
    pub fn enter(&mut self) {
        self.frames.push(Frame::default());
    }

    /// Leaves a block; gives the steps and waits of it, which are known after it too.
    pub fn leave(&mut self) -> Vec<(String, Binding)> {
        let frame = self.frames.pop().unwrap_or_default();
        frame.names.into_iter().filter(|(_, binding)| binding.kind.outlives_its_block()).collect()
    }

    /// Enters a `parallel`.
    pub fn enter_parallel(&mut self, members: HashMap<String, usize>, children: Vec<Arc<str>>, reach: Option<Reach>) {
        let gate = Gate { members, children, reach, current: 0 };
        self.frames.push(Frame { names: HashMap::new(), gate: Some(gate) });
    }

    /// Goes to a child of the `parallel` that was entered last.
    pub fn at_child(&mut self, child: usize) {
        if let Some(gate) = self.frames.last_mut().and_then(|frame| frame.gate.as_mut()) {
            gate.current = child;
        }
    }

    /// Makes a name known in the innermost block. The first to have a name keeps it: another is told of already.
    pub fn bind(&mut self, ident: String, binding: Binding) {
        if let Some(frame) = self.frames.last_mut() {
            frame.names.entry(ident).or_insert(binding);
        }
    }

    /// What `name` is here.
    pub fn find(&self, name: &str) -> Found<'_> {
        for frame in self.frames.iter().rev() {
            if let Some(gate) = &frame.gate
                && let Some(member) = gate.members.get(name).filter(|member| **member != gate.current)
                && gate.reach.as_ref().is_some_and(|reach| !reach.waits_for(gate.current, *member))
            {
                return Found::Unordered(gate.children.get(*member).cloned().unwrap_or_default());
            }
            if let Some(binding) = frame.names.get(name) {
                return Found::Known(binding);
            }
        }
        Found::Unknown
    }

    /// The declaration of a name that is known here.
    pub fn binding(&self, name: &str) -> Option<&Binding> {
        match self.find(name) {
            Found::Known(binding) => Some(binding),
            _ => None,
        }
    }

    /// Whether a loop around this has a variable of this name.
    pub fn has_loop_variable(&self, name: &str) -> bool {
        let mut bindings = self.frames.iter().filter_map(|frame| frame.names.get(name));
        bindings.any(|binding| binding.kind == Kind::LoopVariable)
    }

    /// Every name that is known here.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.frames.iter().flat_map(|frame| frame.names.keys().map(String::as_str))
    }
}
