//! Evaluation under a budget.
//!
//! Invariant: total. Every node, item and piece of text is paid for, depth is bounded, and nothing panics.

use std::borrow::Cow;
use std::sync::Arc;

use super::access::path_text;
use super::fault::{Failure, Fault};
use super::functions::Patterns;
use super::size::check_result;
use super::text::{describe, push_text, write_text};
use super::{BinaryOp, Expr, ExprKind, ListItem, Map, ObjectEntry, Span, TemplatePart, UnaryOp, Value, functions, ops};

/// How deep a tree may be. Chains of operators do not count: they are walked, not descended.
const MAX_DEPTH: u32 = 200;

/// What is paid beyond the unit of each node.
pub(super) mod price {
    /// For making a list.
    pub const LIST: usize = 2;
    /// For making an object.
    pub const OBJECT: usize = 4;
    /// For making a text of parts.
    pub const TEXT: usize = 2;
    /// For finding a function and handing it its arguments.
    pub const CALL: usize = 1;
    /// For an error that is absorbed.
    pub const ERROR: usize = 16;

    /// For an entry of an object.
    pub fn entry(key: &str) -> usize {
        3 + key.len() / 64
    }
}

/// What names mean where an expression is evaluated.
pub trait Scope {
    /// The value of a root name (`input`, a step's identifier, a loop variable); none where there is nothing of that name.
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>>;

    /// The field `field` of the root name `root`, where it can be had without making all of `root`; none where it cannot, and
    /// then `root` is looked up.
    fn lookup_field(&self, _root: &str, _field: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

/// How much an evaluation may cost.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Units of work left: about one for each node evaluated and each item or 64 bytes of text touched. A unit is some 50 ns
    /// at most, so that a million are used up within 50 ms.
    pub steps: u64,
    /// The largest value, in bytes of its JSON, roughly.
    pub max_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: 1_000_000, max_bytes: 1024 * 1024 }
    }
}

impl Budget {
    /// Pays for `units` of work.
    pub(super) fn charge(&mut self, units: usize) -> Result<(), Fault> {
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        let left = self.steps.checked_sub(units);
        self.steps = left.unwrap_or(0);
        left.map(|_| ()).ok_or_else(|| Fault::limit("the expression costs too much: its budget is used up"))
    }

    /// Pays for copying, comparing or hashing `bytes` of text.
    pub(super) fn charge_text(&mut self, bytes: usize) -> Result<(), Fault> {
        self.charge(bytes / 64)
    }

    /// Pays for looking at `bytes` of text character by character.
    pub(super) fn charge_read(&mut self, bytes: usize) -> Result<(), Fault> {
        self.charge(bytes / 16)
    }

    /// Pays for adding `more` bytes to a text of `len`, which must not grow past the size limit.
    pub(super) fn charge_grow(&mut self, len: usize, more: usize) -> Result<(), Fault> {
        if len.saturating_add(more) > self.max_bytes {
            return Err(Fault::limit(format!("the text is larger than the limit of {} bytes", self.max_bytes)));
        }
        self.charge_text(more)
    }
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong, in the style of a diagnostic.
    pub message: String,
    /// Where in the source.
    pub span: Span,
    /// Whether it is the budget or a size limit that is used up.
    pub limit: bool,
}

/// What evaluating a node gives. What stands in the tree or in the scope is borrowed from there: to read it, nothing is copied
/// or counted.
pub(super) type Outcome<'v> = Result<Cow<'v, Value>, Failure>;

/// Evaluates an expression.
///
/// # Errors
/// Unknown names and fields, wrong types, overflow, division by zero, and an exhausted budget; each with its place.
pub fn evaluate(expr: &Expr, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, EvalError> {
    let mut evaluation = Evaluation { budget, depth: 0, paid: Patterns::default() };
    let value = evaluation.eval(expr, scope).map_err(|failure| failure.told())?.into_owned();
    check_result(&value, budget.max_bytes).map_err(|fault| fault.at(expr.span).told())?;
    Ok(value)
}

/// A scope that knows one more name: the variable of a macro.
pub(super) struct Local<'a> {
    pub name: &'a str,
    pub value: &'a Value,
    pub outer: &'a dyn Scope,
}

impl Scope for Local<'_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        if name == self.name { Some(Cow::Borrowed(self.value)) } else { self.outer.lookup(name) }
    }

    fn lookup_field(&self, root: &str, field: &str) -> Option<Cow<'_, Value>> {
        if root == self.name { None } else { self.outer.lookup_field(root, field) }
    }
}

/// A variable over a list, and what is evaluated for each of its items.
pub(super) struct Binder<'v> {
    pub var: &'v str,
    pub body: &'v Expr,
    pub scope: &'v dyn Scope,
}

/// One evaluation: what is left of its budget, and how deep it is.
pub(super) struct Evaluation<'a> {
    pub budget: &'a mut Budget,
    depth: u32,
    paid: Patterns,
}

