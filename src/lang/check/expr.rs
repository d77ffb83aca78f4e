//! Expressions: every name, field and function in them is looked up, and what is known of the type comes out.
//!
//! `Any` is "not known for sure": nothing is said of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expr::{
    BinaryOp, Expr, ExprKind, FieldType, Form, Function, ListItem, MacroKind, ObjectEntry, ObjectType, Span,
    TemplatePart, Type, UnaryOp, Value, function,
};
use crate::lang::Diagnostic;
use crate::lang::ast::{Field, Workflow};
use crate::lang::constant::constant;
use crate::lang::nearest::{did_you_mean, nearest};

use super::Checker;
use super::codes::{
    ALWAYS_FAILS, DASH_IN_EXPRESSION, DUPLICATE_KEY, NOT_SUPPORTED, NOT_YET_RUN, OUT_OF_SCOPE, UNKNOWN_NAME,
    WRONG_ARITY,
};
use super::declared::Kind;
use super::scope::{Found, kept};

/// The most fields of an object that the checker keeps track of; of a larger one it says nothing.
const MAX_FIELDS: usize = 1_000;

/// How many diagnostics are given their nearest name: each is a search.
const MAX_SEARCHES: usize = 50;

impl Checker<'_> {
    /// Checks an expression that stands by itself: also that it does not always fail.
    pub fn value(&mut self, expr: &Expr) -> Type {
        let before = self.diagnostics.len();
        let ty = self.expr(expr);
        if self.diagnostics.len() == before
            && !self.quiet
            && let Some(Err(error)) = constant(expr)
            && !error.limit
        {
            let message = format!("this always fails: {}", error.message);
            self.error(ALWAYS_FAILS, message, error.span);
        }
        ty
    }

    /// The type of an expression that is checked elsewhere.
    pub fn type_of(&mut self, expr: &Expr) -> Type {
        let quiet = std::mem::replace(&mut self.quiet, true);
        let ty = self.expr(expr);
        self.quiet = quiet;
        ty
    }

    /// Checks an expression and gives what is known of its type.
    pub fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Literal(value) => type_of_value(value),
            ExprKind::Name(name) => Type::clone(&self.name(name, expr.span)),
            ExprKind::Field { base, name, optional } => {
                let of = match &base.kind {
                    ExprKind::Name(name) => self.name(name, base.span),
                    _ => Arc::new(self.expr(base)),
                };
                // In text with escapes nothing has a place of its own.
                let whole = base.span == expr.span;
                let length =
                    if whole { expr.span.end - expr.span.start } else { u32::try_from(name.len()).unwrap_or(0) };
                let place =
                    Span { start: expr.span.end.saturating_sub(length).max(expr.span.start), end: expr.span.end };
                self.field(&of, name, *optional, place)
            }
            ExprKind::Index { base, index, .. } => {
                let base = self.expr(base);
                self.expr(index);
                item_type(&base)
            }
            ExprKind::List(items) => self.list(items),
            ExprKind::Object(entries) => self.object(entries),
            ExprKind::Unary { op, operand } => match (op, self.expr(operand)) {
                (UnaryOp::Not, _) => Type::Bool,
                (UnaryOp::Negate, ty @ (Type::Int | Type::Number | Type::Duration)) => ty,
                (UnaryOp::Negate, _) => Type::Any,
            },
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, expr),
            ExprKind::Conditional { test, then, otherwise } => {
                self.expr(test);
                let (then, otherwise) = (self.expr(then), self.expr(otherwise));
                if then == otherwise { then } else { Type::Any }
            }
            ExprKind::Call { function, name_span, receiver, args } => {
                if let Some(receiver) = receiver {
                    self.expr(receiver);
                }
                args.iter().for_each(|arg| drop(self.expr(arg)));
                self.call(function, receiver.is_some(), args.len(), *name_span);
                Type::Any
            }
            ExprKind::Macro { kind, list, var, filter, body } => {
                let list = self.expr(list);
                self.macro_call(*kind, list, var, filter.as_deref(), body)
            }
            ExprKind::Has(inner) => {
                self.has(inner);
                Type::Bool
            }
            ExprKind::Template(parts) => {
                for part in parts {
                    if let TemplatePart::Expr(part) = part {
                        self.expr(part);
                    }
                }
                // No parts at all stands for text that could not be read.
                if parts.is_empty() { Type::Any } else { Type::String }
            }
        }
    }

    fn list(&mut self, items: &[ListItem]) -> Type {
        let mut types = Vec::new();
        for item in items {
            types.push(match item {
                ListItem::Item(item) => self.expr(item),
                ListItem::Spread(item) => item_type(&self.expr(item)),
            });
        }
        let first = types.first().cloned().unwrap_or(Type::Any);
        Type::List(Box::new(if types.iter().all(|ty| *ty == first) { first } else { Type::Any }))
    }

    fn object(&mut self, entries: &[ObjectEntry]) -> Type {
        let mut object = ObjectType::default();
        let mut keys: HashMap<&str, Span> = HashMap::new();
        for entry in entries {
            match entry {
                ObjectEntry::Field { key, key_span, value } => {
                    let ty = self.expr(value);
                    if let Some(first) = keys.get(&**key) {
                        let message = format!("the key `{key}` is there twice");
                        self.tell(Diagnostic::error(DUPLICATE_KEY, message, *key_span).also(*first, "first here"));
                        continue;
                    }
                    keys.insert(key, *key_span);
                    if keys.len() <= MAX_FIELDS {
                        object.fields.push(FieldType { name: key.clone(), ty, required: true, doc: None });
                    }
                }
                ObjectEntry::Spread(spread) => {
                    self.expr(spread);
                    object.open = true;
                }
            }
        }
        // What is spread may replace what was written.
        if object.open || keys.len() > MAX_FIELDS { Type::Any } else { Type::Object(object) }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, whole: &Expr) -> Type {
        if op == BinaryOp::Sub
            && let Some(ty) = self.dashed(whole)
        {
            return ty;
        }
        let (left, right) = (self.expr(left), self.expr(right));
        match op {
            BinaryOp::Coalesce => coalesced(left, right),
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                arithmetic(op, &left, &right)
            }
            _ => Type::Bool,
        }
    }

    /// `validate-order.body`: a name written as it was declared, which an expression reads as a subtraction.
    fn dashed(&mut self, whole: &Expr) -> Option<Type> {
        let (written, span) = dashed_name(whole)?;
        let declaration = self.declared.written(&written).filter(|found| found.name.value.contains('-'))?;
        let message = format!("a `-` in an expression subtracts, and `{written}` is {}", declaration.kind.words());
        let help = format!("write `{}`", super::words::ident(&written));
        self.tell(Diagnostic::error(DASH_IN_EXPRESSION, message, span).help(help));
        Some(Type::Any)
    }

    fn macro_call(&mut self, kind: MacroKind, list: Type, var: &Arc<str>, filter: Option<&Expr>, body: &Expr) -> Type {
        let item = match &list {
            Type::Map(_) | Type::Object(_) => Type::String,
            other => item_type(other),
        };
        self.locals.push((var.clone(), kept(item)));
        if let Some(filter) = filter {
            self.expr(filter);
        }
        let body = self.expr(body);
        self.locals.pop();
        match kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Type::Bool,
            MacroKind::Map => Type::List(Box::new(body)),
            MacroKind::Filter | MacroKind::SortBy => match list {
                Type::List(_) => list,
                _ => Type::Any,
            },
        }
    }

    /// `has(a.b)`: the last field may be absent, what is before it is checked.
    fn has(&mut self, inner: &Expr) {
        match &inner.kind {
            ExprKind::Field { base, .. } => self.expr(base),
            _ => self.expr(inner),
        };
    }

    fn call(&mut self, name: &str, has_receiver: bool, args: usize, span: Span) {
        let Some(known) = function(name) else {
            self.tell(super::functions::unknown_function(name, span));
            return;
        };
        if let Some(message) = wrong_call(known, has_receiver, args) {
            self.tell(Diagnostic::error(WRONG_ARITY, message, span).help(format!("it is `{}`", known.signature)));
        }
    }

    /// What a name is of; `Any` where that is not known, which is told.
    fn name(&mut self, name: &Arc<str>, span: Span) -> Arc<Type> {
        if let Some((_, ty)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return ty.clone();
        }
        match &**name {
            "input" => return self.input.clone(),
            "settings" => return self.settings.clone(),
            "execution" => return Arc::new(execution_type()),
            "data" => return Type::Any.into(),
            _ => {}
        }
        match self.scopes.find(name) {
            Found::Known(ty) => return ty,
            Found::Unordered(child) => self.unordered(name, &child, span),
            Found::Unknown => self.unknown_name(name, span),
        }
        Type::Any.into()
    }

    fn unordered(&mut self, name: &str, child: &str, span: Span) {
        let message = format!("`{name}` may not have run yet: nothing orders it before this");
        self.tell(Diagnostic::error(NOT_YET_RUN, message, span).help(format!("add `after {child}`")));
    }

    /// Tells why a name is not known here.
    fn unknown_name(&mut self, name: &str, span: Span) {
        if let Some(declaration) = self.declared.get(name) {
            self.out_of_reach(name, span, declaration);
            return;
        }
        let place = match name {
            "error" => Some("`error` is known in `unless` and `only` of `retry`"),
            "event" => Some("`event` is known where an event is waited for"),
            _ => None,
        };
        if name == "secrets" {
            self.error(NOT_SUPPORTED, "`secrets` is not supported by this version", span);
        } else if let Some(place) = place {
            self.tell(Diagnostic::error(UNKNOWN_NAME, format!("`{name}` means nothing here"), span).help(place));
        } else {
            self.nothing_of_that_name(name, span);
        }
    }

    fn nothing_of_that_name(&mut self, name: &str, span: Span) {
        let error = Diagnostic::error(UNKNOWN_NAME, format!("unknown name `{name}`"), span);
        if self.workflow.inputs.iter().any(|input| &*input.name.value == name) {
            self.tell(error.help(format!("write `input.{name}`")));
        } else if self.workflow.settings.iter().any(|setting| &*setting.name.value == name) {
            self.tell(error.help(format!("write `settings.{name}`")));
        } else {
            let roots = ["input", "settings", "execution", "data"];
            let locals = self.locals.iter().map(|(local, _)| &**local);
            let search = self.diagnostics.len() < MAX_SEARCHES;
            let known = self.scopes.names().chain(roots).chain(locals).filter(|_| search);
            let near = nearest(name, known).map(str::to_owned);
            match near {
                Some(near) => self.tell(error.meant(name, &near)),
                // A statement that is not read may have declared it.
                None if self.declared.may_declare(name) => {}
                None => self.tell(error),
            }
        }
    }

    fn out_of_reach(&mut self, name: &str, span: Span, declaration: super::declared::Declaration<'_>) {
        let of = declaration.kind.words();
        let error = if declaration.span.start <= span.start && span.end <= declaration.span.end {
            let message = format!("`{name}` can't be used in itself");
            Diagnostic::error(NOT_YET_RUN, message, span)
        } else if declaration.kind == Kind::Branch {
            let message = format!("`{name}` is a branch, which has no value");
            Diagnostic::error(UNKNOWN_NAME, message, span).help("use the steps in it by their names")
        } else if declaration.span.start > span.start {
            Diagnostic::error(NOT_YET_RUN, format!("`{name}` is {of} that comes later"), span)
        } else {
            let message = format!("`{name}` is {of} of another block, and not known here");
            Diagnostic::error(OUT_OF_SCOPE, message, span)
        };
        self.tell(error.also(declaration.name.span, "declared here"));
    }

    /// A key of many that is not known.
    pub fn unknown<'k>(&mut self, error: Diagnostic, word: &str, known: impl IntoIterator<Item = &'k str>) {
        self.tell(did_you_mean(error, word, known));
    }
}

