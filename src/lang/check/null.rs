//! Values that may be null, used where null can't be.

use crate::expr::{Expr, ExprKind, Type};
use crate::lang::Diagnostic;

use super::Checker;
use super::algebra::{is_never, may_be_null, without_null};
use super::codes::MAYBE_NULL;
use super::key::{path, root};
use super::written::written;

/// What a value is used for, which decides over the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    /// A field or an item of it is read.
    Field(&'a str),
    /// It is put into text.
    Text,
    /// Anything else, in words: "`+` takes no null".
    Value(&'a str),
}

impl Checker<'_> {
    /// The type of `expr` without null, which is told of where it may be.
    pub fn bare(&mut self, expr: &Expr, ty: Type, used: Use<'_>) -> Type {
        if !may_be_null(&ty) {
            return ty;
        }
        let rest = without_null(&ty);
        let never = is_never(&rest);
        let name = written(expr);
        let called = name.as_ref().map_or("this".to_owned(), |name| format!("`{name}`"));
        let is = if never { "is null" } else { "may be null" };
        let message = match used {
            Use::Field(field) => format!("{called} {is}, and so has no `{field}`"),
            Use::Text => format!("{called} {is}, and would be the word `null` in the text"),
            Use::Value(what) => format!("{called} {is}, and {what}"),
        };
        let error = self.why_null(expr, Diagnostic::error(MAYBE_NULL, message, expr.span));
        let help = match (used, name) {
            _ if never => None,
            (_, None) => Some("give it a value with `??`".to_owned()),
            (Use::Field(field), Some(name)) => Some(format!("write `{name}?.{field}`, or ask `{name} != null` first")),
            (_, Some(name)) => Some(format!("write `{name} ?? …`, or ask `{name} != null` first")),
        };
        self.tell(match help {
            Some(help) => error.help(help),
            None => error,
        });
        if never { Type::Any } else { rest }
    }

    /// Says why a name has no value.
    fn why_null(&self, expr: &Expr, error: Diagnostic) -> Diagnostic {
        let of = match &expr.kind {
            ExprKind::Name(name) => Some(name.to_string()),
            _ => path(expr).map(|path| root(&path).to_owned()),
        };
        let binding = of.as_deref().and_then(|name| self.scopes.binding(name));
        match binding.and_then(|binding| binding.why) {
            Some((span, text)) => error.also(span, text),
            None => error,
        }
    }
}
