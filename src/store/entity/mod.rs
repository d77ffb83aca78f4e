//! The tables as SeaORM entities: what a row is, column by column. Private to the store.

#![allow(dead_code, reason = "the macro makes more of a table than is used")]

pub mod control;
pub mod execution;
pub mod fused;
pub mod log;
pub mod step;
pub mod version;
pub mod workflow;
pub mod workflow_step;
