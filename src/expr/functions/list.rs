//! Functions of lists.

use std::collections::HashMap;

use super::{Call, Function, both, global, method};
use crate::expr::comprehension::sort_order;
use crate::expr::eval::Budget;
use crate::expr::fault::Fault;
use crate::expr::size::check_result;
use crate::expr::{Value, canonical_json, ops};

/// How many numbers `range` makes at most.
const MAX_RANGE: usize = 100_000;

pub(super) const TABLE: &[Function] = &[
    method("first", (0, 1), "list<T>.first() -> T? or list<T>.first(count: int) -> list<T>")
        .does("The first item, or null where there is none; with `count`, a list of the first so many.", first)
        .cost("O(n)", "the count"),
    method("last", (0, 1), "list<T>.last() -> T? or list<T>.last(count: int) -> list<T>")
        .does("The last item, or null where there is none; with `count`, a list of the last so many.", last)
        .cost("O(n)", "the count"),
    method("slice", (1, 2), "list<T>.slice(start: int, end?: int) -> list<T>")
        .does("The items from `start` up to `end`, or to the end; both must be within the list.", slice)
        .cost("O(n)", "the items"),
    both("sum", (0, 1), "list<N>.sum(start?: N) -> N")
        .does("The sum of numbers or of durations, added to `start`, which is 0 where it is left out.", sum)
        .cost("O(n)", "the items"),
    both("avg", (0, 0), "list<number>.avg() -> number?")
        .does("The average of numbers, or null for an empty list.", avg)
        .cost("O(n)", "the items"),
    both("min", (0, 31), "list<O>.min() -> O? or min(value: O, other: O, more...: O) -> O")
        .does(
            "The least item of a list, or null where it is empty; `min(a, b)` is the least of its arguments.",
            |call| extreme(call, true),
        )
        .cost("O(n)", "the items"),
    both("max", (0, 31), "list<O>.max() -> O? or max(value: O, other: O, more...: O) -> O")
        .does(
            "The greatest item of a list, or null where it is empty; `max(a, b)` is the greatest of its arguments.",
            |call| extreme(call, false),
        )
        .cost("O(n)", "the items"),
    method("sort", (0, 0), "list<O>.sort() -> list<O>")
        .does("The items in ascending order; all must be numbers, or texts, bools, durations or timestamps.", sort)
        .cost("O(n log n)", "(items + bytes of text / 64) × log2 of the items, and bytes of text / 64"),
    method("unique", (0, 0), "list<T>.unique() -> list<T>")
        .aliases(&["distinct"])
        .does("The items without those that are equal to an earlier one.", unique)
        .cost("O(n)", "8 an item, and bytes of their JSON / 16"),
    method("flatten", (0, 1), "list<any>.flatten(depth?: int) -> list<any>")
        .does("The list with the items of inner lists in their place, one level deep or `depth`.", flatten)
        .cost("O(n)", "the items; at each level the inner lists, their items, and the items that it gives"),
    method("zip", (1, 1), "list<T>.zip(other: list<T>) -> list<list<T>>")
        .does("Pairs of the items of both lists, as many as the shorter has.", zip)
        .cost("O(n)", "3 a pair"),
    global("range", (1, 3), "range(start_or_end: int, end?: int, step?: int) -> list<int>")
        .does(
            "The ints from 0 up to an end, or from a start up to an end by a step; the end is not one of them.",
            range,
        )
        .cost("O(n)", "the items"),
];

fn first(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    if !call.has(1) {
        return Ok(items.first().cloned().unwrap_or_default());
    }
    let count = call.count(1)?.min(items.len());
    call.budget.charge(count)?;
    Ok(Value::list(items[..count].to_vec()))
}

fn last(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    if !call.has(1) {
        return Ok(items.last().cloned().unwrap_or_default());
    }
    let count = call.count(1)?.min(items.len());
    call.budget.charge(count)?;
    Ok(Value::list(items[items.len() - count..].to_vec()))
}

fn slice(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let start = call.count(1)?;
    let end = if call.has(2) { call.count(2)? } else { items.len() };
    call.budget.charge(end.saturating_sub(start))?;
    let slice = items.get(start..end).ok_or_else(|| {
        let count = items.len();
        Fault::wrong(format!(
            "`slice`: {start} to {end} is not within a list of {count}: for what there is, use `first`"
        ))
    })?;
    Ok(Value::list(slice.to_vec()))
}

