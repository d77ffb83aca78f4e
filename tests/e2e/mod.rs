//! From end to end over HTTP, on the real binary: the same on SQLite alone, and on PostgreSQL, Redis and two workers.

mod executions;
pub mod server;
