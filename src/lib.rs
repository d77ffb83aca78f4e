//! Stepwell: a workflow-as-code server.
//!
//! The map. Data flows one way: text (`lang`) to plan (`plan`), plan and events through the engine (`engine`) to effects,
//! effects through the committer (`runtime`) to rows (`store`), and only then to workers (`queue`, `worker`) and callers.
//!
//! - `ids`, `expr`, `plan`, `lang`, `engine`: the core. Pure: no clock, file, network or random source.
//! - `trial`: tests of workflows, on the engine in a world of their own. As pure as the core.
//! - `service`: use cases and ports. Knows the core, and no adapter.
//! - `store`, `queue`, `runtime`, `worker`, `watch`, `api`: adapters. They know all of the above and never each other.
//! - `config`, `server`, `cli`: the wiring.
//!
//! `tests/` holds the arrows.

pub mod api;
pub mod cli;
pub mod config;
pub mod engine;
pub mod expr;
pub mod ids;
pub mod lang;
pub mod plan;
pub mod queue;
pub mod runtime;
pub mod server;
pub mod service;
pub mod store;
pub mod trial;
pub mod watch;
pub mod worker;

pub use server::{ServeError, Server, Worker};
