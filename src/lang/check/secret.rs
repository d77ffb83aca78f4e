//! Where secrets go: into requests and nowhere else.
//!
//! A value that was made of a secret, in whatever way, is one. Whether a secret is there at all (`secrets.a != null`) is none.

use std::sync::Arc;

use crate::expr::{BinaryOp, Expr, ExprKind, Span, Value};
use crate::lang::Diagnostic;

use super::Checker;
use super::codes::SECRET;

/// The secret that a value was made of.
#[derive(Clone, Debug)]
pub struct Taint {
    /// How it is written: `secrets.pay_key`.
    pub name: Arc<str>,
    /// Where it came in.
    pub origin: Span,
    /// The name that it reached last.
    pub through: Option<Span>,
}

impl Checker<'_> {
    /// The secret in an expression, and where it stands in it.
    pub fn secret_in(&self, expr: &Expr) -> Option<(Span, Arc<Taint>)> {
        if self.workflow.secrets.is_empty() {
            return None;
        }
        self.find_secret(expr)
    }

    fn find_secret(&self, expr: &Expr) -> Option<(Span, Arc<Taint>)> {
        match &expr.kind {
            ExprKind::Field { base, name, .. } if is_secrets(base) => {
                Some((expr.span, taint(format!("secrets.{name}"), expr.span)))
            }
            ExprKind::Name(_) if is_secrets(expr) => Some((expr.span, taint("secrets".to_owned(), expr.span))),
            ExprKind::Name(name) if !self.is_local(name) => {
                let secret = self.scopes.binding(name)?.secret.clone()?;
                Some((expr.span, secret))
            }
            ExprKind::Has(_) => None,
            ExprKind::Binary { op: BinaryOp::Eq | BinaryOp::Ne, left, right } if is_null(left) || is_null(right) => {
                None
            }
            _ => {
                let mut found = None;
                expr.each_part(&mut |part| found = found.take().or_else(|| self.find_secret(part)));
                found
            }
        }
    }

    /// Whether an expression reads a secret, be it only to ask whether it is there.
    pub fn reads_secret(&self, expr: &Expr) -> bool {
        let named = |name: &str| self.scopes.binding(name).is_some_and(|binding| binding.secret.is_some());
        let mut found = matches!(&expr.kind, ExprKind::Name(name) if is_secrets(expr) || named(name));
        expr.each_part(&mut |part| found = found || self.reads_secret(part));
        found
    }

    /// The secret that a `let`, a list or a loop's item is made of.
    pub fn tainted(&self, expr: &Expr, by: Span) -> Option<Arc<Taint>> {
        let (_, secret) = self.secret_in(expr)?;
        Some(Arc::new(Taint { through: Some(by), ..Taint::clone(&secret) }))
    }

    /// Tells of a secret in what is seen by others: `place` is what, in words.
    pub fn no_secret(&mut self, expr: &Expr, place: &str) {
        let Some((at, secret)) = self.secret_in(expr) else { return };
        let message = format!("`{}` would reach {place}", secret.name);
        let mut error = Diagnostic::error(SECRET, message, at);
        if secret.origin != at {
            error = error.also(secret.origin, "the secret enters here");
        }
        if let Some(through) = secret.through.filter(|through| *through != at && *through != secret.origin) {
            error = error.also(through, "and goes on by this name");
        }
        self.tell(error.help("a secret may be part of a request, and is never recorded"));
    }
}

fn taint(name: String, origin: Span) -> Arc<Taint> {
    Arc::new(Taint { name: name.into(), origin, through: None })
}

fn is_secrets(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if &**name == "secrets")
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(Value::Null))
}
