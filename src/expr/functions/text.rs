//! Functions of text. Places and lengths are in characters, as in CEL.

use super::{Call, Function, both, method};
use crate::expr::fault::Fault;
use crate::expr::text::{push_text, write_text};
use crate::expr::{Value, ops};

pub(super) const TABLE: &[Function] = &[
    both("size", (0, 0), "size(value: string | list<any> | map<any>) -> int")
        .does("The number of characters of a text, items of a list or entries of an object.", size)
        .cost("O(n)", "bytes of text / 64"),
    method("contains", (1, 1), "string.contains(part: string) -> bool or list<any>.contains(item: any) -> bool or map<any>.contains(key: any) -> bool")
        .does("Whether a text holds another, a list an item, or an object a key.", contains)
        .cost("O(n)", "bytes of text / 16, or the items, or bytes of the key / 64"),
    method("starts_with", (1, 1), "string.starts_with(prefix: string) -> bool")
        .aliases(&["startsWith"])
        .does("Whether a text begins with another.", |call| ends(call, |text, part| text.starts_with(part)))
        .cost("O(n)", "bytes of the prefix / 64"),
    method("ends_with", (1, 1), "string.ends_with(suffix: string) -> bool")
        .aliases(&["endsWith"])
        .does("Whether a text ends with another.", |call| ends(call, |text, part| text.ends_with(part)))
        .cost("O(n)", "bytes of the suffix / 64"),
    both("matches", (1, 1), "string.matches(pattern: string) -> bool")
        .does("Whether a regular expression matches somewhere in a text; `^` and `$` tie it to the ends.", matches)
        .cost(
            "O(n m)",
            "bytes of text × places of the pattern / 4; 300 a place when an evaluation first uses a pattern",
        ),
    method("replace", (2, 3), "string.replace(old: string, new: string, limit?: int) -> string")
        .does("The text with `new` for each `old`, or for the first `limit` of them.", replace)
        .cost("O(n)", "bytes of text / 16, bytes of the result / 64, and places replaced / 2"),
    method("split", (1, 2), "string.split(separator: string, limit?: int) -> list<string>")
        .does("The pieces between separators, at most `limit` of them; an empty separator gives the characters.", split)
        .cost("O(n)", "bytes of text / 16, and 2 a piece"),
    method("join", (0, 1), "list<any>.join(separator?: string) -> string")
        .does("The items of a list as one text, each as a template would show it.", join)
        .cost("O(n)", "2 an item, and bytes of the result / 64"),
    method("trim", (0, 0), "string.trim() -> string")
        .does("The text without white space at its ends.", |call| change(call, |text| text.trim().to_owned()))
        .cost("O(n)", "bytes of text / 8, and of the result / 64"),
    method("lower", (0, 0), "string.lower() -> string")
        .does("The text in lower case.", |call| change(call, str::to_lowercase))
        .cost("O(n)", "bytes of text / 8, and of the result / 64"),
    method("upper", (0, 0), "string.upper() -> string")
        .does("The text in upper case.", |call| change(call, str::to_uppercase))
        .cost("O(n)", "bytes of text / 8, and of the result / 64"),
    method("lower_ascii", (0, 0), "string.lower_ascii() -> string")
        .aliases(&["lowerAscii"])
        .does("The text with the letters A to Z in lower case.", |call| change(call, str::to_ascii_lowercase))
        .cost("O(n)", "bytes of text / 8, and of the result / 64"),
    method("upper_ascii", (0, 0), "string.upper_ascii() -> string")
        .aliases(&["upperAscii"])
        .does("The text with the letters a to z in upper case.", |call| change(call, str::to_ascii_uppercase))
        .cost("O(n)", "bytes of text / 8, and of the result / 64"),
    method("substring", (1, 2), "string.substring(start: int, end?: int) -> string")
        .does("The characters from `start` up to `end`, or to the end of the text.", substring)
        .cost("O(n)", "bytes of text / 16"),
    method("index_of", (1, 2), "string.index_of(part: string, start?: int) -> int")
        .aliases(&["indexOf"])
        .does("Where a part first stands at or after `start`; -1 where it does not.", index_of)
        .cost("O(n)", "bytes of text / 8"),
    method("last_index_of", (1, 2), "string.last_index_of(part: string, start?: int) -> int")
        .aliases(&["lastIndexOf"])
        .does("Where a part last stands, at or before `start`; -1 where it does not.", last_index_of)
        .cost("O(n)", "bytes of text / 8"),
    method("char_at", (1, 1), "string.char_at(index: int) -> string")
        .aliases(&["charAt"])
        .does("The character at a place; empty at the very end.", char_at)
        .cost("O(n)", "bytes of text / 16"),
    method("reverse", (0, 0), "string.reverse() -> string or list<T>.reverse() -> list<T>")
        .does("A text or a list the other way round.", reverse)
        .cost("O(n)", "the items; or bytes of text / 8, and of the result / 64"),
];

fn int(count: usize) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn size(call: &mut Call) -> Result<Value, Fault> {
    Ok(int(match call.arg(0) {
        Value::Str(text) => {
            call.budget.charge_text(text.len())?;
            text.chars().count()
        }
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        _ => return Err(call.wrong(0, "text, a list or an object")),
    }))
}

fn contains(call: &mut Call) -> Result<Value, Fault> {
    if matches!(call.arg(0), Value::Str(_)) {
        return Ok(Value::Bool(call.read(0)?.contains(call.text(1)?)));
    }
    match call.arg(0) {
        Value::List(_) | Value::Map(_) => ops::contains(call.arg(0), call.arg(1), call.budget).map(Value::Bool),
        _ => Err(call.wrong(0, "text, a list or an object")),
    }
}

