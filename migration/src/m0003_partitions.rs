//! Who owns which partition, and under which epoch. A row is made when a partition is first taken.

pub const STATEMENTS: &[&str] = &["CREATE TABLE partitions (
        id {small} NOT NULL PRIMARY KEY,
        epoch {int} NOT NULL,
        owner {text} NOT NULL,
        taken_at {int} NOT NULL
    )"];