fn sum(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    call.budget.charge(items.len())?;
    let adds = |value: &Value| matches!(value, Value::Int(_) | Value::Num(_) | Value::Duration(_));
    if let Some(wrong) = items.iter().find(|item| !adds(item)) {
        return Err(Fault::wrong(format!("`sum` adds numbers or durations, and an item is {}", describe(wrong))));
    }
    let start = call.args.get(1).map(|start| &**start);
    if let Some(wrong) = start.filter(|start| !adds(start)) {
        return Err(Fault::wrong(format!("`sum` starts from a number or a duration, not from {}", describe(wrong))));
    }
    let mut items = start.into_iter().chain(items);
    let mut total = items.next().cloned().unwrap_or(Value::Int(0));
    for item in items {
        total = ops::add(&total, item, call.budget)?;
    }
    Ok(total)
}

fn describe(value: &Value) -> String {
    crate::expr::describe(value)
}

fn avg(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    call.budget.charge(items.len())?;
    let mut total = 0.0;
    for item in items {
        total += ops::number(item)
            .ok_or_else(|| Fault::wrong(format!("`avg` is of numbers, and an item is {}", describe(item))))?;
    }
    if items.is_empty() {
        return Ok(Value::Null);
    }
    ops::finite(total / ops::to_double(i64::try_from(items.len()).unwrap_or(i64::MAX)))
}

fn extreme(call: &mut Call, least: bool) -> Result<Value, Fault> {
    match call.args {
        [_] => extreme_of(call.list(0)?.iter(), least, call.budget),
        args => extreme_of(args.iter().map(|value| &**value), least, call.budget),
    }
}

fn extreme_of<'v>(
    mut items: impl Iterator<Item = &'v Value>,
    least: bool,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let Some(mut found) = items.next() else { return Ok(Value::Null) };
    ops::compare(found, found, budget)?;
    for item in items {
        budget.charge(1)?;
        let order = ops::compare(item, found, budget)?;
        if if least { order.is_lt() } else { order.is_gt() } {
            found = item;
        }
    }
    Ok(found.clone())
}

fn sort(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let order = sort_order(items, call.budget)?;
    Ok(Value::list(order.into_iter().map(|at| items[at].clone()).collect()))
}

fn unique(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let mut seen: HashMap<String, Vec<&Value>> = HashMap::new();
    let mut kept = Vec::new();
    for item in items {
        let bytes = check_result(item, call.budget.max_bytes)?;
        call.budget.charge(8 + bytes / 16)?;
        // Equal items have one canonical text; that a time and its text share one too is what the comparison is for.
        let alike = seen.entry(canonical_json(item)).or_default();
        if !alike.contains(&item) {
            alike.push(item);
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn flatten(call: &mut Call) -> Result<Value, Fault> {
    let depth = if call.has(1) { call.count(1)?.min(100) } else { 1 };
    let mut items = call.list(0)?.to_vec();
    call.budget.charge(items.len())?;
    for _ in 0..depth {
        if !items.iter().any(|item| matches!(item, Value::List(_))) {
            break;
        }
        let mut flat = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::List(inner) => {
                    call.budget.charge(inner.len() + 1)?;
                    flat.extend(inner.iter().cloned());
                }
                other => flat.push(other),
            }
        }
        call.budget.charge(flat.len())?;
        items = flat;
    }
    Ok(Value::list(items))
}

fn zip(call: &mut Call) -> Result<Value, Fault> {
    let (left, right) = (call.list(0)?, call.list(1)?);
    call.budget.charge(left.len().min(right.len()).saturating_mul(3))?;
    let pairs = left.iter().zip(right).map(|(a, b)| Value::list(vec![a.clone(), b.clone()]));
    Ok(Value::list(pairs.collect()))
}

fn range(call: &mut Call) -> Result<Value, Fault> {
    let (start, end) = if call.has(1) { (call.int(0)?, call.int(1)?) } else { (0, call.int(0)?) };
    let step = if call.has(2) { call.int(2)? } else { 1 };
    if step == 0 {
        return Err(Fault::wrong("`range`: a step of 0 comes to no end"));
    }
    let distance = if step > 0 { i128::from(end) - i128::from(start) } else { i128::from(start) - i128::from(end) };
    let count = usize::try_from((distance + i128::from(step.unsigned_abs()) - 1) / i128::from(step.unsigned_abs()));
    let count = if distance <= 0 { 0 } else { count.unwrap_or(usize::MAX) };
    if count > MAX_RANGE {
        return Err(Fault::limit(format!("`range` makes at most {MAX_RANGE} items, and this would be {count}")));
    }
    call.budget.charge(count)?;
    let items = std::iter::successors(Some(start), |int| int.checked_add(step)).take(count);
    Ok(Value::list(items.map(Value::Int).collect()))
}
