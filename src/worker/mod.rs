//! Workers: claim tasks, run their handlers, send the outcomes back.
//!
//! Invariant: a worker holds no database and knows none. A handler's panic, time-out or excess fails its attempt, never the
//! process.

mod attempt;
mod backoff;
mod http;
mod outbox;
mod pool;
mod running;
mod trace;

pub use http::{HttpOptions, HttpRequest};
pub use pool::{Options, Pool};

use crate::service::Handlers;

/// The task types that every worker carries out: `http_request`.
pub fn builtin_handlers(options: HttpOptions) -> Handlers {
    let mut handlers = Handlers::default();
    handlers.register(HttpRequest::new(options));
    handlers
}
