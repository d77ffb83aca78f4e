//! The task queue: in the process (`LocalQueue`), or over Redis Streams (`RedisQueue` and `RedisSource`).
//!
//! Invariant: a queue is no truth. What it loses is dispatched again from the database; what it delivers twice is told
//! apart by the attempt. It never drops a task or an outcome on its own.

mod local;
mod redis;
mod shares;

pub use local::LocalQueue;
pub use redis::{RedisLeases, RedisNudges, RedisOptions, RedisQueue, RedisSource};
