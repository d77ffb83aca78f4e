//! The macros: forms that bind a variable over a list, or over the keys of an object.

use std::cmp::Ordering;
use std::sync::Arc;

use super::eval::{Binder, Budget, Evaluation, Local, Scope, price};
use super::fault::{Failure, Fault};
use super::text::describe;
use super::{Expr, MacroKind, Value, ops};

impl Evaluation<'_> {
    /// `list.kind(var, [filter,] body)`.
    pub fn comprehension(
        &mut self,
        kind: MacroKind,
        list: &Expr,
        filter: Option<&Expr>,
        each: Binder,
    ) -> Result<Value, Failure> {
        let items = self.range(list, each.scope)?;
        match kind {
            MacroKind::All => self.quantify(false, &items, &each),
            MacroKind::Exists => self.quantify(true, &items, &each),
            MacroKind::ExistsOne => self.select(&items, &each).map(|kept| Value::Bool(kept.len() == 1)),
            MacroKind::Filter => self.select(&items, &each).map(Value::list),
            MacroKind::Map => match filter {
                Some(test) => {
                    let kept = self.select(&items, &Binder { body: test, ..each })?;
                    self.each(&kept, &each).map(Value::list)
                }
                None => self.each(&items, &each).map(Value::list),
            },
            MacroKind::SortBy => self.sort_by(&items, &each),
        }
    }

    fn range(&mut self, list: &Expr, scope: &dyn Scope) -> Result<Arc<Vec<Value>>, Failure> {
        let fault = match &*self.eval(list, scope)? {
            Value::List(items) => return Ok(items.clone()),
            Value::Map(map) => {
                self.pay(map.len(), list.span)?;
                return Ok(Arc::new(map.keys().map(|key| Value::Str(key.clone())).collect()));
            }
            Value::Null => Fault::wrong("this goes over a list or an object, and this is null: write `?? []`"),
            other => Fault::wrong(format!("this goes over a list or an object, and this is {}", describe(other))),
        };
        Err(fault.at(list.span))
    }

    /// `all` (decided by false) and `exists` (decided by true): as a chain of `&&` or `||`, an item that decides absorbs the
    /// errors of others.
    fn quantify(&mut self, decides: bool, items: &[Value], each: &Binder) -> Result<Value, Failure> {
        let mut failed = None;
        for item in items {
            match self.test(item, each) {
                Ok(bool) if bool == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(error) if error.is_limit() => return Err(error),
                Err(error) => {
                    self.pay(price::ERROR, each.body.span)?;
                    failed = failed.or(Some(error));
                }
            }
        }
        failed.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn test(&mut self, item: &Value, each: &Binder) -> Result<bool, Failure> {
        self.pay(1, each.body.span)?;
        self.bool(each.body, &Local { name: each.var, value: item, outer: each.scope })
    }

    fn select(&mut self, items: &[Value], each: &Binder) -> Result<Vec<Value>, Failure> {
        let mut kept = Vec::new();
        for item in items {
            if self.test(item, each)? {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }

    fn each(&mut self, items: &[Value], each: &Binder) -> Result<Vec<Value>, Failure> {
        let mut made = Vec::with_capacity(items.len().min(1024));
        for item in items {
            self.pay(1, each.body.span)?;
            let local = Local { name: each.var, value: item, outer: each.scope };
            made.push(self.eval(each.body, &local)?.into_owned());
        }
        Ok(made)
    }

    fn sort_by(&mut self, items: &[Value], each: &Binder) -> Result<Value, Failure> {
        let keys = self.each(items, each)?;
        let order = sort_order(&keys, self.budget).map_err(|fault| fault.at(each.body.span))?;
        Ok(Value::list(order.into_iter().filter_map(|at| items.get(at).cloned()).collect()))
    }
}

/// The places of `keys` in ascending order; equal ones stay as they are. All must be of one kind that has an order.
pub(super) fn sort_order(keys: &[Value], budget: &mut Budget) -> Result<Vec<usize>, Fault> {
    // Everything is checked and paid for first: a comparison that failed half-way would be no order.
    let mut unit = keys.len();
    for pair in keys.windows(2) {
        ops::compare(&pair[0], &pair[1], budget)?;
        unit += pair[0].as_str().map_or(0, str::len) / 64;
    }
    if let [only] = keys {
        ops::compare(only, only, budget)?;
    }
    budget.charge(unit.saturating_mul(keys.len().max(2).ilog2() as usize))?;
    let mut free = Budget { steps: u64::MAX, ..budget.clone() };
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|a, b| ops::compare(&keys[*a], &keys[*b], &mut free).unwrap_or(Ordering::Equal));
    Ok(order)
}