/// What is wrong with how a function is called.
fn wrong_call(known: &Function, has_receiver: bool, args: usize) -> Option<String> {
    let name = known.name;
    match (known.form, has_receiver) {
        (Form::Method, false) => return Some(format!("`{name}` is called on a value")),
        (Form::Global, true) => return Some(format!("`{name}` is not called on a value")),
        _ => {}
    }
    let receiver = usize::from(known.form == Form::Both && !has_receiver);
    let (min, max) = (known.min_args + receiver, known.max_args + receiver);
    if (min..=max).contains(&args) {
        return None;
    }
    let wanted = match (min, max) {
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (min, max) if min == max => format!("{min} arguments"),
        (min, usize::MAX) => format!("at least {min}"),
        (min, max) => format!("{min} to {max} arguments"),
    };
    Some(format!("`{name}` takes {wanted}, not {args}"))
}

/// The name that a chain of subtractions without spaces spells: `a-b-c` of `a-b-c.d`.
fn dashed_name(whole: &Expr) -> Option<(String, Span)> {
    let mut parts = Vec::new();
    let mut at = whole;
    while let ExprKind::Binary { op: BinaryOp::Sub, left, right } = &at.kind {
        parts.push(root_name(right)?);
        at = left;
    }
    let ExprKind::Name(first) = &at.kind else { return None };
    let (mut text, mut span) = (first.to_string(), at.span);
    for (name, part) in parts.into_iter().rev() {
        if part.start != span.end + 1 {
            return None;
        }
        text.push('-');
        text.push_str(name);
        span = span.to(part);
    }
    Some((text, span))
}

