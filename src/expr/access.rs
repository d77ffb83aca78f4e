//! Fields, indexes and `has`.

use std::borrow::Cow;
use std::sync::Arc;

use super::eval::{Evaluation, Outcome, Scope};
use super::fault::{Failure, Fault};
use super::text::{describe, num_text};
use super::{Expr, ExprKind, Map, Value};

impl Evaluation<'_> {
    /// `base.name`, `base?.name`.
    pub fn field<'v>(
        &mut self,
        expr: &Expr,
        base: &'v Expr,
        name: &str,
        optional: bool,
        scope: &'v dyn Scope,
    ) -> Outcome<'v> {
        if let ExprKind::Name(root) = &base.kind
            && let Some(value) = scope.lookup_field(root, name)
        {
            self.pay(1, base.span)?;
            return Ok(value);
        }
        let container = match part(self.eval(base, scope)?, |container| container.get(name)) {
            Ok(value) => return Ok(value),
            Err(container) => container,
        };
        let fault = match &*container {
            Value::Map(_) | Value::Null if optional => return Ok(Cow::Owned(Value::Null)),
            Value::Map(map) => missing(map, name, base),
            Value::Null => {
                let base = called(base, "this");
                Fault::wrong(format!("{base} is null, so it has no field `{name}`: reach it with `?.`"))
            }
            other => Fault::wrong(format!("no field `{name}`: {} is {}", called(base, "this"), describe(other))),
        };
        Err(fault.at(expr.span))
    }

    /// `base[index]`, `base?.[index]`.
    pub fn index<'v>(
        &mut self,
        expr: &Expr,
        base: &'v Expr,
        index: &'v Expr,
        optional: bool,
        scope: &'v dyn Scope,
    ) -> Outcome<'v> {
        let container = self.eval(base, scope)?;
        if optional && matches!(*container, Value::Null) {
            return Ok(Cow::Owned(Value::Null));
        }
        let at = self.eval(index, scope)?;
        if let Value::Str(key) = &*at {
            self.budget.charge_text(key.len()).map_err(|fault| fault.at(index.span))?;
        }
        let container = match part(container, |container| item(container, &at).flatten()) {
            Ok(value) => return Ok(value),
            Err(container) => container,
        };
        let fault = match item(&container, &at) {
            None => wrong_index(&container, &at, base),
            Some(_) if optional => return Ok(Cow::Owned(Value::Null)),
            Some(_) => not_there(&container, &at, base),
        };
        Err(fault.at(expr.span))
    }

    /// `has(a.b)`: whether the field is there and not null. The base must have a value, as in CEL, or be null.
    pub fn has(&mut self, operand: &Expr, scope: &dyn Scope) -> Result<bool, Failure> {
        let value = match &operand.kind {
            ExprKind::Field { base, name, .. } => self.field(operand, base, name, true, scope)?,
            ExprKind::Index { base, index, .. } => self.index(operand, base, index, true, scope)?,
            ExprKind::Name(name) => scope.lookup(name).unwrap_or_default(),
            _ => {
                return Err(Fault::wrong("`has` takes a field, such as `has(input.email)`").at(operand.span));
            }
        };
        Ok(!matches!(*value, Value::Null))
    }
}

/// The part of a value that `find` finds, borrowed from where the value is borrowed; the value itself where there is none.
fn part<'v>(
    container: Cow<'v, Value>,
    find: impl for<'c> Fn(&'c Value) -> Option<&'c Value>,
) -> Result<Cow<'v, Value>, Cow<'v, Value>> {
    match container {
        Cow::Borrowed(whole) => find(whole).map(Cow::Borrowed).ok_or(container),
        Cow::Owned(ref whole) => find(whole).cloned().map(Cow::Owned).ok_or(container),
    }
}

/// What stands at `at`: none where the two do not go together, some of none where nothing is there.
fn item<'c>(container: &'c Value, at: &Value) -> Option<Option<&'c Value>> {
    match (container, at) {
        (Value::Map(_), Value::Str(key)) => Some(container.get(key)),
        (Value::List(items), _) => list_index(at).map(|at| at.and_then(|at| items.get(at))),
        _ => None,
    }
}

/// The place in a list that a value names: none where it names no place, some of none where no list is that long.
fn list_index(at: &Value) -> Option<Option<usize>> {
    match at {
        Value::Int(int) => Some(usize::try_from(*int).ok()),
        #[allow(clippy::cast_possible_truncation, reason = "whole, and past the ends of 64 bits it saturates")]
        Value::Num(num) if num.fract() == 0.0 => Some(usize::try_from(*num as i64).ok()),
        _ => None,
    }
}

fn missing(map: &Arc<Map>, name: &str, base: &Expr) -> Fault {
    Fault::no_field(format!("no field `{name}` on {}", called(base, "this object")), map, name)
}

fn not_there(container: &Value, at: &Value, base: &Expr) -> Fault {
    match (container, at) {
        (Value::Map(map), Value::Str(key)) => missing(map, key, base),
        (Value::List(items), at) => {
            let index = match at {
                Value::Num(num) => num_text(*num),
                Value::Int(int) => int.to_string(),
                _ => String::new(),
            };
            let items = match items.len() {
                0 => "is empty".to_owned(),
                1 => "has 1 item".to_owned(),
                count => format!("has {count} items"),
            };
            Fault::wrong(format!("index {index} is out of range: {} {items}", called(base, "the list")))
        }
        _ => Fault::wrong("nothing is there"),
    }
}

fn wrong_index(container: &Value, at: &Value, base: &Expr) -> Fault {
    let base = called(base, "this");
    Fault::wrong(match container {
        Value::Null => format!("{base} is null, so it has no items: reach them with `?.[...]`"),
        Value::List(_) => format!("a list is indexed by an int, and this is {}", describe(at)),
        Value::Map(_) => format!("an object is indexed by text, and this is {}", describe(at)),
        Value::Str(_) => format!("{base} is text, which has no items: use `char_at` or `substring`"),
        other => format!("{base} is {}, which has no items", describe(other)),
    })
}

/// The expression in backticks where it is a path, or else `otherwise`.
fn called(expr: &Expr, otherwise: &str) -> String {
    path_text(expr).map_or_else(|| otherwise.to_owned(), |path| format!("`{path}`"))
}

/// The text of an expression that is a plain path (`charge.body`, `items[0].sku`).
pub(super) fn path_text(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Field { base, name, optional } => {
            let dot = if *optional { "?." } else { "." };
            Some(format!("{}{dot}{name}", path_text(base)?))
        }
        ExprKind::Index { base, index, .. } => match &index.kind {
            ExprKind::Literal(Value::Int(at)) => Some(format!("{}[{at}]", path_text(base)?)),
            ExprKind::Literal(Value::Str(key)) => Some(format!("{}[{key:?}]", path_text(base)?)),
            ExprKind::Name(name) => Some(format!("{}[{name}]", path_text(base)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The candidate that `name` was most likely meant to be, where one is close.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ; comparing costs the product of the lengths, hence the limits.
    const CANDIDATES: usize = 200;
    const LENGTH: usize = 64;
    let length = name.chars().count();
    if length > LENGTH {
        return None;
    }
    let allowed = (length / 3).max(1);
    candidates
        .take(CANDIDATES)
        .filter(|candidate| candidate.len() <= LENGTH)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            let longest = candidate.chars().count().max(length);
            (*distance <= allowed && *distance < longest) || is_cut(name, candidate) || is_cut(candidate, name)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether `short` is the beginning, half or more, of `long`.
fn is_cut(short: &str, long: &str) -> bool {
    short.len() * 2 >= long.len() && long.starts_with(short)
}
