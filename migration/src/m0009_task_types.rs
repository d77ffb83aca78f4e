//! Task types that workers elsewhere register.

pub const STATEMENTS: &[&str] = &[
    // The definition is JSON: schemas, defaults and words, read and written whole.
    "CREATE TABLE task_types (
        name {text} NOT NULL PRIMARY KEY,
        definition {text} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL
    )",
];