fn root_name(expr: &Expr) -> Option<(&str, Span)> {
    match &expr.kind {
        ExprKind::Name(name) => Some((name, expr.span)),
        ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => root_name(base),
        ExprKind::Call { receiver: Some(base), .. } | ExprKind::Macro { list: base, .. } => root_name(base),
        _ => None,
    }
}

/// What `input` is: what a small file or the JSON API does not declare may be anything.
pub fn input_type(workflow: &Workflow) -> Arc<Type> {
    if workflow.flat && workflow.inputs.is_empty() { Type::Any.into() } else { fields_type(&workflow.inputs) }
}

/// An object of these fields.
pub fn fields_type(fields: &[Field]) -> Arc<Type> {
    let field = |field: &Field| FieldType {
        name: field.name.value.clone(),
        ty: field.ty.value.clone(),
        required: true,
        doc: None,
    };
    kept(Type::Object(ObjectType { fields: fields.iter().map(field).collect(), open: false }))
}

fn execution_type() -> Type {
    let fields = [
        ("id", Type::String),
        ("workflow", Type::String),
        ("version", Type::Int),
        ("started_at", Type::Timestamp),
        ("attempt", Type::Int),
    ];
    let field = |(name, ty): (&str, Type)| FieldType { name: name.into(), ty, required: true, doc: None };
    Type::Object(ObjectType { fields: fields.into_iter().map(field).collect(), open: false })
}

