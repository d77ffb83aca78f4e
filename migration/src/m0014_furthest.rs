//! How far an execution came, in its own row.
//!
//! A list read it from the rows of the steps of each execution that it showed, however many they were. An execution whose row was
//! last written before this has none, and is still read so.

pub const STATEMENTS: &[&str] = &["ALTER TABLE workflow_executions ADD COLUMN furthest {int}"];
