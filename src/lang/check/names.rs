//! Names: what they are, and what to say of those that are not known.

use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, FieldType, ObjectType, Span, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{Field, Name, Workflow};
use crate::lang::nearest::{did_you_mean, nearest};

use super::Checker;
use super::codes::{NOT_YET_RUN, OUT_OF_SCOPE, UNKNOWN_NAME};
use super::declared::{Declaration, Kind};
use super::scope::{Found, kept};

/// How many diagnostics are given their nearest name: each is a search.
const MAX_SEARCHES: usize = 50;

/// The names that a workflow always knows, and those of a moment.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Each with its type.
    known: Vec<(&'static str, Arc<Type>)>,
    /// Where they are not all of a workflow's: what this is, in words.
    pub place: Option<&'static str>,
}

impl Roots {
    /// Those of a workflow's body.
    pub fn of(workflow: &Workflow) -> Self {
        let known = vec![
            ("input", input_type(workflow)),
            ("settings", fields_type(&workflow.settings)),
            ("secrets", secrets_type(&workflow.secrets)),
            ("execution", Arc::new(execution_type())),
            ("data", Type::Any.into()),
        ];
        Self { known, place: None }
    }

    /// Some of them alone.
    pub fn only(&self, names: &[&str], place: &'static str) -> Self {
        let known = self.known.iter().filter(|(name, _)| names.contains(name)).cloned().collect();
        Self { known, place: Some(place) }
    }

    /// The same with further names.
    pub fn with(mut self, names: impl IntoIterator<Item = (&'static str, Type)>) -> Self {
        self.known.extend(names.into_iter().map(|(name, ty)| (name, ty.into())));
        self
    }

    /// What a root is of.
    pub fn get(&self, name: &str) -> Option<&Arc<Type>> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, ty)| ty)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(name, _)| *name).filter(|name| *name != "secrets")
    }
}

impl Checker<'_> {
    /// What a name is of; `Any` where that is not known, which is told.
    pub fn name(&mut self, name: &Arc<str>, span: Span) -> Arc<Type> {
        if let Some((_, ty)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return ty.clone();
        }
        self.used.name(name);
        if let Some(ty) = self.roots.get(name) {
            return ty.clone();
        }
        match self.scopes.find(name) {
            Found::Known(binding) => {
                let ran = binding.ran(&self.facts);
                return if ran { binding.ty.clone() } else { Arc::new(Type::clone(&binding.ty).nullable()) };
            }
            Found::Unordered(child) => self.unordered(name, &child, span),
            Found::Unknown => self.unknown_name(name, span),
        }
        Type::Any.into()
    }

    /// Whether a name is the variable of a macro, or of the moment.
    pub fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| **local == *name)
    }

    /// Checks with further names, for as long as `check` takes.
    pub fn with_locals<T>(&mut self, names: &[(&str, Type)], check: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.facts.mark();
        for (name, ty) in names {
            self.facts.hide((*name).into());
            self.locals.push(((*name).into(), kept(ty.clone())));
        }
        let given = check(self);
        self.locals.truncate(self.locals.len() - names.len());
        self.facts.forget(mark);
        given
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
            "error" => Some("`error` is known in `unless` and `only` of `retry`, and a `catch` names its own"),
            "event" => Some("`event` is known where an event is waited for"),
            "body" | "headers" if self.roots.place.is_some() => Some("they are known in a `webhook`"),
            _ => None,
        };
        let of_body = Roots::of(self.workflow).get(name).is_some();
        if let Some(place) = self.roots.place.filter(|_| of_body) {
            let names: Vec<_> = self.roots.names().map(|name| format!("`{name}`")).collect();
            let error = Diagnostic::error(UNKNOWN_NAME, format!("`{name}` is not known in {place}"), span);
            self.tell(error.help(format!("there is {}", names.join(", "))));
        } else if let Some(place) = place {
            self.tell(Diagnostic::error(UNKNOWN_NAME, format!("`{name}` means nothing here"), span).help(place));
        } else {
            self.nothing_of_that_name(name, span);
        }
    }

    fn nothing_of_that_name(&mut self, name: &str, span: Span) {
        let error = Diagnostic::error(UNKNOWN_NAME, format!("unknown name `{name}`"), span);
        let is = |names: &[Field]| names.iter().any(|field| &*field.name.value == name);
        if is(&self.workflow.inputs) && self.roots.get("input").is_some() {
            self.tell(error.help(format!("write `input.{name}`")));
        } else if is(&self.workflow.settings) {
            self.tell(error.help(format!("write `settings.{name}`")));
        } else if self.workflow.secrets.iter().any(|secret| &*secret.value == name) {
            self.tell(error.help(format!("write `secrets.{name}`")));
        } else {
            let locals = self.locals.iter().map(|(local, _)| &**local);
            let known = self.scopes.names().chain(self.roots.names()).chain(locals).filter(|_| self.may_search());
            let near = nearest(name, known).map(str::to_owned);
            match near {
                Some(near) => self.tell(error.meant(name, &near)),
                // A statement that is not read may have declared it.
                None if self.declared.may_declare(name) => {}
                None => self.tell(error),
            }
        }
    }

    fn out_of_reach(&mut self, name: &str, span: Span, declaration: Declaration<'_>) {
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
        self.tell(if self.may_search() { did_you_mean(error, word, known) } else { error });
    }

    /// Whether the nearest name is still looked for.
    fn may_search(&self) -> bool {
        !self.quiet && self.diagnostics.len() < MAX_SEARCHES
    }
}

/// The name that a chain of subtractions without spaces spells: `a-b-c` of `a-b-c.d`.
pub fn dashed_name(whole: &Expr) -> Option<(String, Span)> {
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
fn fields_type(fields: &[Field]) -> Arc<Type> {
    object_type(fields.iter().map(|field| (field.name.value.clone(), field.ty.value.clone())))
}

fn secrets_type(secrets: &[Name]) -> Arc<Type> {
    object_type(secrets.iter().map(|secret| (secret.value.clone(), Type::String)))
}

fn object_type(fields: impl Iterator<Item = (Arc<str>, Type)>) -> Arc<Type> {
    let fields = fields.map(|(name, ty)| FieldType { name, ty, required: true, doc: None }).collect();
    kept(Type::Object(ObjectType { fields, open: false }))
}

fn execution_type() -> Type {
    object([
        ("id", Type::String),
        ("workflow", Type::String),
        ("version", Type::Int),
        ("started_at", Type::Timestamp),
        ("attempt", Type::Int),
    ])
}

/// What `error` is in a `catch`, and in `unless` and `only`.
pub fn error_type() -> Type {
    object([
        ("code", Type::String),
        ("message", Type::String),
        ("step", Type::String.nullable()),
        ("attempt", Type::Int.nullable()),
        ("status", Type::Int.nullable()),
        ("retryable", Type::Bool),
        ("details", Type::Any),
    ])
}

/// An object of these fields, all of them there.
pub fn object<const N: usize>(fields: [(&str, Type); N]) -> Type {
    let field = |(name, ty): (&str, Type)| FieldType { name: name.into(), ty, required: true, doc: None };
    Type::Object(ObjectType { fields: fields.into_iter().map(field).collect(), open: false })
}
