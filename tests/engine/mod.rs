//! The engine: what an execution does, event by event. Every test runs twice: once with the state kept, and once with it
//! made again from the rows after each event.

mod choices;
mod ending;
mod flow;
mod fused;
mod keep_going;
mod lifecycle;
mod outputs;
mod pauses;
mod protect;
mod race;
mod random;
mod steps;
mod undo;
mod waits;
pub mod world;
