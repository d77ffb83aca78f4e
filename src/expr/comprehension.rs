//! The macros: forms that bind a variable over a list, or over the keys of an object.

use std::cmp::Ordering;
use std::sync::Arc;

use super::eval::{Budget, Evaluation, Local, Outcome, Scope};
use super::fault::Fault;
use super::text::describe;
use super::{EvalError, Expr, MacroKind, Value, ops};

impl Evaluation<'_> {
    /// `list.kind(var, [filter,] body)`.
    pub fn comprehension(
        &mut self,
        kind: MacroKind,
        list: &Expr,
        var: &str,
        filter: Option<&Expr>,
        body: &Expr,
        scope: &dyn Scope,
    ) -> Outcome {
        let items = self.range(list, scope)?;
        let mut local = Local { name: var, value: Value::Null, outer: scope };
        match kind {
            MacroKind::All => self.quantify(false, &items, &mut local, body),
            MacroKind::Exists => self.quantify(true, &items, &mut local, body),
            MacroKind::ExistsOne => self.exists_one(&items, &mut local, body),
            MacroKind::Filter => self.select(&items, &mut local, body).map(Value::list),
            MacroKind::Map => {
                let kept;
                let items = match filter {
                    Some(filter) => {
                        kept = self.select(&items, &mut local, filter)?;
                        &kept
                    }
                    None => &*items,
                };
                self.each(items, &mut local, body).map(Value::list)
            }
            MacroKind::SortBy => self.sort_by(&items, &mut local, body),
        }
    }

    fn range(&mut self, list: &Expr, scope: &dyn Scope) -> Result<Arc<Vec<Value>>, EvalError> {
        match self.eval(list, scope)? {
            Value::List(items) => Ok(items),
            Value::Map(map) => {
                self.pay(map.len(), list.span)?;
                Ok(Arc::new(map.keys().map(|key| Value::Str(key.clone())).collect()))
            }
            Value::Null => {
                Err(Fault::wrong("this goes over a list or an object, and this is null: write `?? []`").at(list.span))
            }
            other => {
                let found = describe(&other);
                Err(Fault::wrong(format!("this goes over a list or an object, and this is {found}")).at(list.span))
            }
        }
    }

    /// `all` (decided by false) and `exists` (decided by true): as a chain of `&&` or `||`, an item that decides absorbs the
    /// errors of others.
    fn quantify(&mut self, decides: bool, items: &[Value], local: &mut Local, body: &Expr) -> Outcome {
        let mut failed = None;
        for item in items {
            self.pay(1, body.span)?;
            local.value = item.clone();
            match self.bool(body, local) {
                Ok(bool) if bool == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(error) if error.limit => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn exists_one(&mut self, items: &[Value], local: &mut Local, body: &Expr) -> Outcome {
        self.select(items, local, body).map(|kept| Value::Bool(kept.len() == 1))
    }

    fn select(&mut self, items: &[Value], local: &mut Local, test: &Expr) -> Result<Vec<Value>, EvalError> {
        let mut kept = Vec::new();
        for item in items {
            self.pay(1, test.span)?;
            local.value = item.clone();
            if self.bool(test, local)? {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }

    fn each(&mut self, items: &[Value], local: &mut Local, body: &Expr) -> Result<Vec<Value>, EvalError> {
        let mut made = Vec::with_capacity(items.len().min(1024));
        for item in items {
            self.pay(1, body.span)?;
            local.value = item.clone();
            made.push(self.eval(body, local)?);
        }
        Ok(made)
    }

    fn sort_by(&mut self, items: &[Value], local: &mut Local, body: &Expr) -> Outcome {
        let keys = self.each(items, local, body)?;
        let order = sort_order(&keys, self.budget).map_err(|fault| fault.at(body.span))?;
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
