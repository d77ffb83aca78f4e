//! Paths into values as text: `a.b[0]`, `items[2].sku`, `a["odd key"]`.

use crate::lang::MAX_NESTING;
use crate::plan::{PathPart, ValuePath};

/// The path that `text` writes, or none where it writes none, or one of more than [`MAX_NESTING`] parts: trees and values are
/// made as deep as a path is long.
pub fn path_of_text(text: &str) -> Option<ValuePath> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if parts.len() == MAX_NESTING {
            return None;
        }
        let (part, after) = next_part(rest, parts.is_empty())?;
        parts.push(part);
        rest = after;
    }
    (!parts.is_empty()).then_some(ValuePath(parts))
}

fn next_part(rest: &str, first: bool) -> Option<(PathPart, &str)> {
    if let Some(inside) = rest.strip_prefix('[') {
        return bracket(inside);
    }
    let rest = if first { rest } else { rest.strip_prefix('.')? };
    let end = rest.find(|c: char| !is_key_char(c)).unwrap_or(rest.len());
    let (key, after) = rest.split_at(end);
    (!key.is_empty()).then(|| (PathPart::Key(key.into()), after))
}

fn bracket(inside: &str) -> Option<(PathPart, &str)> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let (key, after) = quoted.split_once("\"]")?;
        return (!key.is_empty()).then(|| (PathPart::Key(key.into()), after));
    }
    let (digits, after) = inside.split_once(']')?;
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let index = if whole { digits.parse().ok()? } else { return None };
    Some((PathPart::Index(index), after))
}

fn is_key_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> PathPart {
        PathPart::Key(name.into())
    }

    #[test]
    fn a_path_is_keys_and_indexes() {
        let path = path_of_text("a.b-c[0].d").unwrap();
        assert_eq!(path.0, vec![key("a"), key("b-c"), PathPart::Index(0), key("d")]);
        assert_eq!(path_of_text("a[\"odd key\"]").unwrap().0, vec![key("a"), key("odd key")]);
    }

    #[test]
    fn a_path_is_as_long_as_anything_may_be_deep() {
        let path = |parts| path_of_text(&vec!["a"; parts].join(".")).map(|path| path.0.len());
        assert_eq!((path(MAX_NESTING), path(MAX_NESTING + 1)), (Some(MAX_NESTING), None));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in
            ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a b", "\"a\": 1", "a[99999999999999999999]"]
        {
            assert_eq!(path_of_text(text), None, "{text}");
        }
    }
}
