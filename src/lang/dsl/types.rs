//! Pairs of `type_expr` to types.

use std::collections::HashSet;

use pest::iterators::Pair;

use crate::expr::{ExprKind, FieldType, ObjectType, Span, Type, Value, nearest};
use crate::lang::grammar::Rule;
use crate::lang::{Diagnostic, MAX_NESTING, codes};

use super::expression::{Nest, check_commas, key_of};
use super::scan::too_deep;
use super::sink::Sink;
use super::text;

/// The names of types that stand alone.
const NAMES: &[(&str, Type)] = &[
    ("string", Type::String),
    ("int", Type::Int),
    ("number", Type::Number),
    ("bool", Type::Bool),
    ("null", Type::Null),
    ("duration", Type::Duration),
    ("timestamp", Type::Timestamp),
    ("any", Type::Any),
];

/// What other languages call them.
const ALIASES: &[(&str, &str)] = &[
    ("str", "string"),
    ("text", "string"),
    ("integer", "int"),
    ("float", "number"),
    ("double", "number"),
    ("boolean", "bool"),
    ("object", "map<any>"),
    ("array", "list<any>"),
    ("datetime", "timestamp"),
];

/// Whether the angle brackets of a text with types in it nest too deep for the grammar; says so.
pub fn angles_too_deep(text: &str, base: usize, sink: &mut Sink) -> bool {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            sink.push(too_deep(Span::new(base + at, base + at + 1)));
            return true;
        }
    }
    false
}

/// A `type_expr` of a text that begins at byte `base`. A type that is none becomes `any`, and is reported.
pub fn type_of(pair: Pair<'_, Rule>, base: usize, sink: &mut Sink) -> Type {
    Builder { base, sink }.union(pair)
}

struct Builder<'s> {
    base: usize,
    sink: &'s mut Sink,
}

impl Builder<'_> {
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        Span::new(self.base + pair.as_span().start(), self.base + pair.as_span().end())
    }

    fn union(&mut self, pair: Pair<'_, Rule>) -> Type {
        let mut members: Vec<Type> = Vec::new();
        for item in pair.into_inner() {
            let flattened = match self.item(item) {
                Type::Union(inner) => inner,
                other => vec![other],
            };
            for member in flattened {
                if !members.contains(&member) {
                    members.push(member);
                }
            }
        }
        if members.contains(&Type::Any) {
            return Type::Any;
        }
        match members.len() {
            1 => members.remove(0),
            _ => Type::Union(members),
        }
    }

    fn item(&mut self, pair: Pair<'_, Rule>) -> Type {
        let mut ty = Type::Any;
        for part in pair.into_inner() {
            ty = match part.as_rule() {
                Rule::nullable => ty.nullable(),
                _ => self.atom(part),
            };
        }
        ty
    }

    fn atom(&mut self, pair: Pair<'_, Rule>) -> Type {
        let span = self.span(&pair);
        let text = pair.as_str();
        match pair.as_rule() {
            Rule::type_paren => pair.into_inner().next().map_or(Type::Any, |inner| self.union(inner)),
            Rule::type_object => self.object(pair),
            Rule::type_generic => self.generic(pair),
            Rule::type_text => match text::literal(text, span.start as usize, Nest::default(), self.sink).0.kind {
                ExprKind::Literal(Value::Str(text)) => Type::Literal(text),
                _ => {
                    let message = "the text of a type is fixed";
                    self.sink.push(Diagnostic::error(codes::UNKNOWN_TYPE, message, span).help("take the `${…}` away"));
                    Type::Any
                }
            },
            _ => self.name(text, span),
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Type {
        if let Some((_, ty)) = NAMES.iter().find(|(known, _)| *known == name) {
            return ty.clone();
        }
        let error = Diagnostic::error(codes::UNKNOWN_TYPE, format!("unknown type `{name}`"), span);
        let error = match name {
            "list" => Diagnostic::error(codes::UNKNOWN_TYPE, "`list` needs the type of its items", span)
                .help("write `list<any>`"),
            "map" => Diagnostic::error(codes::UNKNOWN_TYPE, "`map` needs the type of its values", span)
                .help("write `map<any>`"),
            _ => suggest_type(error, name),
        };
        self.sink.push(error);
        Type::Any
    }

    fn generic(&mut self, pair: Pair<'_, Rule>) -> Type {
        let mut inner = pair.into_inner();
        let (Some(name), Some(item)) = (inner.next(), inner.next()) else { return Type::Any };
        let span = self.span(&name);
        let item = Box::new(self.union(item));
        match name.as_str() {
            "list" => Type::List(item),
            "map" => Type::Map(item),
            other => {
                let error = Diagnostic::error(codes::UNKNOWN_TYPE, format!("unknown type `{other}<…>`"), span);
                self.sink.push(error.help("only `list<…>` and `map<…>` take a type"));
                Type::Any
            }
        }
    }

    fn object(&mut self, pair: Pair<'_, Rule>) -> Type {
        let text = pair.get_input();
        let mut fields: Vec<FieldType> = Vec::new();
        let (mut names, mut places) = (HashSet::new(), Vec::new());
        for field in pair.into_inner() {
            places.push(field.as_span());
            let mut inner = field.into_inner();
            let (Some(key), Some(ty)) = (inner.next(), inner.next()) else { continue };
            let key_span = self.span(&key);
            let ty = self.union(ty);
            let name = key_of(&key, self.base, self.sink);
            if !names.insert(name.clone()) {
                let message = format!("the field `{name}` is declared twice");
                self.sink.push(Diagnostic::error(codes::DOUBLED, message, key_span).help("take one of them away"));
                continue;
            }
            fields.push(FieldType { name, required: !ty.accepts_null() || ty == Type::Any, ty, doc: None });
        }
        check_commas(text, &places, self.base, self.sink);
        Type::Object(ObjectType { fields, open: false })
    }
}

fn suggest_type(error: Diagnostic, name: &str) -> Diagnostic {
    let lower = name.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, ty)| *ty);
    let known = NAMES.iter().map(|(name, _)| *name).chain(["list", "map"]);
    match alias.or_else(|| nearest(&lower, known)) {
        Some(close) => error.meant(name, close),
        None => {
            error.help("the types are `string int number bool null duration timestamp any list<T> map<T> { name: T }`")
        }
    }
}
