//! Which names are known where: a stack of blocks, the innermost last.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::Type;

use super::declared::Kind;
use super::graph::Reach;

/// What is known of a name.
#[derive(Clone, Debug)]
pub struct Binding {
    pub kind: Kind,
    pub ty: Arc<Type>,
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
pub enum Found {
    /// Known, with its type.
    Known(Arc<Type>),
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

    /// Leaves a block; gives the steps that ran in it, which are known after it too.
    pub fn leave(&mut self) -> Vec<(String, Binding)> {
        let frame = self.frames.pop().unwrap_or_default();
        frame.names.into_iter().filter(|(_, binding)| binding.kind == Kind::Step).collect()
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
    pub fn find(&self, name: &str) -> Found {
        for frame in self.frames.iter().rev() {
            if let Some(gate) = &frame.gate
                && let Some(member) = gate.members.get(name).filter(|member| **member != gate.current)
                && gate.reach.as_ref().is_some_and(|reach| !reach.waits_for(gate.current, *member))
            {
                return Found::Unordered(gate.children.get(*member).cloned().unwrap_or_default());
            }
            if let Some(binding) = frame.names.get(name) {
                return Found::Known(binding.ty.clone());
            }
        }
        Found::Unknown
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
