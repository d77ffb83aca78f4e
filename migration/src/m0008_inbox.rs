//! Messages from one node to the owner of a partition, and the replies to them.

pub const STATEMENTS: &[&str] = &[
    // Done once it has an answer, or is gone.
    "CREATE TABLE inbox (
        id {serial},
        partition {small} NOT NULL,
        body {text} NOT NULL,
        answer {text},
        created_at {int} NOT NULL
    )",
    "CREATE INDEX inbox_open ON inbox (partition, id) WHERE answer IS NULL",
    "CREATE INDEX inbox_answered ON inbox (created_at) WHERE answer IS NOT NULL",
];
