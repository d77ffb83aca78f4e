//! Functions of lists.

use super::{Call, Form, Function};
use crate::expr::Value;
use crate::expr::fault::Fault;

const fn both(name: &'static str, args: (usize, usize), signature: &'static str) -> Function {
    Function::new(Form::Both, name, args, signature)
}

pub(super) const TABLE: &[Function] = &[both("size", (0, 0), "size(value: string | list | map) -> int")
    .does("The number of characters of a text, items of a list or entries of an object.", size)
    .cost("text: its length")];

fn size(call: &mut Call) -> Result<Value, Fault> {
    let size = match call.arg(0) {
        Value::Str(text) => {
            call.budget.charge_text(text.len())?;
            text.chars().count()
        }
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        _ => return Err(call.wrong(0, "text, a list or an object")),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}