impl Evaluation<'_> {
    /// The value of a node.
    pub fn eval<'v>(&mut self, expr: &'v Expr, scope: &'v dyn Scope) -> Outcome<'v> {
        self.pay(1, expr.span)?;
        if self.depth >= MAX_DEPTH {
            return Err(Fault::limit("the expression is nested too deep").at(expr.span));
        }
        self.depth += 1;
        let outcome = self.eval_kind(expr, scope);
        self.depth -= 1;
        outcome
    }

    fn eval_kind<'v>(&mut self, expr: &'v Expr, scope: &'v dyn Scope) -> Outcome<'v> {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(Cow::Borrowed(value)),
            ExprKind::Name(name) => {
                scope.lookup(name).ok_or_else(|| Fault::wrong(format!("unknown name `{name}`")).at(expr.span))
            }
            ExprKind::Field { base, name, optional } => self.field(expr, base, name, *optional, scope),
            ExprKind::Index { base, index, optional } => self.index(expr, base, index, *optional, scope),
            ExprKind::List(items) => owned(self.list(items, expr.span, scope)),
            ExprKind::Object(entries) => owned(self.object(entries, expr.span, scope)),
            ExprKind::Unary { op, operand } => owned(self.unary(*op, operand, expr.span, scope)),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, expr.span, scope),
            ExprKind::Conditional { test, then, otherwise } => {
                let test = self.bool(test, scope)?;
                self.eval(if test { then } else { otherwise }, scope)
            }
            ExprKind::Call { function, receiver, args, .. } => {
                owned(self.call(function, receiver.as_deref(), args, expr.span, scope))
            }
            ExprKind::Macro { kind, list, var, filter, body } => {
                owned(self.comprehension(*kind, list, filter.as_deref(), Binder { var, body, scope }))
            }
            ExprKind::Has(operand) => owned(self.has(operand, scope).map(Value::Bool)),
            ExprKind::Template(parts) => owned(self.template(parts, expr.span, scope)),
        }
    }

    /// Pays for `units` of work at `span`.
    pub fn pay(&mut self, units: usize, span: Span) -> Result<(), Failure> {
        self.budget.charge(units).map_err(|fault| fault.at(span))
    }

    /// The value of a node that must be true or false.
    pub fn bool(&mut self, expr: &Expr, scope: &dyn Scope) -> Result<bool, Failure> {
        let outcome = self.eval(expr, scope);
        expect_bool(outcome, expr.span)
    }

    fn list(&mut self, items: &[ListItem], span: Span, scope: &dyn Scope) -> Result<Value, Failure> {
        self.pay(price::LIST, span)?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            match item {
                ListItem::Item(expr) => list.push(self.eval(expr, scope)?.into_owned()),
                ListItem::Spread(expr) => match &*self.eval(expr, scope)? {
                    Value::List(more) => {
                        self.pay(more.len(), expr.span)?;
                        list.extend(more.iter().cloned());
                    }
                    other => return Err(wrong_spread(other, "a list", "[]", expr)),
                },
            }
        }
        Ok(Value::list(list))
    }

    fn object(&mut self, entries: &[ObjectEntry], span: Span, scope: &dyn Scope) -> Result<Value, Failure> {
        self.pay(price::OBJECT, span)?;
        let mut map = Map::with_capacity(entries.len());
        for entry in entries {
            match entry {
                ObjectEntry::Field { key, value, .. } => {
                    self.pay(price::entry(key), value.span)?;
                    map.insert(key.clone(), self.eval(value, scope)?.into_owned());
                }
                ObjectEntry::Spread(expr) => match &*self.eval(expr, scope)? {
                    Value::Map(more) => {
                        self.pay(more.keys().map(|key| price::entry(key)).sum(), expr.span)?;
                        map.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
                    }
                    other => return Err(wrong_spread(other, "an object", "{}", expr)),
                },
            }
        }
        Ok(Value::map(map))
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr, span: Span, scope: &dyn Scope) -> Result<Value, Failure> {
        match op {
            UnaryOp::Not => self.bool(operand, scope).map(|bool| Value::Bool(!bool)),
            UnaryOp::Negate => {
                let value = self.eval(operand, scope)?;
                ops::negate(&value).map_err(|fault| fault.at(span))
            }
        }
    }

    /// `left op right`. A chain (`a + b + c`, however long) is walked from its leftmost operand up, so that its length
    /// costs no stack.
    fn binary<'v>(
        &mut self,
        op: BinaryOp,
        left: &'v Expr,
        right: &'v Expr,
        span: Span,
        scope: &'v dyn Scope,
    ) -> Outcome<'v> {
        let mut chain = Vec::new();
        let mut first = left;
        while let ExprKind::Binary { op, left, right } = &first.kind {
            self.pay(1, first.span)?;
            chain.push((*op, &**right, first.span));
            first = left;
        }
        let mut outcome = self.eval(first, scope);
        let mut outcome_span = first.span;
        for (op, right, span) in chain.into_iter().rev() {
            outcome = self.apply(op, (outcome, outcome_span), right, span, scope);
            outcome_span = span;
        }
        self.apply(op, (outcome, outcome_span), right, span, scope)
    }

    fn apply<'v>(
        &mut self,
        op: BinaryOp,
        left: (Outcome<'v>, Span),
        right: &'v Expr,
        span: Span,
        scope: &'v dyn Scope,
    ) -> Outcome<'v> {
        let (left, left_span) = left;
        match op {
            BinaryOp::And => owned(self.logic(false, expect_bool(left, left_span), right, scope)),
            BinaryOp::Or => owned(self.logic(true, expect_bool(left, left_span), right, scope)),
            BinaryOp::Coalesce => match left? {
                value if matches!(*value, Value::Null) => self.eval(right, scope),
                value => Ok(value),
            },
            BinaryOp::In => match &right.kind {
                ExprKind::List(items) if items.iter().all(|item| matches!(item, ListItem::Item(_))) => {
                    owned(self.one_of(&*left?, items, right.span, scope))
                }
                _ => {
                    let left = left?;
                    let right = self.eval(right, scope)?;
                    owned(ops::contains(&right, &left, self.budget).map(Value::Bool).map_err(|fault| fault.at(span)))
                }
            },
            _ => {
                let left = left?;
                let right = self.eval(right, scope)?;
                owned(ops::binary(op, &left, &right, self.budget).map_err(|fault| fault.at(span)))
            }
        }
    }

    /// `value in [a, b]`, without making the list. Each item is evaluated, for one of them may be an error.
    fn one_of(&mut self, value: &Value, items: &[ListItem], span: Span, scope: &dyn Scope) -> Result<Value, Failure> {
        self.pay(1, span)?;
        let mut found = false;
        for item in items {
            let (ListItem::Item(expr) | ListItem::Spread(expr)) = item;
            let item = self.eval(expr, scope)?;
            found = found || ops::equals(&item, value, self.budget).map_err(|fault| fault.at(span))?;
        }
        Ok(Value::Bool(found))
    }

    /// `&&` (decided by false) and `||` (decided by true). As in CEL, an operand that decides absorbs the other's error,
    /// whichever side it stands on. A used-up budget is absorbed by nothing.
    fn logic(
        &mut self,
        decides: bool,
        left: Result<bool, Failure>,
        right: &Expr,
        scope: &dyn Scope,
    ) -> Result<Value, Failure> {
        match &left {
            Ok(left) if *left == decides => return Ok(Value::Bool(decides)),
            Err(error) if error.is_limit() => return left.map(Value::Bool),
            Err(_) => self.pay(price::ERROR, right.span)?,
            Ok(_) => {}
        }
        match (left, self.bool(right, scope)) {
            (_, Ok(right)) if right == decides => Ok(Value::Bool(decides)),
            (_, Err(error)) if error.is_limit() => Err(error),
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(_), Ok(right)) => Ok(Value::Bool(right)),
        }
    }

    fn call(
        &mut self,
        name: &Arc<str>,
        receiver: Option<&Expr>,
        args: &[Expr],
        span: Span,
        scope: &dyn Scope,
    ) -> Result<Value, Failure> {
        self.pay(price::CALL, span)?;
        let function = functions::function(name).ok_or_else(|| Fault::no_function(name).at(span))?;
        if let Some(problem) = function.arity_problem(receiver.is_some(), args.len()) {
            return Err(Fault::wrong(problem).at(span));
        }
        let mut values = Vec::with_capacity(args.len() + 1);
        for arg in receiver.into_iter().chain(args) {
            values.push(self.eval(arg, scope)?);
        }
        function.call(&values, self.budget, &mut self.paid).map_err(|fault| fault.at(span))
    }

    fn template(&mut self, parts: &[TemplatePart], span: Span, scope: &dyn Scope) -> Result<Value, Failure> {
        self.pay(price::TEXT, span)?;
        let mut text = String::new();
        for part in parts {
            let (written, at) = match part {
                TemplatePart::Text(piece) => (push_text(&mut text, piece, self.budget), span),
                TemplatePart::Expr(expr) => {
                    let value = self.eval(expr, scope)?;
                    (write_text(&value, &mut text, self.budget), expr.span)
                }
            };
            written.map_err(|fault| fault.at(at))?;
        }
        self.pay(text.len() / 64, span)?;
        Ok(Value::str(text))
    }
}

/// A value that was made, and stands nowhere.
fn owned<'v>(outcome: Result<Value, Failure>) -> Outcome<'v> {
    outcome.map(Cow::Owned)
}

/// True or false, or an error that says what it is instead.
fn expect_bool(outcome: Outcome, span: Span) -> Result<bool, Failure> {
    match &*outcome? {
        Value::Bool(bool) => Ok(*bool),
        other => {
            let found = describe(other);
            Err(Fault::wrong(format!("a condition must be true or false, and this is {found}")).at(span))
        }
    }
}

fn wrong_spread(found: &Value, wanted: &str, empty: &str, expr: &Expr) -> Failure {
    let name = path_text(expr).map_or_else(|| "this".to_owned(), |path| format!("`{path}`"));
    let hint = if matches!(found, Value::Null) { format!(": write `...(value ?? {empty})`") } else { String::new() };
    let found = describe(found);
    Fault::wrong(format!("`...` takes {wanted}, and {name} is {found}{hint}")).at(expr.span)
}
