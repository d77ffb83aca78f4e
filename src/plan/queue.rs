//! What a queue may be called.

/// The words for what [`is_queue_name`] takes.
pub const QUEUE_NAME: &str = "letters, digits, `_`, `-` and `.`, at most 64";

/// Whether a queue may be called this.
pub fn is_queue_name(name: &str) -> bool {
    let may = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(may)
}
