//! What tests stand on.

pub mod postgres;
pub mod redis;
pub mod rows;
pub mod server;
