//! The functions of the language: one table for calling, checking and documenting them.
//!
//! Invariant: total. A function gives a value or an error for all arguments, and pays for what it touches.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::Value;
use super::access::nearest;
use super::eval::Budget;
use super::fault::Fault;
use super::text::describe;

mod convert;
mod encode;
mod list;
mod map;
mod number;
mod pattern;
mod signature;
mod text;
mod time;

pub(super) use pattern::Patterns;
pub use signature::{Param, Shape, Signature};

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `receiver.name(args)` only.
    Method,
    /// `name(args)` only.
    Global,
    /// Either; as `name(args)` the receiver comes first.
    Both,
}

/// A function: how it is written and what it does.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Other names for it: CEL's spelling where it differs.
    pub aliases: &'static [&'static str],
    /// How it is called.
    pub form: Form,
    /// The fewest arguments, not counting a receiver.
    pub min_args: usize,
    /// The most arguments, not counting a receiver.
    pub max_args: usize,
    /// How it is written, with types: `string.split(separator: string) -> list<string>`; several ways with `or` between.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// How its cost grows: `O(n)`.
    pub order: &'static str,
    /// What it costs in units on top of the call itself, in words.
    pub cost: &'static str,
    run: fn(&mut Call) -> Result<Value, Fault>,
}

/// A call: the receiver (where there is one) and the arguments, and who pays.
pub(super) struct Call<'a> {
    name: &'static str,
    args: &'a [Cow<'a, Value>],
    budget: &'a mut Budget,
    paid: &'a mut Patterns,
}

/// The functions by what they are for, in the order of the reference.
pub const FUNCTION_GROUPS: &[(&str, &[Function])] = &[
    ("Text", text::TABLE),
    ("Lists", list::TABLE),
    ("Objects", map::TABLE),
    ("Numbers", number::TABLE),
    ("Conversions", convert::TABLE),
    ("Times", time::TABLE),
    ("Encodings", encode::TABLE),
];

/// Every function, in the order of the reference.
pub fn functions() -> &'static [Function] {
    static ALL: LazyLock<Vec<Function>> =
        LazyLock::new(|| FUNCTION_GROUPS.iter().flat_map(|(_, functions)| functions.iter().copied()).collect());
    &ALL
}

/// The function of this name, or of which it is an alias.
pub fn function(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
        functions().iter().flat_map(|function| function.names().map(move |name| (name, function))).collect()
    });
    BY_NAME.get(name).copied()
}

/// The function that was most likely meant by a name that is none.
pub(super) fn nearest_function(name: &str) -> Option<&'static str> {
    nearest(name, functions().iter().flat_map(Function::names))
}

/// `receiver.name(args)` only.
const fn method(name: &'static str, args: (usize, usize), signature: &'static str) -> Function {
    Function::new(Form::Method, name, args, signature)
}

/// `name(args)` only.
const fn global(name: &'static str, args: (usize, usize), signature: &'static str) -> Function {
    Function::new(Form::Global, name, args, signature)
}

/// Either; the first argument counts as the receiver.
const fn both(name: &'static str, args: (usize, usize), signature: &'static str) -> Function {
    Function::new(Form::Both, name, args, signature)
}

impl Function {
    const fn new(form: Form, name: &'static str, args: (usize, usize), signature: &'static str) -> Self {
        let (min_args, max_args) = args;
        Self {
            name,
            aliases: &[],
            form,
            min_args,
            max_args,
            signature,
            doc: "",
            order: "O(1)",
            cost: "",
            run: |_| Ok(Value::Null),
        }
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn cost(mut self, order: &'static str, cost: &'static str) -> Self {
        self.order = order;
        self.cost = cost;
        self
    }

    const fn does(mut self, doc: &'static str, run: fn(&mut Call) -> Result<Value, Fault>) -> Self {
        self.doc = doc;
        self.run = run;
        self
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// What is wrong with calling it so, in a message; none where nothing is.
    pub fn arity_problem(&self, has_receiver: bool, args: usize) -> Option<String> {
        let Self { name, signature, .. } = self;
        let args = match (self.form, has_receiver) {
            (Form::Method, false) => return Some(format!("`{name}` is called on a value: `{signature}`")),
            (Form::Global, true) => return Some(format!("`{name}` is not called on a value: `{signature}`")),
            (Form::Both, false) if args == 0 => return Some(format!("`{name}` needs a value: `{signature}`")),
            (Form::Both, false) => args - 1,
            _ => args,
        };
        if (self.min_args..=self.max_args).contains(&args) {
            return None;
        }
        let wanted = match (self.min_args, self.max_args) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            (min, max) if min == max => format!("{min} arguments"),
            (min, max) => format!("{min} to {max} arguments"),
        };
        Some(format!("`{name}` takes {wanted}, and got {args}: `{signature}`"))
    }

    /// Calls it. The receiver comes first; the number of arguments was checked.
    pub(super) fn call(&self, args: &[Cow<Value>], budget: &mut Budget, paid: &mut Patterns) -> Result<Value, Fault> {
        (self.run)(&mut Call { name: self.name, args, budget, paid })
    }
}

impl<'a> Call<'a> {
    /// The argument at a place, the receiver being the first; null where it was not given.
    fn arg(&self, at: usize) -> &'a Value {
        const ABSENT: &Value = &Value::Null;
        self.args.get(at).map_or(ABSENT, |value| &**value)
    }

    fn has(&self, at: usize) -> bool {
        self.args.len() > at
    }

    /// The error for an argument of the wrong type.
    fn wrong(&self, at: usize, wanted: &str) -> Fault {
        let hint = if matches!(self.arg(at), Value::Null) { ": give it a value with `??`" } else { "" };
        Fault::wrong(format!("`{}` takes {wanted}, and this is {}{hint}", self.name, describe(self.arg(at))))
    }

    fn text(&self, at: usize) -> Result<&'a str, Fault> {
        self.arg(at).as_str().ok_or_else(|| self.wrong(at, "text"))
    }

    /// The text at a place, paid for as one that is read character by character.
    fn read(&mut self, at: usize) -> Result<&'a str, Fault> {
        let text = self.text(at)?;
        self.budget.charge_read(text.len())?;
        Ok(text)
    }

    fn list(&self, at: usize) -> Result<&'a [Value], Fault> {
        match self.arg(at) {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong(at, "a list")),
        }
    }

    fn int(&self, at: usize) -> Result<i64, Fault> {
        match self.arg(at) {
            Value::Int(int) => Ok(*int),
            Value::Num(num) if num.fract() == 0.0 => super::ops::to_int(*num),
            _ => Err(self.wrong(at, "an int")),
        }
    }

    /// A count or a place: an int that is not negative.
    fn count(&self, at: usize) -> Result<usize, Fault> {
        usize::try_from(self.int(at)?).map_err(|_| self.wrong(at, "an int from 0 up"))
    }
}
