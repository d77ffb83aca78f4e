//! The task queue: in the process (`LocalQueue`), or over Redis Streams (`RedisQueue` and `RedisSource`).
//!
//! Invariant: a queue is no truth. What it loses is dispatched again from the database; what it delivers twice is told
//! apart by the attempt. It never drops a task or an outcome on its own.

mod local;
mod redis;

pub use local::LocalQueue;
pub use redis::{RedisOptions, RedisQueue, RedisSource};

/// Whether a worker that subscribes to `queues` takes tasks of `queue`. No names, or `*`, are all of them.
fn subscribes(queues: &[String], queue: &str) -> bool {
    queues.is_empty() || queues.iter().any(|name| name == "*" || name == queue)
}
