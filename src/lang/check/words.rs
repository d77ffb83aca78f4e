//! The words of the language, for what is written instead of them.

/// Names that mean something everywhere and so can name nothing.
pub const ROOTS: &[&str] =
    &["input", "settings", "secrets", "execution", "data", "error", "event", "true", "false", "null", "in", "has"];

/// Policies, wherever they stand.
pub const POLICIES: &[&str] = &[
    "timeout",
    "retry",
    "when",
    "after",
    "queue",
    "output",
    "undo",
    "irreversible",
    "idempotent",
    "at most once",
    "heartbeat",
    "priority",
    "cache",
    "rate",
    "concurrency",
    "keep",
];

/// Keys of a workflow.
pub const WORKFLOW_KEYS: &[&str] = &["description", "labels"];

/// Whether `name` is written as names are: a letter, then letters, digits, `_` and `-`.
pub fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether `name` is a dotted name, each part an identifier.
pub fn is_dotted(name: &str) -> bool {
    name.split('.').all(is_identifier)
}

/// A name as expressions write it.
pub fn ident(name: &str) -> String {
    name.replace('-', "_")
}
