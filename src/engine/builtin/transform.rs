//! `data_transform`: transforms in order, then `value`.

use std::sync::Arc;

use crate::expr::{Budget, Expr, MAX_VALUE_DEPTH, Map, Type, Value};
use crate::plan::{TransformOp, ValuePath};

use super::super::scope::Names;
use super::super::{StepError, code};
use super::{display, path};

/// Applies the transforms to `data`; expressions see what the transforms before them made as `data`.
pub(super) fn run(
    mut names: Names<'_>,
    data: Value,
    ops: &[TransformOp],
    value: Option<&Expr>,
) -> Result<Value, StepError> {
    let mut data = data;
    let max_bytes = Budget::default().max_bytes;
    let room = data.approx_bytes().saturating_add(max_bytes);
    for op in ops {
        apply(&mut names, &mut data, op)?;
        // After each: a few copies of a copy, or values put into each other, are larger or deeper than memory holds.
        must_fit(&data, room)?;
    }
    match value {
        None => must_fit(&data, max_bytes).map(|()| data),
        Some(value) => {
            names.data = Some(data);
            names.value(value)
        }
    }
}

/// What was made must be no larger and no deeper than a value may be.
fn must_fit(data: &Value, max_bytes: usize) -> Result<(), StepError> {
    if data.fits(max_bytes) {
        return Ok(());
    }
    let message = format!("`data_transform` makes at most {max_bytes} bytes, nested at most {MAX_VALUE_DEPTH} deep");
    Err(StepError::fatal(code::LIMIT, message))
}

fn apply(names: &mut Names<'_>, data: &mut Value, op: &TransformOp) -> Result<(), StepError> {
    match op {
        TransformOp::Rename { from, to } => match path::remove(data, from) {
            Some(value) => put(data, to, value),
            None => Err(missing("rename", from)),
        },
        TransformOp::Copy { from, to } => match path::get(data, from).cloned() {
            Some(value) => put(data, to, value),
            None => Err(missing("copy", from)),
        },
        TransformOp::Set { path, value } => {
            let value = see(names, data, value)?;
            put(data, path, value)
        }
        TransformOp::Remove { path } => {
            path::remove(data, path);
            Ok(())
        }
        TransformOp::Pick { paths } => pick(data, paths),
        TransformOp::Default { path, value } => {
            if matches!(path::get(data, path), None | Some(Value::Null)) {
                let value = see(names, data, value)?;
                put(data, path, value)?;
            }
            Ok(())
        }
        TransformOp::Map { path, value } => map_items(names, data, path, value),
        TransformOp::Cast { path, to } => cast(data, path, to),
        TransformOp::Merge { path, value } => merge(names, data, path.as_ref(), value),
    }
}

/// Evaluates an expression that sees what was made so far.
fn see(names: &mut Names<'_>, data: &Value, expr: &Expr) -> Result<Value, StepError> {
    names.data = Some(data.clone());
    let value = names.value(expr);
    // Let go of the data, so that the next transform changes it in its place rather than a copy of it.
    names.data = None;
    value
}

fn put(data: &mut Value, path: &ValuePath, value: Value) -> Result<(), StepError> {
    path::set(data, path, value).map_err(|message| StepError::fatal(code::CONFIG, message))
}

fn missing(what: &str, path: &ValuePath) -> StepError {
    let path = path::text(path);
    StepError::fatal(
        code::CONFIG,
        format!("`{what}` finds nothing at `{path}`; give it a `default` first if it may be absent"),
    )
}

fn pick(data: &mut Value, paths: &[ValuePath]) -> Result<(), StepError> {
    let mut kept = Value::map(Map::new());
    for path in paths {
        if let Some(value) = path::get(data, path) {
            put(&mut kept, path, value.clone())?;
        }
    }
    *data = kept;
    Ok(())
}

fn map_items(names: &mut Names<'_>, data: &mut Value, path: &ValuePath, value: &Expr) -> Result<(), StepError> {
    let items = match path::get(data, path) {
        Some(Value::List(items)) => items.clone(),
        _ => {
            let path = path::text(path);
            return Err(StepError::fatal(code::CONFIG, format!("`map` needs a list at `{path}`")));
        }
    };
    let mut mapped = Vec::with_capacity(items.len());
    for item in items.iter() {
        names.local = Some(("item", item.clone()));
        mapped.push(see(names, data, value)?);
    }
    names.local = None;
    put(data, path, Value::list(mapped))
}

fn cast(data: &mut Value, path: &ValuePath, to: &Type) -> Result<(), StepError> {
    let Some(value) = path::get(data, path) else { return Err(missing("cast", path)) };
    let cast = convert(value, to).ok_or_else(|| {
        let (path, found) = (path::text(path), display(value));
        StepError::fatal(code::TYPE, format!("`{found}` at `{path}` can't be made a `{to}`"))
    })?;
    put(data, path, cast)
}

#[allow(clippy::cast_possible_truncation, reason = "the range and the fraction are checked")]
#[allow(clippy::cast_precision_loss, reason = "a whole number past 53 bits has no closer number")]
fn convert(value: &Value, to: &Type) -> Option<Value> {
    match (to, value) {
        (Type::String, value) => Some(Value::Str(display(value).into())),
        (Type::Int, Value::Num(num)) => (num.abs() < 9.2e18).then_some(Value::Int(*num as i64)),
        (Type::Int, Value::Bool(bool)) => Some(Value::Int((*bool).into())),
        (Type::Int, Value::Str(text)) => text.trim().parse().ok().map(Value::Int),
        (Type::Number, Value::Int(int)) => Some(Value::Num(*int as f64)),
        (Type::Number, Value::Str(text)) => number(text),
        (Type::Bool, Value::Int(int @ (0 | 1))) => Some(Value::Bool(*int == 1)),
        (Type::Bool, Value::Str(text)) => match text.trim() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        (to, value) => to.admit(value.clone()).ok(),
    }
}

fn number(text: &Arc<str>) -> Option<Value> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Num)
}

fn merge(names: &mut Names<'_>, data: &mut Value, at: Option<&ValuePath>, value: &Expr) -> Result<(), StepError> {
    let Value::Map(over) = see(names, data, value)? else {
        return Err(StepError::fatal(code::CONFIG, "`merge` takes an object"));
    };
    let whole = ValuePath(Vec::new());
    let at = at.unwrap_or(&whole);
    let mut merged = match path::get(data, at) {
        Some(Value::Map(map)) => (**map).clone(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => {
            let path = path::text(at);
            return Err(StepError::fatal(code::CONFIG, format!("`merge` needs an object at `{path}`")));
        }
    };
    merged.extend(over.iter().map(|(key, value)| (key.clone(), value.clone())));
    put(data, at, Value::map(merged))
}