fn ends(call: &mut Call, test: fn(&str, &str) -> bool) -> Result<Value, Fault> {
    let (text, end) = (call.text(0)?, call.text(1)?);
    call.budget.charge_text(end.len())?;
    Ok(Value::Bool(test(text, end)))
}

fn matches(call: &mut Call) -> Result<Value, Fault> {
    let (text, source) = (call.text(0)?, call.text(1)?);
    let pattern = call.paid.pattern(source, call.budget)?;
    call.budget.charge(text.len().saturating_mul(pattern.places) / 4)?;
    Ok(Value::Bool(pattern.regex.is_match(text)))
}

/// The optional argument that limits how many; none where it is absent or negative, as in CEL.
fn limit(call: &Call, at: usize) -> Result<Option<usize>, Fault> {
    if call.has(at) { Ok(usize::try_from(call.int(at)?).ok()) } else { Ok(None) }
}

fn replace(call: &mut Call) -> Result<Value, Fault> {
    let (text, old, new) = (call.read(0)?, call.text(1)?, call.text(2)?);
    let limit = limit(call, 3)?.unwrap_or(usize::MAX);
    let count = text.matches(old).take(limit).count();
    let size = (text.len() - count * old.len()).saturating_add(count.saturating_mul(new.len()));
    call.budget.charge(count / 2)?;
    call.budget.charge_grow(0, size)?;
    Ok(Value::str(text.replacen(old, new, limit)))
}

fn split(call: &mut Call) -> Result<Value, Fault> {
    let (text, separator) = (call.read(0)?, call.text(1)?);
    let limit = limit(call, 2)?.unwrap_or(usize::MAX);
    let pieces = if separator.is_empty() { text.chars().count() } else { text.matches(separator).count() + 1 };
    call.budget.charge(2 * pieces.min(limit))?;
    let pieces: Vec<Value> = match limit {
        0 => Vec::new(),
        _ if separator.is_empty() => characters(text, limit),
        _ => text.splitn(limit, separator).map(Value::str).collect(),
    };
    Ok(Value::list(pieces))
}

/// The characters of a text; the last piece holds what is past the limit.
fn characters(text: &str, limit: usize) -> Vec<Value> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if pieces.len() + 1 == limit { rest.len() } else { first.len_utf8() };
        pieces.push(Value::str(&rest[..end]));
        rest = &rest[end..];
    }
    pieces
}

fn join(call: &mut Call) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let separator = if call.has(1) { call.text(1)? } else { "" };
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        call.budget.charge(1)?;
        if at > 0 {
            push_text(&mut text, separator, call.budget)?;
        }
        write_text(item, &mut text, call.budget)?;
    }
    Ok(Value::str(text))
}

fn change(call: &mut Call, change: impl Fn(&str) -> String) -> Result<Value, Fault> {
    let text = call.text(0)?;
    call.budget.charge(text.len() / 8)?;
    let changed = change(text);
    call.budget.charge_grow(0, changed.len())?;
    Ok(Value::str(changed))
}

/// Where the character at a place begins, in bytes; the place after the last one counts.
fn byte_of(call: &Call, text: &str, place: usize) -> Result<usize, Fault> {
    let ends = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len()));
    ends.into_iter().nth(place).ok_or_else(|| {
        Fault::wrong(format!("`{}`: {place} is past the end of a text of {}", call.name, text.chars().count()))
    })
}

fn substring(call: &mut Call) -> Result<Value, Fault> {
    let text = call.read(0)?;
    let start = byte_of(call, text, call.count(1)?)?;
    let end = if call.has(2) { byte_of(call, text, call.count(2)?)? } else { text.len() };
    text.get(start..end).map(Value::str).ok_or_else(|| Fault::wrong("`substring`: the end is before the start"))
}

fn index_of(call: &mut Call) -> Result<Value, Fault> {
    let (text, part) = (call.text(0)?, call.text(1)?);
    call.budget.charge(text.len() / 8)?;
    let start = if call.has(2) { byte_of(call, text, call.count(2)?)? } else { 0 };
    Ok(place_of(text, text[start..].find(part).map(|at| at + start)))
}

fn last_index_of(call: &mut Call) -> Result<Value, Fault> {
    let (text, part) = (call.text(0)?, call.text(1)?);
    call.budget.charge(text.len() / 8)?;
    let mut end = text.len();
    if call.has(2) {
        end = end.min(byte_of(call, text, call.count(2)?)?.saturating_add(part.len()));
        // Within a character nothing ends.
        end = text.floor_char_boundary(end);
    }
    Ok(place_of(text, text[..end].rfind(part)))
}

/// A place in bytes as one in characters; -1 where there is none.
fn place_of(text: &str, byte: Option<usize>) -> Value {
    byte.map_or(Value::Int(-1), |byte| int(text[..byte].chars().count()))
}

fn char_at(call: &mut Call) -> Result<Value, Fault> {
    let text = call.read(0)?;
    let at = byte_of(call, text, call.count(1)?)?;
    Ok(Value::str(text[at..].chars().next().map(String::from).unwrap_or_default()))
}

fn reverse(call: &mut Call) -> Result<Value, Fault> {
    match call.arg(0) {
        Value::Str(_) => change(call, |text| text.chars().rev().collect()),
        Value::List(items) => {
            call.budget.charge(items.len())?;
            Ok(Value::list(items.iter().rev().cloned().collect()))
        }
        _ => Err(call.wrong(0, "text or a list")),
    }
}
