//! Expressions in stored plans: a flat list of nodes, operands before what uses them.
//!
//! A tree within a tree would nest some three levels of JSON for each of its own, and readers of JSON stop at 128; a chain of
//! fifty `&&` could be written but not read back. Literals are tagged, so that a duration stays one.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BinaryOp, Expr, ExprKind, ListItem, MacroKind, Map, ObjectEntry, Span, TemplatePart, UnaryOp, Value};

/// A node without its operands: they stand before it, the last nearest.
#[derive(Serialize, Deserialize)]
struct Flat(Op, u32, u32);

/// What a node does, and how many operands it takes off the stack.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Literal(Literal),
    Name(Arc<str>),
    Field(Arc<str>),
    OptionalField(Arc<str>),
    Index,
    OptionalIndex,
    /// For each item whether it is spread.
    List(Vec<bool>),
    /// For each entry its key and the key's place; a spread has none.
    Object(Vec<Option<(Arc<str>, u32, u32)>>),
    Unary(UnaryOp),
    Binary(BinaryOp),
    Conditional,
    /// The function, where its name stands, and how many arguments.
    Call(Arc<str>, u32, u32, u32),
    Method(Arc<str>, u32, u32, u32),
    Macro(MacroKind, Arc<str>),
    FilterMacro(MacroKind, Arc<str>),
    Has,
    /// For each part its text; an expression has none.
    Template(Vec<Option<Arc<str>>>),
}

/// A value, tagged where JSON alone would lose its type.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    /// As text, which reads back as the very same number.
    Num(String),
    Str(Arc<str>),
    /// Microseconds.
    Duration(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
    List(Vec<Literal>),
    Map(Vec<(Arc<str>, Literal)>),
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut nodes = Vec::new();
        write(self, &mut nodes);
        nodes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let nodes = Vec::<Flat>::deserialize(deserializer)?;
        read(nodes).ok_or_else(|| serde::de::Error::custom("the nodes of the expression do not fit together"))
    }
}

fn write(expr: &Expr, nodes: &mut Vec<Flat>) {
    let op = match &expr.kind {
        ExprKind::Literal(value) => Op::Literal(Literal::of(value)),
        ExprKind::Name(name) => Op::Name(name.clone()),
        ExprKind::Field { base, name, optional } => {
            write(base, nodes);
            if *optional { Op::OptionalField(name.clone()) } else { Op::Field(name.clone()) }
        }
        ExprKind::Index { base, index, optional } => {
            write(base, nodes);
            write(index, nodes);
            if *optional { Op::OptionalIndex } else { Op::Index }
        }
        ExprKind::List(items) => Op::List(items.iter().map(|item| write_item(item, nodes)).collect()),
        ExprKind::Object(entries) => Op::Object(entries.iter().map(|entry| write_entry(entry, nodes)).collect()),
        ExprKind::Unary { op, operand } => {
            write(operand, nodes);
            Op::Unary(*op)
        }
        ExprKind::Binary { op, left, right } => {
            write(left, nodes);
            write(right, nodes);
            Op::Binary(*op)
        }
        ExprKind::Conditional { test, then, otherwise } => {
            [test, then, otherwise].into_iter().for_each(|operand| write(operand, nodes));
            Op::Conditional
        }
        ExprKind::Call { function, name_span, receiver, args } => {
            receiver.iter().for_each(|receiver| write(receiver, nodes));
            args.iter().for_each(|arg| write(arg, nodes));
            let count = u32::try_from(args.len()).unwrap_or(u32::MAX);
            let op = if receiver.is_some() { Op::Method } else { Op::Call };
            op(function.clone(), name_span.start, name_span.end, count)
        }
        ExprKind::Macro { kind, list, var, filter, body } => {
            write(list, nodes);
            filter.iter().for_each(|filter| write(filter, nodes));
            write(body, nodes);
            let op = if filter.is_some() { Op::FilterMacro } else { Op::Macro };
            op(*kind, var.clone())
        }
        ExprKind::Has(operand) => {
            write(operand, nodes);
            Op::Has
        }
        ExprKind::Template(parts) => Op::Template(parts.iter().map(|part| write_part(part, nodes)).collect()),
    };
    nodes.push(Flat(op, expr.span.start, expr.span.end));
}

fn write_item(item: &ListItem, nodes: &mut Vec<Flat>) -> bool {
    let (ListItem::Item(expr) | ListItem::Spread(expr)) = item;
    write(expr, nodes);
    matches!(item, ListItem::Spread(_))
}

fn write_entry(entry: &ObjectEntry, nodes: &mut Vec<Flat>) -> Option<(Arc<str>, u32, u32)> {
    match entry {
        ObjectEntry::Field { key, key_span, value } => {
            write(value, nodes);
            Some((key.clone(), key_span.start, key_span.end))
        }
        ObjectEntry::Spread(expr) => {
            write(expr, nodes);
            None
        }
    }
}

fn write_part(part: &TemplatePart, nodes: &mut Vec<Flat>) -> Option<Arc<str>> {
    match part {
        TemplatePart::Text(text) => Some(text.clone()),
        TemplatePart::Expr(expr) => {
            write(expr, nodes);
            None
        }
    }
}

