//! What tests stand on.

pub mod plans;
pub mod postgres;
pub mod redis;
pub mod rows;
pub mod server;
