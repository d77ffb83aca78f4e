//! The use cases, and the ports that they and the runtime stand on. HTTP-agnostic.
//!
//! Invariant: knows no adapter.

mod handler;
pub mod model;
pub mod ports;

pub use handler::{HandlerLog, Handlers, TaskContext, TaskError, TaskHandler};
