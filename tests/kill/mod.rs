//! Servers that are killed, and one that comes back from the dead: what is recorded is recorded once.

mod cluster;
mod crash;
mod load;
pub mod record;
mod soak;
mod stub;
mod zombie;
