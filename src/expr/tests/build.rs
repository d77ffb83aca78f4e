//! Short names for making trees.

use std::borrow::Cow;
use std::sync::Arc;

use crate::expr::{
    BinaryOp, Budget, EvalError, Expr, ExprKind, ListItem, MacroKind, Map, ObjectEntry, Scope, Span, TemplatePart,
    Value, evaluate,
};

/// Names and their values.
pub struct Names(pub Map);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

pub fn scope(json: serde_json::Value) -> Names {
    match Value::from_json(json) {
        Value::Map(map) => Names((*map).clone()),
        _ => Names(Map::new()),
    }
}

pub fn expr(kind: ExprKind) -> Expr {
    Expr::new(kind, Span::new(0, 1))
}

pub fn lit(value: impl Into<Lit>) -> Expr {
    expr(ExprKind::Literal(value.into().0))
}

/// What a literal is made of.
pub struct Lit(pub Value);

impl From<i64> for Lit {
    fn from(int: i64) -> Self {
        Self(Value::Int(int))
    }
}

impl From<f64> for Lit {
    fn from(num: f64) -> Self {
        Self(Value::Num(num))
    }
}

impl From<bool> for Lit {
    fn from(bool: bool) -> Self {
        Self(Value::Bool(bool))
    }
}

impl From<&str> for Lit {
    fn from(text: &str) -> Self {
        Self(Value::str(text))
    }
}

impl From<Value> for Lit {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

/// A path: `a.b.c`, each dot a field.
pub fn path(text: &str) -> Expr {
    let mut parts = text.split('.');
    let first = expr(ExprKind::Name(parts.next().unwrap().into()));
    parts.fold(first, |base, name| field(base, name, false))
}

pub fn field(base: Expr, name: &str, optional: bool) -> Expr {
    expr(ExprKind::Field { base: Box::new(base), name: name.into(), optional })
}

pub fn index(base: Expr, at: impl Into<Lit>, optional: bool) -> Expr {
    expr(ExprKind::Index { base: Box::new(base), index: Box::new(lit(at)), optional })
}

pub fn binary(left: Expr, op: BinaryOp, right: Expr) -> Expr {
    expr(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })
}

pub fn list(items: impl IntoIterator<Item = Expr>) -> Expr {
    expr(ExprKind::List(items.into_iter().map(ListItem::Item).collect()))
}

pub fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Expr)>) -> Expr {
    let entry = |(key, value): (&str, Expr)| ObjectEntry::Field { key: key.into(), key_span: Span::default(), value };
    expr(ExprKind::Object(entries.into_iter().map(entry).collect()))
}

pub fn call(function: &str, args: impl IntoIterator<Item = Expr>) -> Expr {
    expr(ExprKind::Call {
        function: function.into(),
        name_span: Span::default(),
        receiver: None,
        args: args.into_iter().collect(),
    })
}

pub fn method(receiver: Expr, function: &str, args: impl IntoIterator<Item = Expr>) -> Expr {
    let receiver = Some(Box::new(receiver));
    expr(ExprKind::Call {
        function: function.into(),
        name_span: Span::default(),
        receiver,
        args: args.into_iter().collect(),
    })
}

pub fn over(list: Expr, kind: MacroKind, var: &str, body: Expr) -> Expr {
    let var = Arc::from(var);
    expr(ExprKind::Macro { kind, list: Box::new(list), var, filter: None, body: Box::new(body) })
}

pub fn template(parts: impl IntoIterator<Item = TemplatePart>) -> Expr {
    expr(ExprKind::Template(parts.into_iter().collect()))
}

/// The value of a tree in a scope of names.
pub fn eval_in(names: serde_json::Value, expr: &Expr) -> Result<Value, EvalError> {
    evaluate(expr, &scope(names), &mut Budget::default())
}

pub fn eval(expr: &Expr) -> Result<Value, EvalError> {
    eval_in(serde_json::json!({}), expr)
}

/// The message of the error that a tree gives.
pub fn error_in(names: serde_json::Value, expr: &Expr) -> String {
    eval_in(names, expr).unwrap_err().message
}

pub fn error(expr: &Expr) -> String {
    error_in(serde_json::json!({}), expr)
}