/// The type of a value as it stands. A text is its own literal, so that it can be told from the words of an enum.
pub fn type_of_value(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Num(_) => Type::Number,
        Value::Str(text) => Type::Literal(text.clone()),
        Value::Duration(_) => Type::Duration,
        Value::Timestamp(_) => Type::Timestamp,
        Value::List(_) | Value::Map(_) => Type::Any,
    }
}

/// What an item of a list or map is.
pub fn item_type(list: &Type) -> Type {
    match list {
        Type::List(item) | Type::Map(item) => (**item).clone(),
        _ => Type::Any,
    }
}

fn coalesced(left: Type, right: Type) -> Type {
    let left = super::field::without_null(&left);
    if left == Type::Null || left == right { right } else { Type::Any }
}

fn arithmetic(op: BinaryOp, left: &Type, right: &Type) -> Type {
    let text = |ty: &Type| matches!(ty, Type::String | Type::Literal(_));
    match (left, right) {
        (Type::Int, Type::Int) => Type::Int,
        (Type::Int | Type::Number, Type::Int | Type::Number) => Type::Number,
        (left, right) if op == BinaryOp::Add && text(left) && text(right) => Type::String,
        (Type::Duration, Type::Duration) if matches!(op, BinaryOp::Add | BinaryOp::Sub) => Type::Duration,
        _ => Type::Any,
    }
}
