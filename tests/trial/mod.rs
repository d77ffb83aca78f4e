//! Tests of workflows: `test` blocks on the engine, in a world of their own.

mod blocks;
mod command;
mod examples;
mod faults;
mod record;
pub mod suite;