/// The tree of the nodes; none where they do not make exactly one.
fn read(nodes: Vec<Flat>) -> Option<Expr> {
    let mut stack = Stack(Vec::new());
    for Flat(op, start, end) in nodes {
        let kind = stack.build(op)?;
        stack.0.push(Expr::new(kind, Span { start, end }));
    }
    let expr = stack.0.pop()?;
    stack.0.is_empty().then_some(expr)
}

/// The trees that no node has used yet.
struct Stack(Vec<Expr>);

impl Stack {
    fn build(&mut self, op: Op) -> Option<ExprKind> {
        Some(match op {
            Op::Literal(literal) => ExprKind::Literal(literal.value()?),
            Op::Name(name) => ExprKind::Name(name),
            Op::Field(name) => ExprKind::Field { base: self.boxed()?, name, optional: false },
            Op::OptionalField(name) => ExprKind::Field { base: self.boxed()?, name, optional: true },
            Op::Index => self.index(false)?,
            Op::OptionalIndex => self.index(true)?,
            Op::List(spread) => self.list(&spread)?,
            Op::Object(keys) => self.object(keys)?,
            Op::Unary(op) => ExprKind::Unary { op, operand: self.boxed()? },
            Op::Binary(op) => {
                let (right, left) = (self.boxed()?, self.boxed()?);
                ExprKind::Binary { op, left, right }
            }
            Op::Conditional => {
                let (otherwise, then, test) = (self.boxed()?, self.boxed()?, self.boxed()?);
                ExprKind::Conditional { test, then, otherwise }
            }
            Op::Call(function, start, end, count) => {
                let args = self.take(count as usize)?;
                ExprKind::Call { function, name_span: Span { start, end }, receiver: None, args }
            }
            Op::Method(function, start, end, count) => {
                let args = self.take(count as usize)?;
                ExprKind::Call { function, name_span: Span { start, end }, receiver: Some(self.boxed()?), args }
            }
            Op::Macro(kind, var) => {
                let (body, list) = (self.boxed()?, self.boxed()?);
                ExprKind::Macro { kind, list, var, filter: None, body }
            }
            Op::FilterMacro(kind, var) => {
                let (body, filter, list) = (self.boxed()?, self.boxed()?, self.boxed()?);
                ExprKind::Macro { kind, list, var, filter: Some(filter), body }
            }
            Op::Has => ExprKind::Has(self.boxed()?),
            Op::Template(texts) => self.template(texts)?,
        })
    }

    fn boxed(&mut self) -> Option<Box<Expr>> {
        self.0.pop().map(Box::new)
    }

    /// The last `count` trees, in their order.
    fn take(&mut self, count: usize) -> Option<Vec<Expr>> {
        let start = self.0.len().checked_sub(count)?;
        Some(self.0.split_off(start))
    }

    fn index(&mut self, optional: bool) -> Option<ExprKind> {
        let (index, base) = (self.boxed()?, self.boxed()?);
        Some(ExprKind::Index { base, index, optional })
    }

    fn list(&mut self, spread: &[bool]) -> Option<ExprKind> {
        let items = self.take(spread.len())?.into_iter().zip(spread);
        let item = |(expr, spread): (Expr, &bool)| if *spread { ListItem::Spread(expr) } else { ListItem::Item(expr) };
        Some(ExprKind::List(items.map(item).collect()))
    }

    fn object(&mut self, keys: Vec<Option<(Arc<str>, u32, u32)>>) -> Option<ExprKind> {
        let entries = self.take(keys.len())?.into_iter().zip(keys);
        let entry = |(value, key): (Expr, Option<(Arc<str>, u32, u32)>)| match key {
            Some((key, start, end)) => ObjectEntry::Field { key, key_span: Span { start, end }, value },
            None => ObjectEntry::Spread(value),
        };
        Some(ExprKind::Object(entries.map(entry).collect()))
    }

    fn template(&mut self, texts: Vec<Option<Arc<str>>>) -> Option<ExprKind> {
        let mut exprs = self.take(texts.iter().filter(|text| text.is_none()).count())?.into_iter();
        let part = |text: Option<Arc<str>>| match text {
            Some(text) => Some(TemplatePart::Text(text)),
            None => exprs.next().map(TemplatePart::Expr),
        };
        texts.into_iter().map(part).collect::<Option<_>>().map(ExprKind::Template)
    }
}

impl Literal {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Int(int) => Self::Int(*int),
            Value::Num(num) => Self::Num(format!("{num:?}")),
            Value::Str(text) => Self::Str(text.clone()),
            Value::Duration(micros) => Self::Duration(*micros),
            Value::Timestamp(micros) => Self::Timestamp(*micros),
            Value::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Map(map) => Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::of(value))).collect()),
        }
    }

    fn value(self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) => Value::Int(int),
            Self::Num(text) => Value::Num(text.parse().ok()?),
            Self::Str(text) => Value::Str(text),
            Self::Duration(micros) => Value::Duration(micros),
            Self::Timestamp(micros) => Value::Timestamp(micros),
            Self::List(items) => Value::list(items.into_iter().map(Self::value).collect::<Option<_>>()?),
            Self::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| Some((key, value.value()?)));
                Value::map(entries.collect::<Option<Map>>()?)
            }
        })
    }
}
