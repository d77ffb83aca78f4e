//! The store: SQLite and PostgreSQL through SeaORM, behind the ports of `service`.
//!
//! Rows become domain types at the edge (`row`), and nothing of SeaORM leaves the folder. The hot path is `commit`: one
//! transaction of a few multi-row statements (`bulk`), whatever the number of rows.
//!
//! Invariant: never decides what an execution does next, and never panics on what it reads: a row that it does not
//! understand is `StoreError::Corrupt`.

mod bulk;
mod commit;
mod database;
mod entity;
mod error;
mod events;
mod executions;
#[cfg(test)]
mod explained;
mod fault;
mod inbox;
mod leases;
mod limits;
mod lists;
mod lock;
mod message;
mod options;
mod reads;
mod retention;
mod row;
mod script;
mod starts;
mod steps;
mod task_types;
mod version_steps;
mod versions;
mod waits;
mod workflows;

pub use database::Database;
pub use error::OpenError;
pub use options::Options;
