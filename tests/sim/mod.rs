//! A whole node in simulation: a store in memory, workers that are late, die and repeat themselves, a clock that only moves
//! when all is quiet, crashes at named points. One seed, one run.

pub mod leases;
pub mod nudges;
pub mod plans;
pub mod queue;
pub mod rng;
pub mod store;
pub mod store_inbox;
pub mod store_task_types;
pub mod store_waits;
pub mod store_workflows;
pub mod world;
