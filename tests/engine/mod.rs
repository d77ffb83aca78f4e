//! The engine: what an execution does, event by event. Every test runs twice: once with the state kept, and once with it
//! made again from the rows after each event.

mod choices;
mod flow;
mod lifecycle;
mod pauses;
mod steps;
mod waits;
pub mod world;
