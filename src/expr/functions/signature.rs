//! The types of functions, read from how the table writes them: `list<T>.first() -> T?`.
//!
//! In a signature `T` and `U` are any type, `N` is a number or a duration, and `O` is of a kind that has an order. What is
//! called on a value has it as its first parameter; `O...` takes any number of further arguments.
//!
//! Invariant: every signature of the table can be read (a test holds it), so that documentation and checks say the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::{Function, functions};
use crate::expr::Type;

/// Between two ways of calling a function.
pub const OR: &str = " or ";

/// One way of calling a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The parameters; what the function is called on is the first.
    pub params: Vec<Param>,
    /// Whether the last parameter takes any number of arguments.
    pub rest: bool,
    /// What it gives.
    pub result: Shape,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name; empty for what the function is called on.
    pub name: Arc<str>,
    /// What it takes.
    pub shape: Shape,
    /// Whether it may be left out.
    pub optional: bool,
}

/// A type in which some parts are open.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A type.
    Is(Type),
    /// A part that is open: each use of the letter is the same type.
    Open(char),
    /// `list<T>`.
    List(Box<Shape>),
    /// `map<T>`.
    Map(Box<Shape>),
    /// `{ key: string, value: T }`.
    Object(Vec<(Arc<str>, Shape)>),
    /// `T?`, `string | list<T>`.
    OneOf(Vec<Shape>),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(ty) => ty.fmt(f),
            Self::Open(letter) => write!(f, "{letter}"),
            Self::List(inner) => write!(f, "list<{inner}>"),
            Self::Map(inner) => write!(f, "map<{inner}>"),
            Self::Object(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, shape)| format!("{name}: {shape}")).collect();
                write!(f, "{{ {} }}", fields.join(", "))
            }
            Self::OneOf(shapes) => {
                let shapes: Vec<String> = shapes.iter().map(ToString::to_string).collect();
                f.write_str(&shapes.join(" | "))
            }
        }
    }
}

impl Function {
    /// Each way of calling it.
    pub fn signatures(&self) -> &'static [Signature] {
        static ALL: LazyLock<HashMap<&'static str, Vec<Signature>>> = LazyLock::new(|| {
            let read = |function: &Function| function.signature.split(OR).filter_map(read_signature).collect();
            functions().iter().map(|function| (function.name, read(function))).collect()
        });
        ALL.get(self.name).map_or(&[], Vec::as_slice)
    }
}

/// The signature that `text` writes.
fn read_signature(text: &str) -> Option<Signature> {
    let (call, result) = text.rsplit_once(" -> ")?;
    let (head, inside) = call.strip_suffix(')')?.split_once('(')?;
    let receiver = head.rsplit_once('.').map(|(receiver, _)| receiver);
    let mut params = Vec::new();
    if let Some(receiver) = receiver {
        params.push(Param { name: "".into(), shape: read_shape(receiver)?, optional: false });
    }
    let mut rest = false;
    for text in split(inside, ", ") {
        let (name, shape) = text.split_once(": ")?;
        rest = name.ends_with("...");
        let optional = name.ends_with('?') || rest;
        let name = name.trim_end_matches(['.', '?']);
        params.push(Param { name: name.into(), shape: read_shape(shape)?, optional });
    }
    Some(Signature { params, rest, result: read_shape(result)? })
}

/// The pieces between separators that stand in no brackets; none of nothing.
fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut pieces, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, char) in text.char_indices() {
        match char {
            '<' | '{' => depth += 1,
            '>' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && at >= start && text[at..].starts_with(separator) => {
                pieces.push(&text[start..at]);
                start = at + separator.len();
            }
            _ => {}
        }
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

fn read_shape(text: &str) -> Option<Shape> {
    let members = split(text, " | ");
    if members.len() > 1 {
        return members.into_iter().map(read_shape).collect::<Option<_>>().map(Shape::OneOf);
    }
    if let Some(inner) = text.strip_suffix('?') {
        return Some(Shape::OneOf(vec![read_shape(inner)?, Shape::Is(Type::Null)]));
    }
    if let Some(fields) = text.strip_prefix("{ ").and_then(|text| text.strip_suffix(" }")) {
        let field = |text: &str| {
            let (name, shape) = text.split_once(": ")?;
            Some((name.into(), read_shape(shape)?))
        };
        return split(fields, ", ").into_iter().map(field).collect::<Option<_>>().map(Shape::Object);
    }
    if let Some((of, inner)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        let inner = Box::new(read_shape(inner)?);
        return match of {
            "list" => Some(Shape::List(inner)),
            "map" => Some(Shape::Map(inner)),
            _ => None,
        };
    }
    Some(match text {
        "any" => Shape::Is(Type::Any),
        "null" => Shape::Is(Type::Null),
        "bool" => Shape::Is(Type::Bool),
        "int" => Shape::Is(Type::Int),
        "number" => Shape::Is(Type::Number),
        "string" => Shape::Is(Type::String),
        "duration" => Shape::Is(Type::Duration),
        "timestamp" => Shape::Is(Type::Timestamp),
        "T" | "U" | "N" | "O" => Shape::Open(text.chars().next()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Form, function};

    #[test]
    fn every_signature_is_read_and_takes_as_many_arguments_as_the_function() {
        for function in functions() {
            let ways = function.signatures();
            assert_eq!(ways.len(), function.signature.split(OR).count(), "{}", function.signature);
            let receiver = usize::from(function.form != Form::Global);
            let needed = |way: &Signature| way.params.iter().filter(|param| !param.optional).count();
            let taken = |way: &Signature| if way.rest { function.max_args + receiver } else { way.params.len() };
            assert_eq!(ways.iter().map(needed).min(), Some(function.min_args + receiver), "{}", function.signature);
            assert_eq!(ways.iter().map(taken).max(), Some(function.max_args + receiver), "{}", function.signature);
        }
    }

    #[test]
    fn a_signature_may_have_open_parts() {
        let first = function("first").unwrap().signatures();
        let list = || Param { name: "".into(), shape: Shape::List(Box::new(Shape::Open('T'))), optional: false };
        let result = Shape::OneOf(vec![Shape::Open('T'), Shape::Is(Type::Null)]);
        assert_eq!(first[0], Signature { params: vec![list()], rest: false, result });
        assert_eq!(first[1].params[1], Param { name: "count".into(), shape: Shape::Is(Type::Int), optional: false });
        assert_eq!(read_signature("list<T>.first() -> Q"), None);
    }
}
