//! How deep a TOML text nests, found without recursion before anything recursive reads it.

use crate::lang::MAX_NESTING;

/// Where the text nests deeper than `MAX_NESTING`: brackets, or the parts of a dotted key.
pub fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut brackets, mut dots) = (0, 0_usize, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'#' => at = line_end(bytes, at),
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                continue;
            }
            b'[' | b'{' => {
                brackets += 1;
                dots = 0;
            }
            b']' | b'}' => {
                brackets = brackets.saturating_sub(1);
                dots = 0;
            }
            b'.' => dots += 1,
            b'\n' | b'=' | b',' => dots = 0,
            _ => {}
        }
        if brackets > MAX_NESTING || dots > MAX_NESTING {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

/// The byte after the string that begins at `from`; a string without an end goes to the end of its line or the text.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let quote = bytes[from];
    let long = bytes[from..].starts_with(&[quote; 3]);
    let mut at = from + if long { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !long => return at,
            byte if byte == quote && !long => return at + 1,
            byte if byte == quote && bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dotted_keys_are_counted_and_text_is_not() {
        assert_eq!(too_deep(&"[".repeat(100_000)), Some(MAX_NESTING));
        assert!(too_deep(&format!("a = {}", "{b=".repeat(100_000))).is_some());
        assert!(too_deep(&format!("{} = 1", vec!["a"; 100_000].join("."))).is_some());
        assert!(too_deep(&format!("[{}]", vec!["\"a\""; 100_000].join("."))).is_some());
        assert_eq!(
            too_deep(&format!("a = \"{0}\" # {0}\nb = '{0}'\nc = \"\"\"\n\\\"{0}\n\"\"\"", "[".repeat(1000))),
            None
        );
    }
}
